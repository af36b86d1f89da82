//===- MoveFirst.cpp - what ops that change places with moves ask ---------===//

#include "passes/Fusion/MoveFirst.h"

#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"

using namespace mlir;

namespace oriel {

MoveBlock::MoveBlock(Block &block, const MoveContext &context) : block(block), context(context) {
  for (Operation &op : block)
    indices[&op] = indices.size();
}

bool MoveBlock::isElementwise(Operation *op) const {
  return op && op->getBlock() == &block && isKnown(op) && getRole(op) == OpRole::Elementwise;
}

bool MoveBlock::isMemory(Value value) const {
  Operation *def = value.getDefiningOp();
  return !def || def->getBlock() != &block || getRole(def) == OpRole::Outside;
}

bool MoveBlock::isFreeToPick(Value value) const {
  Value base = resolveViews(value, [&](Operation *view) { return view->getBlock() != &block; }).base;
  Operation *def = base.getDefiningOp(), *direct = value.getDefiningOp();
  // Of what has been made here dims are not known.
  if (direct && direct->getBlock() == &block && !isKnown(direct))
    return false;
  return isMemory(base) || (def && getRole(def) == OpRole::Leaf);
}

double MoveBlock::bytesOf(Value value, double elements) const {
  unsigned bits = cast<RankedTensorType>(value.getType()).getElementTypeBitWidth();
  return elements * std::max(1u, bits / 8);
}

void MoveBlock::erase(Operation *op) {
  indices.erase(op);
  op->erase();
}

} // namespace oriel
