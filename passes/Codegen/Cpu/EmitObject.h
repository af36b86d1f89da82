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

#include <cstdint>
#include <string>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace oriel {

/// The machine to emit for.
struct TargetOptions {
  std::string cpu;            // LLVM's name: "znver4"; empty: "x86-64-v3"
  std::string features;       // "+avx2,-avx512f"; empty: the cpu's
  unsigned vectorBits = 256;  // preferred vector width: 128, 256 or 512
};

/// The machine this process runs on.
TargetOptions getHostTarget();

/// Instructions from `offset` (relative to the symbol) to the next row's were
/// made for source line `line` = ordinal * 8 + role (kernel_abi.h), 0: unknown.
struct LineRow {
  uint32_t offset = 0;
  uint32_t line = 0;
};

/// A function the object defines.
struct ObjectSymbol {
  std::string name;
  uint64_t offset = 0; // in .text
  uint64_t size = 0;
  bool isGlobal = false;
  std::vector<LineRow> lines; // by offset; a row's line differs from the last's
};

struct ObjectCode {
  std::string elf;
  std::vector<ObjectSymbol> symbols;
};

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
