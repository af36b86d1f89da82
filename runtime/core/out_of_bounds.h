// File: out_of_bounds.h
//
// The requirement between dims that an index lies in its axis: how it reads, and
// that it fails with OutOfRange where other requirements between dims fail with
// InvalidArgument.
#ifndef ORIEL_CORE_OUT_OF_BOUNDS_H_
#define ORIEL_CORE_OUT_OF_BOUNDS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "oriel/dim.h"

namespace oriel {

inline constexpr std::string_view kOutOfBounds = " is out of bounds for axis ";

// "index 3 is out of bounds for axis 0 with size n", with "index -1" for n - 1.
inline std::string OutOfBounds(const Dim& index, int axis, const Dim& size) {
  const Dim from_end = index - size;
  const bool negative = !index.is_static() && from_end.is_static() && from_end.value() < 0;
  return "index " + (negative ? from_end : index).ToString() + std::string(kOutOfBounds) + std::to_string(axis) +
         " with size " + size.ToString();
}

// The code of the error when the requirement that reads `what` does not hold.
inline absl::StatusCode RequirementCode(std::string_view what) {
  return what.find(kOutOfBounds) == std::string_view::npos ? absl::StatusCode::kInvalidArgument
                                                           : absl::StatusCode::kOutOfRange;
}

}  // namespace oriel

#endif  // ORIEL_CORE_OUT_OF_BOUNDS_H_
