//===- ExpandExtremes.cpp - maximum and minimum of vectors ----------------===//
//
// A NaN stays, and -0 is below +0. The machines' instructions return their second
// operand where one is a NaN or both are zeros: taken both ways round, their bits
// differ in just these lanes. Or makes a NaN of a NaN and anything, and -0 of
// zeros of both signs; and makes +0 of those. No compare has to wait for the
// accumulator of a reduction: three or four operations of a cycle each, where the
// usual sequence of compares and blends takes some ten cycles.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ExpandMath.h"

#include "passes/Codegen/Cpu/MathBuilder.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace oriel {
namespace {

template <typename Op, bool isMaximum>
struct ExpandExtreme : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!type || type.isScalable() || type.getRank() != 1 ||
        !(type.getElementType().isF32() || type.getElementType().isF64()))
      return b.notifyMatchFailure(op, "not a vector of f32 or f64");
    MathBuilder m(b, op.getLoc(), type);
    Value x = op.getLhs(), y = op.getRhs();
    auto further = [&](Value p, Value q) {
      return m.bits(m.select(isMaximum ? m.gt(p, q) : m.lt(p, q), p, q));
    };
    Value one = further(x, y), other = further(y, x);
    Value result = m.ior(one, other);
    if (isMaximum) {
      Value magnitude = m.i(m.isDouble ? INT64_MAX : INT32_MAX);
      result = m.iand(result, m.ior(m.iand(one, other), magnitude));
    }
    b.replaceOp(op, m.fromBits(result));
    return success();
  }
};

} // namespace

void populateExpandExtremesPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExtreme<arith::MaximumFOp, true>, ExpandExtreme<arith::MinimumFOp, false>>(
      patterns.getContext());
}

} // namespace oriel
