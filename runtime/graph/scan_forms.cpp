// Forms of scan, and ifelse.
#include <set>

#include "oriel/scan.h"
#include "runtime/core/status.h"
#include "runtime/graph/scan_internal.h"

namespace oriel {

ScanResult scan_map(const ScanMapFn& body, std::vector<ScanSequence> sequences, Location at) {
  ScanOptions options;
  options.sequences = std::move(sequences);
  return scan([&](const ScanStep& step) { return ScanBody{.outputs = body(step.sequences)}; }, options, at);
}

std::vector<Value> scan_reduce(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                               bool go_backwards, Location at) {
  ScanOptions options;
  options.sequences = std::move(sequences);
  options.go_backwards = go_backwards;
  for (const Operand& value : initial) options.outputs_info.push_back(ScanOutput(value));
  return scan([&](const ScanStep& step) { return ScanBody{.outputs = body(step.sequences, step.outputs)}; }, options, at).finals;
}

std::vector<Value> scan_foldl(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                              Location at) {
  return scan_reduce(body, std::move(sequences), std::move(initial), false, at);
}

std::vector<Value> scan_foldr(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                              Location at) {
  return scan_reduce(body, std::move(sequences), std::move(initial), true, at);
}

namespace {

using graph::Node;
using graph::NodeKind;

// The nodes of this body that `roots` need.
std::set<NodeId> Needed(const std::vector<Value>& roots, uint64_t region) {
  std::set<NodeId> needed;
  for (const Node* node : graph::Reachable(roots, region)) {
    if (node->kind == NodeKind::kOp) needed.insert(node->id);
  }
  return needed;
}

}  // namespace

std::vector<Value> ifelse(const Operand& condition, const std::vector<Value>& on_true, const std::vector<Value>& on_false,
                          Location at) {
  for (const std::vector<Value>* side : {&on_true, &on_false}) {
    if (auto poisoned = graph::FirstPoisoned(*side)) return std::vector<Value>(side->size(), *poisoned);
  }
  const Value chosen = graph::Strong(condition);
  if (!chosen.ok()) return std::vector<Value>(on_true.size(), chosen);
  const uint64_t region = graph::CurrentRegion();
  const std::set<NodeId> of_true = Needed(on_true, region), of_false = Needed(on_false, region);
  // The condition is needed whichever it is.
  std::set<NodeId> shared = Needed({chosen}, region);
  for (NodeId id : of_true) {
    if (of_false.count(id) != 0) shared.insert(id);
  }
  // So is what finds a size: bodies bind none.
  std::vector<Value> roots = on_true;
  roots.insert(roots.end(), on_false.begin(), on_false.end());
  for (const Node* node : graph::Reachable(roots, region)) {
    if (node->kind != NodeKind::kOp || node->op != OpKind::kRows) continue;
    shared.insert(node->id);
    shared.merge(Needed(node->operands, region));
  }
  // What one choice alone needs is made again in its body, and nowhere else when
  // nothing else uses it.
  const auto moved = [&](const std::vector<Value>& roots) {
    graph::ValueMap map;
    return graph::CloneInto({.id = region, .arguments = {}, .results = roots}, roots, &map, {.keep = &shared});
  };
  return branch(Operand(chosen, at), [&] { return moved(on_true); }, [&] { return moved(on_false); }, at);
}

Value ifelse(const Operand& condition, const Operand& on_true, const Operand& on_false) {
  const Operand* sides[] = {&on_true, &on_false};
  if (absl::Status strict = graph::CheckStrict(sides, "ifelse"); !strict.ok()) {
    return graph::Poison(strict, condition.location);
  }
  const DType dtype = graph::PromotedDType(sides);
  std::vector<Value> values = {graph::Fit(on_true, dtype, condition.location), graph::Fit(on_false, dtype, condition.location)};
  if (absl::Status status = graph::BroadcastTogether(&values, condition.location); !status.ok()) {
    return graph::Poison(status, condition.location);
  }
  return ifelse(condition, std::vector<Value>{values[0]}, std::vector<Value>{values[1]}, condition.location)[0];
}

}  // namespace oriel
