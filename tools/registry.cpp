#include "tools/registry.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Pipelines/Pipelines.h"

namespace oriel {

void RegisterDialects(mlir::DialectRegistry* registry) { registerPipelineDialects(*registry); }

void RegisterPasses() {
  registerOrielPipelines();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerLoopInvariantCodeMotionPass();
  mlir::registerSymbolDCEPass();
  mlir::registerStripDebugInfoPass();
  mlir::registerPrintIRPass();
}

}  // namespace oriel
