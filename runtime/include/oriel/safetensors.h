// File: safetensors.h
//
// .safetensors files: named tensors behind a JSON header.
//
//   absl::Status s = SaveSafetensors("w.safetensors", {{"w", w}, {"b", b}});
//   std::map<std::string, Tensor> all = LoadSafetensors("w.safetensors").value();
//
// All dtypes of Oriel have a name there (bfloat16 too, which .npy lacks). Files
// written here carry a checksum over names, types and data in their metadata
// ("oriel.xxh3"), and reading verifies it; other writers' files have none.
// Reading trusts nothing: sizes, offsets and the header's length are checked
// against the bytes present before memory is allocated. NotFound: no such file.
// InvalidArgument: not a .safetensors file, or one with element types that
// tensors do not have (F8). DataLoss: truncated, altered, malformed, or data
// that overlaps or has gaps. Messages start with the path. Writing replaces
// the file as a whole: after a crash there is the old one or the new one.
#ifndef ORIEL_SAFETENSORS_H_
#define ORIEL_SAFETENSORS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/tensor.h"

namespace oriel {

absl::StatusOr<std::map<std::string, Tensor>> LoadSafetensors(const std::string& path);
// The same from memory; `name` stands for the path in messages.
absl::StatusOr<std::map<std::string, Tensor>> ParseSafetensors(std::string_view bytes, std::string_view name);

absl::Status SaveSafetensors(const std::string& path, const std::map<std::string, Tensor>& tensors);
absl::StatusOr<std::string> FormatSafetensors(const std::map<std::string, Tensor>& tensors);

}  // namespace oriel

#endif  // ORIEL_SAFETENSORS_H_
