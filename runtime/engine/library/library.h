// File: library.h
//
// Kernels that the engine itself brings along, by name (see README.md). Internal.
//
//   KernelEntry sort = FindLibraryKernel("sort_f32");
#ifndef ORIEL_ENGINE_LIBRARY_LIBRARY_H_
#define ORIEL_ENGINE_LIBRARY_LIBRARY_H_

#include <string_view>

#include "absl/types/span.h"
#include "runtime/engine/kernel_abi.h"

namespace oriel {

struct LibraryKernel {
  std::string_view name;
  KernelEntry entry;
};

// nullptr when there is none of that name.
KernelEntry FindLibraryKernel(std::string_view name);

// The families.
absl::Span<const LibraryKernel> SortKernels();

}  // namespace oriel

#endif  // ORIEL_ENGINE_LIBRARY_LIBRARY_H_
