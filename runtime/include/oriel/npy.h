// File: npy.h
//
// NumPy's files: .npy (one array) and .npz (a zip of them).
//
//   Tensor t = LoadNpy("x.npy").value();
//   std::map<std::string, Tensor> all = LoadNpz("weights.npz").value();
//   absl::Status s = SaveNpz("out.npz", {{"w", w}, {"b", b}});
//
// Reading trusts nothing: sizes are checked against the bytes present before
// memory is allocated. NotFound: no such file or member. InvalidArgument: not
// an .npy/.npz file, or one that holds what tensors do not (pickled objects,
// strings, complex or structured types). DataLoss: damaged (truncated, excess
// bytes, malformed header, checksum). ResourceExhausted: no memory. Messages
// start with the path. Writing goes to a temporary file in the same folder that
// is renamed over `path`, so a failure leaves the old file.
#ifndef ORIEL_NPY_H_
#define ORIEL_NPY_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/tensor.h"

namespace oriel {

// Format versions 1.0 to 3.0. Fortran order gives a Tensor with Fortran
// strides; big-endian data is swapped.
absl::StatusOr<Tensor> LoadNpy(const std::string& path);
// The same from memory; `name` stands for the path in messages.
absl::StatusOr<Tensor> ParseNpy(std::string_view bytes, std::string_view name);

// C order, version 1.0 (2.0 when the header needs it). bfloat16 has no .npy
// type: InvalidArgument.
absl::Status SaveNpy(const std::string& path, const Tensor& tensor);
// The file's bytes.
absl::StatusOr<std::string> FormatNpy(const Tensor& tensor);

// All members by name (without ".npy"), stored or deflated.
absl::StatusOr<std::map<std::string, Tensor>> LoadNpz(const std::string& path);
absl::StatusOr<Tensor> LoadNpz(const std::string& path, const std::string& name);
// Members are stored, as np.savez does, or deflated, as np.savez_compressed.
absl::Status SaveNpz(const std::string& path, const std::map<std::string, Tensor>& tensors, bool compress = false);

}  // namespace oriel

#endif  // ORIEL_NPY_H_
