// File: new_tensors.h
//
// NewTensors: makes tensors of one shape and dtype, one after another. What they
// have in common is settled once, so that each is a single allocation.
#ifndef ORIEL_CORE_NEW_TENSORS_H_
#define ORIEL_CORE_NEW_TENSORS_H_

#include <cstddef>
#include <memory>

#include "oriel/tensor.h"

namespace oriel {

// Thread-safe.
class NewTensors {
 public:
  NewTensors() = default;  // float32 scalars
  // `shape` is one that CheckExtents finds good.
  NewTensors(const Extents& shape, DType dtype);

  // An uninitialised, C-contiguous tensor; raw() is null when there is no memory.
  Tensor One() const;
  size_t bytes() const { return bytes_; }  // of each

 private:
  std::shared_ptr<const Tensor::Form> form_;
  size_t bytes_ = sizeof(float);
  DType dtype_ = DType::f32;
};

}  // namespace oriel

#endif  // ORIEL_CORE_NEW_TENSORS_H_
