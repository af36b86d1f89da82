//===- CodegenCpu.h - the pass oriel-codegen-cpu ---------------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_CODEGENCPU_H
#define ORIEL_PASSES_CODEGEN_CPU_CODEGENCPU_H

#include <memory>

#include "mlir/Pass/Pass.h"

namespace oriel {

/// oriel-codegen-cpu: turns the lowered function of each kernel module nested
/// in the module (or of the module itself) into entry functions (kernel_abi.h)
/// and sets the kernel attributes. `vectorBits` 0: the module's oriel.target.
std::unique_ptr<mlir::Pass> createCodegenCpuPass(unsigned vectorBits = 0);

void registerCodegenCpuPass();

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_CODEGENCPU_H
