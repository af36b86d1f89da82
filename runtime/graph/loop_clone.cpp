// Bodies of loops and branches made again.
#include "runtime/core/status.h"
#include "runtime/graph/scan_internal.h"
#include "runtime/graph/pullback.h"
#include "runtime/graph/test_value.h"

namespace oriel::graph {
namespace {

class Cloner {
 public:
  Cloner(uint64_t region, ValueMap* map, const CloneOptions& options) : region_(region), map_(*map), o_(options) {}

  // What stands for a value: itself unless it was made again.
  Value Map(const Value& value) {
    if (auto it = map_.find(KeyOf(value)); it != map_.end()) return it->second;
    const Node* node = value.node().get();
    if (o_.replace_state && node != nullptr && node->kind == NodeKind::kOp && node->op == OpKind::kStateRead) {
      const Value replaced = o_.replace_state(*node);
      if (replaced.node() != nullptr) return map_[KeyOf(value)] = replaced;
    }
    return value;
  }
  std::vector<Value> MapAll(const std::vector<Value>& values) {
    std::vector<Value> mapped;
    for (const Value& value : values) mapped.push_back(Map(value));
    return mapped;
  }

  void Body(const Region& region, const std::vector<Value>& roots) {
    for (const Node* node : Reachable(roots, region.id)) {
      if (o_.keep != nullptr && o_.keep->count(node->id) != 0) continue;
      if (node->kind == NodeKind::kOp && map_.find({node->id, 0}) == map_.end()) Make(*node);
    }
  }

 private:
  std::shared_ptr<const WatchCallback> TapOf(const Node& node) {
    if (!o_.own_taps || node.tap == nullptr) return node.tap;
    std::shared_ptr<const WatchCallback>& own = taps_[node.tap.get()];
    if (own == nullptr) own = std::make_shared<const WatchCallback>(*node.tap);
    return own;
  }

  void Make(const Node& node) {
    if (o_.drop_taps && node.op == OpKind::kTap) {
      map_[{node.id, 0}] = Map(node.operands[0]);
      return;
    }
    std::optional<OriginScope> origin;
    if (!o_.rule.empty()) origin.emplace(node, o_.rule);
    NodeSpec spec{.op = node.op, .attrs = node.attrs, .operands = MapAll(node.operands), .regions = {}, .state = node.state,
                  .tap = TapOf(node)};
    if (node.pullback != nullptr) spec.pullback = WithInputs(*node.pullback, MapAll(node.pullback->inputs));
    for (const Region& inner : node.regions) {
      RegionScope scope;
      Region copy;
      copy.id = scope.id();
      for (const Value& argument : inner.arguments) {
        copy.arguments.push_back(MakeLeaf(NodeKind::kArgument, argument.name(), {argument.dtype(), argument.shape()},
                                          Location(node.file.c_str(), static_cast<uint32_t>(node.line))));
        CopyArgumentTest(argument, copy.arguments.back());
        map_[KeyOf(argument)] = copy.arguments.back();
      }
      Body(inner, inner.results);
      copy.results = MapAll(inner.results);
      spec.regions.push_back(std::move(copy));
    }
    const Location at(node.file.c_str(), static_cast<uint32_t>(node.line));
    // Types do not change: what stands for a value has its type.
    const Value made = MakeTyped(std::move(spec), node.types, node.requirements, at);
    if (!made.ok()) {
      for (size_t i = 0; i < std::max<size_t>(node.types.size(), 1); ++i) map_[{node.id, static_cast<int>(i)}] = made;
      return;
    }
    // Everything a node has but its place in the graph, and who made it.
    const Node& now = *made.node();
    auto named = std::make_shared<Node>(node);
    named->id = now.id;
    named->region = now.region;
    named->operands = now.operands;
    named->regions = now.regions;
    named->captures = now.captures;
    named->pullback = now.pullback;
    named->test = now.test;
    named->tap = now.tap;
    if (o_.drop_implied) {
      // What a draw implies is of the program around all loops.
      std::erase_if(named->implied, [&](const ImpliedUpdate& update) { return update.value.node()->region == region_; });
    }
    for (ImpliedUpdate& update : named->implied) update.value = Map(update.value);
    if (now.derivation != nullptr) {
      named->derivation = now.derivation;
      named->scope = now.scope;
      named->file = now.file;
      named->line = now.line;
    }
    const std::shared_ptr<const Node> shared = std::move(named);
    for (size_t i = 0; i < std::max<size_t>(node.types.size(), 1); ++i) {
      map_[{node.id, static_cast<int>(i)}] = Value(shared, static_cast<int>(i));
    }
  }

  const uint64_t region_;
  ValueMap& map_;
  const CloneOptions& o_;
  std::map<const WatchCallback*, std::shared_ptr<const WatchCallback>> taps_;
};

}  // namespace

std::vector<Value> CloneInto(const Region& region, const std::vector<Value>& roots, ValueMap* map,
                             const CloneOptions& options) {
  Cloner cloner(region.id, map, options);
  cloner.Body(region, roots);
  return cloner.MapAll(roots);
}

LoopYield CloneBody(const LoopView& loop, const Value& i, const std::vector<Value>& elements,
                    const std::vector<Value>& carried, const CloneOptions& options) {
  ValueMap map;
  map[KeyOf(loop.index())] = i;
  for (size_t s = 0; s < loop.sequences(); ++s) map[KeyOf(loop.element(s))] = elements[s];
  for (size_t k = 0; k < loop.carried(); ++k) map[KeyOf(loop.argument(k))] = carried[k];
  const std::vector<Value> results = CloneInto(loop.region(), loop.region().results, &map, options);
  const auto stacks = results.begin() + static_cast<ptrdiff_t>(loop.carried());
  LoopYield yield;
  yield.carried.assign(results.begin(), stacks);
  yield.collected.assign(stacks, results.end() - (loop.until() ? 1 : 0));
  if (loop.until()) yield.stop = results.back();
  return yield;
}

std::optional<Dim> ExtentOf(const LoopView& loop) {
  if (loop.extent()) return loop.extent();
  const std::optional<Dim> count = DimOf(loop.trips());
  if (!count) return std::nullopt;
  return ProvablyAtMost(Dim(0), *count) ? *count : Dim::Max(Dim(0), *count);
}

SavedLoop SaveCarries(const LoopView& loop, const Location& at) {
  SavedLoop out;
  LoopSpec spec = loop.spec();
  spec.extent = ExtentOf(loop);
  if (!spec.extent) {
    out.results.error = PoisonInvalid("loop: its trip count is computed at run time, so that nothing bounds what must be "
                                      "kept for its gradient; give the loop an extent", at);
    out.results.failed = true;
    return out;
  }
  out.results = MakeLoop(
      spec,
      [&](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
        LoopYield yield = CloneBody(loop, i, elements, carried);
        yield.collected.insert(yield.collected.end(), carried.begin(), carried.end());
        return yield;
      },
      at);
  if (out.results.failed) return out;
  const auto saved = out.results.stacks.begin() + static_cast<ptrdiff_t>(loop.stacks());
  out.saved.assign(saved, out.results.stacks.end());
  out.results.stacks.erase(saved, out.results.stacks.end());
  out.trips = loop.until() ? out.results.count : loop.trips();
  return out;
}

}  // namespace oriel::graph
