//===- FuseOperands.cpp - what a sole op's kernel computes itself ---------===//
//
// The kernel of a concatenate computes its parts straight into their places, that
// of an argmax or argmin its operand a block at a time: each takes the
// elementwise ops and gathers along that make what it reads. The maximum of what an
// argmax looks at is found by the way.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

/// Is an operand the whole of what it is a view of, with axes of extent 1 added at
/// most (where an op may read it so)?
static bool isWhole(const Access &access, Value operand, bool mayAddAxes, const DimAnalysis &dims) {
  if (access.base == operand)
    return true;
  auto base = cast<RankedTensorType>(access.base.getType());
  auto type = cast<RankedTensorType>(operand.getType());
  int64_t added = type.getRank() - base.getRank();
  if (!access.isPlain() || added < 0)
    return false;
  if (added > 0 && (!mayAddAxes || llvm::is_contained(base.getShape(), 1) ||
                    llvm::count(type.getShape(), 1) != added))
    return false;
  // In order, and all of each: the first few of an axis are a plain slice.
  int last = -1;
  for (auto [k, axis] : llvm::enumerate(access.axes)) {
    if (axis.dim <= std::exchange(last, axis.dim))
      return false;
    if (!dims.areEqual(dims.getDims(access.base)[k], dims.getDims(operand)[axis.dim]))
      return false;
  }
  return true;
}

bool BlockFuser::readsAcross(ArrayRef<unsigned> members) const {
  for (unsigned member : members) {
    if (isa<ir::ReduceOp>(ops[member]))
      continue; // of a value that the others make
    int last = static_cast<int>(shapeOf(ops[member]->getResult(0)).size()) - 1;
    for (const Source &source : getSources(ops[member]))
      for (auto [k, axis] : llvm::enumerate(source.access.axes))
        if (isRead(source) && axis.dim == last && k + 1 < source.access.axes.size())
          return true;
  }
  return false;
}

/// Is `op` the maximum of the rows (or columns) of which `arg` finds where it is?
static bool isExtremeOf(ir::ReduceOp op, Operation *arg) {
  bool isMax = isa<ir::ArgMaxOp>(arg);
  size_t axis = isMax ? cast<ir::ArgMaxOp>(arg).getAxis() : cast<ir::ArgMinOp>(arg).getAxis();
  return op && op.getKind() == (isMax ? ir::ReduceKind::max : ir::ReduceKind::min) &&
         op.getX() == arg->getOperand(0) && op.getAxes().size() == 1 &&
         op.getAxes()[0] == static_cast<int64_t>(axis) &&
         !op.getX().getDefiningOp<ir::IotaOp>() &&
         !getElementTypeOrSelf(op.getX().getType()).isInteger(1);
}

/// Does `producer` make the operand of the argmax or argmin `index`, and its extreme
/// value, and nothing else?
bool BlockFuser::hasExtremeOf(unsigned index, const Group &producer) const {
  Operation *def = ops[index]->getOperand(0).getDefiningOp();
  if (roles[index] != OpRole::ArgReduce || producer.reducedAxis < 0 ||
      (def && (getRole(def) == OpRole::View || isLeaf(def))))
    return false;
  unsigned found = 0;
  for (unsigned member : producer.ops) {
    OpRole role = roles[member];
    bool reduces = role == OpRole::RowReduce || role == OpRole::ColumnReduce;
    if (reduces ? !isExtremeOf(cast<ir::ReduceOp>(ops[member]), ops[index])
                : levels[member] != Level::Full)
      return false;
    found += reduces;
    // What comes after the maximum (a softmax) takes sweeps of its own.
    for (int made : operandOps[member])
      if (roles[made] == OpRole::RowReduce || roles[made] == OpRole::ColumnReduce)
        if (llvm::is_contained(producer.ops, static_cast<unsigned>(made)))
          return false;
  }
  return found == 1;
}

bool BlockFuser::tryTakeIn(unsigned index, unsigned producer, ArrayRef<Source> sources,
                           std::string *reason) {
  unsigned home = graph.find(nodes[index]);
  Group &group = graph[producer], &own = graph[home];
  std::string name = toString(own.kernelClass).str();
  if (!fusion || group.isSealed) {
    *reason = !fusion           ? "fusion is off"
              : !group.isKernel ? "it is no kernel"
                                : toString(group.kernelClass).str() + " kernels take no other ops";
    return false;
  }
  if (group.kernelClass != KernelClass::Elementwise && group.kernelClass != KernelClass::Gather &&
      !hasExtremeOf(index, group)) {
    *reason = toString(group.kernelClass).str() + " and " + name + " kernels do not combine";
    return false;
  }
  if (group.updatesState) {
    *reason = kNotInPlace;
    return false;
  }
  // Operands that the op itself reads of the producer, and others.
  for (const Source &source : sources)
    if (source.op != kNone && graph.find(source.group) == producer &&
        !isWhole(source.access, source.value, roles[index] == OpRole::Concatenate, dims)) {
      *reason = "its value is read through a view, from memory";
      return false;
    }
  auto isMadeIn = [&](const void *value, unsigned id) {
    int made = indexOf(Value::getFromOpaquePointer(value).getDefiningOp());
    return made != kNone && nodes[made] != kNone && graph.find(nodes[made]) == id;
  };
  for (auto [value, read] : own.reads) {
    unsigned edges = llvm::count_if(
        sources, [&](const Source &s) { return s.base.getAsOpaquePointer() == value; });
    if (isMadeIn(value, producer) && read.edges > edges) {
      *reason = "the kernel would read a value of its own from memory";
      return false;
    }
  }
  if (llvm::any_of(group.reads, [&](auto &read) { return isMadeIn(read.first, home); })) {
    *reason = "the kernel would read a value of its own from memory";
    return false;
  }
  if (group.ops.size() + own.ops.size() > kMaxKernelOps) {
    *reason = "the kernel would hold more than " + std::to_string(kMaxKernelOps) + " ops";
    return false;
  }
  // An argmax takes a row at a time, not tiles of a transposed operand.
  if (roles[index] == OpRole::ArgReduce && readsAcross(group.ops)) {
    *reason = "it reads a transposed operand, a row at a time";
    return false;
  }
  unsigned reads = group.reads.size() + own.reads.size();
  for (auto [value, read] : group.reads)
    reads -= own.reads.contains(value);
  if (reads > kMaxKernelInputs) {
    *reason = tooManyInputs();
    return false;
  }
  FusionFigures figures;
  KernelWork work = workMerged(group, own);
  // Each part is a loop of its own.
  work.live = std::max(group.work.live, own.work.live);
  figures = model.compare(group.work, own.work, work);
  for (const Source &source : sources)
    if (source.op != kNone && graph.find(source.group) == producer)
      weighed[source.op] = figures;
  if (!figures.isWorthIt()) {
    *reason = kDearer;
    return false;
  }
  KernelClass kernelClass = own.kernelClass;
  Dims space = own.space;
  if (!graph.merge(home, producer)) {
    *reason = kInBetween;
    return false;
  }
  noteMerge(home, producer, figures);
  Group &merged = graph[home];
  merged.kernelClass = kernelClass;
  merged.space = std::move(space);
  merged.isSealed = true;
  merged.work = work;
  forgetOwnReads(graph.find(home));
  return true;
}

/// When all groups are formed: what else makes use of a producer has joined it by
/// then.
void BlockFuser::takeOperands(unsigned index) {
  constexpr size_t kMostOperands = 64;
  SmallVector<Source> sources = getSources(ops[index]);
  DenseMap<int, std::string> reasons;
  SmallVector<unsigned> tried;
  for (const Source &source : sources) {
    if (source.op != kNone && sources.size() > kMostOperands)
      reasons[source.op] = "it has more than " + std::to_string(kMostOperands) + " parts";
    if (source.op == kNone || sources.size() > kMostOperands ||
        llvm::is_contained(tried, graph.find(source.group)))
      continue;
    unsigned producer = graph.find(source.group);
    std::string reason;
    if (producer == graph.find(nodes[index]) || tryTakeIn(index, producer, sources, &reason))
      continue;
    tried.push_back(producer);
    for (const Source &other : sources)
      if (other.op != kNone && graph.find(other.group) == producer)
        reasons[other.op] = reason;
  }
  remark(index, sources, reasons);
  if (roles[index] == OpRole::ArgReduce && fusion)
    takeExtreme(index, sources);
}

/// The extreme value of an operand that lies in memory for both.
void BlockFuser::takeExtreme(unsigned index, ArrayRef<Source> sources) {
  for (Operation *user : ops[index]->getOperand(0).getUsers()) {
    int reduce = indexOf(user);
    if (reduce == kNone || nodes[reduce] == kNone || !isExtremeOf(dyn_cast<ir::ReduceOp>(user), ops[index]))
      continue;
    unsigned producer = graph.find(nodes[reduce]);
    if (producer == graph.find(nodes[index]))
      continue;
    std::string reason;
    FusionFigures figures;
    if (explanation)
      figures = weighMerge(graph[producer], graph[nodes[index]]);
    bool isFused = tryTakeIn(index, producer, sources, &reason);
    explainPair(index, reduce, isFused, "they read the same tensor" + (isFused ? "" : ", but " + reason), figures);
  }
}

} // namespace oriel
