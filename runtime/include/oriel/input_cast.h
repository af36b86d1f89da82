// File: input_cast.h
//
// What a call may make of an argument whose dtype is not the input's.
//
//   absl::StatusOr<Tensor> t = CastInput(argument, DType::f32, CastRule::kSafe, "x");
#ifndef ORIEL_INPUT_CAST_H_
#define ORIEL_INPUT_CAST_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "oriel/dtype.h"
#include "oriel/tensor.h"

namespace oriel {

enum class CastRule : uint8_t {
  kNone,      // equal dtypes only
  kSafe,      // what loses nothing, and integers or bool to a float
  kDowncast,  // also to a narrower type of the same kind, as astype does
};

// Does every value of `from` exist in `to`? (np.can_cast with "safe", but exact:
// int64 to float64 is not lossless.)
bool IsLossless(DType from, DType to);
bool CanCastInput(DType from, DType to, CastRule rule);

// The argument itself when the dtypes agree, else a converted copy. `name` is
// the input's, for messages. A dtype error (oriel/errors.h) when the rule does
// not allow it.
absl::StatusOr<Tensor> CastInput(const Tensor& argument, DType wanted, CastRule rule, std::string_view name);

}  // namespace oriel

#endif  // ORIEL_INPUT_CAST_H_
