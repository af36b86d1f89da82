#include "runtime/engine/library/library.h"

namespace oriel {

KernelEntry FindLibraryKernel(std::string_view name) {
  for (const absl::Span<const LibraryKernel> family : {SortKernels()}) {
    for (const LibraryKernel& kernel : family) {
      if (kernel.name == name) return kernel.entry;
    }
  }
  return nullptr;
}

}  // namespace oriel
