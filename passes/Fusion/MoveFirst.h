//===- MoveFirst.h - elementwise ops change places with moves ---*- C++ -*-===//
#ifndef ORIEL_PASSES_FUSION_MOVEFIRST_H
#define ORIEL_PASSES_FUSION_MOVEFIRST_H

#include "passes/Fusion/CostModel.h"
#include "passes/Fusion/DimAnalysis.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

#include <map>
#include <string>
#include <vector>

namespace oriel {

/// Why two neighbours (their node ids, the reader's first) did not change places.
using MoveReasons = std::map<std::pair<int64_t, int64_t>, std::string>;

/// What deciding about moves needs; lines go to `explanation` unless it is null.
struct MoveContext {
  const DimAnalysis &dims;
  const CostModel &model;
  llvm::function_ref<std::string(mlir::Operation *)> label;
  std::vector<std::string> *explanation;
  MoveReasons *reasons;
};

/// What both kinds of moves ask of a block whose ops they replace.
class MoveBlock {
public:
  MoveBlock(mlir::Block &block, const MoveContext &context);

  /// Its place in the block; what has been made since has none, and no dims.
  bool isKnown(mlir::Operation *op) const { return indices.contains(op); }
  unsigned indexOf(mlir::Operation *op) const { return indices.lookup(op); }
  bool isElementwise(mlir::Operation *op) const;
  /// Memory of this block, or what other blocks made.
  bool isMemory(mlir::Value value) const;
  /// Does looking at some elements of the value cost nothing: is it a view of memory
  /// or made from nothing?
  bool isFreeToPick(mlir::Value value) const;
  double bytesOf(mlir::Value value, double elements) const;
  double bytesOf(mlir::Value value) const {
    return bytesOf(value, context.model.elements(context.dims.getDims(value)));
  }
  /// Erases an op that has been replaced.
  void erase(mlir::Operation *op);

  mlir::Block &block;
  const MoveContext &context;

private:
  llvm::DenseMap<mlir::Operation *, unsigned> indices;
};

/// Elementwise ops whose values only a slice or a gather reads are computed for
/// the elements it picks: f(x)[i] becomes f(x[i]) where the model finds that
/// cheaper. Returns whether anything changed; dims of new values are not known.
bool pickFirst(mlir::Block &block, const MoveContext &context);

/// Elementwise ops and reductions of a concatenation's values are computed part by
/// part, so that the concatenation of what they read needs no memory: f([a, b])
/// becomes [f(a), f(b)], the sums of the rows of [a, b] those of a and of b, and a
/// maximum over all parts, if they are known to have elements, that of the parts'.
bool splitByPart(mlir::Block &block, const MoveContext &context);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_MOVEFIRST_H
