//===- MatMulLanes.h - products with a vector, along k ----------*- C++ -*-===//
//
// A product of a vector and a matrix that is read along k (kLanesAttr of
// passes/Graph/ProductOrder.h) is summed in lanes: element j of a leaf of 4096 is
// multiplied and added in lane j mod 128 bytes' worth of accumulators, lanes are
// combined by halving, leaves by the binary counter of row reductions
// (docs/architecture.md, docs/decisions/0018).
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATMULLANES_H
#define ORIEL_PASSES_CODEGEN_CPU_MATMULLANES_H

#include "passes/Codegen/Cpu/MatMul.h"

namespace oriel {

/// On the contraction: its floats are summed in lanes.
inline constexpr llvm::StringLiteral kContractionLanesAttr = "oriel.lanes";

/// Whether this product is emitted by emitMatMulLanes: floats that are marked, and
/// one row of integers, whose order is free, where the matrix lies along k.
bool isSummedInLanes(const MatMulSpec &spec);

/// The whole kernel: entries, tasks and cost go to `info`.
llvm::LogicalResult emitMatMulLanes(mlir::ModuleOp module, KernelSignature &signature,
                                    const MatMulSpec &spec, const MatMulBlocks &blocks,
                                    KernelInfo &info);

/// Vectors of columns of a task where columns lie side by side.
inline constexpr int64_t kLanesVectorsAcross = 4;

/// @symbol(count, A, A's k stride, B, B's k and column strides, columns, tile): the sums
/// of one leaf of `count` elements for up to `width` columns. `isAcross`: B's columns
/// lie side by side; else columns are walked one by one, and `width` is kRowsTogether.
mlir::func::FuncOp emitLanesLeaf(mlir::ModuleOp module, llvm::StringRef symbol,
                                 const MatMulSpec &spec, const MatMulBlocks &blocks,
                                 bool isAcross, int64_t width);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATMULLANES_H
