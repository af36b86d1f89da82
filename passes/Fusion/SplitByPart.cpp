//===- SplitByPart.cpp - part by part instead of concatenated -------------===//
//
// What elementwise ops make of a concatenation, and what reductions make of that,
// is made of each part. A value keeps the axis that its parts lie along until a
// reduction takes it away; what others read of the values is joined again: the
// last elementwise value, or any number of reduced ones.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/MoveFirst.h"

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"
#include "llvm/ADT/SetVector.h"

#include <optional>
#include <queue>

using namespace mlir;

namespace oriel {

namespace {

constexpr unsigned kMostCopies = 48; // ops, of all parts together
constexpr int64_t kNoAxis = -1;      // the parts' values are combined

constexpr const char *kOneTree = "its sums are one tree over all parts";
constexpr const char *kNoExtreme = "a part without elements has no extreme value";
constexpr const char *kLonger = "part by part it would take longer";

class SplitByPart : MoveBlock {
public:
  using MoveBlock::MoveBlock;

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
  bool collect(ir::ConcatenateOp op, bool pastReductions);
  std::optional<int64_t> axisAfter(ir::ConcatenateOp op, Operation *user, bool pastReductions);
  bool isAlike(ir::ConcatenateOp a, ir::ConcatenateOp b) const;
  bool isCheaper(ir::ConcatenateOp op);
  void refuse(ir::ConcatenateOp op);
  void explain(ArrayRef<Operation *> concatenations);
  Value partOf(OpBuilder &b, ir::ConcatenateOp op, Value value, int64_t axis, unsigned part);
  Operation *makePart(OpBuilder &b, ir::ConcatenateOp op, Operation *each, unsigned part);
  Value join(OpBuilder &b, ir::ConcatenateOp op, Value value);

  llvm::DenseSet<Operation *> done;
  llvm::SetVector<Operation *> tree; // in program order
  llvm::DenseMap<Value, int64_t> axes;    // of the tree's values: along which the parts lie
  llvm::DenseSet<Value> reduced;          // of the tree's values
  llvm::SetVector<Value> exits;           // of those: what others read
  const char *reason = nullptr;           // why not
  std::string decision;                   // its figures
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

/// Do the parts' results, in any order and grouping, give the bits of the whole?
static bool isExact(ir::ReduceOp reduce) {
  switch (reduce.getKind()) {
  case ir::ReduceKind::max:
  case ir::ReduceKind::min:
  case ir::ReduceKind::any:
  case ir::ReduceKind::all:
    return true;
  case ir::ReduceKind::sum:
  case ir::ReduceKind::prod: {
    Type element = getElementTypeOrSelf(reduce.getX().getType());
    return element.isInteger() && !element.isInteger(1);
  }
  default:
    return false;
  }
}

/// Along which axis the parts of `user`'s value lie, where it can be computed part
/// by part; its operands in the tree are known.
std::optional<int64_t> SplitByPart::axisAfter(ir::ConcatenateOp op, Operation *user, bool pastReductions) {
  if (auto reduce = dyn_cast<ir::ReduceOp>(user)) {
    int64_t axis = axes.lookup(reduce.getX()), over = reduce.getAxes()[0];
    if (over == axis && !isExact(reduce)) {
      reason = kOneTree;
      return std::nullopt;
    }
    bool isExtreme = reduce.getKind() == ir::ReduceKind::max || reduce.getKind() == ir::ReduceKind::min;
    auto hasElements = [&](Value part) {
      const Dim &extent = context.dims.getDims(part)[op.getAxis()];
      return extent.is_static() && extent.value() > 0;
    };
    if (over == axis && isExtreme && !llvm::all_of(op->getOperands(), hasElements)) {
      reason = kNoExtreme;
      return std::nullopt;
    }
    if (over == axis)
      return kNoAxis;
    return axis - (over < axis && !reduce.getKeepdims());
  }
  if (auto broadcast = dyn_cast<ir::BroadcastOp>(user)) {
    // Back to the rows that were reduced.
    int64_t axis = axes.lookup(broadcast.getX());
    if (!pastReductions || !reduced.contains(broadcast.getX()) ||
        !llvm::all_of(broadcast->getUsers(), [&](Operation *each) { return isElementwise(each); }))
      return std::nullopt;
    int64_t to = broadcast.getAxes()[axis];
    if (!context.dims.areEqual(context.dims.getDims(broadcast.getX())[axis],
                               context.dims.getDims(broadcast.getResult())[to]))
      return std::nullopt;
    return to;
  }
  if (!isElementwise(user))
    return std::nullopt;
  std::optional<int64_t> found;
  for (Value operand : user->getOperands())
    if (auto it = axes.find(operand); it != axes.end()) {
      if (found && *found != it->second)
        return std::nullopt;
      found = it->second;
    }
  for (Value operand : user->getOperands()) {
    auto other = operand.getDefiningOp<ir::ConcatenateOp>();
    bool isPart = axes.contains(operand) ||
                  (other && isKnown(other) && found == op.getAxis() && isAlike(op, other) &&
                   context.dims.areEqual(context.dims.getDims(operand), context.dims.getDims(op.getResult())));
    if (!isPart && !isFreeToPick(operand))
      return std::nullopt;
  }
  return found;
}

/// The ops that depend on `op` and can be computed part by part. Of an elementwise
/// value that is as large as the concatenation one alone may be read by others,
/// which take it from memory, and no reduction then; of reduced values any.
bool SplitByPart::collect(ir::ConcatenateOp op, bool pastReductions) {
  tree.clear();
  axes.clear();
  reduced.clear();
  exits.clear();
  axes[op.getResult()] = op.getAxis();
  Value whole; // the elementwise value that others read
  using Entry = std::pair<unsigned, Operation *>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> next;
  auto readByOthers = [&](Value value, Operation *user) {
    if (reduced.contains(value)) {
      exits.insert(value);
      return true;
    }
    Operation *at = block.findAncestorOpInBlock(*user);
    OpRole role = at ? getRole(at) : OpRole::Outside;
    bool readsMemory = user->hasTrait<OpTrait::IsTerminator>() || at != user || role == OpRole::Outside ||
                       role == OpRole::Library || role == OpRole::MatMul;
    if (value == op.getResult() || !readsMemory || (whole && whole != value))
      return false;
    whole = value;
    exits.insert(value);
    return true;
  };
  auto visitUsers = [&](Value value) {
    bool follows = axes.lookup(value) != kNoAxis && (pastReductions || !reduced.contains(value));
    for (Operation *user : value.getUsers()) {
      bool fits = follows && user->getBlock() == &block && isKnown(user) &&
                  (isElementwise(user) || isa<ir::ReduceOp, ir::BroadcastOp>(user));
      if (fits)
        next.push({indexOf(user), user});
      else if (!readByOthers(value, user))
        return false;
    }
    return true;
  };
  if (!visitUsers(op.getResult()))
    return false;
  bool reduces = false;
  while (!next.empty()) {
    Operation *user = next.top().second;
    next.pop();
    if (tree.contains(user))
      continue;
    std::optional<int64_t> axis = axisAfter(op, user, pastReductions);
    if (!axis) {
      for (Value operand : user->getOperands())
        if (axes.contains(operand) && !readByOthers(operand, user))
          return false;
      continue;
    }
    tree.insert(user);
    Value result = user->getResult(0);
    axes[result] = *axis;
    bool isReduce = isa<ir::ReduceOp>(user);
    reduces |= isReduce;
    auto isReduced = [&](Value operand) { return !axes.contains(operand) || reduced.contains(operand); };
    if (isReduce || (isElementwise(user) && llvm::all_of(user->getOperands(), isReduced)))
      reduced.insert(result);
    if (tree.size() * op->getNumOperands() > kMostCopies || !visitUsers(result))
      return false;
  }
  if (tree.empty() || exits.empty() || (whole && (reduces || whole != tree.back()->getResult(0))))
    return false;
  return true;
}

bool SplitByPart::isCheaper(ir::ConcatenateOp op) {
  const CostModel &model = context.model;
  unsigned count = op->getNumOperands();
  KernelWork joining, computing, fused;
  joining.points = computing.points = model.elements(context.dims.getDims(op.getResult()));
  joining.readBytes = joining.writtenBytes = bytesOf(op.getResult());
  computing.readBytes = joining.writtenBytes;
  joining.rows = computing.rows = count;
  double again = 0; // results of parts, joined by kernels of their own
  bool reduces = false;
  for (Operation *each : tree) {
    Value shaped = isa<ir::ReduceOp>(each) ? each->getOperand(0) : each->getResult(0);
    unsigned bits = cast<RankedTensorType>(shaped.getType()).getElementTypeBitWidth();
    if (std::optional<OpKind> kind = ir::getOpKind(each))
      computing.computeNs +=
          model.elements(context.dims.getDims(shaped)) * model.opNs(*kind, std::max(1u, bits / 8));
    computing.live = std::max(computing.live, each->getNumOperands() + 1);
    reduces |= isa<ir::ReduceOp>(each);
  }
  for (Value exit : exits) {
    computing.writtenBytes += bytesOf(exit);
    again += reduces ? bytesOf(exit) * (axes.lookup(exit) == kNoAxis ? count : 1) : 0;
  }
  fused = computing;
  fused.readBytes = joining.readBytes + again;
  fused.writtenBytes += again;
  FusionFigures figures = model.compare(joining, computing, fused);
  if (reduces)
    figures.fusedNs += (count - 1 + exits.size()) * model.getMachine().dispatchNs;
  if (context.explanation)
    decision = ": fused, computed part by part: " + figures.toString();
  return figures.isWorthIt();
}

/// Element `part` of what is there of each part: a value of the tree, of a
/// concatenation alike, or a slice along `axis`.
Value SplitByPart::partOf(OpBuilder &b, ir::ConcatenateOp op, Value value, int64_t axis, unsigned part) {
  if (Value known = parts.lookup({value, part}))
    return known;
  if (value == op.getResult())
    return op->getOperand(part);
  auto other = value.getDefiningOp<ir::ConcatenateOp>();
  if (other && isKnown(other) && isAlike(op, other))
    return other->getOperand(part);
  Dims starts(context.dims.getDims(value).size(), Dim(0)), limits = context.dims.getDims(value);
  for (unsigned k = 0; k < part; ++k)
    starts[axis] = starts[axis] + context.dims.getDims(op->getOperand(k))[op.getAxis()];
  limits[axis] = starts[axis] + context.dims.getDims(op->getOperand(part))[op.getAxis()];
  auto whole = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(whole.getShape()), steps(starts.size(), 1);
  shape[axis] = cast<RankedTensorType>(op->getOperand(part).getType()).getDimSize(op.getAxis());
  Operation *def = value.getDefiningOp();
  return parts[{value, part}] = ir::SliceOp::create(
             b, def ? def->getLoc() : op.getLoc(), RankedTensorType::get(shape, whole.getElementType()), value,
             ir::DimsAttr::get(b.getContext(), starts), ir::DimsAttr::get(b.getContext(), limits),
             b.getDenseI64ArrayAttr(steps));
}

Operation *SplitByPart::makePart(OpBuilder &b, ir::ConcatenateOp op, Operation *each, unsigned part) {
  Value result = each->getResult(0);
  int64_t axis = axes.lookup(result);
  SmallVector<Value> operands;
  for (Value operand : each->getOperands())
    operands.push_back(partOf(b, op, operand, axis, part));
  Operation *clone = b.clone(*each);
  clone->setOperands(operands);
  parts[{result, part}] = clone->getResult(0);
  if (axis == kNoAxis)
    return clone;
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = cast<RankedTensorType>(op->getOperand(part).getType()).getDimSize(op.getAxis());
  clone->getResult(0).setType(RankedTensorType::get(shape, type.getElementType()));
  if (auto broadcast = dyn_cast<ir::BroadcastOp>(clone)) {
    Dims sizes = context.dims.getDims(result);
    sizes[axis] = context.dims.getDims(op->getOperand(part))[op.getAxis()];
    broadcast.setShapeAttr(ir::DimsAttr::get(b.getContext(), sizes));
  }
  return clone;
}

/// The whole of a value whose parts are made. The concatenation that does it has
/// the first one's node.
Value SplitByPart::join(OpBuilder &b, ir::ConcatenateOp op, Value value) {
  int64_t axis = axes.lookup(value);
  if (axis != kNoAxis) {
    auto joined = cast<ir::ConcatenateOp>(b.clone(*op));
    for (unsigned part = 0; part < op->getNumOperands(); ++part)
      joined->setOperand(part, parts.lookup({value, part}));
    joined.setAxis(axis);
    joined.getResult().setType(cast<RankedTensorType>(value.getType()));
    return joined.getResult();
  }
  auto reduce = value.getDefiningOp<ir::ReduceOp>();
  Value all = parts.lookup({value, 0u});
  auto with = [&](Value next) -> Value {
    Location loc = reduce.getLoc();
    switch (reduce.getKind()) {
    case ir::ReduceKind::max:
      return ir::MaximumOp::create(b, loc, all.getType(), all, next);
    case ir::ReduceKind::min:
      return ir::MinimumOp::create(b, loc, all.getType(), all, next);
    case ir::ReduceKind::any:
      return ir::LogicalOrOp::create(b, loc, all.getType(), all, next);
    case ir::ReduceKind::all:
      return ir::LogicalAndOp::create(b, loc, all.getType(), all, next);
    case ir::ReduceKind::prod:
      return ir::MulOp::create(b, loc, all.getType(), all, next);
    default:
      return ir::AddOp::create(b, loc, all.getType(), all, next);
    }
  };
  for (unsigned part = 1; part < op->getNumOperands(); ++part)
    all = with(parts.lookup({value, part}));
  return all;
}

/// Why the ops that read a concatenation are not computed part by part.
void SplitByPart::refuse(ir::ConcatenateOp op) {
  if (!context.reasons || !reason)
    return;
  NodeId made = ir::getNodeId(op);
  for (Operation *user : op->getUsers())
    if (NodeId reader = ir::getNodeId(user); reader != kNoNode && made != kNoNode)
      context.reasons->try_emplace({reader, made}, reason);
}

/// A line for each edge that goes: of what is computed part by part to the
/// concatenations, and of those that nothing else reads to their parts.
void SplitByPart::explain(ArrayRef<Operation *> concatenations) {
  auto tell = [&](Operation *reader, Operation *made) {
    context.explanation->push_back(context.label(reader) + " and " + context.label(made) + decision);
  };
  for (Operation *each : concatenations) {
    llvm::SetVector<Operation *> readers(each->user_begin(), each->user_end()), made;
    for (Operation *reader : readers)
      if (tree.contains(reader))
        tell(reader, each);
    if (!llvm::all_of(readers, [&](Operation *reader) { return tree.contains(reader); }))
      continue;
    for (Value part : each->getOperands()) {
      Value base = resolveViews(part, [&](Operation *view) { return view->getBlock() != &block; }).base;
      Operation *def = base.getDefiningOp();
      if (def && def->getBlock() == &block && getRole(def) != OpRole::Outside && getRole(def) != OpRole::Leaf)
        made.insert(def);
    }
    for (Operation *def : made)
      tell(each, def);
  }
}

bool SplitByPart::trySplit(ir::ConcatenateOp op) {
  reason = nullptr;
  bool fits = collect(op, /*pastReductions=*/true) || collect(op, /*pastReductions=*/false);
  if (fits && !isCheaper(op)) {
    reason = kLonger;
    fits = false;
  }
  if (!fits) {
    refuse(op);
    return false;
  }
  parts.clear();
  llvm::SetVector<Operation *> joinedBefore;
  joinedBefore.insert(op);
  for (Operation *each : tree)
    for (Value operand : each->getOperands())
      if (auto other = operand.getDefiningOp<ir::ConcatenateOp>(); other && isKnown(other))
        joinedBefore.insert(other);
  if (context.explanation)
    explain(joinedBefore.getArrayRef());
  SmallVector<std::pair<Value, Value>> joined;
  for (Operation *each : tree) {
    OpBuilder b(each);
    for (unsigned part = 0; part < op->getNumOperands(); ++part)
      makePart(b, op, each, part);
    if (exits.contains(each->getResult(0)))
      joined.push_back({each->getResult(0), join(b, op, each->getResult(0))});
  }
  for (auto [value, whole] : joined)
    value.replaceAllUsesWith(whole);
  for (Operation *each : llvm::reverse(tree))
    erase(each);
  for (Operation *each : joinedBefore)
    if (each->use_empty()) {
      done.insert(each);
      erase(each);
    }
  return true;
}

} // namespace

bool splitByPart(Block &block, const MoveContext &context) {
  return SplitByPart(block, context).run();
}

} // namespace oriel
