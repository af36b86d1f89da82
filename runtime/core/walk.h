// File: walk.h
//
// Walking the elements of strided arrays in C order, a row at a time.
#ifndef ORIEL_CORE_WALK_H_
#define ORIEL_CORE_WALK_H_

#include <cstdint>
#include <vector>

#include "oriel/tensor.h"

namespace oriel {

// Calls row(address of the row's first element, elements, byte stride) for each
// row along the last axis, in C order (a scalar is one row of one element).
template <typename Row>
void ForEachRow(const void* data, const Extents& shape, const std::vector<int64_t>& strides, Row&& row) {
  const char* base = static_cast<const char*>(data);
  const int outer = static_cast<int>(shape.size()) - 1;
  if (outer < 0) {
    row(base, int64_t{1}, int64_t{0});
    return;
  }
  for (int64_t extent : shape) {
    if (extent == 0) return;
  }
  const size_t last = static_cast<size_t>(outer);
  std::vector<int64_t> index(last, 0);
  for (;;) {
    row(base, shape[last], strides[last]);
    int axis = outer - 1;
    for (; axis >= 0; --axis) {
      const size_t a = static_cast<size_t>(axis);
      base += strides[a];
      if (++index[a] < shape[a]) break;
      base -= strides[a] * shape[a];
      index[a] = 0;
    }
    if (axis < 0) return;
  }
}

// C-contiguous strides in bytes. Axes of extent 0 count as 1.
std::vector<int64_t> ContiguousStrides(const Extents& shape, size_t element_bytes);

// InvalidArgument when an extent is negative, the rank exceeds kMaxRank, or
// the bytes (extents of 0 counted as 1) do not fit 63 bits.
inline constexpr int kMaxRank = 64;
absl::Status CheckExtents(const Extents& shape, DType dtype);

}  // namespace oriel

#endif  // ORIEL_CORE_WALK_H_
