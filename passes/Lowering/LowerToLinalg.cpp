//===- LowerToLinalg.cpp - kernels of graph ops into passes of linalg -----===//

#include "passes/Fusion/Passes.h"
#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/Passes.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_LOWERTOLINALG
#include "passes/Lowering/Passes.h.inc"

namespace {

struct LowerToLinalg : impl::LowerToLinalgBase<LowerToLinalg> {
  using LowerToLinalgBase::LowerToLinalgBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> kernels;
    auto collect = [&](ModuleOp module) {
      for (func::FuncOp function : module.getOps<func::FuncOp>())
        if (!function.isExternal() && function->hasAttr(kKernelClassAttr))
          kernels.push_back(function);
    };
    collect(getOperation());
    for (ModuleOp inner : getOperation().getOps<ModuleOp>())
      collect(inner);
    auto unfused = getOperation().walk([&](ir::KernelOp kernel) {
      kernel.emitOpError()
          << "is no module of its own: oriel-outline-kernels must run before "
             "oriel-lower-to-linalg";
      return WalkResult::interrupt();
    });
    if (unfused.wasInterrupted())
      return signalPassFailure();
    for (func::FuncOp function : kernels) {
      auto name = function->getAttrOfType<StringAttr>(kKernelClassAttr);
      auto kernelClass = name ? parseKernelClass(name) : std::nullopt;
      if (!kernelClass) {
        function.emitError() << kKernelClassAttr << " is "
                             << function->getAttr(kKernelClassAttr)
                             << ", which is no class of kernels";
        return signalPassFailure();
      }
      FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
      if (failed(dims) ||
          failed(KernelLowering(function, *dims, *kernelClass).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace oriel
