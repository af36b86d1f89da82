//===- MatMul.h - parts of the matmul emitter -------------------*- C++ -*-===//
//
// One kernel serves every shape of a (dtype, layout, epilogue). The work is
// split into blocks of rows and columns; within a block the loops are those of
// BLIS: columns (NC), k (KC), pack B, rows (MC), pack A, tiles of MR x NR.
//
// Bits: an element is a chain of fused multiply-adds over each block of KC
// values of k, starting at +0, and the blocks' results are added in order.
// Nothing else in here touches the value, so tiles, packing, tasks and threads
// cannot change it.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATMUL_H
#define ORIEL_PASSES_CODEGEN_CPU_MATMUL_H

#include "passes/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace oriel {

/// How a tensor is read or written over (batch..., i, j, k): strides in
/// elements, 0 where it does not vary.
struct MatMulAccess {
  const KernelArg *arg = nullptr;
  llvm::SmallVector<Dim> batch;
  Dim i, j, k;
};

enum class MatMulKind { kFloat, kInteger, kBool };

struct MatMulSpec {
  mlir::linalg::LinalgOp contraction;
  mlir::linalg::GenericOp epilogue; // null: the result is stored as it is
  unsigned ordinal = 0;             // the contraction's
  MatMulKind kind = MatMulKind::kFloat;
  mlir::Type accumulator;           // element type of tiles and packed panels
  mlir::Type result;                // of the contraction
  Dims batch;
  Dim m, n, k;
  MatMulAccess a, b;                // a: over i and k; b: over k and j
  unsigned epilogueResult = 0;      // which epilogue operand is the contraction
  llvm::SmallVector<MatMulAccess> inputs;  // per epilogue input (that one empty)
  llvm::SmallVector<MatMulAccess> outputs; // per kernel result
  /// Per epilogue loop: the matmul dim it runs over (batch dims, i, j in order).
  llvm::SmallVector<unsigned> epilogueDims;

  /// May the first output hold sums of k blocks until the last one? Not when
  /// its type differs, nor when the epilogue reads a tensor as large as it,
  /// which the planner may have put in the same place.
  bool partialsInOutput = false;
};

/// Reads the lowered form; errors name what it cannot handle.
mlir::FailureOr<MatMulSpec> matchMatMul(KernelSignature &signature);

/// Block sizes for a machine.
struct MatMulBlocks {
  static constexpr int64_t kKC = 256; // part of the bits: architecture.md
  static constexpr int64_t kUnroll = 4;
  unsigned lanes = 0;   // V: accumulators per vector
  int64_t mr = 0;       // rows of a tile
  int64_t vectors = 3;  // vectors of a wide tile
  int64_t nr = 0;       // = vectors * lanes
  int64_t mc = 0, nc = 0;

  MatMulBlocks(unsigned vectorBits, mlir::Type accumulator);
};

/// Arithmetic of a kind, on vectors or scalars.
mlir::Value matmulMulAdd(Code &code, MatMulKind kind, mlir::Value a,
                         mlir::Value b, mlir::Value sum);
mlir::Value matmulAdd(Code &code, MatMulKind kind, mlir::Value a, mlir::Value b);
/// An operand's element(s) as accumulator type.
mlir::Value matmulWiden(Code &code, const MatMulSpec &spec, mlir::Value value);

/// @symbol(kc, A panel, B panel, tile): tile[r][c] = sum over kc of
/// A[k][r] * B[k][c] for `rows` rows and `vectors` vectors; A's rows of k are
/// blocks.mr apart, B's and the tile's blocks.nr.
mlir::func::FuncOp emitTileFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                    const MatMulSpec &spec,
                                    const MatMulBlocks &blocks, int64_t rows,
                                    int64_t vectors);

/// @symbol(kc, A, A's k stride, B, B's k stride, columns, tile): the same for
/// one row, straight from the operands: B's columns must be contiguous.
mlir::func::FuncOp emitRowFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                   const MatMulSpec &spec,
                                   const MatMulBlocks &blocks);

/// Packs `count` rows (or columns) p of `source` into panels of `width`:
/// target[p / width][k][p % width] = source[p * pStride + k * kStride], absent
/// ones zero.
void emitPack(Code &code, const MatMulSpec &spec, mlir::Type element,
              mlir::Value source, const Dim &pStride, const Dim &kStride,
              mlir::Value pStrideValue, mlir::Value kStrideValue,
              mlir::Value count, mlir::Value kc, mlir::Value target,
              int64_t width, unsigned lanes);

/// The epilogue (or plain store) of `lanes` results at (batch..., i, j...).
mlir::LogicalResult emitMatMulStore(EntryBuilder &entry,
                                    const KernelSignature &signature,
                                    const MatMulSpec &spec, mlir::Value sum,
                                    llvm::ArrayRef<mlir::Value> batch,
                                    mlir::Value i, mlir::Value j,
                                    mlir::Value mask, unsigned lanes);

/// Address offset (elements) of an access at (batch..., i, j, k); null: 0.
mlir::Value matmulOffset(EntryBuilder &entry, const MatMulAccess &access,
                         llvm::ArrayRef<mlir::Value> batch, mlir::Value i,
                         mlir::Value j, mlir::Value k);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATMUL_H
