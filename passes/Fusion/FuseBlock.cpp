//===- FuseBlock.cpp - which ops of a block form one kernel ---------------===//
//
// Ops are visited once, in program order. Each joins the groups of the ops it
// reads where the rules allow it, else starts one. Views (broadcast, transpose,
// slice) and leaves (splat constants, ramps, dims) belong to no group: each
// kernel that reads through them makes its own copy, which costs nothing but an
// index map. Only those that something needs in memory become kernels.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

#include "dialect/Graph/Infer.h"

using namespace mlir;

namespace oriel {

void BlockFuser::run() {
  for (Operation &op : block.without_terminator()) {
    indices[&op] = ops.size();
    if (auto rows = dyn_cast<ir::RowsOp>(op))
      binders.try_emplace(rows.getDim().getDim(0).symbol(), ops.size());
    ops.push_back(&op);
  }
  nodes.assign(ops.size(), kNone);
  levels.assign(ops.size(), Level::Full);
  passes.assign(ops.size(), 0);
  isOutput.assign(ops.size(), false);
  classify();
  findBuffers();
  countEdges();
  formGroups();
  if (fusion)
    computeAgain();
  takePrologues();
  tellDecisions();
  build();
}

int BlockFuser::indexOf(Operation *op) const {
  auto it = op ? indices.find(op) : indices.end();
  return it == indices.end() ? kNone : static_cast<int>(it->second);
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// A scalar computed from dims and constants (the divisor of a mean) or from
/// what the block is given (a learning rate, a loop's counter) is a leaf while
/// making it again for each of its readers costs less than a dispatch.
bool BlockFuser::isScalarLeaf(unsigned index, std::vector<double> &costs) const {
  Operation *op = ops[index];
  if (cast<RankedTensorType>(op->getResult(0).getType()).getRank() != 0)
    return false;
  double cost = model.scalarNs(ir::getOpKind(op).value_or(OpKind::kDiv));
  for (Value operand : op->getOperands()) {
    int source = indexOf(operand.getDefiningOp());
    if (source == kNone && isCheap(op))
      continue; // from above
    if (source == kNone || roles[source] != OpRole::Leaf)
      return false;
    cost += costs[source];
  }
  double readers = std::distance(op->use_begin(), op->use_end());
  if (readers * cost > model.getMachine().dispatchNs)
    return false;
  for (OpOperand &use : op->getResult(0).getUses())
    if (use.getOwner()->getBlock() != &block ||
        isa<ir::ReshapeOp>(use.getOwner()) ||
        readingOf(use.getOwner(), use.getOperandNumber()) != Reading::Viewed)
      return false;
  costs[index] = cost;
  return true;
}

void BlockFuser::classify() {
  std::vector<double> costs(ops.size(), 0);
  for (auto [index, op] : llvm::enumerate(ops)) {
    roles.push_back(getRole(op));
    if (fusion && roles.back() == OpRole::Elementwise &&
        isScalarLeaf(index, costs))
      roles.back() = OpRole::Leaf;
  }
}

Reading BlockFuser::readingOf(Operation *op, unsigned operand) const {
  if (!fusion)
    return Reading::Buffer;
  if (isa<ir::ScatterOp>(op) && operand == 0)
    return Reading::Fill;
  if (isa<ir::GatherOp>(op) && operand == 0)
    return Reading::Spread;
  if (absorbsTransposes(op, operand))
    return Reading::Transposed;
  if (absorbsViews(op, operand) || isa<ir::DynamicSliceOp>(op))
    return isa<ir::DynamicSliceOp>(op) && operand == 0 ? Reading::Buffer
                                                       : Reading::Viewed;
  return Reading::Buffer;
}

/// Leaves without operands may be made again in any block.
bool BlockFuser::isLeaf(Operation *op) const {
  int index = indexOf(op);
  return index == kNone ? op && getRole(op) == OpRole::Leaf
                        : roles[index] == OpRole::Leaf;
}

/// One value for all elements, seen through views of this block.
bool BlockFuser::isFill(Value value) const {
  Access access =
      resolveViews(value, [&](Operation *view) { return indexOf(view) == kNone; });
  Operation *def = access.base.getDefiningOp();
  return def && isSplatConstant(def);
}

/// Broadcasts, in this block, of what lies in memory: an element of one is an
/// element of that, wherever it is.
bool BlockFuser::isSpread(Value value) const {
  Value base = value;
  while (Operation *def = base.getDefiningOp()) {
    if (indexOf(def) == kNone || roles[indexOf(def)] != OpRole::View || !isa<ir::BroadcastOp, ir::ReshapeOp>(def))
      break;
    base = def->getOperand(0);
  }
  Operation *def = base.getDefiningOp();
  return base != value && (!def || (!isView(def) && !isLeaf(def)));
}

/// Which views and ramps must lie in memory: those with a use that reads
/// memory. Users come after what they use, so that one backward walk does it.
void BlockFuser::findBuffers() {
  needsBuffer.assign(ops.size(), false);
  std::vector<char> feedsMatMul(ops.size(), false);
  for (unsigned index = ops.size(); index-- > 0;) {
    Operation *op = ops[index];
    bool isViewOp = roles[index] == OpRole::View;
    if (!isViewOp && !isa<ir::IotaOp>(op))
      continue;
    for (OpOperand &use : op->getResult(0).getUses()) {
      Operation *user = use.getOwner();
      int userIndex = indexOf(user);
      Reading reading = readingOf(user, use.getOperandNumber());
      bool intoMatMul = reading == Reading::Transposed && isMatrixView(op, true);
      bool absorbed = reading == Reading::Viewed || intoMatMul;
      if (reading == Reading::Fill && isViewOp)
        absorbed = isFill(op->getResult(0));
      if (reading == Reading::Spread && isViewOp)
        absorbed = isSpread(op->getResult(0));
      // Views do not cross blocks.
      if (isViewOp && user->getBlock() != &block)
        absorbed = false;
      if (user->hasTrait<OpTrait::IsTerminator>() ||
          (userIndex != kNone && roles[userIndex] == OpRole::Outside))
        absorbed = false;
      if (userIndex != kNone && roles[userIndex] == OpRole::View) {
        // A reshape that stays outside kernels renames memory.
        if (isa<ir::ReshapeOp>(user) && needsBuffer[userIndex])
          absorbed = false;
        // A matmul reads matrices of memory only, and under a broadcast what it
        // would read through itself: no transpose of a constant.
        bool isMatrix = isMatrixView(op, false);
        if (feedsMatMul[userIndex] && !isMatrix)
          absorbed = false;
        if (feedsMatMul[userIndex] && isMatrix)
          feedsMatMul[index] = true;
      }
      if (intoMatMul)
        feedsMatMul[index] = true;
      needsBuffer[index] |= !absorbed;
    }
    if (!fusion)
      needsBuffer[index] = true;
  }
}

/// Where a transpose lies in memory anyway, reading that is cheaper than
/// reading across its operand. Views of other blocks are memory here.
bool BlockFuser::endsViews(Operation *view) const {
  int index = indexOf(view);
  return index == kNone ||
         (needsBuffer[index] && isa<ir::TransposeOp>(view));
}

/// May a matmul read its operand through `view`: a transpose, or, when it is the
/// first, one matrix for all of a batch?
bool BlockFuser::isMatrixView(Operation *view, bool isFirst) {
  // A constant's transpose is made once and kept: reading across is not.
  if (isa<ir::TransposeOp>(view))
    return !view->getOperand(0).getDefiningOp<ir::ConstantOp>();
  auto broadcast = dyn_cast<ir::BroadcastOp>(view);
  if (!broadcast || !isFirst)
    return false;
  auto from = cast<RankedTensorType>(broadcast.getX().getType());
  auto to = cast<RankedTensorType>(broadcast.getResult().getType());
  ArrayRef<int64_t> axes = broadcast.getAxes();
  int64_t rank = to.getRank(), count = axes.size();
  if (count < 2 || axes[count - 2] != rank - 2 || axes[count - 1] != rank - 1)
    return false;
  return llvm::all_of(ArrayRef<int64_t>{count - 2, count - 1}, [&](int64_t k) {
    return from.getDimSize(k) != 1 || to.getDimSize(axes[k]) == 1;
  });
}

BlockFuser::Source BlockFuser::getSource(Operation *op,
                                         unsigned operand) const {
  Value value = op->getOperand(operand);
  Source source;
  source.value = value;
  source.access = Access::identity(value);
  switch (readingOf(op, operand)) {
  case Reading::Buffer:
    break;
  case Reading::Spread:
    if (isSpread(value))
      source.access = resolveViews(value, [&](Operation *view) { return indexOf(view) == kNone; });
    break;
  case Reading::Viewed:
    source.access = resolveViews(value, [&](Operation *view) {
      bool ends = endsViews(view);
      source.isSliced |= !ends && isa<ir::SliceOp>(view);
      return ends;
    });
    break;
  case Reading::Transposed: {
    bool isFirst = true;
    source.access = resolveViews(value, [&](Operation *view) {
      return endsViews(view) || !isMatrixView(view, std::exchange(isFirst, false));
    });
    break;
  }
  case Reading::Fill: {
    Access access = resolveViews(
        value, [&](Operation *view) { return indexOf(view) == kNone; });
    if (Operation *def = access.base.getDefiningOp(); def && isSplatConstant(def))
      source.access = access;
    break;
  }
  }
  source.base = source.access.base;
  source.isDirect = source.base == value;
  int index = indexOf(source.base.getDefiningOp());
  if (index != kNone && nodes[index] != kNone) {
    source.group = graph.find(nodes[index]);
    bool computes = roles[index] != OpRole::Outside &&
                    roles[index] != OpRole::View && roles[index] != OpRole::Leaf;
    if (computes)
      source.op = index;
  }
  return source;
}

SmallVector<BlockFuser::Source> BlockFuser::getSources(Operation *op) const {
  SmallVector<Source> sources;
  for (unsigned k = 0; k < op->getNumOperands(); ++k)
    sources.push_back(getSource(op, k));
  for (unsigned binder : getBinders(op)) {
    Source source;
    source.value = source.base = ops[binder]->getResult(0);
    source.access = Access::identity(source.base);
    source.group = graph.find(nodes[binder]);
    sources.push_back(source);
  }
  return sources;
}

/// Dims may be mentioned without an operand that has them: what a kernel makes
/// again for itself (views, leaves) counts as its own.
SmallVector<unsigned> BlockFuser::getBinders(Operation *op) const {
  SmallVector<unsigned> found;
  if (binders.empty())
    return found;
  std::vector<std::string> symbols;
  SmallVector<Operation *> work = {op};
  llvm::DenseSet<Operation *> seen = {op};
  while (!work.empty()) {
    Operation *at = work.pop_back_val();
    collectSymbols(at, symbols);
    auto visit = [&](Value value) {
      for (const Dim &dim : dims.getDims(value))
        dim.CollectSymbols(&symbols);
      Operation *def = value.getDefiningOp();
      int index = indexOf(def);
      if (index != kNone && nodes[index] == kNone && seen.insert(def).second)
        work.push_back(def);
    };
    at->walk([&](Operation *inner) {
      llvm::for_each(inner->getOperands(), visit);
    });
  }
  for (const std::string &symbol : symbols) {
    auto it = binders.find(symbol);
    if (it != binders.end() && ops[it->second] != op &&
        nodes[it->second] != kNone && !llvm::is_contained(found, it->second))
      found.push_back(it->second);
  }
  return found;
}

} // namespace oriel
