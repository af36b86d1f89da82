//===- LowerToLLVM.h - Kernel modules to the LLVM dialect -------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_LOWERTOLLVM_H
#define ORIEL_PASSES_CODEGEN_CPU_LOWERTOLLVM_H

#include <memory>

#include "mlir/Pass/Pass.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace oriel {

/// oriel-lower-to-llvm: scf, vector, math, arith, index, cf, func and ub become
/// the LLVM dialect, with line tables unless `debugLines` is false. Works on
/// the kernel modules nested in the module, or on the module when it has none.
std::unique_ptr<mlir::Pass> createLowerToLLVMPass(bool debugLines = true);

/// oriel-print-asm: a remark with each kernel module's assembly for the host or,
/// with cpu=..., another machine; changes nothing.
std::unique_ptr<mlir::Pass> createPrintAsmPass();

void registerLowerToLLVMPasses();

/// bf16 and f16 conversions, and i1 at memory, in terms of what the code
/// generator does without calls and without packing bits.
void populateNarrowTypePatterns(mlir::RewritePatternSet &patterns);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_LOWERTOLLVM_H
