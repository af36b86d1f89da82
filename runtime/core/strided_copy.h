// File: strided_copy.h
//
// Copies strided arrays into C-contiguous memory at the speed of memory.
//
//   CopyStrided(x.data(), x.strides(), y.data(), x.shape(), sizeof(float));
//
//   StridedCopy copy(x.data(), x.strides(), y.data(), x.shape(),
//   sizeof(float)); for (int64_t part = 0; part < copy.parts(); ++part)
//   copy.Run(part, part + 1);
#ifndef ORIEL_CORE_STRIDED_COPY_H_
#define ORIEL_CORE_STRIDED_COPY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "oriel/tensor.h"

namespace oriel {

// A copy of `shape` elements of `element_bytes` (1, 2, 4 or 8) each from
// `from`, byte strides of any sign or 0, to `to`, C-contiguous. The two must
// not overlap. Neither side needs to be aligned. Where an axis other than the
// last is the closest in memory, squares of one cache line's elements a side
// are copied, so that every line is read and written once. Borrows both
// memories; different parts may run on different threads at once.
class StridedCopy {
 public:
  StridedCopy(const void* from, const std::vector<int64_t>& strides, void* to,
              const Extents& shape, size_t element_bytes);

  // What may be copied apart: slices of the outermost axis, or 0 for no
  // elements.
  int64_t parts() const { return parts_; }
  // About the bytes of one part.
  int64_t part_bytes() const { return parts_ == 0 ? 0 : bytes_ / parts_; }
  // Parts [begin, end).
  void Run(int64_t begin, int64_t end) const;

 private:
  struct Axis {
    int64_t extent, from, to;  // strides in bytes
  };

  const char* from_;
  char* to_;
  size_t element_;
  std::vector<Axis> axes_;  // outermost first, without those that add nothing
  bool squares_ = false;    // the last two axes lie across each other
  int64_t parts_ = 0, bytes_ = 0, part_rows_ = 1;
};

// All of it, on this thread.
void CopyStrided(const void* from, const std::vector<int64_t>& strides,
                 void* to, const Extents& shape, size_t element_bytes);

}  // namespace oriel

#endif  // ORIEL_CORE_STRIDED_COPY_H_
