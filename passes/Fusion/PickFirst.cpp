//===- PickFirst.cpp - only what is picked is computed --------------------===//

#include "passes/Fusion/MoveFirst.h"

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVectorExtras.h"

#include <queue>

using namespace mlir;

namespace oriel {

namespace {

constexpr unsigned kMostOps = 16;    // that move past one slice or gather
constexpr unsigned kMostGathers = 4; // instead of one

class PickFirst {
public:
  PickFirst(Block &block, const MoveContext &context) : block(block), context(context) {
    for (Operation &op : block)
      indices[&op] = indices.size();
  }

  bool run() {
    bool changed = false;
    SmallVector<Operation *> picks;
    for (Operation &op : block)
      if (isa<ir::SliceOp, ir::GatherOp>(op))
        picks.push_back(&op);
    for (Operation *pick : picks)
      changed |= tryMove(pick);
    return changed;
  }

private:
  bool tryMove(Operation *pick);
  bool collect(Operation *pick);
  bool canPickOf(Operation *pick, Value leaf);
  bool isCheaper(Operation *pick);
  Value pickOf(OpBuilder &b, Operation *pick, Value leaf);
  RankedTensorType typeFor(Operation *pick, Value value) {
    auto shape = cast<RankedTensorType>(pick->getResult(0).getType()).getShape();
    return RankedTensorType::get(shape, cast<RankedTensorType>(value.getType()).getElementType());
  }
  bool isElementwise(Operation *op) const {
    return op && op->getBlock() == &block && indices.contains(op) &&
           getRole(op) == OpRole::Elementwise;
  }
  double bytesOf(Value value, double elements) const {
    unsigned bits = cast<RankedTensorType>(value.getType()).getElementTypeBitWidth();
    return elements * std::max(1u, bits / 8);
  }

  Block &block;
  const MoveContext &context;
  llvm::DenseMap<Operation *, unsigned> indices;
  llvm::SetVector<Operation *> tree; // users first
  llvm::SetVector<Value> leaves;
  unsigned gathers = 0;
};

/// The elementwise ops above `pick` that nothing else needs, and what they read.
bool PickFirst::collect(Operation *pick) {
  tree.clear();
  leaves.clear();
  std::priority_queue<std::pair<unsigned, Operation *>> next;
  auto visit = [&](Value value) {
    Operation *def = value.getDefiningOp();
    if (isElementwise(def))
      next.push({indices.lookup(def), def});
    else
      leaves.insert(value);
  };
  visit(pick->getOperand(0));
  while (!next.empty()) {
    Operation *op = next.top().second;
    next.pop();
    if (tree.contains(op))
      continue;
    // Later ops have been visited: what else reads it needs it whole.
    for (Operation *user : op->getUsers())
      if (user != pick && !tree.contains(user))
        return false;
    if (cast<RankedTensorType>(op->getResult(0).getType()).getRank() == 0)
      return false;
    tree.insert(op);
    if (tree.size() > kMostOps)
      return false;
    llvm::for_each(op->getOperands(), visit);
  }
  // An index is no place to look into what is computed here.
  return !tree.empty() && llvm::none_of(pick->getOperands().drop_front(), [&](Value operand) {
    return tree.contains(operand.getDefiningOp());
  });
}

/// Is the leaf the same wherever the gather looks: a number, or values along the
/// other axes? Wherever the op that makes it lies.
static bool isUniform(ir::GatherOp gather, Value leaf) {
  Operation *def = leaf.getDefiningOp();
  if (def && isSplatConstant(def))
    return true;
  auto broadcast = dyn_cast_or_null<ir::BroadcastOp>(def);
  int64_t axis = gather.getAxis(), count = gather.getIndices().size();
  return broadcast && llvm::none_of(broadcast.getAxes(), [&](int64_t each) {
    return each >= axis && each < axis + count;
  });
}

bool PickFirst::canPickOf(Operation *pick, Value leaf) {
  auto isMemory = [&](Value value) {
    Operation *def = value.getDefiningOp();
    return !def || def->getBlock() != &block || getRole(def) == OpRole::Outside;
  };
  Value base = resolveViews(leaf, [&](Operation *view) { return view->getBlock() != &block; }).base;
  Operation *def = base.getDefiningOp(), *direct = leaf.getDefiningOp();
  // Of what has been made here dims are not known.
  if (direct && direct->getBlock() == &block && !indices.contains(direct))
    return false;
  if (!isMemory(base) && !(def && getRole(def) == OpRole::Leaf))
    return false;
  auto gather = dyn_cast<ir::GatherOp>(pick);
  if (!gather || isUniform(gather, leaf))
    return true;
  if (!isMemory(leaf))
    return false;
  ++gathers;
  return true;
}

bool PickFirst::isCheaper(Operation *pick) {
  const CostModel &model = context.model;
  double whole = model.elements(context.dims.getDims(pick->getOperand(0)));
  double picked = model.elements(context.dims.getDims(pick->getResult(0)));
  auto gather = dyn_cast<ir::GatherOp>(pick);
  KernelWork making, picking, fused;
  making.points = whole;
  picking.points = fused.points = picked;
  for (Operation *op : tree) {
    std::optional<OpKind> kind = ir::getOpKind(op);
    double each = kind ? model.opNs(*kind, bytesOf(op->getResult(0), 1)) : 0;
    making.computeNs += whole * each;
    fused.computeNs += picked * each;
  }
  for (Value leaf : leaves) {
    Value base = resolveViews(leaf, [](Operation *) { return false; }).base;
    Operation *def = base.getDefiningOp();
    if (def && getRole(def) == OpRole::Leaf)
      continue;
    double all = bytesOf(base, model.elements(context.dims.getDims(base)));
    making.readBytes += std::min(all, bytesOf(base, whole));
    fused.readBytes += std::min(all, bytesOf(base, picked));
  }
  making.live = fused.live = leaves.size() + 1;
  making.writtenBytes = bytesOf(pick->getOperand(0), whole);
  picking.readBytes = picking.writtenBytes = bytesOf(pick->getResult(0), picked);
  fused.writtenBytes = picking.writtenBytes;
  if (gather) {
    double each = model.elements(context.dims.getDims(gather.getIndices()[0])) *
                  model.opNs(OpKind::kGather, 4);
    picking.computeNs += each;
    fused.computeNs += gathers * each;
  }
  FusionFigures figures = model.compare(making, picking, fused);
  bool isWorthIt = figures.isWorthIt();
  if (context.explanation && isWorthIt)
    context.explanation->push_back(context.label(pick) + " and " + context.label(tree.front()) +
                                   ": fused, computed for the elements that are read alone: " +
                                   figures.toString());
  return isWorthIt;
}

Value PickFirst::pickOf(OpBuilder &b, Operation *pick, Value leaf) {
  RankedTensorType type = typeFor(pick, leaf);
  Operation *def = leaf.getDefiningOp();
  auto gather = dyn_cast<ir::GatherOp>(pick);
  auto broadcast = dyn_cast_or_null<ir::BroadcastOp>(def);
  if (!gather || !isUniform(gather, leaf)) {
    Operation *clone = b.clone(*pick);
    clone->setOperand(0, leaf);
    clone->getResult(0).setType(type);
    return clone->getResult(0);
  }
  // The same number, or the same values along the other axes, for each pick.
  Value source = broadcast ? broadcast.getX() : Value();
  SmallVector<int64_t> axes;
  int64_t axis = gather.getAxis(), count = gather.getIndices().size();
  int64_t added = cast<RankedTensorType>(gather.getIndices()[0].getType()).getRank();
  if (broadcast) {
    for (int64_t each : broadcast.getAxes())
      axes.push_back(each < axis ? each : each - count + added);
  } else {
    auto dense = cast<DenseElementsAttr>(cast<ir::ConstantOp>(def).getValue());
    auto one = DenseElementsAttr::get(RankedTensorType::get({}, dense.getElementType()),
                                      dense.getSplatValue<Attribute>());
    Operation *constant = b.clone(*def);
    cast<ir::ConstantOp>(constant).setValueAttr(one);
    constant->getResult(0).setType(one.getType());
    source = constant->getResult(0);
  }
  auto shape = ir::DimsAttr::get(b.getContext(), context.dims.getDims(pick->getResult(0)));
  return ir::BroadcastOp::create(b, def->getLoc(), type, source, shape, b.getDenseI64ArrayAttr(axes));
}

bool PickFirst::tryMove(Operation *pick) {
  gathers = 0;
  if (!collect(pick))
    return false;
  for (Value leaf : leaves)
    if (!canPickOf(pick, leaf))
      return false;
  // The index is still to be checked, and not often.
  if (isa<ir::GatherOp>(pick) && (gathers == 0 || gathers > kMostGathers))
    return false;
  if (!isCheaper(pick))
    return false;
  OpBuilder b(pick);
  llvm::DenseMap<Value, Value> picked;
  for (Value leaf : leaves)
    picked[leaf] = pickOf(b, pick, leaf);
  for (Operation *op : llvm::reverse(tree)) {
    Operation *clone = b.clone(*op);
    for (OpOperand &operand : clone->getOpOperands())
      operand.set(picked.lookup(operand.get()));
    clone->getResult(0).setType(typeFor(pick, op->getResult(0)));
    picked[op->getResult(0)] = clone->getResult(0);
  }
  pick->getResult(0).replaceAllUsesWith(picked.lookup(pick->getOperand(0)));
  pick->erase();
  for (Operation *op : tree) {
    indices.erase(op);
    op->erase();
  }
  return true;
}

} // namespace

bool pickFirst(Block &block, const MoveContext &context) {
  return PickFirst(block, context).run();
}

} // namespace oriel
