//===- ScatterPieces.h - updates and indices a scatter's kernel makes -*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_SCATTERPIECES_H
#define ORIEL_PASSES_CODEGEN_CPU_SCATTERPIECES_H

#include "passes/Codegen/Cpu/PassEmitter.h"
#include "passes/Codegen/Cpu/Scatter.h"

namespace oriel {

/// Reads the indices and updates of a scatter; those that its kernel computes are made
/// in the worker's scratch, up to kScatterPiece at a time, before they are read.
class ScatterPieces {
public:
  ScatterPieces(EntryBuilder &entry, const KernelSignature &signature, const ScatterKernel &kernel);

  bool makesUpdates() const { return kernel.updatesMade.maker >= 0; }
  bool makesIndices() const;

  /// Makes indices [lo, hi), which loadIndex reads from then on; nothing where they
  /// lie in memory.
  void makeIndices(mlir::Value lo, mlir::Value hi);
  /// Index n (lanes 0), or n to n + lanes - 1, of an operand.
  mlir::Value loadIndex(unsigned operand, mlir::Value n, unsigned lanes, mlir::Value mask = nullptr);

  /// Makes updates [lo, hi) of all, in row-major order; the first lies at madeUpdates().
  void makeUpdates(mlir::Value lo, mlir::Value hi);
  /// Makes `many` updates of slice `row` (row-major over what the indices range over),
  /// from its element `first` on.
  void makeSlice(mlir::Value row, mlir::Value first, mlir::Value many);
  mlir::Value madeUpdates() { return scratchOf(kernel.updatesMade); }

  /// A few cheap ops over one loop: better made where they are added, in registers.
  bool areUpdatesInline() const;
  /// What does not change from update to update is computed once, for updates
  /// [lo, hi); then update n, or n to n + lanes - 1.
  void startInline(mlir::Value lo, mlir::Value hi, unsigned lanes);
  mlir::Value inlineUpdates(mlir::Value n, unsigned lanes);

  /// Checks the indices that making updates [lo, hi) reads by, and makes nothing.
  void checkUpdates(mlir::Value lo, mlir::Value hi);

private:
  using Made = ScatterKernel::Made;
  /// Runs `body` for the parts of rows of a maker's space that hold its elements
  /// [lo, hi).
  void forRows(unsigned maker, mlir::Value lo, mlir::Value hi,
               llvm::function_ref<void(mlir::Value from, mlir::Value to)> body);
  void setPlace(unsigned maker, mlir::Value place);
  mlir::Value scratchOf(const Made &made);
  PassEmitter &emitterOf(unsigned maker) { return *emitters[maker]; }
  const ModelPass &passOf(unsigned maker) const { return kernel.makers[maker]->passes.front(); }

  EntryBuilder &entry;
  Code &code;
  const ScatterKernel &kernel;
  std::vector<std::unique_ptr<PassEmitter>> emitters;
  mlir::Value indicesFrom; // of the piece at hand
  PassState state;         // of inline updates
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_SCATTERPIECES_H
