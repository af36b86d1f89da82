//===- EmitObject.h - LLVM dialect to relocatable objects -------*- C++ -*-===//
//
// One kernel module in the LLVM dialect becomes one relocatable x86-64 ELF
// object without undefined symbols, and the flat line table that maps its
// instructions to kernel-local ordinals. The debug sections the table is read
// from are stripped: the code is the same with and without them.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_EMITOBJECT_H
#define ORIEL_PASSES_CODEGEN_CPU_EMITOBJECT_H

#include <string>

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include "passes/Codegen/Cpu/ObjectCode.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace oriel {

/// The machine this process runs on.
TargetOptions getHostTarget();

/// The dialect translations emitObject() needs; call it once on a context's
/// registry before the context is used by several threads.
void registerEmitObjectTranslations(mlir::DialectRegistry &registry);

/// Emits `kernelModule`, which must be what oriel-lower-to-llvm leaves. Several
/// threads may emit different modules of one context at once. An object that
/// would need a symbol from elsewhere is an error that names it.
llvm::Expected<ObjectCode> emitObject(mlir::ModuleOp kernelModule,
                                      const TargetOptions &target);

/// The same module as assembly text, for tests and for people.
llvm::Expected<std::string> emitAssembly(mlir::ModuleOp kernelModule,
                                         const TargetOptions &target);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_EMITOBJECT_H
