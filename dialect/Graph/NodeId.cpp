//===- NodeId.cpp - Which user node an op stands for ----------------------===//

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace oriel::ir;

// The line of a plain location in `file`.
static std::optional<unsigned> getLine(Location loc, StringRef file) {
  auto plain = dyn_cast<FileLineColLoc>(loc);
  if (!plain || plain.getFilename() != file)
    return std::nullopt;
  return plain.getLine();
}

oriel::NodeId oriel::ir::getNodeId(Location loc) {
  std::optional<unsigned> line = getLine(loc, kNodeFile);
  return line ? static_cast<NodeId>(*line) : kNoNode;
}

oriel::NodeId oriel::ir::getNodeId(Operation *op) {
  return getNodeId(op->getLoc());
}

oriel::NodeId oriel::ir::getNodeId(Value value) {
  if (Operation *op = value.getDefiningOp())
    return getNodeId(op);
  auto argument = cast<BlockArgument>(value);
  Operation *parent = argument.getOwner()->getParentOp();
  auto function = dyn_cast_or_null<FunctionOpInterface>(parent);
  if (!function || !argument.getOwner()->isEntryBlock())
    return parent ? getNodeId(parent) : kNoNode;
  auto id = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(),
                                                   kNodeAttr);
  return id ? id.getInt() : kNoNode;
}

Location oriel::ir::getNodeLoc(MLIRContext *context, oriel::NodeId id) {
  return FileLineColLoc::get(context, kNodeFile, static_cast<unsigned>(id), 0);
}

Location oriel::ir::getKernelLoc(MLIRContext *context, unsigned line) {
  return FileLineColLoc::get(context, kKernelFile, line, 0);
}

std::optional<unsigned> oriel::ir::getKernelLine(Location loc) {
  return getLine(loc, kKernelFile);
}

static oriel::NodeTable readTable(ModuleOp module, StringRef attribute) {
  oriel::NodeTable table;
  auto nodes = module->getAttrOfType<ArrayAttr>(attribute);
  if (!nodes)
    return table;
  for (NodeAttr node : nodes.getAsRange<NodeAttr>()) {
    oriel::NodeInfo info;
    info.op = node.getOp().str();
    info.name = node.getName().str();
    info.scope = node.getScope().str();
    info.file = node.getFile().str();
    info.line = static_cast<int32_t>(node.getLine());
    info.origin = static_cast<oriel::Origin>(node.getOrigin());
    info.from.assign(node.getFrom().begin(), node.getFrom().end());
    info.rule = node.getRule().str();
    info.operands.assign(node.getOperands().begin(), node.getOperands().end());
    table.Add(std::move(info));
  }
  return table;
}

oriel::NodeTable oriel::ir::getNodeTable(ModuleOp module) {
  return readTable(module, kNodesAttr);
}

oriel::NodeTable oriel::ir::getOrigins(ModuleOp module) {
  return readTable(module, kOriginsAttr);
}

void oriel::ir::setNodeTable(ModuleOp module, const oriel::NodeTable &table) {
  MLIRContext *context = module.getContext();
  SmallVector<Attribute> nodes;
  for (const NodeInfo &info : table.nodes())
    nodes.push_back(NodeAttr::get(
        context, info.op, info.name, info.scope, info.file, info.line,
        static_cast<NodeOrigin>(info.origin), info.from, info.rule,
        info.operands));
  module->setAttr(kNodesAttr, ArrayAttr::get(context, nodes));
}

Location NodeTableBuilder::derive(ArrayRef<oriel::NodeId> ids, StringRef rule,
                                  StringRef op) {
  NodeInfo info;
  info.op = op.str();
  info.origin = Origin::kDerived;
  info.from.assign(ids.begin(), ids.end());
  info.rule = rule.str();
  if (const NodeInfo *first = ids.empty() ? nullptr : nodes.Find(ids.front())) {
    info.scope = first->scope;
    info.file = first->file;
    info.line = first->line;
  }
  return getNodeLoc(module.getContext(), nodes.Add(std::move(info)));
}

std::pair<llvm::StringRef, llvm::StringRef>
oriel::ir::splitScope(llvm::StringRef full) {
  int open = 0;
  for (size_t i = full.size(); i-- > 0;) {
    open += full[i] == ')' ? 1 : full[i] == '(' ? -1 : 0;
    if (full[i] == '/' && open <= 0)
      return {full.take_front(i), full.drop_front(i + 1)};
  }
  return {"", full};
}
