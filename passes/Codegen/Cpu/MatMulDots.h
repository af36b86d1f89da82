//===- MatMulDots.h - products of bytes, four of k at once ------*- C++ -*-===//
//
// Machines with AVX-512 VNNI multiply four unsigned bytes by four signed ones and
// add the products to a 32-bit sum in one instruction (vpdpbusd). A product of 8-bit
// integers in 32 bits whose right operand is packed once uses it: panels hold four
// values of k next to each other, and in front the sums of their columns. An
// operand on the wrong side of its sign is moved by 128, and 128 times those sums
// make up for it. Sums wrap, so that bits are those of any other order.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATMULDOTS_H
#define ORIEL_PASSES_CODEGEN_CPU_MATMULDOTS_H

#include "passes/Codegen/Cpu/MatMul.h"

namespace oriel {

/// On the linalg.generic of a kernel that packs for this: what the sums of the
/// columns in front are multiplied by, -128 (of signed bytes), 128 (of unsigned
/// ones) or 0.
inline constexpr llvm::StringLiteral kDotsAttr = "oriel.dots";

struct MatMulDots {
  static constexpr int64_t kGroup = 4; // values of k in a sum's word
  bool unsignedB = false;
  bool flips = false; // A's sign bits
  int64_t factor() const { return !flips ? 0 : unsignedB ? 128 : -128; }
};

/// Whether this product, its right operand packed once, is computed so.
std::optional<MatMulDots> getMatMulDots(mlir::Operation *module, const MatMulSpec &spec,
                                        const MatMulBlocks &blocks);

/// Arguments of a tile function of these: k in groups of four; panels of A and B;
/// where the first block of k starts the sums; the rest as TileArg says.
enum class DotArg { kGroups, kA, kB, kStart, kIsFirst, kTo, kToRow, kFrom, kFromRow, kAdds };

/// @symbol(DotArg...): a tile of `rows` rows and `vectors` vectors.
mlir::func::FuncOp emitDotTileFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                       const MatMulSpec &spec, const MatMulBlocks &blocks,
                                       const MatMulDots &dots, int64_t rows, int64_t vectors);

/// @symbol(A, row stride, k stride (1), rows, kc, target): rows of A as groups:
/// target[k / 4][row][k % 4], sign bits flipped where `dots` says so.
mlir::func::FuncOp emitDotPackFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                       const MatMulSpec &spec, const MatMulBlocks &blocks,
                                       const MatMulDots &dots);

/// @symbol(source, column stride, k stride, columns, k, target, factor): one panel of
/// `width` columns: sums of columns times `factor`, then groups of k.
mlir::func::FuncOp emitDotPanelFunction(mlir::ModuleOp module, llvm::StringRef symbol,
                                        unsigned ordinal, int64_t width, bool isUnsigned);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATMULDOTS_H
