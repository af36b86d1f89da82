// File: observe.h
//
// What an observe step does: hands a value to whoever looks at it, or checks
// what is asserted.
#ifndef ORIEL_ENGINE_OBSERVE_H_
#define ORIEL_ENGINE_OBSERVE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "oriel/tensor.h"
#include "runtime/engine/executor.h"

namespace oriel {

// Step `s` of the running call is an ObserveStep. FailedPrecondition for an
// assert that does not hold, else what a callback returns.
absl::Status Observe(const CallContext& context, int32_t s);

// A read-only view of a buffer's value now.
absl::StatusOr<Tensor> ViewOf(const CallContext& context, int32_t buffer);

// "(1, 0)" of the position `flat` in C order.
Extents PositionOf(const Extents& shape, int64_t flat);

// " in iteration (3, 0) of the loops around", "" outside of loops.
std::string IterationText(const CallContext& context);

}  // namespace oriel

#endif  // ORIEL_ENGINE_OBSERVE_H_
