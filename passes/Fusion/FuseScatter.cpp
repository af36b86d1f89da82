//===- FuseScatter.cpp - what a scatter's kernel computes itself ----------===//
//
// A scatter takes the ops that make its updates along: single elements are made
// where they are added, rows in the kernel's scratch. Views of its
// updates (one number for all, one row for all) need no memory at all.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

/// Updates of single elements are made one at a time, between two additions: only
/// what gains little from vectors.
static bool isCheapUpdate(Operation *op) { return isCheap(op) || isa<ir::DivOp>(op); }

std::string BlockFuser::whyNotUpdates(unsigned index, ArrayRef<Source> sources) {
  constexpr unsigned kMaxProducers = 16;
  const Source &source = sources[1];
  Group &group = graph[source.group];
  if (!fusion)
    return "fusion is off";
  if (!computesUpdates(ops[index]))
    return "a scatter computes its updates only along one axis of indices, from the first axis on, "
           "in slices of one axis at most";
  if (group.isSealed)
    return toString(group.kernelClass).str() + " kernels take no other ops";
  if (group.kernelClass != KernelClass::Elementwise)
    return toString(group.kernelClass).str() + " and Scatter kernels do not combine";
  if (!source.isDirect || !dims.areEqual(group.space, shapeOf(ops[index]->getOperand(1))))
    return "its value is read through a view, from memory";
  if (group.ops.size() > kMaxProducers)
    return "the kernel would hold more than " + std::to_string(kMaxProducers) + " ops";
  for (unsigned member : group.ops) {
    if (group.space.size() < 2 && !isCheapUpdate(ops[member]))
      return "one element at a time it costs more than in vectors";
    for (Operation *user : ops[member]->getUsers()) {
      int userIndex = indexOf(user);
      bool inside = user == ops[index] ||
                    (userIndex != kNone && nodes[userIndex] != kNone &&
                     graph.find(nodes[userIndex]) == static_cast<unsigned>(source.group));
      if (!inside)
        return "its kernel's values are needed elsewhere too";
    }
  }
  if (group.reads.contains(sources[0].base.getAsOpaquePointer()))
    return "it reads what the scatter writes over";
  SmallVector<unsigned> preds;
  for (auto [k, other] : llvm::enumerate(sources)) {
    if (k == 1 || other.group == kNone)
      continue;
    if (graph.find(other.group) == static_cast<unsigned>(source.group))
      return "the kernel would read a value of its own from memory";
    preds.push_back(other.group);
  }
  if (!graph.addDependencies(source.group, preds))
    return "another kernel in between needs one and feeds the other";
  return "";
}

void BlockFuser::addScatter(unsigned index) {
  SmallVector<Source> sources = getSources(ops[index]);
  DenseMap<int, std::string> reasons;
  if (const Source &source = sources[1]; source.op != kNone) {
    std::string reason = whyNotUpdates(index, sources);
    if (reason.empty()) {
      Group &group = graph[source.group];
      group.kernelClass = KernelClass::Scatter;
      group.isSealed = true;
      group.ops.push_back(index);
      nodes[index] = source.group;
      return remark(index, sources, reasons);
    }
    reasons[source.op] = reason;
  }
  addAlone(index, sources);
  remark(index, sources, reasons);
}

} // namespace oriel
