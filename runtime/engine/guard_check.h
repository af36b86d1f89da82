// File: guard_check.h
//
// check=nan|inf|reference: every value is looked at as it is made.
#ifndef ORIEL_ENGINE_GUARD_CHECK_H_
#define ORIEL_ENGINE_GUARD_CHECK_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/config.h"
#include "oriel/dim.h"
#include "oriel/tensor.h"
#include "runtime/engine/executor.h"

namespace oriel {

// Before the first step: inputs and states that already hold what is looked
// for. Sets context->failed_node.
absl::Status CheckInputs(CallContext* context);

// After step `s`: its results. FailedPrecondition names the node, the element
// and the operands there; Internal a result that is not the reference's.
absl::Status CheckResults(const CallContext& context, int32_t s);

// How CheckResults has a kernel's op computed by the reference kernels: the
// engine knows nothing of ops. Set by whoever compiles (runtime/jit).
struct ReferenceValue {
  Tensor value;
  Tensor tolerance;  // float64, as large; of other dtypes nothing: bits
};
using ReferenceFunction = absl::StatusOr<ReferenceValue> (*)(std::string_view call, absl::Span<const Tensor> inputs,
                                                             const DimBindings& dims);
void SetReferenceFunction(ReferenceFunction function);

}  // namespace oriel

#endif  // ORIEL_ENGINE_GUARD_CHECK_H_
