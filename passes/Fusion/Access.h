//===- Access.h - views as index maps --------------------------*- C++ -*-===//
//
// Broadcasts, transposes, slices and reshapes by unit axes are views: element
// (c0, c1, ...) of the view is one element of what it looks at. A chain of
// views composes into one map that is affine in each axis.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_ACCESS_H
#define ORIEL_PASSES_FUSION_ACCESS_H

#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/DimAnalysis.h"

namespace oriel {

/// Index of one axis of the base: start + step * c[dim], or start when dim < 0.
struct AxisAccess {
  Dim start = 0;
  int64_t step = 1;
  int dim = -1;
};

/// Where element (c0, c1, ...) of a view lies in `base`.
struct Access {
  mlir::Value base;
  llvm::SmallVector<AxisAccess> axes; // an entry an axis of `base`

  /// Axis k is c[k].
  static Access identity(mlir::Value base);
  bool isIdentity() const;
  /// Starts of 0 and steps of 1 only (axes with dim < 0 read index 0).
  bool isPlain() const;
};

/// On reshapes that add or drop axes of extent 1 and nothing else, where types alone
/// don't tell: several extents are unknown.
inline constexpr llvm::StringLiteral kUnitAxesAttr = "oriel.unit_axes";
void markUnitReshapes(mlir::Operation *root, const DimAnalysis &dims);

/// A matmul scales, shifts or bounds an operand by a number itself, as it packs or
/// reads it: the operand of `op` that is the tensor, where `op` is such an op of
/// f32 or f64 that only matmuls of its block read, over memory; else -1.
int getMatMulPrologue(mlir::Operation *op);
/// The one value of a tensor, seen through broadcasts; null when it has several.
mlir::Attribute getNumber(mlir::Value value);
/// What a view is of.
mlir::Value getViewed(mlir::Operation *view);

/// Is `op` a view? Reshapes are when they add or drop axes of extent 1 only, casts
/// from narrower elements when only matmuls of their block read them: a matmul
/// widens what it reads.
bool isView(mlir::Operation *op);

/// The map of `value`'s elements to what its chain of views starts from; views
/// for which `stop` is true end the chain.
Access resolveViews(mlir::Value value,
                    llvm::function_ref<bool(mlir::Operation *)> stop);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_ACCESS_H
