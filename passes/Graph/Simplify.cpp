//===- Simplify.cpp - oriel-simplify --------------------------------------===//

#include "passes/Graph/Passes.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Graph/TrackedRewrite.h"

namespace oriel {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

namespace {
struct Simplify : oriel::impl::SimplifyBase<Simplify> {
  using Base::Base;

  // The canonical forms do not change from run to run.
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa_and_nonnull<ir::OrielDialect>(&op.getDialect()))
        op.getCanonicalizationPatterns(owned, context);
    patterns = std::move(owned);
    return success();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TrackedRewriteListener listener(module);
    // Merging comes first: of two equal ops the one nobody uses is still equal,
    // not dead. It can make new folds and folding new equals; each round
    // removes ops, so that it ends.
    mergeEqualOps(module, listener);
    do {
      if (failed(applyTracked(module, patterns, listener))) {
        module.emitError() << "oriel-simplify did not reach a fixed point";
        return signalPassFailure();
      }
    } while (mergeEqualOps(module, listener));
    listener.finish();
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
