//===- MoveFirst.h - elementwise ops change places with moves ---*- C++ -*-===//
#ifndef ORIEL_PASSES_FUSION_MOVEFIRST_H
#define ORIEL_PASSES_FUSION_MOVEFIRST_H

#include "passes/Fusion/CostModel.h"
#include "passes/Fusion/DimAnalysis.h"
#include "mlir/IR/Block.h"

#include <string>
#include <vector>

namespace oriel {

/// What deciding about moves needs; lines go to `explanation` unless it is null.
struct MoveContext {
  const DimAnalysis &dims;
  const CostModel &model;
  llvm::function_ref<std::string(mlir::Operation *)> label;
  std::vector<std::string> *explanation;
};

/// Elementwise ops whose values only a slice or a gather reads are computed for
/// the elements it picks: f(x)[i] becomes f(x[i]) where the model finds that
/// cheaper. Returns whether anything changed; dims of new values are not known.
bool pickFirst(mlir::Block &block, const MoveContext &context);

/// Elementwise ops of a concatenation's values are computed part by part, so that
/// the last of them needs no concatenation of what they read in memory:
/// f([a, b]) becomes [f(a), f(b)].
bool splitByPart(mlir::Block &block, const MoveContext &context);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_MOVEFIRST_H
