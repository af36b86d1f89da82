//===- AssignNodes.cpp - oriel-assign-nodes -------------------------------===//

#include "dialect/Check/CheckDialect.h"
#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Graph/Passes.h"

namespace oriel {
#define GEN_PASS_DEF_ASSIGNNODES
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

// `{from = [3, -1], rule = "grad"}`: a node that the builder of the graph made
// on behalf of others. The ids are relative to the nodes this run assigns,
// negative ones to `oriel.origins`; resolveFrom makes them ids of the table.
static void readDerivation(DictionaryAttr derivation, NodeInfo &info) {
  auto from = derivation.getAs<ArrayAttr>("from");
  auto rule = derivation.getAs<StringAttr>("rule");
  if (!from || !rule || !llvm::all_of(from, llvm::IsaPred<IntegerAttr>))
    return;
  info.origin = Origin::kDerived;
  info.rule = rule.str();
  for (auto id : from.getAsRange<IntegerAttr>())
    info.from.push_back(id.getInt());
}

// What a location says: the name, with its scope before it, and the line.
static void readLocation(Location loc, NodeInfo &info) {
  if (auto named = dyn_cast<NameLoc>(loc)) {
    if (info.name.empty()) {
      auto [scope, name] = ir::splitScope(named.getName().getValue());
      info.name = name.str();
      info.scope = scope.str();
    }
    readLocation(named.getChildLoc(), info);
  } else if (auto plain = dyn_cast<FileLineColRange>(loc)) {
    info.file = plain.getFilename().str();
    info.line = static_cast<int32_t>(plain.getStartLine());
  } else if (auto call = dyn_cast<CallSiteLoc>(loc)) {
    readLocation(call.getCallee(), info);
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    if (auto derivation = dyn_cast_if_present<DictionaryAttr>(fused.getMetadata()))
      readDerivation(derivation, info);
    for (Location part : fused.getLocations())
      if (info.line == 0)
        readLocation(part, info);
  }
}

// Is the function a graph? What it is not is said here, at the user's location,
// rather than by whatever phase stumbles over it.
static LogicalResult verifyGraph(FunctionOpInterface function) {
  auto isTensor = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && ir::getDType(tensor.getElementType());
  };
  constexpr StringLiteral required = "required a ranked tensor of f64, f32, "
                                     "f16, bf16, i8 to i64, ui8 to ui64 or i1";
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (!isTensor(type))
      return function.emitOpError()
             << "argument " << index << " is " << type << ", " << required;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (!isTensor(type))
      return function.emitOpError()
             << "result " << index << " is " << type << ", " << required;
  if (!function.getFunctionBody().hasOneBlock())
    return function.emitOpError()
           << "has " << function.getFunctionBody().getBlocks().size()
           << " blocks, required one: loops and branches are ops of a graph";
  WalkResult result = function.getFunctionBody().walk([&](Operation *op) {
    bool isReturn =
        op->getParentOp() == function && op->hasTrait<OpTrait::IsTerminator>();
    bool isGraphOp = isa_and_nonnull<ir::OrielDialect, check::CheckDialect>(
                         op->getDialect()) &&
                     !isa<ir::CheckIndexOp, ir::ObserveOp>(op);
    if (isReturn || isGraphOp)
      return WalkResult::advance();
    op->emitOpError()
        << "is no op of a graph, required ops of the oriel dialect";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct AssignNodes : oriel::impl::AssignNodesBase<AssignNodes> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    NodeTable table = ir::getNodeTable(module);
    NodeId first = static_cast<NodeId>(table.size());
    auto hasNode = [&](Location loc) {
      return table.Find(ir::getNodeId(loc)) != nullptr;
    };
    for (Operation &op : *module.getBody()) {
      if (auto state = dyn_cast<ir::StateOp>(op)) {
        if (!hasNode(op.getLoc()))
          assign(&op, table, getName(state, state.getSymName()));
        continue;
      }
      auto function = dyn_cast<FunctionOpInterface>(op);
      if (!function || function.isExternal())
        continue;
      if (failed(verifyGraph(function)))
        return signalPassFailure();
      assignArguments(function, table);
      function.getFunctionBody().walk<WalkOrder::PreOrder>(
          [&](Operation *nested) {
            // Taps are no nodes: the table is the same without them.
            if (!nested->hasTrait<OpTrait::IsTerminator>() &&
                !isa<ir::TapOp>(nested) && !hasNode(nested->getLoc()))
              assign(nested, table, getName(nested, ""));
          });
    }
    if (failed(addOrigins(table, first)))
      return signalPassFailure();
    addOperands(table, first);
    ir::setNodeTable(module, table);
  }

  // What the user computed each node from: a conversion or broadcast that the
  // builder of the graph made to fit the operands is passed over, and a tap.
  void addOperands(NodeTable &table, NodeId first) {
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      NodeId id = ir::getNodeId(op);
      NodeInfo *info = table.Find(id);
      if (id < first || !info || !info->operands.empty())
        return;
      for (Value operand : op->getOperands()) {
        for (Operation *maker = operand.getDefiningOp();
             maker && isMadeToFit(table, maker);
             maker = operand.getDefiningOp())
          operand = maker->getOperand(0);
        if (NodeId from = ir::getNodeId(operand); table.Find(from))
          info->operands.push_back(from);
      }
    });
  }

  static bool isMadeToFit(const NodeTable &table, Operation *op) {
    const NodeInfo *info = table.Find(ir::getNodeId(op));
    if (isa<ir::TapOp>(op))
      return true;
    return info && info->origin == Origin::kDerived &&
           StringRef(info->rule).ends_with(" to fit") &&
           isa<ir::CastOp, ir::BroadcastOp, ir::ReshapeOp>(op);
  }

  // Appends the rows of `oriel.origins` to the nodes from `first` on, and makes
  // what those are derived from ids of the table.
  LogicalResult addOrigins(NodeTable &table, NodeId first) {
    ModuleOp module = getOperation();
    auto numNodes = static_cast<NodeId>(table.size());
    NodeTable origins = ir::getOrigins(module);
    for (const NodeInfo &info : origins.nodes())
      table.Add(info);
    module->removeAttr(ir::kOriginsAttr);
    auto end = static_cast<NodeId>(table.size());
    for (NodeId id = first; id < end; ++id)
      for (NodeId &from : table.Find(id)->from) {
        NodeId given = from;
        from = given < 0 ? numNodes - 1 - given : first + given;
        if (from < end && (given < 0 || from < numNodes))
          continue;
        return module.emitError()
               << "node " << id << " is derived from node " << given
               << " of " << numNodes - first << " and " << end - numNodes
               << " origins (negative)";
      }
    return success();
  }

  static StringRef getName(Operation *op, StringRef otherwise) {
    auto name = op->getAttrOfType<StringAttr>(ir::kNameAttr);
    return name ? name.getValue() : otherwise;
  }

  void assign(Operation *op, NodeTable &table, StringRef name) {
    NodeInfo info;
    info.op = op->getName().stripDialect().str();
    readLocation(op->getLoc(), info);
    if (!name.empty())
      info.name = name.str();
    op->setLoc(ir::getNodeLoc(&getContext(), table.Add(std::move(info))));
  }

  void assignArguments(FunctionOpInterface function, NodeTable &table) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto old = function.getArgAttrOfType<IntegerAttr>(i, ir::kNodeAttr);
      if (old && table.Find(old.getInt()))
        continue;
      BlockArgument argument = function.getArgument(i);
      NodeInfo info;
      info.op = "input";
      readLocation(argument.getLoc(), info);
      if (auto name = function.getArgAttrOfType<StringAttr>(i, ir::kNameAttr))
        info.name = name.str();
      NodeId id = table.Add(std::move(info));
      function.setArgAttr(i, ir::kNodeAttr,
                          Builder(&getContext()).getI64IntegerAttr(id));
      argument.setLoc(ir::getNodeLoc(&getContext(), id));
    }
  }
};
} // namespace
