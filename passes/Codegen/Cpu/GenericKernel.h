//===- GenericKernel.h - one kernel of generics being emitted --*- C++ -*-===//
//
// Elementwise kernels: a task is a block of a row. Row reductions: a task is a
// leaf of a row, rows of several leaves being combined in a second phase; in a
// kernel with more passes over the row a task is a row. Short rows are taken side by
// side, a lane a row, in a phase of its own; very long ones of such a kernel leaf by
// leaf, a phase a pass. Column reductions: leaves
// of 128 rows by blocks of columns, combined in a second phase. Where a reduction
// reads transposed operands a task is some rows of them. Bits never depend on the
// choice.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_GENERICKERNEL_H
#define ORIEL_PASSES_CODEGEN_CPU_GENERICKERNEL_H

#include <optional>
#include <string>

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/PassEmitter.h"
#include "passes/Codegen/Cpu/TransposeTiles.h"

namespace oriel {

inline bool isAtMost(const Dim &dim, int64_t bound) {
  return dim.is_static() && dim.value() <= bound;
}

inline Dim ceilDiv(const Dim &a, int64_t b) {
  return a.is_static() ? Dim((a.value() + b - 1) / b) : Dim::CeilDiv(a, Dim(b));
}

inline Dim roundUp64(const Dim &bytes) { return ceilDiv(bytes, 64) * Dim(64); }

/// The kernel with its last dim and dim `d` in each other's place.
KernelModel swapDims(const KernelModel &model, unsigned d);
bool isUsed(const ModelPass &pass, unsigned input);

class GenericKernel {
public:
  GenericKernel(mlir::ModuleOp module, KernelSignature &signature, KernelModel &model,
                const CpuEmitOptions &options, KernelInfo &info)
      : module(module), signature(signature), model(model), options(options), info(info),
        name(signature.getFunction().getName().str()) {}

  mlir::LogicalResult emit();

  /// An elementwise model's tasks; adds to the kernel's scratch.
  Dim planElementwise();
  /// Emits those tasks in the range of `entry`.
  void emitElementwise(EntryBuilder &entry);
  /// Nanoseconds on one thread.
  Dim cost() const;

private:
  llvm::SmallVector<unsigned> orderOfRows() const;
  void emitBlocks(EntryBuilder &entry);
  void emitTransposed(EntryBuilder &entry);
  void emitRows();
  void emitSplitRows();
  std::optional<Dim> areLongChains() const;
  void emitLongChains(const Dim &when);
  std::optional<Dim> areShortRows() const;
  std::optional<Dim> areTransposedRows() const;
  void emitAcrossRows(const Dim &when, bool isLong);
  void emitColumns();
  std::optional<Dim> areFewColumns() const;
  Dim emitFewColumns(const Dim &when, const Dim &leaves, llvm::ArrayRef<Dim> partials);
  void emitColumnLeaf(PassEmitter &emitter, const ModelPass &pass,
                      llvm::MutableArrayRef<mlir::Value> indices, llvm::ArrayRef<Stream> partials, mlir::Value from,
                      mlir::Value to, mlir::Value lo, mlir::Value hi,
                      llvm::function_ref<void(mlir::Value row)> beforeRow);
  void emitLeafOfColumns(PassEmitter &emitter, const ModelPass &pass,
                         llvm::SmallVector<mlir::Value> &indices, llvm::ArrayRef<Stream> partials, mlir::Value from,
                         mlir::Value to, mlir::Value lo, mlir::Value hi);
  void forEachRow(PassEmitter &emitter, llvm::SmallVector<mlir::Value> indices, mlir::Value lo, mlir::Value hi,
                  llvm::function_ref<void(llvm::ArrayRef<mlir::Value>)> body);
  Dims planRows(TransposeKind kind);
  bool shouldSplitRows() const;
  void layoutScratch(const Dim &rowElements);

  EntryBuilder startEntry() {
    unsigned phase = info.entries.size();
    info.entries.push_back(phase ? name + "_phase" + std::to_string(phase) : name);
    return EntryBuilder(module, signature, info.entries.back());
  }
  llvm::SmallVector<mlir::Value> values(EntryBuilder &entry, llvm::ArrayRef<Dim> dims) {
    llvm::SmallVector<mlir::Value> result;
    for (const Dim &dim : dims)
      result.push_back(entry.dim(dim));
    return result;
  }

  mlir::ModuleOp module;
  KernelSignature &signature;
  KernelModel &model;
  const CpuEmitOptions &options;
  KernelInfo &info;
  std::string name;
  Dims tasks;                              // of an elementwise kernel: what they run over
  std::optional<TransposePlan> tiled;      // of an elementwise kernel's operands
  std::optional<TransposePlan> transposed; // of a reduction's operands
  Dim stagedAt = 0;                        // scratch offset of its tiles
  std::optional<Dim> scratchRow;           // elements of a row of emitRows, where there is one
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_GENERICKERNEL_H
