//===- Observe.cpp - oriel-observe ----------------------------------------===//
//
// An observed value gets a use beside the program, `oriel.observe`. Rewriting
// never asks how many uses a value has, so that the program itself is rewritten
// as without them: its bits stay. A node that a rewrite replaces is observed as
// what replaced it, which is what the program computes for it; one that only a
// formula needed that was replaced as a whole (exp in log(1 + exp(x))) is kept
// alive by the use and computed as it was written.
//
//===----------------------------------------------------------------------===//

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/Taps.h"

namespace oriel {
#define GEN_PASS_DEF_OBSERVE
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

// The tap's own line.
static FileLineColRange lineOf(Location loc) {
  while (true) {
    if (auto plain = dyn_cast<FileLineColRange>(loc))
      return plain;
    if (auto named = dyn_cast<NameLoc>(loc)) {
      loc = named.getChildLoc();
    } else if (auto fused = dyn_cast<FusedLoc>(loc);
               fused && !fused.getLocations().empty()) {
      loc = fused.getLocations().front();
    } else if (auto call = dyn_cast<CallSiteLoc>(loc)) {
      loc = call.getCallee();
    } else {
      return {};
    }
  }
}

namespace {
struct Observe : oriel::impl::ObserveBase<Observe> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    NodeTable table = ir::getNodeTable(module);
    SmallVector<ir::TapOp> taps;
    module.walk<WalkOrder::PreOrder>(
        [&](ir::TapOp tap) { taps.push_back(tap); });
    for (auto [index, tap] : llvm::enumerate(taps)) {
      observeTap(tap, static_cast<int64_t>(index));
      dropTap(tap, table);
    }
    ir::setNodeTable(module, table);
    llvm::SmallDenseSet<int64_t> done;
    for (int64_t node : nodes)
      if (done.insert(node).second && failed(observeNode(node, table)))
        return signalPassFailure();
  }

  void observeTap(ir::TapOp tap, int64_t index) {
    MLIRContext *context = &getContext();
    NodeId node = nodeOfValue(tap.getX());
    SmallVector<Value> values;
    SmallVector<int64_t> counts;
    if (tap.getKind() == ir::TapKind::assertion) {
      values.append(tap.getConditions().begin(), tap.getConditions().end());
      values.append(tap.getValues().begin(), tap.getValues().end());
      counts.assign(tap.getConditions().size(), 0);
      if (std::optional<ArrayRef<int64_t>> given = tap.getCounts())
        counts.assign(given->begin(), given->end());
    } else {
      values.push_back(tap.getX());
    }
    int64_t result = 0;
    if (auto op = dyn_cast<OpResult>(tap.getX()))
      result = op.getResultNumber();
    FileLineColRange line = lineOf(tap.getLoc());
    auto info = ir::TapInfoAttr::get(
        context, tap.getKind(), index, node, result, tap.getMessage(),
        tap.getLines(), counts, line ? line.getFilename().getValue() : "",
        line ? line.getStartLine() : 0);
    OpBuilder builder(tap);
    ir::ObserveOp::create(builder, ir::getNodeLoc(context, node), info, values);
  }

  void observe(OpBuilder &builder, Value value, NodeId node, int64_t result) {
    auto info =
        ir::TapInfoAttr::get(&getContext(), ir::TapKind::watch,
                             /*tap=*/-1, node, result, "", "", {}, "", 0);
    ir::ObserveOp::create(builder, ir::getNodeLoc(&getContext(), node), info,
                          ValueRange{value});
  }

  /// A node asked for by its id: an op's results, an input, a state's value
  /// from before the call, a state's new value.
  LogicalResult observeNode(NodeId node, const NodeTable &table) {
    ModuleOp module = getOperation();
    bool found = false;
    for (auto function : module.getOps<FunctionOpInterface>()) {
      if (function.isExternal())
        continue;
      Block &entry = function.getFunctionBody().front();
      OpBuilder builder = OpBuilder::atBlockBegin(&entry);
      for (BlockArgument argument : entry.getArguments())
        if (ir::getNodeId(argument) == node) {
          observe(builder, argument, node, 0);
          found = true;
        }
      for (auto state : module.getOps<ir::StateOp>())
        if (ir::getNodeId(state.getOperation()) == node) {
          auto read = ir::StateReadOp::create(
              builder, ir::getNodeLoc(&getContext(), node), state.getType(),
              state.getSymName());
          observe(builder, read, node, 0);
          found = true;
        }
      SmallVector<Operation *> ops;
      function.getFunctionBody().walk([&](Operation *op) {
        if (ir::getNodeId(op) == node && !isa<ir::ObserveOp>(op) &&
            !op->hasTrait<OpTrait::IsTerminator>())
          ops.push_back(op);
      });
      for (Operation *op : ops) {
        builder.setInsertionPointAfter(op);
        if (auto update = dyn_cast<ir::StateUpdateOp>(op))
          observe(builder, update.getValue(), node, 0);
        else if (!isa<ir::StateReadOp>(op) || table.Find(node)->op != "state")
          for (OpResult result : op->getResults())
            observe(builder, result, node, result.getResultNumber());
        found = true;
      }
    }
    if (found)
      return success();
    return module.emitError()
           << "node " << node
           << " cannot be observed: the graph as it was stated has no such "
              "node (it has "
           << table.size() << "; nodes that the compiler derived are not among "
           << "them)";
  }
};
} // namespace
