//===- VerifyNodes.cpp - oriel-verify-nodes -------------------------------===//

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Graph/Passes.h"

namespace oriel {
#define GEN_PASS_DEF_VERIFYNODES
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

namespace {
struct VerifyNodes : oriel::impl::VerifyNodesBase<VerifyNodes> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    markAllAnalysesPreserved();
    if (!module->hasAttr(ir::kNodesAttr)) {
      module.emitError() << "has no node table '" << ir::kNodesAttr
                         << "': run oriel-assign-nodes first";
      return signalPassFailure();
    }
    table = ir::getNodeTable(module);
    if (failed(verifyTable(module)) ||
        failed(verifyOps(module, /*inKernel=*/false)))
      signalPassFailure();
  }

  // Links lead to rows of the table.
  LogicalResult verifyTable(ModuleOp module) {
    for (const NodeInfo &info : table.nodes()) {
      if (info.origin == Origin::kMerged && info.from.empty())
        return module.emitError()
               << "node " << info.id << " ('" << info.op
               << "') is merged, required the node it is merged into";
      // What the library makes on its own (a random draw) has a rule alone.
      if (info.origin == Origin::kDerived && info.from.empty() &&
          info.rule.empty())
        return module.emitError()
               << "node " << info.id << " ('" << info.op
               << "') is derived, required the nodes it is from or a rule";
      for (NodeId from : info.from)
        if (!table.Find(from) || from == info.id)
          return module.emitError()
                 << "node " << info.id << " ('" << info.op << "') is from node "
                 << from << ", required another in [0, " << table.size() << ")";
    }
    return success();
  }

  LogicalResult verifyOps(ModuleOp module, bool inKernel) {
    for (Operation &op : *module.getBody()) {
      if (auto kernel = dyn_cast<ModuleOp>(op)) {
        if (failed(verifyOps(kernel, /*inKernel=*/true)))
          return failure();
        continue;
      }
      // Functions and global symbols of kernels compute nothing themselves.
      if (!isa<SymbolOpInterface>(op) || isa<ir::StateOp>(op))
        if (failed(verifyOp(&op, inKernel)))
          return failure();
      if (auto function = dyn_cast<FunctionOpInterface>(op))
        if (failed(verifyArguments(function)))
          return failure();
      WalkResult result = op.walk([&](Operation *nested) {
        return nested == &op ? WalkResult::advance()
                             : WalkResult(verifyOp(nested, inKernel));
      });
      if (result.wasInterrupted())
        return failure();
    }
    return success();
  }

  LogicalResult verifyArguments(FunctionOpInterface function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto id = function.getArgAttrOfType<IntegerAttr>(i, ir::kNodeAttr);
      if (id && !table.Find(id.getInt()))
        return function.emitOpError()
               << "argument " << i << " is node " << id.getInt()
               << ", required one in [0, " << table.size() << ")";
    }
    return success();
  }

  LogicalResult verifyOp(Operation *op, bool inKernel) {
    if (op->hasTrait<OpTrait::IsTerminator>())
      return success();
    if (inKernel && ir::getKernelLine(op->getLoc()))
      return success();
    NodeId id = ir::getNodeId(op);
    if (inKernel || id == kNoNode)
      return op->emitOpError()
             << "has location " << op->getLoc() << ", required loc(\""
             << (inKernel ? ir::kKernelFile : ir::kNodeFile)
             << (inKernel ? "\":LINE:0)" : "\":ID:0)");
    if (!table.Find(id))
      return op->emitOpError() << "is node " << id << ", required one in [0, "
                               << table.size() << ")";
    if (auto dispatch = dyn_cast<ir::DispatchOp>(op))
      for (ArrayRef<int64_t> ids : dispatch.getNodeLists())
        for (NodeId node : ids)
          if (!table.Find(node))
            return op->emitOpError()
                   << "stands for node " << node << ", required one in [0, "
                   << table.size() << ")";
    return success();
  }

  NodeTable table;
};
} // namespace
