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

/// On ops of a kernel: the matmul computes them as it reads its operand.
inline constexpr llvm::StringLiteral kOperandAttr = "oriel.operand";
/// The one value of a tensor, seen through views; null when it has several.
mlir::Attribute getNumber(mlir::Value value);

/// Is `op` a view? Reshapes are when they add or drop axes of extent 1 only.
bool isView(mlir::Operation *op);

/// The map of `value`'s elements to what its chain of views starts from; views
/// for which `stop` is true end the chain.
Access resolveViews(mlir::Value value,
                    llvm::function_ref<bool(mlir::Operation *)> stop);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_ACCESS_H
