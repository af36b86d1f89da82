//===- NarrowTypes.cpp - f16, bf16 and i1 without traps -------------------===//
//
// The code generator turns some narrow-type operations into library calls
// (f64 to f16, f32 to bf16), flushes denormals in others (AVX512-BF16's
// conversion) and packs a vector of i1 into bits at memory. These patterns
// state them in plain integer and f32 operations instead: same bits on every
// machine, no calls.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/LowerToLLVM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace oriel {
namespace {

Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element,
                           vector.getScalableDims());
  return element;
}

Value constantOf(OpBuilder &b, Location loc, Type type, int64_t value) {
  Attribute element =
      IntegerAttr::get(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(vector, element));
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(element));
}

/// f64 to f32 rounded to odd: a second rounding to a type of at most 22 bits
/// of precision then gives what one rounding from f64 would.
Value truncateToOdd(OpBuilder &b, Location loc, Value x) {
  Type f32 = withElement(x.getType(), b.getF32Type());
  Type i32 = withElement(x.getType(), b.getI32Type());
  Value near = arith::TruncFOp::create(b, loc, f32, x);
  Value back = arith::ExtFOp::create(b, loc, x.getType(), near);
  // Unordered (NaN) compares as exact, so a NaN passes unchanged.
  Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE,
                                        back, x);
  // Farther from zero than x, seen through the sign: |back| > |x|.
  Value bits = arith::BitcastOp::create(b, loc, i32, near);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(x.getType()));
  Value negative =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, zero);
  Value above =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, back, x);
  Value below =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, back, x);
  Value away = arith::SelectOp::create(b, loc, negative, below, above);
  Value one = constantOf(b, loc, i32, 1);
  Value down = arith::SubIOp::create(b, loc, bits, one);
  Value toward = arith::SelectOp::create(b, loc, away, down, bits);
  Value odd = arith::OrIOp::create(b, loc, toward, one);
  Value chosen = arith::SelectOp::create(b, loc, inexact, odd, bits);
  return arith::BitcastOp::create(b, loc, f32, chosen);
}

struct TruncateF64 : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type to = getElementTypeOrSelf(op.getType());
    if (!getElementTypeOrSelf(op.getIn().getType()).isF64() ||
        !(to.isF16() || to.isBF16()))
      return failure();
    Value odd = truncateToOdd(rewriter, op.getLoc(), op.getIn());
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), odd);
    return success();
  }
};

struct ExtendToF64 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = getElementTypeOrSelf(op.getIn().getType());
    if (!getElementTypeOrSelf(op.getType()).isF64() ||
        !(from.isF16() || from.isBF16()))
      return failure();
    Type f32 = withElement(op.getType(), rewriter.getF32Type());
    Value single =
        arith::ExtFOp::create(rewriter, op.getLoc(), f32, op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), single);
    return success();
  }
};

bool isBool(Type type) { return getElementTypeOrSelf(type).isInteger(1); }

/// A bool is a byte at memory, 0 or 1.
struct BoolLoad : OpRewritePattern<LLVM::LoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LLVM::LoadOp op,
                                PatternRewriter &rewriter) const override {
    if (!isBool(op.getType()))
      return failure();
    Location loc = op.getLoc();
    Type bytes = withElement(op.getType(), rewriter.getI8Type());
    Value byte = LLVM::LoadOp::create(rewriter, loc, bytes, op.getAddr(),
                                      op.getAlignment().value_or(1));
    Value zero = constantOf(rewriter, loc, bytes, 0);
    rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, arith::CmpIPredicate::ne,
                                               byte, zero);
    return success();
  }
};

struct BoolStore : OpRewritePattern<LLVM::StoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LLVM::StoreOp op,
                                PatternRewriter &rewriter) const override {
    if (!isBool(op.getValue().getType()))
      return failure();
    Type bytes = withElement(op.getValue().getType(), rewriter.getI8Type());
    Value byte = arith::ExtUIOp::create(rewriter, op.getLoc(), bytes,
                                        op.getValue());
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, byte, op.getAddr(),
                                               op.getAlignment().value_or(1));
    return success();
  }
};

bool isBfloat(Type type) { return getElementTypeOrSelf(type).isBF16(); }

/// Operations that only move bf16 values move their bits instead: without
/// hardware support the code generator widens some of them to f32 and rounds
/// back by a call.
struct MoveBfloatBits : RewritePattern {
  MoveBfloatBits(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<LLVM::LoadOp, LLVM::StoreOp, LLVM::MaskedLoadOp,
             LLVM::MaskedStoreOp, LLVM::masked_gather, arith::SelectOp,
             vector::BroadcastOp, vector::ShuffleOp,
             vector::ExtractOp, vector::InsertOp, vector::ShapeCastOp,
             vector::ExtractStridedSliceOp, vector::InsertStridedSliceOp,
             vector::FromElementsOp>(op) ||
        (llvm::none_of(op->getOperandTypes(), isBfloat) &&
         llvm::none_of(op->getResultTypes(), isBfloat)))
      return failure();
    auto bits = [&](Type type) {
      return isBfloat(type) ? withElement(type, rewriter.getI16Type()) : type;
    };
    Location loc = op->getLoc();
    // A constant's bits come from folding the bitcast of its users.
    Operation *moved = rewriter.clone(*op);
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(moved);
      for (OpOperand &operand : moved->getOpOperands())
        if (isBfloat(operand.get().getType()))
          operand.set(arith::BitcastOp::create(
              rewriter, loc, bits(operand.get().getType()), operand.get()));
    }
    for (OpResult result : moved->getResults())
      result.setType(bits(result.getType()));
    SmallVector<Value> results;
    for (auto [old, result] :
         llvm::zip(op->getResults(), moved->getResults()))
      results.push_back(
          isBfloat(old.getType())
              ? Value(arith::BitcastOp::create(rewriter, loc, old.getType(), result))
              : Value(result));
    rewriter.replaceOp(op, results);
    return success();
  }
};

} // namespace

void populateNarrowTypePatterns(RewritePatternSet &patterns) {
  patterns.add<TruncateF64, ExtendToF64, BoolLoad, BoolStore, MoveBfloatBits>(
      patterns.getContext());
  arith::BitcastOp::getCanonicalizationPatterns(patterns, patterns.getContext());
  arith::populateExpandBFloat16Patterns(patterns);
}

} // namespace oriel
