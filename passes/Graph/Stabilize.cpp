//===- Stabilize.cpp - oriel-stabilize ------------------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/TrackedRewrite.h"

namespace oriel {
#define GEN_PASS_DEF_STABILIZE
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;
using namespace oriel::ir;

namespace {

// A pattern whose new op stands for several nodes.
template <typename OpTy> struct StabilizePattern : OpRewritePattern<OpTy> {
  StabilizePattern(MLIRContext *context, NodeTableBuilder &nodes,
                   PatternBenefit benefit = 1)
      : OpRewritePattern<OpTy>(context, benefit), nodes(nodes) {}

  Location derive(ArrayRef<Operation *> ops, StringRef rule,
                  StringRef op) const {
    SmallVector<NodeId> ids;
    for (Operation *from : ops)
      ids.push_back(getNodeId(from));
    return nodes.derive(ids, rule, op);
  }

  NodeTableBuilder &nodes;
};

// The operand of `op` that is not the splat `number`, null when none is one.
Value otherOperand(Operation *op, double number) {
  if (isSplat(op->getOperand(1), number))
    return op->getOperand(0);
  if (isSplat(op->getOperand(0), number))
    return op->getOperand(1);
  return {};
}

// Zeros of the type and shape of `ones`, a splat; null when its shape is not
// stated where it is made.
Value zerosAs(PatternRewriter &rewriter, Value ones, Location loc) {
  auto broadcast = ones.getDefiningOp<BroadcastOp>();
  Value scalar = broadcast ? broadcast.getX() : ones;
  auto type = cast<RankedTensorType>(scalar.getType());
  if (!scalar.getDefiningOp<ConstantOp>() || !type.hasStaticShape())
    return {};
  Value zero = ConstantOp::create(
      rewriter, loc,
      DenseElementsAttr::get(type, rewriter.getZeroAttr(type.getElementType())));
  if (!broadcast)
    return zero;
  return BroadcastOp::create(rewriter, loc, broadcast.getType(), zero,
                             broadcast.getShape(), broadcast.getAxes());
}

// log(1 + exp(x)) is x where exp(x) overflows: max(x, 0) + log1p(exp(-|x|)).
struct LogOfOnePlusExp : StabilizePattern<LogOp> {
  LogOfOnePlusExp(MLIRContext *context, NodeTableBuilder &nodes)
      : StabilizePattern(context, nodes, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(LogOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = op.getX().getDefiningOp<AddOp>();
    Value power = sum ? otherOperand(sum, 1.0) : Value();
    auto exp = power ? power.getDefiningOp<ExpOp>() : ExpOp();
    if (!exp || exp.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "operand is not 1 + exp(x)");
    auto locOf = [&](StringRef name) {
      return derive({op, sum, exp}, "stabilize-softplus", name);
    };
    Location whole = locOf("add"); // first: it stands for all of them
    Value ones = sum.getA() == power ? sum.getB() : sum.getA();
    Value zero = zerosAs(rewriter, ones, locOf("constant"));
    if (!zero)
      return rewriter.notifyMatchFailure(op, "no zeros of that shape");
    Value x = exp.getX();
    Value minus = NegOp::create(rewriter, locOf("neg"),
                                AbsOp::create(rewriter, locOf("abs"), x));
    Value rest = Log1pOp::create(rewriter, locOf("log1p"),
                                 ExpOp::create(rewriter, locOf("exp"), minus));
    Value positive = MaximumOp::create(rewriter, locOf("maximum"), x, zero);
    rewriter.replaceOp(op, AddOp::create(rewriter, whole, positive, rest));
    return success();
  }
};

// log(1 + x) and log(1 - x): the sum rounds away a small x.
struct LogOfOnePlus : StabilizePattern<LogOp> {
  using StabilizePattern::StabilizePattern;
  LogicalResult matchAndRewrite(LogOp op,
                                PatternRewriter &rewriter) const override {
    Operation *inner = op.getX().getDefiningOp();
    Value x;
    if (isa_and_nonnull<AddOp>(inner))
      x = otherOperand(inner, 1.0);
    else if (isa_and_nonnull<SubOp>(inner) &&
             isSplat(inner->getOperand(0), 1.0))
      x = inner->getOperand(1);
    if (!x || x.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "operand is not 1 + x or 1 - x");
    if (isa<SubOp>(inner))
      x = NegOp::create(rewriter, derive({inner}, "stabilize-log1p", "neg"), x);
    Location loc = derive({op, inner}, "stabilize-log1p", "log1p");
    rewriter.replaceOp(op, Log1pOp::create(rewriter, loc, x));
    return success();
  }
};

// exp(x) - 1 cancels near zero.
template <typename OpTy> struct ExpMinusOne : StabilizePattern<OpTy> {
  using StabilizePattern<OpTy>::StabilizePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Value power;
    if (isa<AddOp>(op))
      power = otherOperand(op, -1.0);
    else if (isSplat(op.getB(), 1.0))
      power = op.getA();
    auto exp = power ? power.getDefiningOp<ExpOp>() : ExpOp();
    if (!exp || exp.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "is not exp(x) - 1");
    Location loc = this->derive({op, exp}, "stabilize-expm1", "expm1");
    rewriter.replaceOp(op, Expm1Op::create(rewriter, loc, exp.getX()));
    return success();
  }
};

// 1 / (1 + exp(-x)) overflows in exp.
struct LogisticFormula : StabilizePattern<DivOp> {
  using StabilizePattern::StabilizePattern;
  LogicalResult matchAndRewrite(DivOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = op.getB().getDefiningOp<AddOp>();
    Value power =
        sum && isSplat(op.getA(), 1.0) ? otherOperand(sum, 1.0) : Value();
    auto exp = power ? power.getDefiningOp<ExpOp>() : ExpOp();
    auto neg = exp ? exp.getX().getDefiningOp<NegOp>() : NegOp();
    if (!neg || neg.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "is not 1 / (1 + exp(-x))");
    Location loc = derive({op, sum, exp, neg}, "stabilize-sigmoid", "sigmoid");
    rewriter.replaceOp(op, SigmoidOp::create(rewriter, loc, neg.getX()));
    return success();
  }
};

// 1 - sigmoid(x) cancels where sigmoid is close to one.
struct OneMinusSigmoid : StabilizePattern<SubOp> {
  using StabilizePattern::StabilizePattern;
  LogicalResult matchAndRewrite(SubOp op,
                                PatternRewriter &rewriter) const override {
    auto sigmoid = op.getB().getDefiningOp<SigmoidOp>();
    if (!sigmoid || !isSplat(op.getA(), 1.0) ||
        sigmoid.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "is not 1 - sigmoid(x)");
    Value x =
        NegOp::create(rewriter, derive({sigmoid}, "stabilize-sigmoid", "neg"),
                      sigmoid.getX());
    Location loc = derive({op, sigmoid}, "stabilize-sigmoid", "sigmoid");
    rewriter.replaceOp(op, SigmoidOp::create(rewriter, loc, x));
    return success();
  }
};

// log(exp(x) / s), of which the logarithm of a softmax is one: the quotient
// underflows to zero long before its logarithm leaves the range.
struct LogOfSoftmax : StabilizePattern<LogOp> {
  using StabilizePattern::StabilizePattern;
  LogicalResult matchAndRewrite(LogOp op,
                                PatternRewriter &rewriter) const override {
    auto div = op.getX().getDefiningOp<DivOp>();
    auto exp = div ? div.getA().getDefiningOp<ExpOp>() : ExpOp();
    if (!exp || exp.getType() != op.getType() ||
        div.getB().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "operand is not exp(x) / s");
    // The logarithm of the row's sum, not of each of its copies.
    constexpr StringLiteral rule = "stabilize-log-softmax";
    Value sum = div.getB();
    auto copies = sum.getDefiningOp<BroadcastOp>();
    if (copies)
      sum = copies.getX();
    sum = LogOp::create(rewriter, derive({op, div}, rule, "log"), sum);
    if (copies)
      sum = BroadcastOp::create(rewriter, derive({copies}, rule, "broadcast"),
                                copies.getType(), sum, copies.getShape(),
                                copies.getAxes());
    Location loc = derive({op, div}, rule, "sub");
    rewriter.replaceOp(op, SubOp::create(rewriter, loc, exp.getX(), sum));
    return success();
  }
};

// log(gather(softmax)): the logarithm moves before the gather, where the
// pattern above meets it.
struct LogOfGatheredSoftmax : StabilizePattern<LogOp> {
  using StabilizePattern::StabilizePattern;
  LogicalResult matchAndRewrite(LogOp op,
                                PatternRewriter &rewriter) const override {
    auto gather = op.getX().getDefiningOp<GatherOp>();
    auto div = gather ? gather.getX().getDefiningOp<DivOp>() : DivOp();
    if (!div || !div.getA().getDefiningOp<ExpOp>())
      return rewriter.notifyMatchFailure(
          op, "operand is not elements of exp(x) / s");
    constexpr StringLiteral rule = "stabilize-log-softmax";
    rewriter.setInsertionPoint(gather);
    Value logs = LogOp::create(rewriter, derive({op, div}, rule, "log"), div);
    Location loc = derive({op, gather}, rule, "gather");
    rewriter.replaceOp(op,
                       GatherOp::create(rewriter, loc, op.getType(), logs,
                                        gather.getIndices(), gather.getAxis()));
    return success();
  }
};

struct Stabilize : oriel::impl::StabilizeBase<Stabilize> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TrackedRewriteListener listener(module);
    RewritePatternSet patterns(&getContext());
    patterns.add<LogOfOnePlusExp, LogOfOnePlus, ExpMinusOne<AddOp>, ExpMinusOne<SubOp>,
                 LogisticFormula, OneMinusSigmoid, LogOfSoftmax,
                 LogOfGatheredSoftmax>(&getContext(), listener.nodes());
    if (failed(applyTracked(module, std::move(patterns), listener,
                            /*fold=*/false)))
      return signalPassFailure();
    listener.finish();
  }
};
} // namespace
