// File: op_call.h
//
// OpCall: an op with its attributes and where its operands come from, as bytes,
// so that a program can say what each of its kernels computes.
#ifndef ORIEL_OPS_OP_CALL_H_
#define ORIEL_OPS_OP_CALL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"
#include "oriel/tensor.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/op_table.h"

namespace oriel {

struct OpCall {
  OpKind kind = OpKind::kConstant;
  Attrs attrs;
  std::vector<int32_t> operands;  // operand k is input operands[k] of the kernel
};

std::string WriteOpCall(const OpCall& call);
// DataLoss for bytes that WriteOpCall did not write.
absl::StatusOr<OpCall> ReadOpCall(std::string_view bytes);

// What the reference kernel makes of the call's inputs, and for each element how
// far from it a correct kernel may be (float64, as large; empty: not at all).
struct ReferenceResult {
  Tensor value;
  Tensor tolerance;
};
absl::StatusOr<ReferenceResult> EvaluateOpCall(std::string_view bytes, absl::Span<const Tensor> inputs,
                                               const DimBindings& dims);

}  // namespace oriel

#endif  // ORIEL_OPS_OP_CALL_H_
