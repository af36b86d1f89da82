//===- ScatterUpdates.h - the updates of a scatter, in their order *- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_SCATTERUPDATES_H
#define ORIEL_PASSES_CODEGEN_CPU_SCATTERUPDATES_H

#include "passes/Codegen/Cpu/Scatter.h"
#include "passes/Codegen/Cpu/ScatterPieces.h"

namespace oriel {

inline constexpr int64_t kScatterRun = 16; // updates a run is continued by at a time

/// The code of one sweep over the updates; its parts lie in files of their own.
class UpdateSweep {
public:
  UpdateSweep(EntryBuilder &entry, const KernelSignature &signature, const ScatterKernel &kernel)
      : entry(entry), code(entry.code), kernel(kernel), element(kernel.out->elementType),
        i64(code.getI64Type()), operands(kernel.indices.size()), pieces(entry, signature, kernel) {
    isRanged = !(kernel.ranges == Dim(1));
    isAdd = ir::ScatterOp(kernel.op).getKind() == ir::ScatterKind::add;
    isBool = kernel.op->hasAttr("oriel.bool");
  }

  void run();
  void toCopies(); // ScatterCopies.cpp
  void ofCopies();

private:
  void start();
  void groups();
  void onlyLook();
  void countSweep(mlir::Value kind);

  // ScatterIndices.cpp
  mlir::Value rawIndex(unsigned o, mlir::Value n);
  llvm::SmallVector<mlir::Value> rawIndices(mlir::Value n);
  llvm::SmallVector<mlir::Value> wrapped(llvm::ArrayRef<mlir::Value> raw);
  mlir::Value inBounds(llvm::ArrayRef<mlir::Value> each);
  mlir::Value flat(llvm::ArrayRef<mlir::Value> each);
  void reportBad(llvm::ArrayRef<mlir::Value> raw, mlir::Value n);

  // ScatterSingles.cpp
  void singles(mlir::Value lo, mlir::Value hi, mlir::Value whole);
  void serial(mlir::Value lo, mlir::Value hi);
  mlir::Value inOrder(mlir::Value lo, mlir::Value hi);
  mlir::Value whileGood(mlir::Value lo, mlir::Value hi, bool fetches);
  void again(mlir::Value n);
  void fetch(mlir::Value n);
  void put(mlir::Value n, mlir::Value at, mlir::Value made = nullptr);
  mlir::Value update(mlir::Value n, unsigned lanes = 0);
  mlir::Value updatesFrom(mlir::Value n, unsigned lanes);

  // ScatterRanges.cpp
  void ranged(mlir::Value lo, mlir::Value hi);
  mlir::Value noteAll(mlir::Value lo, mlir::Value hi);
  mlir::Value noteAny(mlir::Value lo, mlir::Value hi, mlir::Value many);
  mlir::Value note(mlir::Value n, mlir::Value at, mlir::Value many);

  // ScatterRuns.cpp
  mlir::Value runs(mlir::Value lo, mlir::Value hi);
  mlir::Value chain(mlir::Value lo, mlir::Value hi, mlir::Value a, mlir::Value c, bool isOne);
  mlir::Value repeats(mlir::Value at);

  // ScatterRows.cpp
  void rows();
  void fetchSlice(mlir::Value n, mlir::Value last);
  void applyRow(mlir::Value n, mlir::Value at);
  void apply(mlir::Value to, mlir::Value from, mlir::Value c, unsigned lanes, mlir::Value mask);
  mlir::Value combine(mlir::Value old, mlir::Value update);

  // ScatterCounts.cpp
  mlir::Value counter(size_t offset);
  void count(size_t offset, mlir::Value by);
  void sample(mlir::Value lo, mlir::Value hi);

  EntryBuilder &entry;
  Code &code;
  const ScatterKernel &kernel;
  mlir::Type element, i64;
  unsigned operands;
  ScatterPieces pieces;
  bool isRanged, isAdd, isBool;

  // Of the scatter, columns and ranges at hand.
  mlir::Value base, source, first, columns, from, length;
  mlir::Value before;  // updates of scatters before it
  mlir::Value pieceLo; // of the piece of updates at hand
  mlir::Value counts, streak, streakEnd;
  mlir::Value isFar; // the destination is larger than the nearest caches
  mlir::Value notedSlices, notedUpdates;
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_SCATTERUPDATES_H
