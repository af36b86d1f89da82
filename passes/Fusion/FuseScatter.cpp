//===- FuseScatter.cpp - what a scatter's kernel computes itself ----------===//
//
// A scatter takes along what makes its updates and its indices: elementwise ops,
// gathers, views, ramps. Its kernel makes them a piece at a time. Views and ramps
// need no memory at all.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

/// Slices of one element go into a destination of at least as many by ranges, which
/// threads share (docs/decisions/0009-scatter-strategies.md).
static constexpr int64_t kSharedElements = 2 * 65536;

/// May threads share the destination so that each looks at all indices, and makes all
/// updates of single elements?
static bool makesAllInEach(ir::ScatterOp scatter, const Dims &shape) {
  int64_t named = scatter.getAxis() + scatter.getIndices().size();
  Dim slices = 1;
  for (int64_t k = scatter.getAxis(); k < static_cast<int64_t>(shape.size()); ++k)
    slices = slices * shape[k];
  bool isSmall = slices.is_static() && slices.value() < kSharedElements;
  return !isSmall && named == static_cast<int64_t>(shape.size());
}

std::string BlockFuser::whyNotMade(unsigned index, unsigned producer, ArrayRef<Source> sources) const {
  const Group &group = graph.get(producer);
  Operation *scatter = ops[index];
  const Source &x = sources[0];
  if (x.op != kNone && graph.find(x.group) == producer)
    return "the kernel would read a value of its own from memory";
  // What the destination is made of in place may lie where the result will: a table
  // that is scaled, then updated.
  constexpr unsigned kMostOver = 32;
  SmallVector<Value> over = {x.base};
  for (unsigned k = 0; k < over.size(); ++k) {
    if (group.reads.contains(over[k].getAsOpaquePointer()))
      return "it reads what the scatter writes over";
    int made = indexOf(over[k].getDefiningOp());
    if (made == kNone || (roles[made] != OpRole::Elementwise && roles[made] != OpRole::Scatter))
      continue;
    for (const Source &source : getSources(ops[made]))
      if (source.base.getType() == over[k].getType() && over.size() < kMostOver &&
          !llvm::is_contained(over, source.base))
        over.push_back(source.base);
  }
  for (unsigned member : group.ops)
    for (Operation *user : ops[member]->getUsers()) {
      int userIndex = indexOf(user);
      if (user != scatter && (userIndex == kNone || nodes[userIndex] == kNone ||
                              graph.find(nodes[userIndex]) != producer))
        return "its kernel's values are needed elsewhere too";
    }
  for (const Source &source : sources)
    if (source.op != kNone && graph.find(source.group) == producer &&
        !dims.areEqual(group.space, shapeOf(source.value)))
      return "its value is read through a view, from memory";
  // They would be made one by one (measured: 2.4 times as long).
  if (group.gathers && group.space.size() > 1 && group.space.back() == Dim(1))
    return "rows of one element are gathered faster by themselves";
  if (makesAllInEach(cast<ir::ScatterOp>(scatter), shapeOf(scatter->getOperand(0))))
    for (unsigned member : group.ops)
      if (!isCheap(ops[member]) && !isa<ir::DivOp>(ops[member]))
        return "threads that share the destination would each compute it";
  return "";
}

void BlockFuser::addScatter(unsigned index) {
  SmallVector<Source> sources = getSources(ops[index]);
  addAlone(index, sources);
  DenseMap<int, std::string> reasons;
  SmallVector<unsigned> tried;
  for (const Source &source : ArrayRef<Source>(sources).drop_front()) {
    if (source.op == kNone || llvm::is_contained(tried, static_cast<unsigned>(source.group)))
      continue;
    tried.push_back(source.group);
    std::string reason = "fusion is off";
    if (fusion && graph[source.group].isKernel)
      reason = whyNotMade(index, graph.find(source.group), sources);
    if (reason.empty() || !graph[source.group].isKernel) {
      if (tryTakeIn(index, graph.find(source.group), sources, &reason))
        continue;
    }
    for (const Source &other : sources)
      if (other.group == source.group)
        reasons[other.op] = reason;
  }
  remark(index, sources, reasons);
}

} // namespace oriel
