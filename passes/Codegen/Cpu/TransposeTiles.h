//===- TransposeTiles.h - operands whose rows are columns ------*- C++ -*-===//
//
// An elementwise kernel may read an operand along another dim than it writes.
// Such kernels run in tiles: the operand's tile is transposed in registers, 8x8
// or 4x4 blocks at a time, into the worker's scratch (or, for a plain
// transpose, into the destination), then the rows of the tile are ordinary.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H
#define ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H

#include <optional>

#include "passes/Codegen/Cpu/PassEmitter.h"

namespace oriel {

struct TransposePlan {
  struct Staged {
    unsigned pass = 0, input = 0;
    Dim offset = 0; // bytes, from the first staged tile
  };
  unsigned dim = 0;               // the dim the operands are contiguous along
  int64_t rows = 64, columns = 64; // of a tile
  bool direct = false;            // a plain transpose: no staging
  llvm::SmallVector<Staged> staged;
  Dim bytes = 0;                  // of scratch
};

/// How to tile the model, if an operand asks for it.
std::optional<TransposePlan> planTranspose(const KernelModel &model);

/// Emits one tile: indices of the space (of plan.dim and the last ignored),
/// rows [rowLo, rowHi) of plan.dim, [lo, hi) of the last dim. `staged` is the
/// scratch offset of the tiles.
void emitTransposeTile(PassEmitter &emitter, const KernelModel &model,
                       const TransposePlan &plan, const Dim &staged,
                       llvm::SmallVector<mlir::Value> indices, mlir::Value rowLo,
                       mlir::Value rowHi, mlir::Value lo, mlir::Value hi);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H
