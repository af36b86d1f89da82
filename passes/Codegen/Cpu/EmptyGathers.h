//===- EmptyGathers.h - indices into slices without elements ---*- C++ -*-===//
//
// A gather whose slices have no elements has nothing to compute, but its indices are
// looked at all the same, as NumPy does: a phase of its own, with a task just when
// there is nothing else to do.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_EMPTYGATHERS_H
#define ORIEL_PASSES_CODEGEN_CPU_EMPTYGATHERS_H

#include "passes/Codegen/Cpu/KernelModel.h"

namespace oriel {

/// Adds that phase for those of `models` that may need it; nothing if none does.
void addEmptyGathers(mlir::ModuleOp module, const KernelSignature &signature,
                     llvm::ArrayRef<const KernelModel *> models, unsigned vectorBits,
                     KernelInfo &info);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_EMPTYGATHERS_H
