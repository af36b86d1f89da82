//===- OrderProducts.cpp - oriel-order-products ---------------------------===//

#include "passes/Graph/ProductOrder.h"

#include "dialect/Graph/OrielOps.h"
#include "passes/Graph/Passes.h"

namespace oriel {
#define GEN_PASS_DEF_ORDERPRODUCTS
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;
using namespace oriel::ir;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// One number for every element, as the graph states it.
static bool isNumber(Value value) {
  while (auto broadcast = value.getDefiningOp<BroadcastOp>())
    value = broadcast.getX();
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant && isa<SplatElementsAttr>(constant.getValue());
}

/// The operand that an elementwise op scales, shifts or bounds by numbers; or null.
static Value tensorOf(Operation *op) {
  Value tensor;
  for (Value operand : op->getOperands()) {
    if (isNumber(operand))
      continue;
    if (tensor)
      return nullptr;
    tensor = operand;
  }
  return tensor;
}

/// Is `axis` of `value`, read by an op of `block`, the one whose elements are next to
/// each other? What a kernel makes lies in the order of its axes. Ops that the
/// builder leaves out where it knows extents (slices of everything, reshapes to the
/// same shape, broadcasts) keep the axis, so that the answer is the same with and
/// without them.
static bool liesAlong(Value value, int64_t axis, Block *block) {
  while (Operation *op = value.getDefiningOp()) {
    if (op->getBlock() != block)
      break; // made before, once
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      // A constant's transpose is made once and kept.
      if (transpose.getX().getDefiningOp<ConstantOp>())
        break;
      axis = transpose.getPermutation()[axis];
      value = transpose.getX();
    } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      const auto *from = llvm::find(broadcast.getAxes(), axis);
      if (from == broadcast.getAxes().end())
        break;
      axis = from - broadcast.getAxes().begin();
      value = broadcast.getX();
    } else if (auto slice = dyn_cast<SliceOp>(op)) {
      value = slice.getX();
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (typeOf(reshape.getX()).getRank() != typeOf(value).getRank())
        break;
      value = reshape.getX();
    } else if (auto cast = dyn_cast<CastOp>(op)) {
      value = cast.getX();
    } else if (isa<NegOp, AbsOp, AddOp, SubOp, MulOp, MaximumOp, MinimumOp>(op) && tensorOf(op)) {
      value = tensorOf(op);
    } else {
      break;
    }
  }
  return axis == typeOf(value).getRank() - 1;
}

static bool isInLanes(MatMulOp op) {
  int64_t left = typeOf(op.getA()).getRank(), right = typeOf(op.getB()).getRank();
  if (left == 1 && right == 1)
    return true;
  if (right == 1)
    return liesAlong(op.getA(), left - 1, op->getBlock());
  return left == 1 && liesAlong(op.getB(), right - 2, op->getBlock());
}

namespace {
struct OrderProducts : oriel::impl::OrderProductsBase<OrderProducts> {
  using Base::Base;

  void runOnOperation() override {
    getOperation().walk([](MatMulOp op) {
      if (isInLanes(op))
        op->setAttr(kLanesAttr, UnitAttr::get(op.getContext()));
    });
  }
};
} // namespace
