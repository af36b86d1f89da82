// File: reference.h
//
// The reference kernels: what each op means, written to be read. Slow; the
// evaluator and the tests use them, compiled programs never do.
//
//   EvaluateOp(OpKind::kAdd, {}, {a, b}, {})   // one tensor, or an error
#ifndef ORIEL_OPS_REFERENCE_H_
#define ORIEL_OPS_REFERENCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"
#include "oriel/tensor.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/op_table.h"

namespace oriel {

// The results of one op on concrete operands (of any strides): new, contiguous
// tensors. Dims in attributes are evaluated with `dims`. InvalidArgument as
// InferTypes says it, OutOfRange for an index outside its axis. Ops with
// regions and states are the evaluator's (runtime/graph): Unimplemented here.
absl::StatusOr<std::vector<Tensor>> EvaluateOp(OpKind kind, const Attrs& attrs, absl::Span<const Tensor> operands,
                                               const DimBindings& dims);

// "index 12 is out of range for axis 0 with extent 10 (position 3 of index
// operand 0)": the message of every OutOfRange, here and at run time.
std::string IndexErrorMessage(int64_t value, int64_t axis, int64_t bound, int64_t position, int64_t operand);

}  // namespace oriel

#endif  // ORIEL_OPS_REFERENCE_H_
