//===- ExplainFusion.cpp - ask fusion to say what it decides --------------===//

#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Passes.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_EXPLAINFUSION
#include "passes/Fusion/Passes.h.inc"

namespace {

struct ExplainFusion : impl::ExplainFusionBase<ExplainFusion> {
  using ExplainFusionBase::ExplainFusionBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto fused = module.walk([&](Operation *op) {
      if (!isa<ir::KernelOp, ir::DispatchOp>(op))
        return WalkResult::advance();
      op->emitOpError() << "is a kernel already: oriel-explain-fusion must run "
                           "before oriel-fuse-kernels";
      return WalkResult::interrupt();
    });
    if (fused.wasInterrupted())
      return signalPassFailure();
    module->setAttr(kExplainFusionAttr, UnitAttr::get(&getContext()));
  }
};

} // namespace
} // namespace oriel
