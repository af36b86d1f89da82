//===- FormGroups.cpp - which groups an op joins --------------------------===//
//
// Ops are visited once, in program order. Each joins the groups of the ops it
// reads where the rules allow it and the cost model says it is worth it, else
// starts one.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

void BlockFuser::formGroups() {
  SmallVector<unsigned> withOperands;
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
    case OpRole::ColumnReduce:
      addReduce(index);
      break;
    case OpRole::Scatter:
      addScatter(index);
      break;
    case OpRole::Concatenate:
    case OpRole::ArgReduce:
      addAlone(index, getSources(ops[index]));
      withOperands.push_back(index);
      break;
    default: {
      SmallVector<Source> sources = getSources(ops[index]);
      addAlone(index, sources);
      if (roles[index] != OpRole::MatMul) // takePrologues has more to say of those
        remark(index, sources, DenseMap<int, std::string>());
      break;
    }
    }
  }
  for (unsigned index : withOperands)
    takeOperands(index);
  if (fusion)
    mergeSiblings();
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
    op->walk(
        [&](Operation *inner) { llvm::for_each(inner->getOperands(), use); });
  // Values are looked at in the order of the program.
  bool observes = op->walk([](ir::ObserveOp) {
                      return WalkResult::interrupt();
                    }).wasInterrupted();
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
  group.isSealed = role == OpRole::Scatter || role == OpRole::Concatenate ||
                   role == OpRole::ArgReduce || role == OpRole::View ||
                   role == OpRole::Leaf || role == OpRole::Library || !fusion;
  bool reduces = role == OpRole::RowReduce || role == OpRole::ColumnReduce;
  group.space = shapeOf(reduces ? op->getOperand(0) : op->getResult(0));
  group.ops.push_back(index);
  if (reduces)
    group.reducedAxis = cast<ir::ReduceOp>(op).getAxes()[0];
  group.work = workAlone(index, sources);
  SmallVector<unsigned> preds;
  for (const Source &source : sources) {
    group.readsSlices |= source.isSliced;
    if (source.group == kNone)
      continue;
    preds.push_back(source.group);
    group.unfusable.push_back(source.group);
  }
  if (reduces)
    levels[index] = Level::Row;
  nodes[index] = graph.add(std::move(group), preds);
  account(index, sources);
  return nodes[index];
}

/// Is an operand read at its own row? `shape` is the reader's: that of the
/// space of a kernel that reduces `axis`, or of its rows, with extents of 1
/// anywhere.
static bool isRowMap(const Access &access, int rank, int axis, int shapeRank) {
  if (!access.isPlain())
    return false;
  auto type = cast<RankedTensorType>(access.base.getType());
  int baseRank = type.getRank();
  if (baseRank != rank && baseRank != rank - 1)
    return false;
  auto inSpace = [&](int dim, int ofRank) {
    return ofRank == rank || dim < axis ? dim : dim + 1;
  };
  for (auto [k, each] : llvm::enumerate(access.axes)) {
    if (type.getDimSize(k) == 1)
      continue;
    if (each.dim < 0 || inSpace(each.dim, shapeRank) == axis ||
        inSpace(each.dim, shapeRank) != inSpace(k, baseRank))
      return false;
  }
  return true;
}

/// (n, ...) or (n, ..., 1) in a kernel over (n, ..., m) that reduces the last
/// axis; the same for another.
bool BlockFuser::isShapeOfRows(const Dims &shape, const Dims &space,
                               int axis) const {
  int rank = space.size(), given = shape.size();
  if (rank == 0 || axis < 0 || axis >= rank ||
      (given != rank - 1 && given != rank))
    return false;
  for (int k = 0; k < rank; ++k) {
    if (k == axis) {
      if (given == rank && shape[k] != Dim(1))
        return false;
      continue;
    }
    if (!dims.areEqual(shape[given == rank || k < axis ? k : k - 1], space[k]))
      return false;
  }
  return true;
}

std::optional<BlockFuser::Level> BlockFuser::levelIn(unsigned group,
                                                     Operation *op,
                                                     ArrayRef<Source> sources,
                                                     std::string *reason) {
  const Dims &space = graph[group].space;
  const Dims &shape = shapeOf(op->getResult(0));
  int rank = space.size();
  int reduced =
      graph[group].reducedAxis >= 0 ? graph[group].reducedAxis : rank - 1;
  bool isFullShape = dims.areEqual(shape, space);
  bool isRowShape = isShapeOfRows(shape, space, reduced);

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
      if (!isRowMap(source.access, rank, reduced, shape.size())) {
        *reason = "its value is read across rows";
        return std::nullopt;
      }
      readsRow = true;
    }
  }
  if (readsRow && !readsFull && isRowShape)
    return Level::Row;
  if (isFullShape && readsRow && reduced != rank - 1) {
    *reason = "a column reduction is done when its operand has been read";
    return std::nullopt;
  }
  if (isFullShape)
    return Level::Full;
  *reason = "shapes " + ToString(shape) + " and " + ToString(space) + " differ";
  return std::nullopt;
}

/// Does the kernel read memory for this operand (it makes leaves itself)?
bool BlockFuser::isRead(const Source &source) const {
  Operation *def = source.base.getDefiningOp();
  return !def || !isLeaf(def);
}

/// The distinct groups of computing ops among the sources, the latest first:
/// joining that one rarely makes a cycle.
static SmallVector<unsigned>
candidateGroups(GroupGraph &graph, ArrayRef<std::pair<int, int>> opsAndGroups) {
  SmallVector<unsigned> candidates;
  for (auto [op, group] : opsAndGroups)
    if (op >= 0 &&
        !llvm::is_contained(candidates, static_cast<unsigned>(group)))
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
      if (source.op != kNone && graph.find(source.group) == graph.find(group))
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
  // Of extents of 1, where a value is the row's here and full there.
  SmallVector<unsigned> differ;
  for (auto [group, level] : llvm::zip(fit, fitLevels)) {
    std::string reason;
    if (!home) {
      if (tryJoin(index, group, KernelClass::Elementwise, level, sources,
                  &reason)) {
        home = group;
        continue;
      }
    } else {
      // One is full in one kernel and a row's in the other: only if the one
      // becomes rows of the other.
      const Group &mine = graph[*home], &other = graph[group];
      bool fits = level == levels[index]
                      ? !canBeRowsOf(mine, other) && !canBeRowsOf(other, mine)
                      : (level == Level::Row ? canBeRowsOf(mine, other)
                                             : canBeRowsOf(other, mine));
      if (explanation) {
        FusionFigures figures = weighMerge(other, mine);
        for (const Source &source : sources)
          if (source.op != kNone && source.group == static_cast<int>(group))
            weighed[source.op] = figures;
      }
      if (!fits) {
        differ.push_back(group);
        reason = "iteration spaces " + ToString(graph[group].space) + " and " +
                 ToString(graph[*home].space) + " differ";
      } else if (tryMerge(group, *home, &reason)) {
        continue;
      }
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
    auto refused = reasons.find(source.op);
    bool fits = source.op != kNone &&
                llvm::is_contained(fit, static_cast<unsigned>(source.group)) &&
                !llvm::is_contained(differ, static_cast<unsigned>(source.group)) &&
                (refused == reasons.end() || refused->second != kDearer);
    if (!fits)
      group.unfusable.push_back(source.group);
  }
  remark(index, sources, reasons);
}

/// A reduction joins the kernel that makes its operand.
void BlockFuser::addReduce(unsigned index) {
  constexpr unsigned kMaxProducers = 64; // of a column reduction
  bool isRow = roles[index] == OpRole::RowReduce;
  KernelClass own = getClassOf(roles[index]);
  int axis = cast<ir::ReduceOp>(ops[index]).getAxes()[0];
  SmallVector<Source> sources = getSources(ops[index]);
  const Source &source = sources[0];
  DenseMap<int, std::string> reasons;
  if (source.op != kNone) {
    const Group &group = graph[source.group];
    std::string reason;
    if (group.isSealed)
      reason = !fusion ? "fusion is off"
                       : toString(group.kernelClass).str() +
                             " kernels take no other ops";
    else if (levels[source.op] != Level::Full || (!source.isDirect && isRow))
      reason = "its value is read across rows";
    else if (!source.isDirect)
      reason = "its value is read through a view, from memory";
    else if (!dims.areEqual(shapeOf(ops[index]->getOperand(0)), group.space))
      reason = "shapes differ";
    else if (group.reducedAxis >= 0 && group.reducedAxis != axis)
      reason = toString(group.kernelClass).str() + " and " +
               toString(own).str() + " kernels do not combine";
    else if (!isRow && group.gathers)
      reason = kNoChecks;
    else if (!isRow && group.ops.size() > kMaxProducers)
      reason = "the kernel would hold more than " +
               std::to_string(kMaxProducers) + " ops";
    else if (tryJoin(index, source.group, own, Level::Row, sources, &reason)) {
      graph[source.group].reducedAxis = axis;
      return remark(index, sources, reasons);
    }
    reasons[source.op] = reason;
  }
  addAlone(index, sources);
  remark(index, sources, reasons);
}

} // namespace oriel
