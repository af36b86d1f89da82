//===- MatMulRows.h - passes over the rows of a product ---------*- C++ -*-===//
//
// A matmul kernel may reduce the rows of its result and go on with what it finds
// (softmax, layer norm). A task is then some whole rows: their product is made in
// a block of the scratch that the second-level cache holds, then each row goes
// through the passes of a row kernel. Bits are those of the two kernels apart.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATMULROWS_H
#define ORIEL_PASSES_CODEGEN_CPU_MATMULROWS_H

#include "passes/Codegen/Cpu/KernelModel.h"
#include "passes/Codegen/Cpu/MatMul.h"

namespace oriel {

class MatMulRows {
public:
  /// Reads the passes that follow the contraction of `spec`.
  static mlir::FailureOr<MatMulRows> get(KernelSignature &signature, const MatMulSpec &spec,
                                         const MatMulBlocks &blocks, int64_t l2Bytes,
                                         unsigned vectorBits);

  /// Adds the block of rows, and what the passes need, to scratch and cost.
  void describe(KernelInfo &info);
  /// Rows of a block, a multiple of a tile's.
  const Dim &getRows() const { return rows; }
  /// Rows of a task.
  const Dim &getTaskRows() const { return taskRows; }
  /// The block's first element; rows are n elements apart.
  mlir::Value block(EntryBuilder &entry) const;
  /// The passes over rows [from, to), the first of which starts the block.
  void emit(EntryBuilder &entry, llvm::ArrayRef<mlir::Value> batch, mlir::Value from,
            mlir::Value to) const;

private:
  MatMulRows(KernelSignature &signature, const MatMulSpec &spec, KernelModel model,
             unsigned vectorBits)
      : signature(signature), spec(spec), model(std::move(model)), vectorBits(vectorBits) {}

  KernelSignature &signature;
  const MatMulSpec &spec;
  KernelModel model;
  unsigned vectorBits;
  Dim rows = 1, taskRows = 1, at = 0; // at: bytes of the scratch before the block
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATMULROWS_H
