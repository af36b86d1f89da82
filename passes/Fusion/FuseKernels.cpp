//===- FuseKernels.cpp - put every computing op into a kernel -------------===//

#include "dialect/Graph/NodeId.h"
#include "passes/Fusion/FuseBlock.h"
#include "passes/Fusion/MoveFirst.h"
#include "passes/Fusion/Passes.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_FUSEKERNELS
#include "passes/Fusion/Passes.h.inc"

namespace {

struct FuseKernels : impl::FuseKernelsBase<FuseKernels> {
  using FuseKernelsBase::FuseKernelsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr(ir::kTargetAttr)) {
      module.emitError() << "has no " << ir::kTargetAttr
                         << ": oriel-place must run before oriel-fuse-kernels";
      return signalPassFailure();
    }
    NodeTable table = ir::getNodeTable(module);
    auto label = [&](Operation *op) {
      std::string text = op->getName().stripDialect().str();
      if (auto reduce = dyn_cast<ir::ReduceOp>(op))
        text = ir::stringifyReduceKind(reduce.getKind()).str();
      const NodeInfo *node = table.Find(ir::getNodeId(op));
      if (!node)
        return text;
      if (!node->name.empty())
        text = "'" + node->name + "' " + text;
      std::string where = node->Where();
      return where.empty() ? text : text + " (" + where + ")";
    };
    auto target = module->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
    bool manyRegisters = target.getFeatures().contains("+avx512vl");
    CostModel model(MachineModel::forVectors(target.getVectorBits(),
                                             manyRegisters ? 32 : 0));
    bool explains = explain || module->hasAttr(kExplainFusionAttr);
    module->removeAttr(kExplainFusionAttr);
    std::string explanation;
    std::vector<std::string> remarks;
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
      if (failed(dims) || failed(checkOps(function)))
        return signalPassFailure();
      markUnitReshapes(function, *dims);
      SmallVector<Block *> blocks;
      function.walk<WalkOrder::PreOrder>([&](Operation *op) {
        for (Region &region : op->getRegions())
          for (Block &block : region)
            blocks.push_back(&block);
      });
      std::string moves;
      MoveReasons reasons;
      if (fusion && failed(changePlaces(function, blocks, model, label, *dims,
                                        explains ? &moves : nullptr, reasons)))
        return signalPassFailure();
      explanation += moves;
      // Inner blocks first: what they make again for themselves is then dead
      // outside. Remarks stay in program order.
      std::vector<std::vector<std::string>> ofBlocks(blocks.size());
      std::vector<std::vector<std::string>> explained(blocks.size());
      for (size_t k = blocks.size(); k-- > 0;)
        BlockFuser(*blocks[k], *dims, model, fusion, label, reasons, ofBlocks[k],
                   explains ? &explained[k] : nullptr)
            .run();
      for (std::vector<std::string> &lines : ofBlocks)
        remarks.insert(remarks.end(), lines.begin(), lines.end());
      for (std::vector<std::string> &lines : explained)
        for (std::string &line : lines)
          explanation += "\n  " + line;
    }
    if (explains)
      mlir::emitRemark(UnknownLoc::get(&getContext()))
          << "fusion" << (explanation.empty() ? ": nothing to decide" : "")
          << explanation;
    if (remarks.empty())
      return;
    Builder b(&getContext());
    SmallVector<Attribute> lines;
    if (auto before = module->getAttrOfType<ArrayAttr>(kRemarksAttr))
      lines.append(before.begin(), before.end());
    for (const std::string &remark : remarks)
      lines.push_back(b.getStringAttr(remark));
    module->setAttr(kRemarksAttr, b.getArrayAttr(lines));
  }

  /// Moves of elements and elementwise ops change places where that is cheaper.
  LogicalResult changePlaces(func::FuncOp function, ArrayRef<Block *> blocks,
                             const CostModel &model,
                             llvm::function_ref<std::string(Operation *)> label,
                             DimAnalysis &dims, std::string *explanation,
                             MoveReasons &reasons) {
    std::vector<std::string> lines;
    for (auto change : {pickFirst, splitByPart}) {
      MoveContext context{dims, model, label, explanation ? &lines : nullptr, &reasons};
      bool changed = false;
      for (Block *block : blocks)
        changed |= change(*block, context);
      if (!changed)
        continue;
      // What the ops required of extents holds though the ops are others now.
      dims.recordConstraints(function);
      FailureOr<DimAnalysis> again = DimAnalysis::get(function);
      if (failed(again))
        return failure();
      dims = std::move(*again);
    }
    for (std::string &line : lines)
      *explanation += "\n  " + line;
    return success();
  }

  /// What must be gone before kernels are formed.
  LogicalResult checkOps(func::FuncOp function) {
    auto result =
        function.walk([&](Operation *op) {
          if (isa<ir::KernelOp, ir::DispatchOp>(op)) {
            op->emitOpError()
                << "is a kernel already: oriel-fuse-kernels runs once";
            return WalkResult::interrupt();
          }
          auto reduce = dyn_cast<ir::ReduceOp>(op);
          if (reduce && (reduce.getAxes().size() != 1 ||
                         reduce.getKind() == ir::ReduceKind::mean)) {
            op->emitOpError() << "must reduce one axis and be no mean here: "
                                 "oriel-decompose must run before "
                                 "oriel-fuse-kernels";
            return WalkResult::interrupt();
          }
          return WalkResult::advance();
        });
    return failure(result.wasInterrupted());
  }
};

} // namespace
} // namespace oriel
