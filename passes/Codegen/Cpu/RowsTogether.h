//===- RowsTogether.h - short rows reduced in registers --------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_ROWSTOGETHER_H
#define ORIEL_PASSES_CODEGEN_CPU_ROWSTOGETHER_H

#include "passes/Codegen/Cpu/PassEmitter.h"

namespace oriel {

/// Rows that are combined together, and lanes of each.
inline constexpr unsigned kRowsTogether = 16;

/// The 16 lanes of each of 16 rows combined by halving, as the lanes of one vector, in
/// the rows' order. `row(r)` emits row r, once, in an order of this function's choice.
mlir::Value combineRowsTogether(Code &code, const CounterStack::Combine &combine,
                                llvm::function_ref<mlir::Value(unsigned r)> row);

/// Elements of the longest row that reduceRowsTogether takes.
inline constexpr int64_t kRowTogether = 32;

/// The reductions of `pass` over rows [from, to) of dim `dim`, each of `length`
/// elements (at most kRowTogether), at `indices` of the other dims. `store(r, row,
/// lanes, value)` gets the values of the r-th reduced result for `lanes` rows from
/// `row` on (0: a scalar, of that row). The tree's bits.
void reduceRowsTogether(PassEmitter &emitter, const ModelPass &pass,
                        llvm::SmallVector<mlir::Value> indices, unsigned dim, mlir::Value from,
                        mlir::Value to, mlir::Value length,
                        llvm::function_ref<void(unsigned r, mlir::Value row, unsigned lanes,
                                                mlir::Value value)> store);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_ROWSTOGETHER_H
