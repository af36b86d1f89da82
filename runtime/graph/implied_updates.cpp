#include "runtime/graph/implied_updates.h"

#include <map>
#include <set>

namespace oriel::graph {

std::vector<std::pair<State, Value>> WithImpliedUpdates(absl::Span<const Value> outputs,
                                                        std::vector<std::pair<State, Value>> updates) {
  std::set<uint64_t> given;
  std::vector<const Node*> pending;
  auto push = [&](absl::Span<const Value> values) {
    for (const Value& value : values) {
      if (value.node() != nullptr) pending.push_back(value.node().get());
    }
  };
  push(outputs);
  for (const auto& [state, value] : updates) {
    given.insert(state.id());
    push({&value, 1});
  }
  std::map<uint64_t, ImpliedUpdate> implied;  // by state id
  std::set<const Node*> seen;
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    if (!seen.insert(node).second) continue;
    for (const ImpliedUpdate& update : node->implied) {
      if (given.count(update.state->id) > 0) continue;
      if (implied.emplace(update.state->id, update).second) push({&update.value, 1});
    }
    push(node->operands);
    push(node->captures);
    for (const auto& binder : node->binders) push({&binder->rows, 1});
    for (const Region& region : node->regions) push(region.results);
  }
  for (const auto& [id, update] : implied) updates.emplace_back(State(update.state), update.value);
  return updates;
}

}  // namespace oriel::graph
