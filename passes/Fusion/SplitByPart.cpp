//===- SplitByPart.cpp - part by part instead of concatenated -------------===//

#include "passes/Fusion/MoveFirst.h"

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"
#include "llvm/ADT/SetVector.h"

#include <queue>

using namespace mlir;

namespace oriel {

namespace {

constexpr unsigned kMostCopies = 48; // ops, of all parts together

class SplitByPart {
public:
  SplitByPart(Block &block, const MoveContext &context) : block(block), context(context) {
    for (Operation &op : block)
      indices[&op] = indices.size();
  }

  bool run() {
    bool changed = false;
    SmallVector<ir::ConcatenateOp> all;
    for (Operation &op : block)
      if (auto concatenate = dyn_cast<ir::ConcatenateOp>(op))
        all.push_back(concatenate);
    for (ir::ConcatenateOp each : all)
      if (!done.contains(each))
        changed |= trySplit(each);
    return changed;
  }

private:
  bool trySplit(ir::ConcatenateOp op);
  bool collect(ir::ConcatenateOp op);
  bool isAlike(ir::ConcatenateOp a, ir::ConcatenateOp b) const;
  bool canSlice(Value value) const;
  bool isCheaper(ir::ConcatenateOp op);
  Value partOf(OpBuilder &b, ir::ConcatenateOp op, Value value, unsigned part);

  Block &block;
  const MoveContext &context;
  llvm::DenseMap<Operation *, unsigned> indices;
  llvm::DenseSet<Operation *> done;
  llvm::SetVector<Operation *> tree; // in program order
  Operation *last = nullptr;         // whose value others read
  llvm::DenseMap<std::pair<Value, unsigned>, Value> parts;
};

/// Do two concatenations have parts of the same shapes?
bool SplitByPart::isAlike(ir::ConcatenateOp a, ir::ConcatenateOp b) const {
  if (a.getAxis() != b.getAxis() || a->getNumOperands() != b->getNumOperands())
    return false;
  for (auto [x, y] : llvm::zip(a->getOperands(), b->getOperands()))
    if (cast<RankedTensorType>(x.getType()).getShape() != cast<RankedTensorType>(y.getType()).getShape() ||
        !context.dims.areEqual(context.dims.getDims(x), context.dims.getDims(y)))
      return false;
  return true;
}

/// A slice of what lies in memory, or of what is made from nothing, costs nothing.
bool SplitByPart::canSlice(Value value) const {
  Value base =
      resolveViews(value, [&](Operation *view) { return view->getBlock() != &block; }).base;
  Operation *def = base.getDefiningOp(), *direct = value.getDefiningOp();
  // Of what has been made here dims are not known.
  if (direct && direct->getBlock() == &block && !indices.contains(direct))
    return false;
  return !def || def->getBlock() != &block || getRole(def) == OpRole::Outside ||
         getRole(def) == OpRole::Leaf;
}

/// The elementwise ops that depend on `op`, if one of them alone is read by others,
/// which take it from memory.
bool SplitByPart::collect(ir::ConcatenateOp op) {
  tree.clear();
  last = nullptr;
  using Entry = std::pair<unsigned, Operation *>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> next;
  auto visitUsers = [&](Operation *of) {
    for (Operation *user : of->getUsers()) {
      Operation *at = block.findAncestorOpInBlock(*user);
      bool isElementwise = at == user && indices.contains(user) &&
                           getRole(user) == OpRole::Elementwise;
      if (isElementwise) {
        next.push({indices.lookup(user), user});
        continue;
      }
      OpRole role = at ? getRole(at) : OpRole::Outside;
      bool readsMemory = user->hasTrait<OpTrait::IsTerminator>() || at != user ||
                         role == OpRole::Outside || role == OpRole::Library ||
                         role == OpRole::MatMul;
      if (of == op.getOperation() || !readsMemory || (last && last != of))
        return false;
      last = of;
    }
    return true;
  };
  if (!visitUsers(op))
    return false;
  while (!next.empty()) {
    Operation *user = next.top().second;
    next.pop();
    if (!tree.insert(user))
      continue;
    if (tree.size() * op->getNumOperands() > kMostCopies || !visitUsers(user))
      return false;
  }
  if (tree.empty() || last != tree.back())
    return false;
  for (Operation *user : tree)
    for (Value operand : user->getOperands()) {
      Operation *def = operand.getDefiningOp();
      auto other = dyn_cast_or_null<ir::ConcatenateOp>(def);
      bool isPart = operand == op.getResult() || tree.contains(def) ||
                    (other && indices.contains(other) && isAlike(op, other));
      if (!isPart && !canSlice(operand))
        return false;
    }
  return true;
}

bool SplitByPart::isCheaper(ir::ConcatenateOp op) {
  const CostModel &model = context.model;
  auto bytesOf = [&](Value value) {
    unsigned bits = cast<RankedTensorType>(value.getType()).getElementTypeBitWidth();
    return model.bytes(context.dims.getDims(value), std::max(1u, bits / 8));
  };
  KernelWork joining, computing, fused;
  joining.points = computing.points = model.elements(context.dims.getDims(op.getResult()));
  joining.readBytes = joining.writtenBytes = bytesOf(op.getResult());
  computing.readBytes = joining.writtenBytes;
  computing.writtenBytes = bytesOf(last->getResult(0));
  joining.rows = computing.rows = op->getNumOperands();
  for (Operation *each : tree)
    if (std::optional<OpKind> kind = ir::getOpKind(each))
      computing.computeNs += computing.points * model.opNs(*kind, 4);
  for (Operation *each : tree)
    computing.live = std::max(computing.live, each->getNumOperands() + 1);
  fused = computing;
  fused.readBytes = joining.readBytes;
  FusionFigures figures = model.compare(joining, computing, fused);
  bool isWorthIt = figures.isWorthIt();
  if (isWorthIt && context.explanation)
    context.explanation->push_back(context.label(tree.front()) + " and " + context.label(op) +
                                   ": fused, computed part by part: " + figures.toString());
  return isWorthIt;
}

Value SplitByPart::partOf(OpBuilder &b, ir::ConcatenateOp op, Value value, unsigned part) {
  if (Value known = parts.lookup({value, part}))
    return known;
  auto other = value.getDefiningOp<ir::ConcatenateOp>();
  if (other && indices.contains(other) && isAlike(op, other))
    return other->getOperand(part);
  Dims starts(context.dims.getDims(value).size(), Dim(0)), limits = context.dims.getDims(op->getOperand(part));
  size_t axis = op.getAxis();
  for (unsigned k = 0; k < part; ++k)
    starts[axis] = starts[axis] + context.dims.getDims(op->getOperand(k))[axis];
  limits[axis] = starts[axis] + limits[axis];
  auto type = RankedTensorType::get(cast<RankedTensorType>(op->getOperand(part).getType()).getShape(),
                                    cast<RankedTensorType>(value.getType()).getElementType());
  SmallVector<int64_t> steps(starts.size(), 1);
  Operation *def = value.getDefiningOp();
  return parts[{value, part}] = ir::SliceOp::create(
             b, def ? def->getLoc() : op.getLoc(), type, value, ir::DimsAttr::get(b.getContext(), starts),
             ir::DimsAttr::get(b.getContext(), limits), b.getDenseI64ArrayAttr(steps));
}

bool SplitByPart::trySplit(ir::ConcatenateOp op) {
  if (!collect(op) || !isCheaper(op))
    return false;
  parts.clear();
  llvm::SetVector<Operation *> joinedBefore;
  joinedBefore.insert(op);
  for (Operation *each : tree)
    for (Value operand : each->getOperands())
      if (auto other = operand.getDefiningOp<ir::ConcatenateOp>(); other && indices.contains(other))
        joinedBefore.insert(other);
  // Parts and what is sliced lie above the first op; it is simplest to compute all
  // where the last one stands.
  OpBuilder b(last);
  for (unsigned part = 0; part < op->getNumOperands(); ++part)
    for (Operation *each : tree) {
      SmallVector<Value> operands;
      for (Value operand : each->getOperands())
        operands.push_back(partOf(b, op, operand, part));
      Operation *clone = b.clone(*each);
      clone->setOperands(operands);
      auto shape = cast<RankedTensorType>(op->getOperand(part).getType()).getShape();
      auto element = cast<RankedTensorType>(each->getResult(0).getType()).getElementType();
      clone->getResult(0).setType(RankedTensorType::get(shape, element));
      parts[{each->getResult(0), part}] = clone->getResult(0);
    }
  // The concatenation is done last now, and has its node still.
  Operation *joined = b.clone(*op);
  for (unsigned part = 0; part < op->getNumOperands(); ++part)
    joined->setOperand(part, parts.lookup({last->getResult(0), part}));
  joined->getResult(0).setType(last->getResult(0).getType());
  last->getResult(0).replaceAllUsesWith(joined->getResult(0));
  for (Operation *each : llvm::reverse(tree)) {
    indices.erase(each);
    each->erase();
  }
  for (Operation *each : joinedBefore)
    if (each->use_empty()) {
      done.insert(each);
      indices.erase(each);
      each->erase();
    }
  return true;
}

} // namespace

bool splitByPart(Block &block, const MoveContext &context) {
  return SplitByPart(block, context).run();
}

} // namespace oriel
