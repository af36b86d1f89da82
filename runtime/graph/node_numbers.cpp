// The ids of nodes in a graph's text, and the nodes that it does not have.
#include "runtime/graph/node_numbers.h"

#include "runtime/core/state_cell.h"
#include "runtime/graph/mlir_syntax.h"

namespace oriel::graph {

NodeNumbers::NodeNumbers(const std::vector<Value>& inputs, const std::vector<Value>& roots,
                         const std::vector<Value>& new_values, const std::vector<std::string>& new_value_symbols,
                         ExportedGraph* exported)
    : exported_(exported) {
  const auto note = [&](NodeInfo info, const Derivation* derivation) {
    info.id = static_cast<NodeId>(exported_->nodes.size());
    exported_->nodes.push_back(std::move(info));
    derivations_.push_back(derivation);
  };
  for (size_t i = 0; i < exported_->states.size(); ++i) {
    const StateCell& cell = *exported_->states[i].cell();
    NodeInfo info;
    info.op = "state";
    info.name = exported_->state_symbols[i];
    info.file = cell.file;
    info.line = cell.line;
    note(std::move(info), nullptr);
  }
  for (const Value& input : inputs) Add(*input.node());
  AddBody(roots, 0);
  for (size_t i = 0; i < new_values.size(); ++i) {
    NodeInfo info = InfoOf(*new_values[i].node());
    info.op = "state_update";
    info.name = new_value_symbols[i];
    note(std::move(info), nullptr);
  }
  for (const Derivation* derivation : derivations_) {
    if (derivation != nullptr) AddOrigins(*derivation);
  }
  for (const Derivation* derivation : tap_derivations_) AddOrigins(*derivation);
  // Now that all are numbered: what each is derived from, in the table's ids.
  const size_t count = derivations_.size();
  const auto complete = [&](NodeInfo* info, const Derivation& derivation) {
    info->origin = Origin::kDerived;
    info->rule = derivation.rule;
    for (NodeId id : FromOf(derivation)) {
      info->from.push_back(id < 0 ? static_cast<NodeId>(count) - 1 - id : id);
    }
  };
  for (size_t i = 0; i < count; ++i) {
    if (derivations_[i] != nullptr) complete(&exported_->nodes[i], *derivations_[i]);
  }
  for (const Derivation::From* origin : origins_) {
    NodeInfo info = origin->info;
    info.origin = Origin::kDead;
    if (origin->derivation != nullptr) complete(&info, *origin->derivation);
    note(std::move(info), nullptr);
  }
}

void NodeNumbers::Add(const Node& node) {
  // A tap is no node of the text's table: it is its operand.
  if (node.kind == NodeKind::kOp && node.op == OpKind::kTap) {
    const auto found = numbers_.find(node.operands[0].id());
    if (found != numbers_.end()) numbers_[node.id] = found->second;
    if (node.derivation != nullptr) tap_derivations_.push_back(node.derivation.get());
    return;
  }
  NodeInfo info = InfoOf(node);
  info.id = static_cast<NodeId>(exported_->nodes.size());
  numbers_[node.id] = info.id;
  // A body's arguments are the node that runs it.
  for (const Region& region : node.regions) {
    for (const Value& argument : region.arguments) numbers_[argument.id()] = info.id;
  }
  exported_->nodes.push_back(std::move(info));
  derivations_.push_back(node.kind == NodeKind::kOp ? node.derivation.get() : nullptr);
  for (const Region& region : node.regions) AddBody(region.results, region.id);
}

void NodeNumbers::AddBody(const std::vector<Value>& roots, uint64_t region) {
  for (const Node* node : Reachable(roots, region)) {
    if (node->kind == NodeKind::kOp) Add(*node);
  }
}

void NodeNumbers::AddOrigins(const Derivation& derivation) {
  std::vector<const Derivation*> pending = {&derivation};
  while (!pending.empty()) {
    const Derivation* next = pending.back();
    pending.pop_back();
    for (const Derivation::From& from : next->from) {
      if (numbers_.count(from.info.id) != 0) continue;
      if (!origin_numbers_.emplace(from.info.id, -1 - static_cast<NodeId>(origins_.size())).second) continue;
      origins_.push_back(&from);
      if (from.derivation != nullptr) pending.push_back(from.derivation.get());
    }
  }
}

std::vector<NodeId> NodeNumbers::FromOf(const Derivation& derivation) const {
  std::vector<NodeId> ids;
  for (const Derivation::From& from : derivation.from) {
    const auto found = numbers_.find(from.info.id);
    ids.push_back(found != numbers_.end() ? found->second : origin_numbers_.at(from.info.id));
  }
  return ids;
}

std::string NodeNumbers::OriginsText() const {
  std::string text;
  for (const Derivation::From* origin : origins_) {
    const NodeInfo& info = origin->info;
    text += text.empty() ? "attributes {oriel.origins = [" : ", ";
    text += "#oriel.node<op = " + MlirString(info.op);
    if (!info.name.empty()) text += ", name = " + MlirString(info.name);
    if (!info.scope.empty()) text += ", scope = " + MlirString(info.scope);
    if (!info.file.empty()) text += ", file = " + MlirString(info.file);
    if (info.line != 0) text += ", line = " + std::to_string(info.line);
    if (origin->derivation == nullptr) {
      text += ", origin = dead>";
      continue;
    }
    std::string from;
    for (NodeId id : FromOf(*origin->derivation)) from += (from.empty() ? "" : ", ") + std::to_string(id);
    text += ", origin = derived";
    if (!from.empty()) text += ", from = [" + from + "]";
    text += ", rule = " + MlirString(origin->derivation->rule) + ">";
  }
  return text.empty() ? "" : text + "]} ";
}

}  // namespace oriel::graph
