//===- Access.cpp - views as index maps -----------------------------------===//

#include "passes/Fusion/Access.h"

using namespace mlir;

namespace oriel {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The axes of extent other than 1; nullopt when there are unknown extents on
/// one side that have no partner of the same kind on the other.
static std::optional<SmallVector<std::pair<int, int>>>
matchUnitReshape(ir::ReshapeOp op) {
  RankedTensorType from = typeOf(op.getX()), to = typeOf(op.getResult());
  SmallVector<std::pair<int, int>> pairs;
  int i = 0, j = 0;
  while (i < from.getRank() || j < to.getRank()) {
    int64_t a = i < from.getRank() ? from.getDimSize(i) : 1;
    int64_t b = j < to.getRank() ? to.getDimSize(j) : 1;
    bool hasA = i < from.getRank(), hasB = j < to.getRank();
    if (hasA && hasB && a == b) {
      pairs.push_back({i++, j++});
    } else if (hasA && a == 1) {
      ++i;
    } else if (hasB && b == 1) {
      ++j;
    } else {
      return std::nullopt;
    }
  }
  // Several unknown extents could be regrouped by the reshape: (a, b) to
  // (c, d). One on each side cannot.
  unsigned unknown = llvm::count_if(pairs, [&](std::pair<int, int> pair) {
    return from.isDynamicDim(pair.first);
  });
  if (unknown > 1 && !op->hasAttr(kUnitAxesAttr))
    return std::nullopt;
  return pairs;
}

void markUnitReshapes(Operation *root, const DimAnalysis &dims) {
  root->walk([&](ir::ReshapeOp op) {
    auto wide = [&](Value value) {
      Dims shape;
      for (auto [k, dim] : llvm::enumerate(dims.getDims(value)))
        if (typeOf(value).getDimSize(k) != 1)
          shape.push_back(dim);
      return shape;
    };
    Dims from = wide(op.getX()), to = wide(op.getResult());
    if (from.size() > 1 && dims.areEqual(from, to))
      op->setAttr(kUnitAxesAttr, UnitAttr::get(op.getContext()));
  });
}

Access Access::identity(Value base) {
  Access access{base, {}};
  for (int axis = 0, rank = typeOf(base).getRank(); axis < rank; ++axis)
    access.axes.push_back({0, 1, axis});
  return access;
}

bool Access::isPlain() const {
  return llvm::all_of(axes, [](const AxisAccess &axis) {
    return axis.start == Dim(0) && axis.step == 1;
  });
}

bool Access::isIdentity() const {
  for (auto [k, axis] : llvm::enumerate(axes))
    if (axis.dim != static_cast<int>(k))
      return false;
  return isPlain();
}

Attribute getNumber(Value value) {
  while (Operation *view = value.getDefiningOp()) {
    if (!isView(view))
      break;
    value = view->getOperand(0);
  }
  auto constant = value.getDefiningOp<ir::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
  return dense && dense.isSplat() ? dense.getSplatValue<Attribute>() : nullptr;
}

bool isView(Operation *op) {
  if (!op)
    return false;
  if (isa<ir::BroadcastOp, ir::TransposeOp, ir::SliceOp>(op))
    return true;
  auto reshape = dyn_cast<ir::ReshapeOp>(op);
  return reshape && matchUnitReshape(reshape);
}

/// `access` maps coordinates to elements of op's result; returns the same for
/// its operand.
static Access throughView(Operation *op, const Access &access) {
  Access result{op->getOperand(0), {}};
  RankedTensorType from = typeOf(result.base);
  result.axes.resize(from.getRank());
  if (auto transpose = dyn_cast<ir::TransposeOp>(op)) {
    for (auto [k, axis] : llvm::enumerate(transpose.getPermutation()))
      result.axes[axis] = access.axes[k];
  } else if (auto broadcast = dyn_cast<ir::BroadcastOp>(op)) {
    for (auto [k, axis] : llvm::enumerate(broadcast.getAxes()))
      result.axes[k] = from.getDimSize(k) == 1 ? AxisAccess{0, 1, -1}
                                               : access.axes[axis];
  } else if (auto slice = dyn_cast<ir::SliceOp>(op)) {
    Dims starts = slice.getStarts().getDims();
    for (auto [k, step] : llvm::enumerate(slice.getSteps())) {
      const AxisAccess &axis = access.axes[k];
      result.axes[k] = {starts[k] + Dim(step) * axis.start, step * axis.step,
                        axis.dim};
      if (axis.dim < 0)
        result.axes[k].step = 1;
    }
  } else {
    auto pairs = *matchUnitReshape(cast<ir::ReshapeOp>(op));
    for (auto [i, j] : pairs)
      result.axes[i] = access.axes[j];
  }
  return result;
}

Access resolveViews(Value value, function_ref<bool(Operation *)> stop) {
  Access access = Access::identity(value);
  while (Operation *op = access.base.getDefiningOp()) {
    if (!isView(op) || stop(op))
      break;
    access = throughView(op, access);
  }
  return access;
}

} // namespace oriel
