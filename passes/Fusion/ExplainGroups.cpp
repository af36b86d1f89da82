//===- ExplainGroups.cpp - why neighbours are one kernel, or are not ------===//
//
// Each pair of computing ops of which one reads the other, through any views, has
// one line with the decision, its reason and the model's figures. Lines are kept
// until all is decided: groups that refused each other may still become one.
//
//===----------------------------------------------------------------------===//

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/NodeId.h"
#include "passes/Fusion/FuseBlock.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace oriel {

void BlockFuser::explainPair(unsigned index, unsigned source, bool isFused, const std::string &why,
                             const FusionFigures &figures, bool isRemark) {
  // Copies of two nodes, one a part of a concatenation, are one edge.
  NodeId reader = ir::getNodeId(ops[index]), made = ir::getNodeId(ops[source]);
  bool isNew = reader == kNoNode || made == kNoNode || pairsTold.insert({reader, made}).second;
  if (isNew || isRemark)
    decisions.push_back({index, source, isFused, isRemark, isNew, why, figures});
}

/// Why `index` is in another kernel than the computing ops it reads.
void BlockFuser::remark(unsigned index, ArrayRef<Source> sources,
                        const DenseMap<int, std::string> &reasons) {
  SmallVector<int> told;
  for (const Source &source : sources) {
    if (source.op == kNone)
      explainAcross(index, source);
    if (source.op == kNone || llvm::is_contained(told, source.op))
      continue;
    told.push_back(source.op);
    bool isFused = graph.find(nodes[source.op]) == graph.find(nodes[index]);
    std::string reason;
    if (!isFused) {
      auto it = reasons.find(source.op);
      reason = !fusion ? "fusion is off"
               : it != reasons.end() && !it->second.empty()
                   ? it->second
                   : toString(getClassOf(roles[index])).str() + " kernels read their operands from memory";
      auto moved = moveReasons.find({ir::getNodeId(ops[index]), ir::getNodeId(ops[source.op])});
      if (fusion && moved != moveReasons.end())
        reason = moved->second;
    }
    if (!explanation && (isFused || !fusion))
      continue;
    FusionFigures figures;
    if (auto it = weighed.find(source.op); it != weighed.end())
      figures = it->second;
    else if (explanation)
      figures = weighJoin(index, graph[nodes[source.op]], Level::Full, sources);
    explainPair(index, source.op, isFused, reason, figures, /*isRemark=*/!isFused && fusion);
  }
  weighed.clear();
}

/// Groups a and b, as they were found, have become one.
void BlockFuser::noteMerge(unsigned a, unsigned b, const FusionFigures &figures) {
  if (!explanation)
    return;
  auto rootOf = [&](unsigned id) {
    while (!mergedInto[id].isRoot)
      id = mergedInto[id].into;
    return id;
  };
  a = rootOf(a);
  b = rootOf(b);
  if (a == b)
    return;
  if (mergedInto[a].size > mergedInto[b].size)
    std::swap(a, b);
  mergedInto[b].size += mergedInto[a].size;
  mergedInto[a] = {b, static_cast<unsigned>(merges.size()), mergedInto[a].size, false};
  merges.push_back(figures);
}

/// The figures of the merge that made two groups one; null where none did. It is
/// the last on the path between them, which takes as many steps as the forest is
/// high: few.
const FusionFigures *BlockFuser::whatUnited(unsigned a, unsigned b) const {
  const FusionFigures *found = nullptr;
  while (a != b) {
    Merged one = mergedInto.lookup(a), other = mergedInto.lookup(b);
    if (one.isRoot && other.isRoot)
      return nullptr;
    bool climbsA = !one.isRoot && (other.isRoot || one.merge < other.merge);
    const Merged &step = climbsA ? one : other;
    found = &merges[step.merge];
    (climbsA ? a : b) = step.into;
  }
  return found;
}

/// A view between two ops that something needs in memory.
void BlockFuser::explainAcross(unsigned index, const Source &source) {
  int view = indexOf(source.base.getDefiningOp());
  if (!explanation || view == kNone || roles[view] != OpRole::View)
    return;
  Access beyond = resolveViews(source.base, [&](Operation *each) { return indexOf(each) == kNone; });
  int made = indexOf(beyond.base.getDefiningOp());
  bool computes = made != kNone && nodes[made] != kNone && roles[made] != OpRole::Outside &&
                  roles[made] != OpRole::View && roles[made] != OpRole::Leaf;
  if (!computes)
    return;
  KernelWork apart = graph.get(nodes[made]).work, alone = workAlone(index, source), fused = apart;
  fused += alone;
  double bytes = bytesOf(beyond.base);
  fused.readBytes = std::max(0.0, fused.readBytes - bytes);
  fused.writtenBytes = std::max(0.0, fused.writtenBytes - bytes);
  explainPair(index, made, false, label(ops[view]) + " in between lies in memory",
              model.compare(apart, alone, fused));
}

/// Scalars that each reader makes for itself.
void BlockFuser::explainScalars() {
  for (auto [index, op] : llvm::enumerate(ops)) {
    bool isMade = roles[index] == OpRole::Leaf && getRole(op) == OpRole::Elementwise;
    if (!isMade)
      continue;
    double ns = model.scalarNs(ir::getOpKind(op).value_or(OpKind::kDiv));
    for (Operation *user : llvm::SetVector<Operation *>(op->user_begin(), op->user_end())) {
      SmallVector<Operation *> work = {user};
      while (!work.empty()) {
        Operation *reader = work.pop_back_val();
        int at = indexOf(reader);
        if (at == kNone || roles[at] == OpRole::Outside)
          continue;
        if (roles[at] == OpRole::View) {
          work.append(reader->user_begin(), reader->user_end());
          continue;
        }
        NodeId node = ir::getNodeId(reader), made = ir::getNodeId(op);
        if (node == kNoNode || made == kNoNode || pairsTold.insert({node, made}).second)
          explanation->push_back(label(reader) + " and " + label(op) +
                                 ": fused, a scalar that each reader makes: " + nsText(ns) + " of ops, " +
                                 nsText(model.getMachine().dispatchNs) + " in a kernel of its own");
      }
    }
  }
}

/// All is decided: what was refused at first may have come together since.
void BlockFuser::tellDecisions() {
  std::vector<std::string> lines;
  llvm::stable_sort(decisions, [](const Decision &a, const Decision &b) { return a.index < b.index; });
  for (const Decision &each : decisions) {
    unsigned reader = graph.find(nodes[each.index]);
    bool isFused = each.isFused, isOne = reader == graph.find(nodes[each.source]);
    std::string why = each.why;
    FusionFigures figures = each.figures;
    if (!isFused && isOne) {
      // The pair's own figures decided nothing.
      isFused = true;
      why = "both came together with a third";
      if (const FusionFigures *united = whatUnited(nodes[each.index], nodes[each.source])) {
        why += ", as kernels";
        figures = *united;
      }
    } else if (!isFused && isAgain(ops[each.source], reader)) {
      isFused = true;
      why = "computed again by its reader";
    }
    if (each.isRemark && !isFused)
      remarks.push_back(label(ops[each.index]) + " not fused into the kernel of " + label(ops[each.source]) +
                        ": " + why);
    if (isFused && figures.fusedNs > figures.apartNs && figures.isWorthIt())
      why += std::string(why.empty() ? "" : ", ") + "of near equals one kernel is better";
    if (explanation && each.isLine)
      lines.push_back(label(ops[each.index]) + " and " + label(ops[each.source]) +
                      (isFused ? ": fused" : ": not fused") + (why.empty() ? "" : ", " + why) + ": " +
                      figures.toString());
  }
  if (!explanation)
    return;
  explanation->insert(explanation->begin(), lines.begin(), lines.end());
  explainScalars();
}

} // namespace oriel
