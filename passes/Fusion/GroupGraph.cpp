//===- GroupGraph.cpp - groups of ops without cycles ----------------------===//

#include "passes/Fusion/GroupGraph.h"

#include <algorithm>

namespace oriel {

unsigned GroupGraph::find(unsigned id) const {
  while (parents[id] != id) {
    parents[id] = parents[parents[id]];
    id = parents[id];
  }
  return id;
}

unsigned GroupGraph::add(Group group, llvm::ArrayRef<unsigned> preds) {
  unsigned id = groups.size();
  parents.push_back(id);
  groups.push_back(std::move(group));
  for (unsigned pred : preds) {
    pred = find(pred);
    groups[id].rank = std::max(groups[id].rank, groups[pred].rank + 1);
    groups[id].preds.insert(pred);
    groups[pred].succs.insert(id);
  }
  return id;
}

bool GroupGraph::raise(unsigned id, unsigned rank,
                       const llvm::DenseSet<unsigned> &forbidden,
                       Ranks &ranks) const {
  auto rankOf = [&](unsigned group) {
    auto it = ranks.find(group);
    return it == ranks.end() ? groups[group].rank : it->second;
  };
  llvm::SmallVector<unsigned> work{id};
  ranks[id] = std::max(rankOf(id), rank);
  unsigned steps = 0;
  while (!work.empty()) {
    unsigned group = work.pop_back_val();
    unsigned needed = rankOf(group) + 1;
    for (unsigned succ : groups[group].succs) {
      succ = find(succ);
      if (succ == group)
        continue;
      if (++steps > 8 * kSearchLimit)
        return false;
      if (rankOf(succ) >= needed)
        continue;
      if (succ == id || forbidden.contains(succ))
        return false;
      ranks[succ] = needed;
      work.push_back(succ);
    }
  }
  return true;
}

bool GroupGraph::addDependencies(unsigned id, llvm::ArrayRef<unsigned> preds) {
  id = find(id);
  unsigned rank = groups[id].rank;
  llvm::DenseSet<unsigned> others;
  for (unsigned pred : preds) {
    pred = find(pred);
    if (pred == id)
      continue;
    others.insert(pred);
    rank = std::max(rank, groups[pred].rank + 1);
  }
  // A path from `id` to one of `others` would have to raise it.
  if (rank > groups[id].rank) {
    Ranks ranks;
    if (!raise(id, rank, others, ranks))
      return false;
    for (auto [group, newRank] : ranks)
      groups[group].rank = newRank;
  }
  for (unsigned other : others) {
    groups[id].preds.insert(other);
    groups[other].succs.insert(id);
  }
  return true;
}

bool GroupGraph::merge(unsigned a, unsigned b) {
  a = find(a);
  b = find(b);
  if (a == b)
    return true;
  if (groups[a].rank > groups[b].rank)
    std::swap(a, b);
  // Is there a path from a to b through another group? Ranks rise along it.
  unsigned limit = groups[b].rank;
  llvm::DenseSet<unsigned> seen;
  llvm::SmallVector<unsigned> work;
  auto visit = [&](unsigned group) {
    for (unsigned succ : groups[group].succs) {
      succ = find(succ);
      if (succ == b && group != a)
        return false;
      if (succ == group || succ == a || succ == b || groups[succ].rank >= limit)
        continue;
      if (seen.insert(succ).second)
        work.push_back(succ);
    }
    return seen.size() <= kSearchLimit;
  };
  if (!visit(a))
    return false;
  while (!work.empty())
    if (!visit(work.pop_back_val()))
      return false;
  // What depends on a must rank above b's rank from now on.
  Ranks ranks;
  for (unsigned succ : groups[a].succs) {
    succ = find(succ);
    if (succ == a || succ == b || groups[succ].rank > limit)
      continue;
    if (!raise(succ, limit + 1, {a, b}, ranks))
      return false;
  }
  for (auto [group, rank] : ranks)
    groups[group].rank = rank;

  // The smaller into the larger.
  unsigned rank = limit;
  auto size = [&](unsigned id) {
    return groups[id].ops.size() + groups[id].preds.size() +
           groups[id].succs.size();
  };
  unsigned into = size(a) > size(b) ? a : b, from = into == a ? b : a;
  Group &target = groups[into], &source = groups[from];
  parents[from] = into;
  target.rank = rank;
  target.ops.append(source.ops.begin(), source.ops.end());
  target.readsSlices |= source.readsSlices;
  for (auto [value, read] : source.reads) {
    Group::Read &known = target.reads[value];
    known.bytes = std::max(known.bytes, read.bytes);
    known.edges += read.edges;
  }
  target.gathers |= source.gathers;
  target.updatesState |= source.updatesState;
  target.reducedAxis = std::max(target.reducedAxis, source.reducedAxis);
  target.unfusable.append(source.unfusable.begin(), source.unfusable.end());
  for (unsigned pred : source.preds)
    if (find(pred) != into)
      target.preds.insert(find(pred));
  for (unsigned succ : source.succs)
    if (find(succ) != into)
      target.succs.insert(find(succ));
  source = Group();
  return true;
}

} // namespace oriel
