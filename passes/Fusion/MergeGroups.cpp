//===- MergeGroups.cpp - when groups become one kernel --------------------===//
//
// An op joins a group, or two groups merge, where the rules, the dependencies
// and the cost model allow it; each refusal has a reason.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

std::string tooManyInputs() {
  return "the kernel would read more than " + std::to_string(kMaxKernelInputs) +
         " tensors";
}

/// Would what comes together sweep its rows more often than a kernel may? More
/// than `apart`, the sweeps that either has already.
static bool hasTooManySweeps(const KernelWork &fused, double apart) {
  return fused.passes > kMaxKernelSweeps && fused.passes > apart;
}

static std::string tooManySweeps() {
  return "the kernel would sweep its rows more than " +
         std::to_string(kMaxKernelSweeps) + " times";
}

/// A kernel over the rows of a reduction can be part of it: its ops then run
/// once a row.
bool BlockFuser::canBeRowsOf(const Group &rows, const Group &reduction) const {
  bool reduces =
      reduction.kernelClass == KernelClass::RowReduce ||
      reduction.kernelClass == KernelClass::ColumnReduce ||
      (reduction.kernelClass == KernelClass::MatMul && reduction.reducedAxis >= 0);
  if (!reduces || rows.reducedAxis >= 0 || rows.readsSlices ||
      !isShapeOfRows(rows.space, reduction.space, reduction.reducedAxis))
    return false;
  // Extents of 1 may make the rows the space itself.
  if (dims.areEqual(rows.space, reduction.space))
    return false;
  if (rows.kernelClass == KernelClass::Elementwise)
    return true;
  return rows.kernelClass == KernelClass::Gather &&
         reduction.kernelClass == KernelClass::RowReduce &&
         rows.space.size() + 1 == reduction.space.size();
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
  bool isRows = canBeRowsOf(first, second),
       hasRows = canBeRowsOf(second, first);
  if (!isRows && !hasRows && !dims.areEqual(first.space, second.space)) {
    *reason = "iteration spaces " + ToString(first.space) + " and " +
              ToString(second.space) + " differ";
    return false;
  }
  if (first.reducedAxis >= 0 && second.reducedAxis >= 0 &&
      first.reducedAxis != second.reducedAxis) {
    *reason = "they reduce different axes";
    return false;
  }
  if (merged == KernelClass::ColumnReduce &&
      (first.gathers || second.gathers)) {
    *reason = kNoChecks;
    return false;
  }
  if (merged == KernelClass::ColumnReduce &&
      (first.updatesState || second.updatesState)) {
    *reason = kNotInPlace;
    return false;
  }
  if (first.ops.size() + second.ops.size() > kMaxKernelOps) {
    *reason = "the kernel would hold more than " +
              std::to_string(kMaxKernelOps) + " ops";
    return false;
  }
  if (merged == KernelClass::MatMul &&
      (first.readsSlices || second.readsSlices)) {
    *reason = kNoSlices;
    return false;
  }
  if (merged == KernelClass::MatMul && (first.gathers || second.gathers)) {
    *reason = kNoGathers;
    return false;
  }
  if (merged == KernelClass::MatMul &&
      (first.reducedAxis >= 0 || second.reducedAxis >= 0)) {
    *reason = whyNotRows(first.kernelClass == KernelClass::MatMul ? first : second);
    if (!reason->empty())
      return false;
  }
  unsigned reads = first.reads.size() + second.reads.size();
  for (auto [value, read] : first.reads)
    reads -= second.reads.contains(value);
  if (reads > kMaxKernelInputs) {
    *reason = tooManyInputs();
    return false;
  }
  auto blocks = [&](Group &group, unsigned other) {
    return llvm::any_of(group.unfusable,
                        [&](unsigned id) { return graph.find(id) == other; });
  };
  if (blocks(first, b) || blocks(second, a)) {
    *reason = "one reads the other's value from memory";
    return false;
  }
  FusionFigures figures = weighMerge(first, second);
  if (hasTooManySweeps(figures.fused, std::max(first.work.passes, second.work.passes))) {
    *reason = tooManySweeps();
    return false;
  }
  if (!figures.isWorthIt()) {
    *reason = kDearer;
    return false;
  }
  SmallVector<unsigned> rows;
  if (isRows || hasRows)
    rows = isRows ? first.ops : second.ops;
  Dims space = isRows ? second.space : first.space;
  // Which of them comes after the other's sweeps.
  SmallVector<unsigned> later;
  unsigned sweeps = 0;
  if (figures.fused.passes > std::max(first.work.passes, second.work.passes)) {
    bool isFirst = llvm::any_of(second.ops, [&](unsigned index) {
      return first.reads.contains(
          ops[index]->getResult(0).getAsOpaquePointer());
    });
    later = isFirst ? first.ops : second.ops;
    sweeps = (isFirst ? second : first).work.passes;
  }
  if (!graph.merge(a, b)) {
    *reason = kInBetween;
    return false;
  }
  noteMerge(a, b, figures);
  for (unsigned index : rows)
    levels[index] = Level::Row;
  for (unsigned index : later)
    passes[index] += sweeps;
  unsigned id = graph.find(a);
  Group &result = graph[id];
  result.kernelClass = *merged;
  result.space = std::move(space);
  result.work = figures.fused;
  forgetOwnReads(id);
  return true;
}

void BlockFuser::forgetOwnReads(unsigned id) {
  Group &group = graph[id];
  SmallVector<const void *> inside;
  for (auto [value, read] : group.reads) {
    int made = indexOf(Value::getFromOpaquePointer(value).getDefiningOp());
    if (made == kNone || nodes[made] == kNone || graph.find(nodes[made]) != id)
      continue;
    inside.push_back(value);
    consumers[made] -= std::min(consumers[made], read.edges);
  }
  for (const void *value : inside)
    group.reads.erase(value);
}

bool BlockFuser::tryJoin(unsigned index, unsigned group, KernelClass joined,
                         Level level, ArrayRef<Source> sources,
                         std::string *reason) {
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
    *reason = "the kernel would hold more than " +
              std::to_string(kMaxKernelOps) + " ops";
    return false;
  }
  if (merged == KernelClass::ColumnReduce && isStateValue[index]) {
    *reason = kNotInPlace;
    return false;
  }
  SmallVector<unsigned> preds;
  SmallVector<const void *> reads;
  bool isSliced =
      llvm::any_of(sources, [](const Source &s) { return s.isSliced; });
  if (merged == KernelClass::MatMul && isSliced) {
    *reason = kNoSlices;
    return false;
  }
  if (merged == KernelClass::MatMul && joined == KernelClass::RowReduce) {
    *reason = whyNotRows(graph[group]);
    if (!reason->empty())
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
  FusionFigures figures = weighJoin(index, graph[group], level, sources);
  for (const Source &source : sources)
    if (source.op != kNone && source.group == static_cast<int>(group))
      weighed[source.op] = figures;
  if (hasTooManySweeps(figures.fused, graph[group].work.passes)) {
    *reason = tooManySweeps();
    return false;
  }
  if (!figures.isWorthIt()) {
    *reason = kDearer;
    return false;
  }
  if (!graph.addDependencies(group, preds)) {
    *reason = kInBetween;
    return false;
  }
  Group &target = graph[group];
  target.kernelClass = *merged;
  target.ops.push_back(index);
  target.readsSlices |= isSliced;
  bool isFull = level == Level::Full || roles[index] == OpRole::RowReduce ||
                roles[index] == OpRole::ColumnReduce;
  passes[index] = passIn(sources, target, isFull);
  target.work = figures.fused;
  nodes[index] = group;
  levels[index] = level;
  account(index, sources);
  return true;
}

void BlockFuser::mergeSiblings() {
  constexpr unsigned kMostTried = 6; // neighbours of one value
  llvm::MapVector<const void *, SmallVector<unsigned>> readers;
  for (auto [index, op] : llvm::enumerate(ops)) {
    if (nodes[index] == kNone)
      continue;
    const Group &group = graph.get(nodes[index]);
    if (!group.isKernel || group.isSealed ||
        group.kernelClass == KernelClass::MatMul)
      continue;
    for (const Source &source : getSources(op)) {
      bool isOwn = source.op != kNone && source.group != kNone &&
                   graph.find(source.group) == graph.find(nodes[index]);
      if (isOwn || !isRead(source) || source.value.getDefiningOp<ir::RowsOp>())
        continue;
      SmallVector<unsigned> &known = readers[source.base.getAsOpaquePointer()];
      if (known.empty() ||
          graph.find(nodes[known.back()]) != graph.find(nodes[index]))
        known.push_back(index);
    }
  }
  for (auto &[pointer, indices] : readers) {
    unsigned tried = 0;
    for (unsigned k = 1; k < indices.size() && tried < kMostTried; ++k) {
      unsigned a = indices[k - 1], b = indices[k];
      if (graph.find(nodes[a]) == graph.find(nodes[b]))
        continue;
      ++tried;
      FusionFigures figures;
      if (explanation)
        figures = weighMerge(graph[nodes[a]], graph[nodes[b]]);
      std::string reason;
      const Group &one = graph.get(nodes[a]), &other = graph.get(nodes[b]);
      // An elementwise kernel writes over what it reads; a reduction does not.
      bool reduces = one.kernelClass != KernelClass::Elementwise ||
                     other.kernelClass != KernelClass::Elementwise;
      bool isFused = false;
      if (reduces && (one.updatesState || other.updatesState))
        reason = kNotInPlace;
      else
        isFused = tryMerge(nodes[a], nodes[b], &reason);
      explainPair(b, a, isFused, "they read the same tensor" + (isFused ? "" : ", but " + reason),
                  figures);
    }
  }
}

} // namespace oriel
