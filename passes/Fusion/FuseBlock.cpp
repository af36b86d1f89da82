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
  isOutput.assign(ops.size(), false);
  classify();
  findBuffers();
  formGroups();
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
/// what the block is given (a learning rate, a loop's counter) is a leaf while it
/// costs a few ops: cheaper than a dispatch.
bool BlockFuser::isScalarLeaf(unsigned index, std::vector<char> &costs) const {
  constexpr int maxCost = 8;
  Operation *op = ops[index];
  if (cast<RankedTensorType>(op->getResult(0).getType()).getRank() != 0)
    return false;
  int cost = 1;
  for (Value operand : op->getOperands()) {
    int source = indexOf(operand.getDefiningOp());
    if (source == kNone && isCheap(op))
      continue; // from above
    if (source == kNone || roles[source] != OpRole::Leaf)
      return false;
    cost += costs[source];
  }
  if (cost > maxCost)
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
  std::vector<char> costs(ops.size(), 0);
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
      bool isTranspose = isa<ir::TransposeOp>(op);
      bool intoMatMul = reading == Reading::Transposed && isMatrixView(op, true);
      bool absorbed = reading == Reading::Viewed || intoMatMul;
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
        // A matmul reads matrices of memory only.
        if (feedsMatMul[userIndex] && !isTranspose)
          absorbed = false;
        if (feedsMatMul[userIndex] && isTranspose)
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
  if (isa<ir::TransposeOp>(view))
    return true;
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
  source.access = Access::identity(value);
  switch (readingOf(op, operand)) {
  case Reading::Buffer:
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
    source.base = ops[binder]->getResult(0);
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

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

void BlockFuser::formGroups() {
  for (unsigned index = 0; index < ops.size(); ++index) {
    switch (roles[index]) {
    case OpRole::Outside:
      addOutside(index);
      break;
    case OpRole::Leaf:
      if (needsBuffer[index])
        addAlone(index, {});
      break;
    case OpRole::View:
      if (!needsBuffer[index])
        break;
      if (isa<ir::ReshapeOp>(ops[index]))
        addOutside(index);
      else
        addAlone(index, getSources(ops[index]));
      break;
    case OpRole::Elementwise:
      addElementwise(index);
      break;
    case OpRole::RowReduce:
      addRowReduce(index);
      break;
    case OpRole::ColumnReduce:
      addColumnReduce(index);
      break;
    default: {
      SmallVector<Source> sources = getSources(ops[index]);
      addAlone(index, sources);
      remark(index, sources, DenseMap<int, std::string>());
      break;
    }
    }
  }
}

/// Ops that stay in the block as they are; regions may use what is above.
void BlockFuser::addOutside(unsigned index) {
  SmallVector<unsigned> preds;
  auto use = [&](Value value) {
    int source = indexOf(value.getDefiningOp());
    if (source != kNone && nodes[source] != kNone)
      preds.push_back(nodes[source]);
  };
  Operation *op = ops[index];
  llvm::for_each(op->getOperands(), use);
  if (op->getNumRegions() > 0)
    op->walk([&](Operation *inner) {
      llvm::for_each(inner->getOperands(), use);
    });
  // Values are looked at in the order of the program.
  bool observes = op->walk([](ir::ObserveOp) { return WalkResult::interrupt(); })
                      .wasInterrupted();
  if (observes && lastObserver != kNone)
    preds.push_back(lastObserver);
  for (unsigned binder : getBinders(op))
    preds.push_back(nodes[binder]);
  Group group;
  group.isSealed = true;
  group.ops.push_back(index);
  nodes[index] = graph.add(std::move(group), preds);
  if (observes)
    lastObserver = nodes[index];
}

unsigned BlockFuser::addAlone(unsigned index, ArrayRef<Source> sources) {
  OpRole role = roles[index];
  Operation *op = ops[index];
  Group group;
  group.isKernel = true;
  group.kernelClass = getClassOf(role);
  group.isSealed = role == OpRole::ColumnReduce || role == OpRole::Scatter ||
                   role == OpRole::Concatenate || role == OpRole::ArgReduce ||
                   role == OpRole::View || role == OpRole::Leaf ||
                   role == OpRole::Library || !fusion;
  bool reduces = role == OpRole::RowReduce || role == OpRole::ColumnReduce;
  group.space = shapeOf(reduces ? op->getOperand(0) : op->getResult(0));
  group.ops.push_back(index);
  SmallVector<unsigned> preds;
  for (const Source &source : sources) {
    group.readsSlices |= source.isSliced;
    if (isRead(source))
      group.reads.insert(source.base.getAsOpaquePointer());
    if (source.group == kNone)
      continue;
    preds.push_back(source.group);
    group.unfusable.push_back(source.group);
  }
  if (role == OpRole::RowReduce)
    levels[index] = Level::Row;
  return nodes[index] = graph.add(std::move(group), preds);
}

/// Does an operand read through `access` have the map (c0, ..., c[rank-2]),
/// with the axes of extent 1 anywhere?
static bool isRowMap(const Access &access, int rank) {
  if (!access.isPlain())
    return false;
  auto type = cast<RankedTensorType>(access.base.getType());
  int baseRank = type.getRank();
  if (baseRank != rank && baseRank != rank - 1)
    return false;
  for (auto [k, axis] : llvm::enumerate(access.axes))
    if (type.getDimSize(k) != 1 &&
        (axis.dim != static_cast<int>(k) || axis.dim >= rank - 1))
      return false;
  return true;
}

std::optional<BlockFuser::Level>
BlockFuser::levelIn(unsigned group, Operation *op, ArrayRef<Source> sources,
                    std::string *reason) {
  const Dims &space = graph[group].space;
  const Dims &shape = shapeOf(op->getResult(0));
  int rank = space.size();
  bool isFullShape = dims.areEqual(shape, space);
  // (n, ...) or (n, ..., 1) in a kernel over (n, ..., m).
  bool isRowShape =
      rank > 0 && (static_cast<int>(shape.size()) == rank - 1 ||
                   (static_cast<int>(shape.size()) == rank &&
                    shape.back() == Dim(1)));
  for (int axis = 0; isRowShape && axis < rank - 1; ++axis)
    isRowShape = dims.areEqual(shape[axis], space[axis]);

  bool readsFull = false, readsRow = false;
  for (const Source &source : sources) {
    if (source.op == kNone || source.group != static_cast<int>(group))
      continue;
    if (levels[source.op] == Level::Full) {
      if (!source.isDirect && !source.access.isIdentity()) {
        *reason = "its value is read through a view, from memory";
        return std::nullopt;
      }
      readsFull = true;
    } else {
      if (!isRowMap(source.access, rank)) {
        *reason = "its value is read across rows";
        return std::nullopt;
      }
      readsRow = true;
    }
  }
  if (readsRow && !readsFull && isRowShape)
    return Level::Row;
  if (isFullShape)
    return Level::Full;
  *reason = "shapes " + ToString(shape) + " and " + ToString(space) + " differ";
  return std::nullopt;
}

constexpr const char *kNoSlices = "a matmul's epilogue reads no slices";

static std::string tooManyInputs() {
  return "the kernel would read more than " + std::to_string(kMaxKernelInputs) +
         " tensors";
}

/// Does the kernel read memory for this operand (it makes leaves itself)?
bool BlockFuser::isRead(const Source &source) const {
  Operation *def = source.base.getDefiningOp();
  return !def || !isLeaf(def);
}

bool BlockFuser::tryMerge(unsigned a, unsigned b, std::string *reason) {
  a = graph.find(a);
  b = graph.find(b);
  Group &first = graph[a], &second = graph[b];
  if (first.isSealed || second.isSealed) {
    Group &sealed = first.isSealed ? first : second;
    *reason = sealed.isKernel ? toString(sealed.kernelClass).str() +
                                    " kernels take no other ops"
                              : "it is no kernel";
    return false;
  }
  auto merged = mergeClasses(first.kernelClass, second.kernelClass, reason);
  if (!merged)
    return false;
  if (!dims.areEqual(first.space, second.space)) {
    *reason = "iteration spaces " + ToString(first.space) + " and " +
              ToString(second.space) + " differ";
    return false;
  }
  if (first.ops.size() + second.ops.size() > kMaxKernelOps) {
    *reason = "the kernel would hold more than " +
              std::to_string(kMaxKernelOps) + " ops";
    return false;
  }
  if (merged == KernelClass::MatMul && (first.readsSlices || second.readsSlices)) {
    *reason = kNoSlices;
    return false;
  }
  unsigned reads = first.reads.size() + second.reads.size();
  for (const void *value : first.reads)
    reads -= second.reads.contains(value);
  if (reads > kMaxKernelInputs) {
    *reason = tooManyInputs();
    return false;
  }
  auto blocks = [&](Group &group, unsigned other) {
    return llvm::any_of(group.unfusable, [&](unsigned id) {
      return graph.find(id) == other;
    });
  };
  if (blocks(first, b) || blocks(second, a)) {
    *reason = "one reads the other's value from memory";
    return false;
  }
  if (!graph.merge(a, b)) {
    *reason = "another kernel in between needs one and feeds the other";
    return false;
  }
  Group &result = graph[a];
  result.kernelClass = *merged;
  return true;
}

bool BlockFuser::tryJoin(unsigned index, unsigned group, KernelClass joined,
                         ArrayRef<Source> sources, std::string *reason) {
  group = graph.find(group);
  if (!graph[group].isKernel || graph[group].isSealed) {
    *reason = !graph[group].isKernel
                  ? "it is no kernel"
                  : toString(graph[group].kernelClass).str() +
                        " kernels take no other ops";
    return false;
  }
  auto merged = mergeClasses(graph[group].kernelClass, joined, reason);
  if (!merged)
    return false;
  if (graph[group].ops.size() >= kMaxKernelOps) {
    *reason =
        "the kernel would hold more than " + std::to_string(kMaxKernelOps) + " ops";
    return false;
  }
  SmallVector<unsigned> preds;
  SmallVector<const void *> reads;
  bool isSliced = llvm::any_of(sources, [](const Source &s) { return s.isSliced; });
  if (merged == KernelClass::MatMul && isSliced) {
    *reason = kNoSlices;
    return false;
  }
  for (const Source &source : sources) {
    bool isOwn = source.group != kNone && graph.find(source.group) == group;
    if (source.group != kNone && !isOwn)
      preds.push_back(source.group);
    if (!isOwn && isRead(source))
      reads.push_back(source.base.getAsOpaquePointer());
  }
  unsigned more = llvm::count_if(reads, [&](const void *value) {
    return !graph[group].reads.contains(value);
  });
  if (more > 0 && graph[group].reads.size() + more > kMaxKernelInputs) {
    *reason = tooManyInputs();
    return false;
  }
  if (!graph.addDependencies(group, preds)) {
    *reason = "another kernel in between needs one and feeds the other";
    return false;
  }
  Group &target = graph[group];
  target.kernelClass = *merged;
  target.ops.push_back(index);
  target.reads.insert(reads.begin(), reads.end());
  target.readsSlices |= isSliced;
  nodes[index] = group;
  return true;
}

/// The distinct groups of computing ops among the sources, the latest first:
/// joining that one rarely makes a cycle.
static SmallVector<unsigned>
candidateGroups(GroupGraph &graph, ArrayRef<std::pair<int, int>> opsAndGroups) {
  SmallVector<unsigned> candidates;
  for (auto [op, group] : opsAndGroups)
    if (op >= 0 && !llvm::is_contained(candidates, static_cast<unsigned>(group)))
      candidates.push_back(group);
  SmallVector<std::pair<int64_t, size_t>> order; // of one rank the first first
  for (auto [position, group] : llvm::enumerate(candidates))
    order.push_back({-static_cast<int64_t>(graph[group].rank), position});
  llvm::sort(order);
  SmallVector<unsigned> sorted;
  for (auto [rank, position] : order)
    sorted.push_back(candidates[position]);
  return sorted;
}

void BlockFuser::addElementwise(unsigned index) {
  Operation *op = ops[index];
  SmallVector<Source> sources = getSources(op);
  DenseMap<int, std::string> reasons; // by the source's op
  auto refuse = [&](unsigned group, const std::string &reason) {
    for (const Source &source : sources)
      if (source.op != kNone &&
          graph.find(source.group) == graph.find(group))
        reasons[source.op] = reason;
  };
  SmallVector<std::pair<int, int>> pairs;
  for (const Source &source : sources)
    pairs.push_back({source.op, source.group});
  SmallVector<unsigned> fit;
  SmallVector<Level> fitLevels;
  for (unsigned group : candidateGroups(graph, pairs)) {
    std::string reason;
    std::optional<Level> level;
    if (!graph[group].isSealed)
      level = levelIn(group, op, sources, &reason);
    else
      reason = !fusion ? "fusion is off"
                       : toString(graph[group].kernelClass).str() +
                             " kernels take no other ops";
    if (!level) {
      refuse(group, reason);
      continue;
    }
    fit.push_back(group);
    fitLevels.push_back(*level);
  }
  std::optional<unsigned> home;
  for (auto [group, level] : llvm::zip(fit, fitLevels)) {
    std::string reason;
    if (!home) {
      if (tryJoin(index, group, KernelClass::Elementwise, sources, &reason)) {
        home = group;
        levels[index] = level;
        continue;
      }
    } else if (level != levels[index]) {
      reason = "iteration spaces " + ToString(graph[group].space) + " and " +
               ToString(graph[*home].space) + " differ";
    } else if (tryMerge(group, *home, &reason)) {
      continue;
    }
    refuse(group, reason);
  }
  if (!home) {
    addAlone(index, sources);
    // What could be read as a value stays open for a later merge.
    Group &group = graph[nodes[index]];
    group.unfusable.clear();
    home = nodes[index];
  }
  // Values this op cannot take from a register bar a merge for good.
  Group &group = graph[*home];
  for (const Source &source : sources) {
    if (source.group == kNone || graph.find(source.group) == graph.find(*home))
      continue;
    bool fits = source.op != kNone &&
                llvm::is_contained(fit, static_cast<unsigned>(source.group));
    if (!fits)
      group.unfusable.push_back(source.group);
  }
  remark(index, sources, reasons);
}

void BlockFuser::addRowReduce(unsigned index) {
  SmallVector<Source> sources = getSources(ops[index]);
  const Source &source = sources[0];
  DenseMap<int, std::string> reasons;
  if (source.op != kNone) {
    std::string reason;
    if (graph[source.group].isSealed)
      reason = !fusion ? "fusion is off"
                       : toString(graph[source.group].kernelClass).str() +
                             " kernels take no other ops";
    else if (levels[source.op] != Level::Full || !source.isDirect)
      reason = "its value is read across rows";
    else if (!dims.areEqual(shapeOf(ops[index]->getOperand(0)),
                            graph[source.group].space))
      reason = "shapes differ";
    else if (tryJoin(index, source.group, KernelClass::RowReduce, sources,
                     &reason)) {
      levels[index] = Level::Row;
      return;
    }
    reasons[source.op] = reason;
  }
  addAlone(index, sources);
  remark(index, sources, reasons);
}

/// Takes its producers along when nothing else needs their values: a column
/// reduction stores nothing but its result.
void BlockFuser::addColumnReduce(unsigned index) {
  constexpr unsigned kMaxProducers = 64;
  SmallVector<Source> sources = getSources(ops[index]);
  const Source &source = sources[0];
  DenseMap<int, std::string> reasons;
  if (source.op != kNone) {
    Group &group = graph[source.group];
    std::string reason;
    if (group.isSealed)
      reason = !fusion ? "fusion is off"
                       : toString(group.kernelClass).str() +
                             " kernels take no other ops";
    else if (group.kernelClass != KernelClass::Elementwise)
      reason = toString(group.kernelClass).str() +
               " and ColumnReduce kernels do not combine";
    else if (!source.isDirect)
      reason = "its value is read through a view, from memory";
    else if (group.ops.size() > kMaxProducers)
      reason = "the kernel would hold more than " +
               std::to_string(kMaxProducers) + " ops";
    else {
      for (unsigned member : group.ops)
        for (Operation *user : ops[member]->getUsers()) {
          int userIndex = indexOf(user);
          bool inside = user == ops[index] ||
                        (userIndex != kNone && nodes[userIndex] != kNone &&
                         graph.find(nodes[userIndex]) ==
                             static_cast<unsigned>(source.group));
          if (!inside)
            reason = "its kernel's values are needed elsewhere too";
        }
      if (reason.empty()) {
        group.kernelClass = KernelClass::ColumnReduce;
        group.isSealed = true;
        group.ops.push_back(index);
        nodes[index] = source.group;
        levels[index] = Level::Row;
        return;
      }
    }
    reasons[source.op] = reason;
  }
  addAlone(index, sources);
  remark(index, sources, reasons);
}

/// Why `index` is in another kernel than the computing ops it reads.
void BlockFuser::remark(unsigned index, ArrayRef<Source> sources,
                        const DenseMap<int, std::string> &reasons) {
  if (!fusion)
    return;
  SmallVector<int> told;
  for (const Source &source : sources) {
    if (source.op == kNone || llvm::is_contained(told, source.op) ||
        graph.find(nodes[source.op]) == graph.find(nodes[index]))
      continue;
    told.push_back(source.op);
    auto it = reasons.find(source.op);
    std::string reason = it != reasons.end() && !it->second.empty()
                             ? it->second
                             : toString(getClassOf(roles[index])).str() +
                                   " kernels read their operands from memory";
    remarks.push_back(label(ops[index]) + " not fused into the kernel of " +
                      label(ops[source.op]) + ": " + reason);
  }
}

} // namespace oriel
