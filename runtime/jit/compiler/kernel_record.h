// File: kernel_record.h
//
// A compiled kernel as the bytes of a cache entry, and back.
#ifndef ORIEL_JIT_COMPILER_KERNEL_RECORD_H_
#define ORIEL_JIT_COMPILER_KERNEL_RECORD_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/jit/compiler/compile_kernels.h"

namespace oriel::jit {

std::string WriteKernelRecord(const CompiledKernel& kernel);

// DataLoss when the bytes are not such a record; every size is checked.
absl::StatusOr<CompiledKernel> ReadKernelRecord(std::string_view bytes);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_KERNEL_RECORD_H_
