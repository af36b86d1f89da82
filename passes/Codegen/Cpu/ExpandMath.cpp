//===- ExpandMath.cpp - Mathematical functions as arithmetic --------------===//

#include "passes/Codegen/Cpu/ExpandMath.h"

#include "passes/Codegen/Cpu/MathBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace oriel {

/// The exponent of |x|, also of subnormals, as an integer.
static Value exponentOf(MathBuilder &m, Value a) {
  Value tiny = m.lt(a, m.c(Pair{0x1p-126, 0x1p-1022}));
  Value normal = m.select(tiny, m.mul(a, m.c(0x1p64)), a);
  Value field = m.shr(m.bits(normal), m.mantissa());
  return m.isub(field, m.select(tiny, m.i(m.bias() + 64), m.i(m.bias())));
}

static Value smaller(MathBuilder &m, Value x, Value y) {
  return m.select(m.icmp(arith::CmpIPredicate::slt, x, y), x, y);
}

/// a mod d for a, d >= 0 with a/d < 2^mantissa, exactly: the rounded quotient
/// is at most one off, so a - q d is representable and one step corrects it.
static Value remainderStep(MathBuilder &m, Value a, Value d) {
  Value q = m.trunc(m.div(a, d));
  Value r = m.fma(m.neg(q), d, a);
  r = m.select(m.lt(r, m.c(0)), m.add(r, d), r);
  return m.select(m.ge(r, d), m.sub(r, d), r);
}

Value expandRem(MathBuilder &m, Value x, Value y) {
  Value a = m.abs(x), d = m.abs(y);
  Value r = remainderStep(m, a, d);
  Value many = m.ge(m.div(a, d), m.c(Pair{0x1p22, 0x1p51}));
  Value rare = m.both(m.both(many, m.gt(d, m.c(0))), m.lt(a, m.infinity()));
  // A large quotient is taken in steps: modulo d * 2^k first, k falling.
  SmallVector<Value> results = m.onRareLanes(
      rare, {a, d}, {r},
      [](MathBuilder &s, ArrayRef<Value> in) -> SmallVector<Value> {
        OpBuilder &b = s.b;
        Value divisor = in[1];
        Value exponent = exponentOf(s, divisor);
        auto loop = scf::WhileOp::create(b, s.loc, TypeRange{s.type}, ValueRange{in[0]});
        Block *before = b.createBlock(&loop.getBefore(), {}, {s.type}, {s.loc});
        Value rest = before->getArgument(0);
        // A step takes off this many bits of the quotient, with room for the
        // exponents' own imprecision.
        const int bitsAStep = s.mantissa() - 3;
        Value k = s.isub(s.isub(exponentOf(s, rest), exponent), s.i(bitsAStep));
        Value more = s.icmp(arith::CmpIPredicate::sgt, k, s.i(0));
        k = s.select(more, k, s.i(0));
        // d * 2^k does not exceed the rest, so it is finite and exact; 2^k
        // alone may be neither.
        Value limit = s.i(s.bias() - 7), scaled = divisor;
        for (int part = 0; part < 3; ++part) {
          Value here = smaller(s, k, limit);
          scaled = s.mul(scaled, s.pow2(here));
          k = s.isub(k, here);
        }
        Value next = remainderStep(s, rest, scaled);
        scf::ConditionOp::create(b, s.loc, more, ValueRange{next});
        Block *after = b.createBlock(&loop.getAfter(), {}, {s.type}, {s.loc});
        scf::YieldOp::create(b, s.loc, ValueRange{after->getArgument(0)});
        b.setInsertionPointAfter(loop);
        return {loop.getResult(0)};
      });
  // Also for an infinite divisor; a NaN of either stays.
  Value result = m.select(m.lt(a, d), a, results[0]);
  return m.copySign(result, x);
}

namespace {

using Unary = Value (*)(MathBuilder &, Value);
using Binary = Value (*)(MathBuilder &, Value, Value);

bool isHandled(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!element.isF32() && !element.isF64())
    return false;
  auto vector = dyn_cast<VectorType>(type);
  return vector ? !vector.isScalable() : isa<FloatType>(type);
}

/// Replaces the op by `body` on `inputs`, as one-dimensional vectors or scalars.
LogicalResult expand(Operation *op, ValueRange inputs, PatternRewriter &rewriter,
                     llvm::function_ref<Value(MathBuilder &, ArrayRef<Value>)> body) {
  Type type = op->getResult(0).getType();
  if (!isHandled(type))
    return rewriter.notifyMatchFailure(op, "not an f32 or f64 scalar or vector");
  Location loc = op->getLoc();
  auto vector = dyn_cast<VectorType>(type);
  bool reshape = vector && vector.getRank() != 1;
  Type flat = reshape ? VectorType::get({vector.getNumElements()}, vector.getElementType())
                      : type;
  SmallVector<Value> operands;
  for (Value operand : inputs)
    operands.push_back(reshape ? vector::ShapeCastOp::create(rewriter, loc, flat, operand)
                               : operand);
  MathBuilder m(rewriter, loc, flat);
  Value result = body(m, operands);
  if (reshape)
    result = vector::ShapeCastOp::create(rewriter, loc, type, result);
  rewriter.replaceOp(op, result);
  return success();
}

template <typename Op, Unary function>
struct ExpandUnary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    return expand(op, op->getOperands(), rewriter, [](MathBuilder &m, ArrayRef<Value> in) {
      return function(m, in[0]);
    });
  }
};

template <typename Op, Binary function>
struct ExpandBinary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    return expand(op, op->getOperands(), rewriter, [](MathBuilder &m, ArrayRef<Value> in) {
      return function(m, in[0], in[1]);
    });
  }
};

/// The divisions that make sigmoid(x) of e = exp(-|x|). Found from the exp, whose
/// own pattern has a lower benefit, so that no order of visits hides them; other
/// uses of e stay.
struct ExpandSigmoid : OpRewritePattern<math::ExpOp> {
  ExpandSigmoid(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(math::ExpOp e, PatternRewriter &rewriter) const override {
    Value x;
    if (!matchPattern(e.getOperand(), m_Op<arith::NegFOp>(m_Op<math::AbsFOp>(matchers::m_Any(&x)))))
      return failure();
    SmallVector<arith::DivFOp> found;
    for (Operation *sum : e->getUsers())
      if (matchPattern(sum, m_Op<arith::AddFOp>(matchers::m_Val(e), m_OneFloat())))
        for (Operation *user : sum->getUsers())
          if (auto div = dyn_cast<arith::DivFOp>(user); div && isSigmoid(div, sum, e, x))
            found.push_back(div);
    for (arith::DivFOp div : found) {
      rewriter.setInsertionPoint(div);
      if (failed(expand(div, x, rewriter, [](MathBuilder &m, ArrayRef<Value> in) {
            return expandSigmoid(m, in[0]);
          })))
        return failure();
    }
    return success(!found.empty());
  }

  static bool isSigmoid(arith::DivFOp div, Operation *sum, Value e, Value x) {
    if (div.getRhs() != sum->getResult(0))
      return false;
    auto select = div.getLhs().getDefiningOp<arith::SelectOp>();
    if (!select || select.getTrueValue() != e || !matchPattern(select.getFalseValue(), m_OneFloat()))
      return false;
    auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
    return cmp && cmp.getPredicate() == arith::CmpFPredicate::OLT && cmp.getLhs() == x &&
           matchPattern(cmp.getRhs(), m_PosZeroFloat());
  }
};

struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)
  StringRef getArgument() const override { return "oriel-expand-math"; }
  StringRef getDescription() const override {
    return "Rewrite math functions and integer divisions into vector arithmetic";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    populateExpandDivisionPatterns(patterns);
    populateExpandExtremesPatterns(patterns);
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    // Folding would compute functions of constants with this machine's library.
    config.enableFolding(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace

void populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandSigmoid, ExpandUnary<math::ExpOp, expandExp>,
               ExpandUnary<math::ExpM1Op, expandExpm1>,
               ExpandUnary<math::TanhOp, expandTanh>,
               ExpandUnary<math::ErfOp, expandErf>,
               ExpandUnary<math::LogOp, expandLog>,
               ExpandUnary<math::Log1pOp, expandLog1p>,
               ExpandUnary<math::SinOp, expandSin>,
               ExpandUnary<math::CosOp, expandCos>,
               ExpandBinary<math::PowFOp, expandPow>,
               ExpandBinary<arith::RemFOp, expandRem>>(patterns.getContext());
}

std::unique_ptr<Pass> createExpandMathPass() { return std::make_unique<ExpandMathPass>(); }
void registerExpandMathPass() {
  PassRegistration<ExpandMathPass>();
}

} // namespace oriel
