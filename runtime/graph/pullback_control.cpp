// Pullbacks of loops and branches.
#include <set>

#include "runtime/graph/loop.h"
#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {

void Loop(Pullback& p) {
  std::vector<Value> sums;
  for (size_t i = 0; i < p.node().captures.size(); ++i) sums.push_back(p.Sum(p.node().operands.size() + i).value);
  const LoopGradients gradients = LoopPullback(p.node(), p.gradients(), p.wanted(), sums, p.pull(), p.at());
  for (size_t i = 0; i < gradients.operands.size(); ++i) {
    if (p.Wants(i)) p.Give(i, gradients.operands[i]);
  }
  for (size_t i = 0; i < gradients.captures.size(); ++i) {
    if (!p.WantsCapture(i)) continue;
    if (IsGiven(sums[i])) p.GiveTotal(p.node().operands.size() + i, gradients.captures[i]);
    else p.GiveCapture(i, gradients.captures[i]);
  }
  p.Mask();  // rows that nothing read, and whatever the body does
}

// A branch on the same condition. Each side runs its body again and goes back
// through it, so that nothing of the side not taken is computed or kept.
void Branch(Pullback& p) {
  const Node& node = p.node();
  std::vector<size_t> captures;
  std::vector<Value> wrt;
  std::set<ValueKey> seen;  // both sides may use one value
  for (size_t c = 0; c < node.captures.size(); ++c) {
    if (!p.WantsCapture(c) || !seen.insert(KeyOf(node.captures[c])).second) continue;
    captures.push_back(c);
    wrt.push_back(node.captures[c]);
  }
  std::vector<size_t> results;
  std::vector<Value> gradients;
  for (size_t i = 0; i < p.gradients().size(); ++i) {
    if (!IsGiven(p.g(i))) continue;
    results.push_back(i);
    gradients.push_back(p.g(i));
  }
  if (captures.empty() || results.empty()) return;
  const auto side = [&](size_t region) {
    return [&, region]() -> std::vector<Value> {
      ValueMap map;
      const std::vector<Value> again = CloneInto(node.regions[region], node.regions[region].results, &map, {.rule = "recompute"});
      std::vector<Value> outputs;
      for (size_t i : results) outputs.push_back(again[i]);
      std::vector<Value> pulled = p.pull()(outputs, gradients, wrt, {});
      for (size_t i = 0; i < pulled.size(); ++i) {
        if (!IsGiven(pulled[i])) pulled[i] = ZerosLike(wrt[i]);
      }
      return pulled;
    };
  };
  const std::vector<Value> pulled = branch(p.x(0), side(0), side(1), p.at());
  for (size_t i = 0; i < captures.size(); ++i) p.GiveCapture(captures[i], pulled[i]);
  p.Mask();
}

}  // namespace oriel::graph::pullback
