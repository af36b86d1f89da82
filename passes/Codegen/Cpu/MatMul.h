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
  /// Of an operand: what its elements go through before they are multiplied.
  llvm::SmallVector<mlir::Operation *, 2> casts;
  /// Of an operand that `casts` make of several tensors, or of one that does not vary
  /// along both of its axes: the tensors. Such an operand is packed (MatMulMade.cpp).
  std::vector<MatMulAccess> leaves;
  /// In the contraction's body: of such an operand what is multiplied, of a leaf its
  /// element.
  mlir::Value element;

  bool isMade() const { return !leaves.empty(); }
  /// Of an operand: the argument that holds its panels, which a kernel of their own
  /// has packed (PackConstants.h): (matrices..., panel, k, row or column of the
  /// panel), with the axes of the batch that the operand has. Null: none.
  const KernelArg *panels = nullptr;
};

enum class MatMulKind {
  kFloat,
  kFloatApart, // a product, then a sum: machines without fused multiply-adds
  kInteger,
  kBool
};

struct MatMulSpec {
  mlir::linalg::LinalgOp contraction;
  mlir::linalg::GenericOp epilogue; // null: the result is stored as it is
  bool hasRows = false; // passes over its rows follow (MatMulRows.h): no outputs
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
  int64_t vectors = 0;  // vectors of a wide tile: 3, or 2
  int64_t nr = 0;       // = vectors * lanes
  int64_t mc = 0, nc = 0; // most rows of a task, columns of a packed block

  MatMulBlocks(unsigned vectorBits, int64_t l2Bytes, mlir::Type accumulator, MatMulKind kind);
};

/// Block sizes for the machine of the nearest oriel.target, whose way to multiply
/// and add becomes the kind of `spec`. `vectorBits`: of its preferred vectors.
MatMulBlocks fitMatMul(mlir::Operation *module, MatMulSpec &spec, unsigned vectorBits);
/// The second-level cache of that machine.
int64_t getL2Bytes(mlir::Operation *module);

/// On an argument of a matmul kernel: the number of the one whose panels it holds.
inline constexpr llvm::StringLiteral kPanelsAttr = "oriel.panels";
/// On the linalg.generic of a kernel that packs an operand: the lines that are
/// filled up with zeros (MatMulPackKernel.cpp).
inline constexpr llvm::StringLiteral kPackAttr = "oriel.pack";

/// Panels that are made once. B's keep narrow elements, which tiles widen as they
/// read them; else elements are accumulators, as the tiles multiply them.
struct MatMulPanels {
  int64_t width;
  mlir::Type element; // as stored
  bool widens;        // tiles do
  bool isDots;        // groups of four of k side by side, and a line more (MatMulDots.h)
  MatMulPanels(mlir::Operation *module, const MatMulSpec &spec, const MatMulBlocks &blocks,
               bool isB);
};

/// Arithmetic of a kind, on vectors or scalars.
mlir::Value matmulMulAdd(Code &code, MatMulKind kind, mlir::Value a,
                         mlir::Value b, mlir::Value sum);
mlir::Value matmulAdd(Code &code, MatMulKind kind, mlir::Value a, mlir::Value b);
/// An operand's element(s) as accumulator type.
mlir::Value matmulWiden(Code &code, const MatMulSpec &spec,
                        const MatMulAccess &operand, mlir::Value value);

/// Arguments of a tile function, in order. Strides are in elements; columns of
/// B, `to` and `from` are contiguous.
enum class TileArg { kKc, kA, kARow, kAK, kB, kBK, kTo, kToRow, kFrom, kFromRow, kAdds };

/// @symbol(TileArg...): to[r][c] = sum over kc of A[r][k] * B[k][c], plus
/// from[r][c] when `adds` (i1), for `rows` rows and `vectors` vectors. Operands
/// may lie anywhere: a packed panel of A has row stride 1 and k stride mr. B's
/// elements are accumulators, or (`widensB`) the operand's, widened as they are read.
mlir::func::FuncOp emitTileFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                    const MatMulSpec &spec,
                                    const MatMulBlocks &blocks, int64_t rows,
                                    int64_t vectors, bool widensB);

/// @symbol(kc, A, A's k stride, B, B's stride, columns, tile): the same for
/// one row, straight from the operands. B's columns are contiguous and the
/// stride is k's, or (`across`) k is and the stride is the columns': then kc may
/// be all of k, whose blocks are summed here.
mlir::func::FuncOp emitRowFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                   const MatMulSpec &spec,
                                   const MatMulBlocks &blocks, bool across);

/// Rows and columns of the squares of an operand that are transposed in
/// registers at most, and the columns of one of `side` (2, 4 or 8): `quad(r, h)`
/// gives elements [h, h + 4) of row r as accumulators (side 2: both).
int64_t matmulSquareSide(const MatMulSpec &spec);
llvm::SmallVector<mlir::Value>
matmulTransposed(Code &code, int64_t side,
                 llvm::function_ref<mlir::Value(int64_t, int64_t)> quad);

/// @symbol(source, p stride, k stride, count, kc, target): packs `count` rows (or
/// columns) p of an operand into panels of `width`, absent ones zero:
/// target[p / width][k][p % width] = source[p * p stride + k * k stride].
/// `unitP`, `unitK`: that stride is known to be 1.
mlir::func::FuncOp emitPackFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                    const MatMulSpec &spec,
                                    const MatMulBlocks &blocks,
                                    const MatMulAccess &operand, bool unitP,
                                    bool unitK, int64_t width);

/// @symbol(count, kc, target, then of each leaf: source, p stride, k stride): the
/// same of an operand that is made of several tensors.
mlir::func::FuncOp emitMadePackFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                        const MatMulSpec &spec, const MatMulBlocks &blocks,
                                        const MatMulAccess &operand, bool isB, int64_t width);

/// Starts a private function of the kernel module, `code` inside its body.
mlir::func::FuncOp beginMatMulFunction(mlir::ModuleOp module, Code &code,
                                       llvm::StringRef symbol,
                                       llvm::ArrayRef<mlir::Type> inputs);

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
