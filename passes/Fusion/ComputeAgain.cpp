//===- ComputeAgain.cpp - what is cheaper to compute twice than to read ---===//
//
// When the groups are known: an elementwise value that several kernels need is
// computed again where what it is made of takes fewer bytes than it does (a mask
// of two vectors, a cast from narrower elements, an operand that is read there
// anyway) and its ops cost less than that saves.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

/// The ops that make `index` from what lies in memory or is made from nothing, in
/// program order; empty where they are many.
SmallVector<unsigned> BlockFuser::opsOf(unsigned index) const {
  constexpr unsigned kMostOps = 4;
  SmallVector<unsigned> found = {index};
  for (unsigned k = 0; k < found.size(); ++k)
    for (const Source &source : getSources(ops[found[k]])) {
      if (source.op == kNone || isOutput[source.op] || llvm::is_contained(found, source.op))
        continue;
      if (roles[source.op] != OpRole::Elementwise || !source.isDirect || found.size() == kMostOps)
        return {};
      found.push_back(source.op);
    }
  llvm::sort(found);
  return found;
}

/// `reader` with the values of `made` computed there instead of `value` read.
KernelWork BlockFuser::workAgain(const Group &reader, unsigned value, ArrayRef<unsigned> made,
                                 llvm::DenseMap<const void *, Group::Read> &reads) const {
  KernelWork work = reader.work;
  const void *pointer = ops[value]->getResult(0).getAsOpaquePointer();
  if (auto it = reader.reads.find(pointer); it != reader.reads.end())
    work.readBytes -= it->second.bytes;
  for (unsigned index : made) {
    work.computeNs += computeNs(index);
    for (const Source &source : getSources(ops[index])) {
      const void *base = source.base.getAsOpaquePointer();
      if ((source.op != kNone && llvm::is_contained(made, source.op)) || !isRead(source) ||
          reader.reads.contains(base) || reads.contains(base))
        continue;
      reads[base] = {bytesRead(ops[index], source), 1};
      work.readBytes += reads[base].bytes;
    }
  }
  work.readBytes = std::max(0.0, work.readBytes);
  return work;
}

void BlockFuser::computeAgain() {
  constexpr double kWorthIt = 0.95;   // of the time without
  constexpr size_t kMostReaders = 8;  // kernels that are looked at
  findOutputs();
  // Which groups read an output, and how.
  struct Readers {
    SmallVector<unsigned> groups;
    SmallVector<unsigned> barred; // for which it must lie in memory
    bool isNeeded = false;        // by what is no kernel
  };
  std::vector<Readers> readers(ops.size());
  auto needed = [&](Value value) {
    if (int index = indexOf(value.getDefiningOp()); index != kNone)
      readers[index].isNeeded = true;
  };
  llvm::for_each(block.getTerminator()->getOperands(), needed);
  for (unsigned index = 0; index < ops.size(); ++index) {
    if (nodes[index] == kNone)
      continue;
    unsigned id = graph.find(nodes[index]);
    const Group &group = graph.get(id);
    if (!group.isKernel) {
      llvm::for_each(ops[index]->getOperands(), needed);
      ops[index]->walk([&](Operation *inner) { llvm::for_each(inner->getOperands(), needed); });
      continue;
    }
    bool takes = !group.isSealed && (group.kernelClass == KernelClass::Elementwise ||
                                     group.kernelClass == KernelClass::RowReduce ||
                                     group.kernelClass == KernelClass::ColumnReduce);
    bool reduces = roles[index] == OpRole::RowReduce || roles[index] == OpRole::ColumnReduce;
    // An argmax, and the maximum beside it, make their operand, nothing else.
    bool takesOperand = group.kernelClass == KernelClass::ArgReduce &&
                        (roles[index] == OpRole::ArgReduce || reduces);
    for (const Source &source : getSources(ops[index])) {
      if (source.op == kNone || source.group == static_cast<int>(id))
        continue;
      Readers &of = readers[source.op];
      if (!llvm::is_contained(of.groups, id)) {
        of.isNeeded |= of.groups.size() == kMostReaders; // by others
        if (of.groups.size() == kMostReaders)
          continue;
        of.groups.push_back(id);
      }
      bool isFull = levels[index] == Level::Full || reduces;
      bool fits = takes && isFull && dims.areEqual(shapeOf(source.base), group.space);
      // A gather looks into memory.
      bool looks = roles[index] == OpRole::Gather && source.value == ops[index]->getOperand(0);
      if (!source.isDirect || looks || !(fits || takesOperand))
        of.barred.push_back(id);
    }
  }
  for (unsigned index = 0; index < ops.size(); ++index) {
    if (roles[index] != OpRole::Elementwise || nodes[index] == kNone || !isOutput[index] ||
        isStateValue[index] || readers[index].groups.empty() || shapeOf(ops[index]->getResult(0)).empty())
      continue;
    SmallVector<unsigned> made = opsOf(index);
    if (made.empty())
      continue;
    Group &home = graph[nodes[index]];
    double bytes = bytesOf(ops[index]->getResult(0));
    struct Change {
      unsigned group = 0;
      KernelWork work;
      llvm::DenseMap<const void *, Group::Read> reads;
      double before = 0, after = 0;
    };
    SmallVector<Change> changes;
    bool all = !readers[index].isNeeded;
    double before = 0, after = 0;
    for (unsigned id : readers[index].groups) {
      const Group &reader = graph.get(id);
      Change change;
      change.group = id;
      change.work = workAgain(reader, index, made, change.reads);
      bool isArgReduce = reader.kernelClass == KernelClass::ArgReduce;
      bool fits = !llvm::is_contained(readers[index].barred, id) &&
                  !(isArgReduce && readsAcross(made)) &&
                  reader.ops.size() + made.size() <= kMaxKernelOps &&
                  reader.reads.size() + change.reads.size() <= kMaxKernelInputs;
      if (!fits) {
        all = false;
        continue;
      }
      double footprint = std::max(reader.work.readBytes, change.work.readBytes) + reader.work.writtenBytes;
      change.before = model.getNs(reader.work, footprint);
      change.after = model.getNs(change.work, footprint);
      before += change.before;
      after += change.after;
      changes.push_back(std::move(change));
    }
    KernelWork rest = home.work;
    rest.writtenBytes = std::max(0.0, rest.writtenBytes - bytes);
    double footprint = home.work.readBytes + home.work.writtenBytes;
    double written = model.getNs(home.work, footprint) - model.getNs(rest, footprint);
    // All of its readers or, where it is written anyway, those that gain by themselves.
    bool drops = all && after <= kWorthIt * (before + written);
    if (drops)
      home.work = rest;
    else
      llvm::erase_if(changes, [](const Change &c) { return c.after > kWorthIt * c.before; });
    for (Change &change : changes) {
      Group &reader = graph[change.group];
      reader.reads.erase(ops[index]->getResult(0).getAsOpaquePointer());
      reader.reads.insert(change.reads.begin(), change.reads.end());
      if (explanation) {
        double ns = 0;
        for (unsigned each : made)
          ns += computeNs(each);
        double saved = reader.work.readBytes - change.work.readBytes + (drops ? bytes / changes.size() : 0);
        std::string others;
        for (unsigned each : made)
          if (each != index)
            others += (others.empty() ? ", made of " : ", ") + label(ops[each]);
        bool moves = drops && changes.size() == 1 && llvm::none_of(home.ops, [&](unsigned each) {
          return llvm::is_contained(operandOps[each], static_cast<int>(index));
        });
        explanation->push_back(label(ops[index]) + others + ": computed " +
                               (moves ? "in the kernel of " : "again in the kernel of ") +
                               label(ops[reader.ops.back()]) + ": costs " + nsText(ns) +
                               " of ops, saves " + bytesText(std::max(0.0, saved)) + " of memory, " +
                               nsText(change.before + (drops ? written / changes.size() : 0)) +
                               " without, " + nsText(change.after) + " with");
      }
      reader.work = change.work;
      for (unsigned each : made)
        again[each].insert(change.group);
    }
    if (drops)
      isOutput[index] = false;
  }
  isOutput.assign(ops.size(), false);
}

bool BlockFuser::isAgain(Operation *op, unsigned group) const {
  int index = indexOf(op);
  auto it = index == kNone ? again.end() : again.find(index);
  return it != again.end() && it->second.contains(graph.find(group));
}

} // namespace oriel
