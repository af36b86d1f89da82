//===- Scatter.h - what the parts of the scatter emitter share --*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_SCATTER_H
#define ORIEL_PASSES_CODEGEN_CPU_SCATTER_H

#include "dialect/Graph/OrielOps.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <vector>

#include "passes/Codegen/Cpu/KernelModel.h"

namespace oriel {

/// Columns of a slice that one task has at most.
inline constexpr int64_t kScatterColumns = 16384;
/// Updates between two looks for runs; those that a kernel computes are made that
/// many elements at a time.
inline constexpr int64_t kScatterPiece = 1024;

/// A lowered scatter: slices of `inner` elements of x[outer, slices, inner],
/// named by indices over the axes in between (`bounds`, slices = their product).
struct ScatterKernel {
  ir::ScatterOp op;
  const KernelArg *x = nullptr; // null: the destination starts as `fill`
  mlir::Attribute fill;
  const KernelArg *out = nullptr;
  /// The generics that compute updates or indices, one pass each.
  std::vector<std::unique_ptr<KernelModel>> makers;
  /// Which of them makes an operand (-1: none), and the number of its value there.
  struct Made {
    int maker = -1;
    unsigned value = 0;
  };
  const KernelArg *updates = nullptr; // null: made
  Made updatesMade;
  /// Null: made, or the same for all updates, the number in `sameIndices`.
  llvm::SmallVector<const KernelArg *> indices;
  llvm::SmallVector<Made> indicesMade;
  llvm::SmallVector<int64_t> sameIndices;
  Dims bounds;
  Dim outer, count, inner, slices;
  Dim ranges; // of the destination: how many can be worked on side by side
  Dim copies = 0; // of a small destination of integers, for threads to add to
  unsigned vectorBits = 256;

  EntryBuilder::IndexCheck checkOf(EntryBuilder &entry, unsigned operand) const;
  mlir::Location line(LineRole role) const {
    return getLineLoc(op->getContext(), getOrdinal(op->getLoc()), role);
  }
};

/// The last phase: the updates, in their order for each element.
void emitScatterUpdates(EntryBuilder &entry, const KernelSignature &signature,
                        const ScatterKernel &kernel);

/// The phases of a scatter of integers by copies: a task adds a part of the updates
/// to a copy of its own; then a task adds a range of all copies to the destination.
/// One call that is given all tasks makes no copies. The shared workspace holds a
/// word that tells so, then the copies.
void emitScatterToCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel);
void emitScatterOfCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel);
inline constexpr int64_t kScatterCopiesAt = 64;
/// Elements of the destination that one task adds.
inline constexpr int64_t kScatterCopyTask = 4096;

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_SCATTER_H
