//===- Shape.cpp - Ops that move elements ---------------------------------===//

#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Shape.cpp.inc"

void oriel::ir::registerShapeOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<BroadcastOp>(*dialect);
  RegisteredOperationName::insert<ReshapeOp>(*dialect);
  RegisteredOperationName::insert<TransposeOp>(*dialect);
  RegisteredOperationName::insert<SliceOp>(*dialect);
  RegisteredOperationName::insert<DynamicSliceOp>(*dialect);
  RegisteredOperationName::insert<ConcatenateOp>(*dialect);
}

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// broadcast
//===----------------------------------------------------------------------===//

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  // Between equal static shapes the axes can only be 0, 1, ...
  if (getX().getType() == getType() && typeOf(getX()).hasStaticShape())
    return getX();
  return {};
}

// When `reshape` only inserts axes of extent 1: the axis of the result each
// axis of the operand became.
static std::optional<SmallVector<int64_t>> getInsertedUnits(ReshapeOp reshape) {
  RankedTensorType from = typeOf(reshape.getX()),
                   to = typeOf(reshape.getResult());
  // Two unknown extents could have changed places.
  if (from.getNumDynamicDims() > 1)
    return std::nullopt;
  SmallVector<int64_t> axes;
  int64_t next = 0;
  for (int64_t axis = 0; axis < to.getRank(); ++axis) {
    if (next < from.getRank() && from.getDimSize(next) == to.getDimSize(axis)) {
      axes.push_back(axis);
      ++next;
    } else if (to.getDimSize(axis) != 1) {
      return std::nullopt;
    }
  }
  if (next != from.getRank())
    return std::nullopt;
  return axes;
}

namespace {
// broadcast(broadcast(x)) is one broadcast of x.
struct MergeBroadcasts : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<BroadcastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a broadcast");
    SmallVector<int64_t> axes;
    for (int64_t axis : inner.getAxes())
      axes.push_back(op.getAxes()[axis]);
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getX(),
                                             op.getShape(), axes);
    return success();
  }
};

// A reshape that only inserts unit axes is part of the broadcast's axes.
struct AbsorbUnitReshape : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op,
                                PatternRewriter &rewriter) const override {
    auto reshape = op.getX().getDefiningOp<ReshapeOp>();
    if (!reshape)
      return rewriter.notifyMatchFailure(op, "operand is not a reshape");
    auto kept = getInsertedUnits(reshape);
    if (!kept)
      return rewriter.notifyMatchFailure(
          op, "reshape does more than insert unit axes");
    SmallVector<int64_t> axes;
    for (int64_t axis : *kept)
      axes.push_back(op.getAxes()[axis]);
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), reshape.getX(),
                                             op.getShape(), axes);
    return success();
  }
};

// reshape(reshape(x)) is one reshape of x.
struct MergeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<ReshapeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a reshape");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getX(),
                                           op.getShape());
    return success();
  }
};

// transpose(transpose(x)) is one transpose of x.
struct MergeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a transpose");
    SmallVector<int64_t> permutation;
    for (int64_t axis : op.getPermutation())
      permutation.push_back(inner.getPermutation()[axis]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), inner.getX(),
                                             permutation);
    return success();
  }
};

// slice(slice(x)) is one slice of x. The inner step is 1: with another one the
// inner limit would have to bound the outer one in the result's expressions.
struct MergeSlices : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<SliceOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a slice");
    if (!llvm::all_of(inner.getSteps(), [](int64_t step) { return step == 1; }))
      return rewriter.notifyMatchFailure(op, "operand's steps are not all 1");
    if (!llvm::all_of(op.getSteps(), [](int64_t step) { return step > 0; }))
      return rewriter.notifyMatchFailure(op, "a step is negative");
    oriel::Dims starts, limits;
    for (unsigned axis = 0; axis < op.getSteps().size(); ++axis) {
      oriel::Dim start = inner.getStarts().getDim(axis);
      starts.push_back(start + op.getStarts().getDim(axis));
      limits.push_back(start + op.getLimits().getDim(axis));
    }
    rewriter.replaceOpWithNewOp<SliceOp>(
        op, op.getType(), inner.getX(), DimsAttr::get(getContext(), starts),
        DimsAttr::get(getContext(), limits), op.getSteps());
    return success();
  }
};
} // namespace

void BroadcastOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<MergeBroadcasts, AbsorbUnitReshape>(context);
}

//===----------------------------------------------------------------------===//
// reshape, transpose, slice, concatenate
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  // One unknown extent follows from the number of elements, two do not.
  if (getX().getType() == getType() && getType().getNumDynamicDims() <= 1)
    return getX();
  return {};
}

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<MergeReshapes>(context);
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [axis, from] : llvm::enumerate(getPermutation()))
    if (static_cast<int64_t>(axis) != from)
      return {};
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<MergeTransposes>(context);
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getX().getType() == getType() && typeOf(getX()).hasStaticShape() &&
      llvm::all_of(getSteps(), [](int64_t step) { return step > 0; }))
    return getX();
  // Nothing is read: bounds of an axis without elements would be out of it.
  if (auto type = typeOf(getResult()); type.hasStaticShape() && type.getNumElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  return {};
}

void SliceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *context) {
  patterns.add<MergeSlices>(context);
}

OpFoldResult ConcatenateOp::fold(FoldAdaptor) {
  if (getParts().size() == 1 && getParts().front().getType() == getType())
    return getParts().front();
  return {};
}
