// File: input_copy.h
//
// Kernels read C-contiguous, aligned memory: what arrives otherwise is copied.
#ifndef ORIEL_ENGINE_INPUT_COPY_H_
#define ORIEL_ENGINE_INPUT_COPY_H_

#include <string>

#include "absl/status/statusor.h"
#include "oriel/tensor.h"

namespace oriel {

// A C-contiguous, aligned copy of `input`, of any strides, made by at most
// `threads` threads. ResourceExhausted, with the input's name, where there is
// no memory for it even after trimming. Thread-safe.
absl::StatusOr<Tensor> CopyInput(const Tensor& input, const std::string& name,
                                 int threads);

}  // namespace oriel

#endif  // ORIEL_ENGINE_INPUT_COPY_H_
