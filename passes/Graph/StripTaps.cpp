//===- StripTaps.cpp - oriel-strip-taps -----------------------------------===//

#include "passes/Graph/Passes.h"
#include "passes/Graph/Taps.h"

namespace oriel {
#define GEN_PASS_DEF_STRIPTAPS
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

NodeId oriel::nodeOfValue(Value value) {
  NodeId node = ir::getNodeId(value);
  if (node != kNoNode)
    return node;
  auto argument = dyn_cast<BlockArgument>(value);
  return argument ? ir::getNodeId(argument.getOwner()->getParentOp()) : kNoNode;
}

void oriel::dropTap(ir::TapOp tap, NodeTable &table) {
  auto named = dyn_cast<NameLoc>(tap.getLoc());
  NodeId node = ir::getNodeId(tap.getX());
  NodeInfo *info = named ? table.Find(node) : nullptr;
  if (info && info->name.empty() && info->op != "input") {
    // "scope/name": the scope is the operand's own.
    info->name = ir::splitScope(named.getName().getValue()).second.str();
  }
  tap.getResult().replaceAllUsesWith(tap.getX());
  tap.erase();
}

namespace {
struct StripTaps : oriel::impl::StripTapsBase<StripTaps> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<ir::TapOp> taps;
    module.walk<WalkOrder::PreOrder>(
        [&](ir::TapOp tap) { taps.push_back(tap); });
    if (taps.empty())
      return markAllAnalysesPreserved();
    NodeTable table = ir::getNodeTable(module);
    for (ir::TapOp tap : taps)
      dropTap(tap, table);
    ir::setNodeTable(module, table);
  }
};
} // namespace
