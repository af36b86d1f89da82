//===- Emitters.h - one emitter per family of kernels ----------*- C++ -*-===//
//
// Each emitter reads the lowered function of a kernel module, adds the entry
// functions to the module and fills in `info`. The pass erases the lowered
// function afterwards. An emitter that cannot handle an op or a type says so
// with an error naming both.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_EMITTERS_H
#define ORIEL_PASSES_CODEGEN_CPU_EMITTERS_H

#include "passes/Codegen/Cpu/KernelBuilder.h"

namespace oriel {

struct CpuEmitOptions {
  unsigned vectorBits = 256;
};

/// Elementwise, RowReduce, ColumnReduce, Gather and Copy.
mlir::LogicalResult emitGenericKernel(mlir::ModuleOp module,
                                      KernelSignature &signature,
                                      const CpuEmitOptions &options,
                                      KernelInfo &info);
mlir::LogicalResult emitMatMulKernel(mlir::ModuleOp module,
                                     KernelSignature &signature,
                                     const CpuEmitOptions &options,
                                     KernelInfo &info);
/// Pack: an operand of a matmul as panels.
mlir::LogicalResult emitPackKernel(mlir::ModuleOp module,
                                   KernelSignature &signature,
                                   const CpuEmitOptions &options,
                                   KernelInfo &info);
mlir::LogicalResult emitScatterKernel(mlir::ModuleOp module,
                                      KernelSignature &signature,
                                      const CpuEmitOptions &options,
                                      KernelInfo &info);
mlir::LogicalResult emitConcatenateKernel(mlir::ModuleOp module,
                                          KernelSignature &signature,
                                          const CpuEmitOptions &options,
                                          KernelInfo &info);
mlir::LogicalResult emitArgReduceKernel(mlir::ModuleOp module,
                                        KernelSignature &signature,
                                        const CpuEmitOptions &options,
                                        KernelInfo &info);
/// Library: no code, the engine's own kernel is named.
mlir::LogicalResult emitLibraryKernel(mlir::ModuleOp module,
                                      KernelSignature &signature,
                                      const CpuEmitOptions &options,
                                      KernelInfo &info);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_EMITTERS_H
