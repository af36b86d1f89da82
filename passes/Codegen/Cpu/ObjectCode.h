//===- ObjectCode.h - what object emission takes and gives ------*- C++ -*-===//
//
// Plain data, without MLIR or LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_OBJECTCODE_H
#define ORIEL_PASSES_CODEGEN_CPU_OBJECTCODE_H

#include <cstdint>
#include <string>
#include <vector>

namespace oriel {

/// The machine to emit for.
struct TargetOptions {
  std::string cpu;            // LLVM's name: "znver4"; empty: "x86-64-v3"
  std::string features;       // "+avx2,-avx512f"; empty: the cpu's
  unsigned vectorBits = 256;  // preferred vector width: 128, 256 or 512
};

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

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_OBJECTCODE_H
