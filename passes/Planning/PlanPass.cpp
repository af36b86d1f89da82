//===- PlanPass.cpp - oriel-plan
//---------------------------------------------===//
#include "passes/Planning/PlanPass.h"

#include "dialect/Graph/OrielOps.h"
#include "dialect/Plan/PlanDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/Planning/ToProgram.h"

using namespace mlir;

namespace oriel {
namespace {

class PlanPass : public PassWrapper<PlanPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanPass)

  explicit PlanPass(bool check) : check(check) {}

  StringRef getArgument() const override { return "oriel-plan"; }
  StringRef getDescription() const override {
    return "Turn the main function into a program of steps and buffers";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<plan::PlanDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<PlannedProgram> planned = planProgram(module, check);
    if (failed(planned))
      return signalPassFailure();
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!function.isPublic())
        continue;
      for (const std::string &remark : planned->program.remarks)
        mlir::emitRemark(UnknownLoc::get(&getContext())) << remark;
      OpBuilder builder(function);
      createProgramOp(builder, function.getLoc(), *planned);
      function.erase();
    }
    for (auto state : llvm::make_early_inc_range(module.getOps<ir::StateOp>()))
      state.erase();
  }

private:
  bool check;
};

} // namespace

std::unique_ptr<Pass> createPlanPass(bool check) {
  return std::make_unique<PlanPass>(check);
}

void registerPlanningPasses() {
  registerPass(createMarkInPlacePass);
  registerPass([] { return createPlanPass(); });
}

} // namespace oriel
