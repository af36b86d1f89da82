//===- ExpandDivision.cpp - division of integer vectors -------------------===//
//
// Machines divide integers one at a time. Vectors of up to 32 bits are divided in
// floating point, which is exact: a quotient that is no integer is at least
// 1/|divisor| from the next one, more than the rounding of a float with twice the
// integers' bits (f32 for 8 and 16 bits, f64 for 32) can bridge.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ExpandMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace oriel {
namespace {

/// The divisor is not 0 and the quotient has the type's range: what arith asks
/// for, and what the lowering makes sure of.
template <typename Op, bool isSigned>
struct ExpandDivision : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    unsigned width = type ? type.getElementTypeBitWidth() : 0;
    if (!type || !type.getElementType().isInteger() || width < 8 || width > 32)
      return b.notifyMatchFailure(op, "not a vector of integers of 8 to 32 bits");
    // Known divisors become multiplications later.
    if (matchPattern(op.getRhs(), m_Constant()))
      return b.notifyMatchFailure(op, "a known divisor");
    Location loc = op.getLoc();
    auto integers = VectorType::get(type.getShape(), b.getI32Type());
    auto reals = VectorType::get(type.getShape(), width == 32 ? b.getF64Type() : b.getF32Type());
    auto toReal = [&](Value x) -> Value {
      if (width == 32)
        return isSigned ? Value(arith::SIToFPOp::create(b, loc, reals, x))
                        : Value(arith::UIToFPOp::create(b, loc, reals, x));
      Value wide = isSigned ? Value(arith::ExtSIOp::create(b, loc, integers, x))
                            : Value(arith::ExtUIOp::create(b, loc, integers, x));
      return arith::SIToFPOp::create(b, loc, reals, wide);
    };
    Value x = toReal(op.getLhs()), y = toReal(op.getRhs());
    Value quotient = arith::DivFOp::create(b, loc, x, y);
    if (width == 32 && !isSigned)
      quotient = arith::FPToUIOp::create(b, loc, type, quotient);
    else
      quotient = arith::FPToSIOp::create(b, loc, integers, quotient);
    if (width < 32)
      quotient = arith::TruncIOp::create(b, loc, type, quotient);
    b.replaceOp(op, quotient);
    return success();
  }
};

} // namespace

void populateExpandDivisionPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandDivision<arith::DivSIOp, true>, ExpandDivision<arith::DivUIOp, false>>(
      patterns.getContext());
}

} // namespace oriel
