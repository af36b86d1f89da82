//===- GroupGraph.h - groups of ops without cycles --------------*- C++ -*-===//
//
// The ops of a block, each in a group that runs as one, and the dependencies
// between groups. Groups grow and merge only while the graph stays without
// cycles (a kernel must be convex).
//
// Every group has a rank above those of the groups it depends on. Two groups of
// one rank cannot reach each other, so most questions cost nothing; the rest
// search the few groups of ranks in between, and give up (a refusal) after
// kSearchLimit of them. Work is near linear in the size of the block.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_GROUPGRAPH_H
#define ORIEL_PASSES_FUSION_GROUPGRAPH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include "oriel/dim.h"
#include "passes/Fusion/CostModel.h"
#include "passes/Fusion/KernelRules.h"

namespace oriel {

struct Group {
  bool isKernel = false;
  bool isSealed = false; // takes no more ops
  bool readsSlices = false;
  KernelClass kernelClass = KernelClass::Elementwise;
  Dims space; // iteration space
  llvm::SmallVector<unsigned> ops;
  // Groups whose values are read in a way no kernel fuses.
  llvm::SmallVector<unsigned> unfusable;

  // What the ops read from memory, values of other groups among it: bytes, and
  // how many operands do.
  struct Read {
    double bytes = 0;
    unsigned edges = 0;
  };
  llvm::DenseMap<const void *, Read> reads;
  KernelWork work;      // of the ops so far
  int reducedAxis = -1; // of the space; -1: nothing is reduced
  bool gathers = false; // reads memory at computed positions
  bool updatesState = false; // one of its values is a state's next

  unsigned rank = 0;
  llvm::DenseSet<unsigned> preds, succs;
};

class GroupGraph {
public:
  static constexpr unsigned kSearchLimit = 512;

  /// A new group that depends on `preds`.
  unsigned add(Group group, llvm::ArrayRef<unsigned> preds);
  /// The group that `id` is part of now.
  unsigned find(unsigned id) const;
  Group &operator[](unsigned id) { return groups[find(id)]; }
  const Group &get(unsigned id) const { return groups[find(id)]; }

  /// Lets `id` depend on `preds` too; false, and nothing changes, where that
  /// would make a cycle.
  bool addDependencies(unsigned id, llvm::ArrayRef<unsigned> preds);
  /// Makes one group of two; false, and nothing changes, where a path through
  /// another group connects them. Class and space are the caller's business.
  bool merge(unsigned a, unsigned b);

private:
  using Ranks = llvm::DenseMap<unsigned, unsigned>;
  /// The ranks of all groups when `id` has `rank`; false when one of
  /// `forbidden` would be raised or the search is too long.
  bool raise(unsigned id, unsigned rank, const llvm::DenseSet<unsigned> &forbidden,
             Ranks &ranks) const;

  std::vector<Group> groups;
  mutable std::vector<unsigned> parents;
};

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_GROUPGRAPH_H
