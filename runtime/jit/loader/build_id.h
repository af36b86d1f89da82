// File: build_id.h
//
// The linker's build id of an ELF file: the identity of a compiler library in
// cache keys, readable without loading it.
#ifndef ORIEL_JIT_LOADER_BUILD_ID_H_
#define ORIEL_JIT_LOADER_BUILD_ID_H_

#include <string>

#include "absl/status/statusor.h"

namespace oriel::jit {

// The NT_GNU_BUILD_ID note of the 64-bit ELF file at `path`, as lower-case hex.
// NotFound when there is no file or no note, DataLoss when it is not such a
// file.
absl::StatusOr<std::string> ReadBuildId(const std::string& path);

// The same note of the loaded object that contains `address`; "" without one.
std::string LoadedBuildId(const void* address);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_LOADER_BUILD_ID_H_
