//===- PickFirst.cpp - only what is picked is computed --------------------===//

#include "passes/Fusion/MoveFirst.h"

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/NodeId.h"
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
constexpr unsigned kMostReaders = 16; // of a transpose, through views
constexpr double kAcrossShare = 1.8; // of an op's time, where a large operand is read across

class PickFirst : MoveBlock {
public:
  using MoveBlock::MoveBlock;

  bool run() {
    bool changed = false;
    SmallVector<Operation *> picks;
    for (Operation &op : block)
      if (isa<ir::SliceOp, ir::GatherOp, ir::TransposeOp>(op) || (isa<ir::ReshapeOp>(op) && isView(&op)))
        picks.push_back(&op);
    for (Operation *pick : picks)
      changed |= tryMove(pick);
    return changed;
  }

private:
  bool tryMove(Operation *pick);
  bool collect(Operation *pick);
  bool hasReaders(Operation *pick) const;
  bool isComputed(Value value) const;
  bool canPickOf(Operation *pick, Value leaf);
  bool isCheaper(Operation *pick);
  void refuse(Operation *pick);
  Value pickOf(OpBuilder &b, Operation *pick, Value leaf);
  RankedTensorType typeFor(Operation *pick, Value value) {
    auto shape = cast<RankedTensorType>(pick->getResult(0).getType()).getShape();
    return RankedTensorType::get(shape, cast<RankedTensorType>(value.getType()).getElementType());
  }
  /// Does each index of the gather name an element, not a slice?
  static bool picksElements(Operation *pick) {
    auto gather = dyn_cast<ir::GatherOp>(pick);
    return gather && static_cast<int64_t>(gather.getIndices().size()) ==
                         cast<RankedTensorType>(gather.getX().getType()).getRank();
  }

  llvm::SetVector<Operation *> tree; // users first
  llvm::SmallPtrSet<Operation *, 8> shared; // of it: what others read too
  llvm::SetVector<Value> leaves;
  unsigned gathers = 0; // that take the pick's place
  unsigned wholes = 0;  // of them: of tensors that have all the axes
};

/// The elementwise ops above `pick`, and what they read. Nothing else needs them,
/// but where few elements are picked: those are computed once more.
bool PickFirst::collect(Operation *pick) {
  tree.clear();
  shared.clear();
  leaves.clear();
  std::priority_queue<std::pair<unsigned, Operation *>> next;
  auto visit = [&](Value value) {
    Operation *def = value.getDefiningOp();
    if (isElementwise(def))
      next.push({indexOf(def), def});
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
    bool isShared = llvm::any_of(op->getUsers(), [&](Operation *user) {
      return user != pick && (!tree.contains(user) || shared.contains(user));
    });
    if (isShared && (tree.empty() || !picksElements(pick)))
      return false;
    if (isShared)
      shared.insert(op);
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

/// Does a kernel of this block write the value, or could it?
bool PickFirst::isComputed(Value value) const {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != &block || !isKnown(def))
    return false;
  OpRole role = getRole(def);
  return role != OpRole::View && role != OpRole::Leaf && role != OpRole::Outside;
}

/// A transpose or a reshape makes nothing smaller: it is worth moving where those
/// that read it take the ops in, at the elements that they read.
bool PickFirst::hasReaders(Operation *pick) const {
  bool isReshape = isa<ir::ReshapeOp>(pick);
  SmallVector<Operation *> work(pick->user_begin(), pick->user_end());
  for (unsigned k = 0; k < work.size(); ++k) {
    OpRole role = getRole(work[k]);
    if (work[k]->getBlock() != &block || work[k]->hasTrait<OpTrait::IsTerminator>() ||
        role == OpRole::Outside) {
      if (isReshape) // which renames memory
        return false;
      continue;
    }
    if (role == OpRole::View) {
      work.append(work[k]->user_begin(), work[k]->user_end());
      if (work.size() > kMostReaders)
        return false;
    } else if (role != OpRole::Elementwise && role != OpRole::RowReduce && role != OpRole::ColumnReduce) {
      return false; // reads memory, a matmul across
    }
  }
  return !work.empty();
}

bool PickFirst::canPickOf(Operation *pick, Value leaf) {
  auto gather = dyn_cast<ir::GatherOp>(pick);
  auto broadcast = leaf.getDefiningOp<ir::BroadcastOp>();
  bool elements = picksElements(pick);
  // One value a row: its kernel writes that instead of the rows.
  bool isSmall = elements && broadcast && isKnown(broadcast) && broadcast->getBlock() == &block &&
                 (isMemory(broadcast.getX()) || isComputed(broadcast.getX()));
  if (isSmall) {
    gathers += !isUniform(gather, leaf);
    return true;
  }
  if (elements && isComputed(leaf) && !isElementwise(leaf.getDefiningOp())) {
    ++gathers;
    ++wholes;
    return true;
  }
  if (!isFreeToPick(leaf))
    return false;
  if (!gather || isUniform(gather, leaf))
    return true;
  if (!isMemory(leaf))
    return false;
  ++gathers;
  ++wholes;
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
  bool isMadeElsewhere = !shared.empty(); // where its operands are read anyway
  for (Operation *op : tree) {
    std::optional<OpKind> kind = ir::getOpKind(op);
    double each = kind ? model.opNs(*kind, bytesOf(op->getResult(0), 1)) : 0;
    if (!shared.contains(op))
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
    if (isComputed(base)) {
      isMadeElsewhere = true;
      fused.writtenBytes += all;
    }
  }
  if (isMadeElsewhere)
    making.readBytes = 0;
  making.live = fused.live = leaves.size() + 1;
  making.writtenBytes = bytesOf(pick->getOperand(0), whole);
  picking.readBytes = picking.writtenBytes = bytesOf(pick->getResult(0), picked);
  fused.writtenBytes += picking.writtenBytes;
  if (gather) {
    double each = model.elements(context.dims.getDims(gather.getIndices()[0])) *
                  model.opNs(OpKind::kGather, 4);
    picking.computeNs += each;
    fused.computeNs += gathers * each;
  }
  // Memory read across is waited for: a function's time adds to it, and a kernel
  // of its own hides it behind the memory.
  bool isLarge = fused.readBytes + fused.writtenBytes > model.getMachine().l3Bytes;
  if (isa<ir::TransposeOp>(pick) && isLarge) {
    fused.onceNs = kAcrossShare * fused.computeNs;
    fused.computeNs = 0;
  }
  FusionFigures figures = model.compare(making, picking, fused);
  bool isWorthIt = figures.isWorthIt();
  if (context.explanation && isWorthIt)
    context.explanation->push_back(context.label(pick) + " and " + context.label(tree.front()) + ": fused, computed " +
                                   (isa<ir::SliceOp, ir::GatherOp>(pick)
                                        ? "for the elements that are read alone: "
                                        : "where its readers read it: ") +
                                   figures.toString());
  // What read the gather reads the last op from now on.
  if (context.explanation && isWorthIt && isa<ir::GatherOp>(pick)) {
    llvm::SetVector<Operation *> readers(pick->user_begin(), pick->user_end());
    for (unsigned k = 0; k < readers.size(); ++k)
      if (OpRole role = getRole(readers[k]); role == OpRole::View)
        readers.insert(readers[k]->user_begin(), readers[k]->user_end());
      else if (role != OpRole::Outside && readers[k]->getBlock() == &block)
        context.explanation->push_back(context.label(readers[k]) + " and " + context.label(pick) +
                                       ": fused, computed for the elements that are read alone: " + figures.toString());
  }
  if (context.explanation && isWorthIt)
    for (Operation *op : tree)
      for (Value operand : op->getOperands()) {
        Value base = resolveViews(operand, [](Operation *) { return false; }).base;
        if (!shared.contains(op) && leaves.contains(operand) && isComputed(base))
          context.explanation->push_back(context.label(op) + " and " + context.label(base.getDefiningOp()) +
                                         ": not fused, what is gathered lies in memory: " + figures.toString());
      }
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
    if (auto transpose = dyn_cast<ir::TransposeOp>(pick)) {
      // As much of each extent is known as of the leaf's.
      auto given = cast<RankedTensorType>(leaf.getType());
      auto shape = llvm::map_to_vector(transpose.getPermutation(), [&](int64_t axis) { return given.getDimSize(axis); });
      type = RankedTensorType::get(shape, given.getElementType());
    }
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

/// Why those that read across what an op makes do not compute it.
void PickFirst::refuse(Operation *pick) {
  if (!context.reasons || !isa<ir::TransposeOp>(pick))
    return;
  NodeId made = ir::getNodeId(tree.front());
  for (Operation *user : pick->getUsers())
    if (NodeId reader = ir::getNodeId(user); reader != kNoNode && made != kNoNode)
      context.reasons->try_emplace({reader, made}, "computed where memory is read across it would take longer");
}

bool PickFirst::tryMove(Operation *pick) {
  gathers = wholes = 0;
  bool isPick = isa<ir::SliceOp, ir::GatherOp>(pick);
  if ((!isPick && !hasReaders(pick)) || !collect(pick))
    return false;
  for (Value leaf : leaves)
    if (!canPickOf(pick, leaf))
      return false;
  // The index is still to be checked, and not often.
  if (isa<ir::GatherOp>(pick) && (wholes == 0 || gathers > kMostGathers))
    return false;
  if (!isCheaper(pick)) {
    refuse(pick);
    return false;
  }
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
  for (Operation *op : tree)
    if (!shared.contains(op))
      erase(op);
  return true;
}

} // namespace

bool pickFirst(Block &block, const MoveContext &context) {
  return PickFirst(block, context).run();
}

} // namespace oriel
