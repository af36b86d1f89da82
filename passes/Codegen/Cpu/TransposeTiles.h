//===- TransposeTiles.h - operands whose rows are columns ------*- C++ -*-===//
//
// A kernel may read an operand along another dim than its rows. Such kernels run
// in tiles: the operand's tile is transposed in registers, square blocks at a time,
// into the worker's scratch (or, for a plain transpose, into the destination), then
// the rows of the tile are ordinary.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H
#define ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H

#include <optional>

#include "passes/Codegen/Cpu/PassEmitter.h"

namespace oriel {

/// The shape of the tiles: what a task of the kernel covers.
enum class TransposeKind {
  kBlocks,  // an elementwise kernel: 64 rows by 64 columns
  kRows,    // whole rows, some at a time
  kLeaves,  // leaves of some rows
  kColumns, // the rows of a column reduction's leaf, 64 columns at a time
};

struct TransposePlan {
  /// An input of a pass that is read from a tile.
  struct Staged {
    unsigned pass = 0, input = 0, tile = 0;
  };
  struct Tile {
    LinearAccess source;
    mlir::Location loc;
    Dim offset; // bytes, from the first tile
  };
  unsigned dim = 0;                // the dim the operands are contiguous along
  int64_t rows = 64, columns = 64; // of a tile (columns: kBlocks and kColumns)
  Dim pitch = 64;                  // elements from row to row of a tile
  bool direct = false;             // a plain transpose: no staging
  llvm::SmallVector<Staged> staged;
  llvm::SmallVector<Tile> tiles;
  Dim bytes = 0;                   // of scratch
};

/// Element (r, j): source[r + j * step] becomes target[r * pitch + j].
struct TileMove {
  mlir::Type element; // as stored
  mlir::Value source, step, target, pitch;
  mlir::Value streams = nullptr; // lines of the target go past the caches (null: never)
  bool alongTarget = false;      // blocks of one row of the target follow each other
};
/// Of r in [rowLo, rowHi) and j in [lo, hi).
void transposeTile(EntryBuilder &entry, unsigned vectorBits, const TileMove &move,
                   mlir::Value rowLo, mlir::Value rowHi, mlir::Value lo, mlir::Value hi);

/// Of r in [0, rows) and j in [0, columns), both multiples of 16: less code.
void transposeBlocks(EntryBuilder &entry, unsigned vectorBits, const TileMove &move,
                     mlir::Value rows, int64_t columns);

/// How to tile the model, if an operand asks for it.
std::optional<TransposePlan> planTranspose(const KernelModel &model, TransposeKind kind);

/// Transposes the tiles of rows [rowLo, rowHi) of plan.dim and [lo, hi) of the
/// last dim into scratch from byte `stagedAt` on (indices of the space: of these
/// two dims ignored). Element (r, j) of a tile lies at its base + r * pitch + j.
llvm::SmallVector<mlir::Value> stageTiles(PassEmitter &emitter, const TransposePlan &plan,
                                          const Dim &stagedAt,
                                          llvm::SmallVector<mlir::Value> indices,
                                          mlir::Value rowLo, mlir::Value rowHi,
                                          mlir::Value lo, mlir::Value hi);
/// The staged inputs read row r of the tiles, until emitter.clearOverrides().
void readTiles(PassEmitter &emitter, const KernelModel &model, const TransposePlan &plan,
               llvm::ArrayRef<mlir::Value> tiles, mlir::Value r);

/// Emits a task of kBlocks: one tile through all passes.
void emitTransposeTile(PassEmitter &emitter, const KernelModel &model,
                       const TransposePlan &plan, const Dim &stagedAt,
                       llvm::SmallVector<mlir::Value> indices, mlir::Value rowLo,
                       mlir::Value rowHi, mlir::Value lo, mlir::Value hi);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_TRANSPOSETILES_H
