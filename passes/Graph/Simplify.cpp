//===- Simplify.cpp - oriel-simplify --------------------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/TrackedRewrite.h"

namespace oriel {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

// Ops that give their operand back, as dims tell where types do not: `?` to the
// same `?`. Dims are compared as they are, not by what ops require of them: the
// requirement would go with the op.
static bool isIdentity(Operation *op, const DimAnalysis &dims) {
  if (!isa<ir::BroadcastOp, ir::ReshapeOp, ir::SliceOp>(op) ||
      op->getOperand(0).getType() != op->getResult(0).getType() ||
      dims.getDims(op->getOperand(0)) != dims.getDims(op->getResult(0)))
    return false;
  // All of an axis in order: starting at zero, by one.
  if (auto slice = dyn_cast<ir::SliceOp>(op))
    return llvm::all_of(slice.getSteps(),
                        [](int64_t step) { return step == 1; }) &&
           llvm::all_of(slice.getStarts().getDims(),
                        [](const Dim &start) { return start == Dim(0); });
  return true;
}

static LogicalResult dropIdentities(ModuleOp module,
                                    TrackedRewriteListener &listener,
                                    bool &changed) {
  IRRewriter rewriter(module.getContext(), &listener);
  for (auto function : module.getOps<func::FuncOp>()) {
    FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
    if (failed(dims))
      return failure();
    SmallVector<Operation *> found;
    function.walk([&](Operation *op) {
      if (isIdentity(op, *dims))
        found.push_back(op);
    });
    for (Operation *op : found)
      rewriter.replaceOp(op, op->getOperand(0));
    changed |= !found.empty();
  }
  return success();
}

namespace {
// x ** 2 is x * x, as NumPy computes it.
struct SquareIsProduct : OpRewritePattern<ir::PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::PowOp op,
                                PatternRewriter &rewriter) const override {
    if (!ir::isSplat(op.getB(), 2.0) || op.getA().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "exponent is not 2");
    rewriter.replaceOpWithNewOp<ir::MulOp>(op, op.getA(), op.getA());
    return success();
  }
};

struct Simplify : oriel::impl::SimplifyBase<Simplify> {
  using Base::Base;

  // The canonical forms do not change from run to run.
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa_and_nonnull<ir::OrielDialect>(&op.getDialect()))
        op.getCanonicalizationPatterns(owned, context);
    owned.add<SquareIsProduct>(context);
    patterns = std::move(owned);
    return success();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TrackedRewriteListener listener(module);
    // Merging comes first: of two equal ops the one nobody uses is still equal,
    // not dead. It can make new folds and folding new equals; each round
    // removes ops, so that it ends.
    mergeEqualLoops(module, listener);
    mergeEqualOps(module, listener);
    bool changed;
    do {
      if (failed(applyTracked(module, patterns, listener))) {
        module.emitError() << "oriel-simplify did not reach a fixed point";
        return signalPassFailure();
      }
      changed = mergeEqualOps(module, listener);
      if (failed(dropIdentities(module, listener, changed)))
        return signalPassFailure();
    } while (changed);
    listener.finish();
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
