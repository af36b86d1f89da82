// Reverse mode: from the values in order of their making back to the first.
#include "runtime/graph/backward.h"

#include <map>
#include <set>

#include "runtime/graph/pullback.h"

namespace oriel::graph {
namespace {

// One variable of the walk. Reads of a state are one, whichever node reads.
ValueKey VariableOf(const Value& value) {
  const Node& node = *value.node();
  if (node.kind == NodeKind::kOp && node.op == OpKind::kStateRead) {
    return {-2 - static_cast<NodeId>(node.state->id), 0};
  }
  return KeyOf(value);
}

using Nodes = std::map<NodeId, std::shared_ptr<const Node>>;  // a node after
                                                              // what it needs

// What a node is computed from, and what a stated gradient goes to.
template <typename Visit>
void ForEachUsed(const Node& node, Visit visit) {
  for (const Value& operand : node.operands) visit(operand);
  for (const Value& capture : node.captures) visit(capture);
  if (node.pullback == nullptr) return;
  for (const Value& input : node.pullback->inputs) visit(input);
}

// What a node's gradient can go to.
template <typename Visit>
void ForEachSource(const Node& node, Visit visit) {
  if (node.pullback != nullptr) {
    for (const Value& input : node.pullback->inputs) visit(input);
    return;
  }
  for (const Value& operand : node.operands) visit(operand);
  for (const Value& capture : node.captures) visit(capture);
}

class Walk {
 public:
  // `beyond`: also visit what only constants need and stopped gradients hide.
  Walk(const BackwardSpec& spec, bool beyond) : spec_(spec) {
    for (const Value& value : spec.constants) constants_.insert(VariableOf(value));
    for (const auto& [value, gradient] : spec.known) known_.insert(VariableOf(value));
    std::vector<Value> pending;
    for (const auto& [value, gradient] : spec.seeds) pending.push_back(value);
    for (const auto& [value, gradient] : spec.known) pending.push_back(value);
    while (!pending.empty()) {
      const std::shared_ptr<const Node> node = pending.back().node();
      pending.pop_back();
      if (node == nullptr || !nodes_.emplace(node->id, node).second) continue;
      if (beyond) {
        ForEachUsed(*node, [&](const Value& used) { pending.push_back(used); });
      } else if (!IsBlocked(*node)) {
        ForEachSource(*node, [&](const Value& source) { pending.push_back(source); });
      }
    }
  }

  std::vector<Value> Gradients();
  std::string Cuts(const Value& wrt);

 private:
  bool IsConstant(const Value& value) const { return constants_.count(VariableOf(value)) != 0; }
  bool IsBlocked(const Node& node) const { return node.types.size() == 1 && constants_.count({node.id, 0}) != 0; }
  // Why no gradient flows from results to operands; null when one does.
  const char* Reason(const Node& node) const;
  static bool HasFloatResult(const Node& node);
  // The nodes with a differentiable path from `wrt`.
  std::set<NodeId> ActiveFrom(const std::set<ValueKey>& wrt) const;
  bool IsVariable(const Node& node, const std::set<ValueKey>& variables) const;

  struct Adjoint {
    Value gradient;
    bool masked = false;
  };
  void Contribute(const Value& to, const Value& gradient, bool masked);
  void Pull(const std::shared_ptr<const Node>& node, const std::set<NodeId>& active);

  const BackwardSpec& spec_;
  Nodes nodes_;
  std::set<ValueKey> wrt_, constants_, known_, accumulators_;
  std::map<ValueKey, Adjoint> adjoints_;
};

bool Walk::HasFloatResult(const Node& node) {
  for (const TensorType& type : node.types) {
    if (IsFloat(type.dtype)) return true;
  }
  return false;
}

const char* Walk::Reason(const Node& node) const {
  if (node.kind != NodeKind::kOp) return "it is an input";
  if (IsBlocked(node)) return "it is held constant";
  if (node.pullback != nullptr) {
    return node.pullback->pull == nullptr && !node.pullback->is_zero ? "its gradient is stopped" : nullptr;
  }
  const PullbackRule& rule = PullbackOf(node.op);
  if (rule.pull == nullptr && !rule.is_zero) return rule.reason;
  return HasFloatResult(node) ? nullptr : "its result is not of floats";
}

bool Walk::IsVariable(const Node& node, const std::set<ValueKey>& variables) const {
  if (node.kind == NodeKind::kOp && node.op == OpKind::kStateRead) {
    return variables.count({-2 - static_cast<NodeId>(node.state->id), 0}) != 0;
  }
  for (size_t i = 0; i < node.types.size(); ++i) {
    if (variables.count({node.id, static_cast<int>(i)}) != 0) return true;
  }
  return false;
}

std::set<NodeId> Walk::ActiveFrom(const std::set<ValueKey>& wrt) const {
  std::set<NodeId> active;
  for (const auto& [id, node] : nodes_) {
    bool is_active = IsVariable(*node, wrt);
    if (!is_active && Reason(*node) == nullptr) {
      ForEachSource(*node, [&](const Value& source) {
        is_active = is_active || (active.count(source.id()) != 0 && IsFloat(source.dtype()));
      });
    }
    if (is_active) active.insert(id);
  }
  return active;
}

void Walk::Contribute(const Value& to, const Value& gradient, bool masked) {
  const ValueKey key = VariableOf(to);
  if (known_.count(key) != 0) return;
  Adjoint& adjoint = adjoints_[key];
  adjoint.masked = adjoint.masked || masked;
  if (!IsGiven(adjoint.gradient)) {
    adjoint.gradient = gradient;
    return;
  }
  OriginScope origin(*to.node(), "grad");
  adjoint.gradient = adjoint.gradient + gradient;
}

void Walk::Pull(const std::shared_ptr<const Node>& node, const std::set<NodeId>& active) {
  std::vector<Value> gradients(node->types.size());
  bool any = false, masked = false;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const auto adjoint = adjoints_.find({node->id, static_cast<int>(i)});
    if (adjoint == adjoints_.end() || constants_.count(adjoint->first) != 0) continue;
    gradients[i] = adjoint->second.gradient;
    masked = masked || adjoint->second.masked;
    any = true;
  }
  if (!any || Reason(*node) != nullptr) return;
  const auto wants = [&](const Value& source) { return IsFloat(source.dtype()) && active.count(source.id()) != 0; };

  OriginScope origin(*node, "grad");
  if (const PullbackOverride* stated = node->pullback.get()) {
    if (stated->pull == nullptr) return;
    const std::vector<Value> given = stated->pull(stated->inputs, gradients[0]);
    for (size_t i = 0; i < stated->inputs.size() && i < given.size(); ++i) {
      const Value& input = stated->inputs[i];
      if (IsGiven(given[i]) && wants(input)) Contribute(input, InShape(given[i], input.shape()), true);
    }
    return;
  }
  const PullbackRule& rule = PullbackOf(node->op);
  if (rule.pull == nullptr) return;
  std::vector<bool> wanted;
  ForEachSource(*node, [&](const Value& source) { wanted.push_back(wants(source)); });
  const PullFn pull = [&](const std::vector<Value>& outputs, const std::vector<Value>& output_gradients,
                          const std::vector<Value>& wrt, const std::vector<Value>& sums) {
    BackwardSpec body{.seeds = {}, .wrt = wrt, .sums = sums, .constants = wrt, .known = {}, .masked = true};
    // What the body uses from outside is a leaf there, wanted or not.
    for (const std::vector<Value>* more : {&node->captures, &spec_.constants}) {
      body.constants.insert(body.constants.end(), more->begin(), more->end());
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (IsGiven(output_gradients[i]) && outputs[i].ok()) body.seeds.emplace_back(outputs[i], output_gradients[i]);
    }
    return Backward(body);
  };
  Pullback pullback(node, std::move(gradients), wanted, masked, pull);
  // A variable, a constant and a known gradient are met, not gone past.
  pullback.set_goes_past([&](const Value& value) {
    const ValueKey key = VariableOf(value);
    return wants(value) && wrt_.count(key) == 0 && constants_.count(key) == 0 && known_.count(key) == 0;
  });
  std::vector<Value> sources;
  ForEachSource(*node, [&](const Value& source) { sources.push_back(source); });
  pullback.set_sum([&](size_t slot) -> Pullback::SumSoFar {
    const Value& source = sources[slot];
    const ValueKey key = VariableOf(source);
    const auto adjoint = adjoints_.find(key);
    if (!wanted[slot] || known_.count(key) != 0 || adjoint == adjoints_.end()) return {};
    // Of two slots of one variable the first replaces the sum.
    for (size_t before = 0; before < slot; ++before) {
      if (VariableOf(sources[before]) == key) return {};
    }
    return {InShape(adjoint->second.gradient, source.shape()), accumulators_.count(key) != 0};
  });
  rule.pull(pullback);
  for (const auto& [slot, total] : pullback.totals()) {
    if (!IsGiven(total)) continue;
    Adjoint& adjoint = adjoints_[VariableOf(sources[slot])];
    adjoint = {total, adjoint.masked || pullback.masks()};
  }
  for (const auto& [to, gradient] : pullback.past()) {
    if (wants(to) && IsGiven(gradient)) Contribute(to, InShape(gradient, to.shape()), pullback.masks());
  }
  for (size_t slot = 0; slot < sources.size(); ++slot) {
    const Value& gradient = pullback.given()[slot];
    if (wanted[slot] && IsGiven(gradient)) Contribute(sources[slot], gradient, pullback.masks());
  }
}

std::vector<Value> Walk::Gradients() {
  for (const Value& value : spec_.wrt) wrt_.insert(VariableOf(value));
  for (size_t i = 0; i < spec_.sums.size(); ++i) {
    if (!IsGiven(spec_.sums[i])) continue;
    const ValueKey key = VariableOf(spec_.wrt[i]);
    accumulators_.insert(key);
    adjoints_[key] = {spec_.sums[i], false};
  }
  const std::set<NodeId> active = ActiveFrom(wrt_);
  for (const auto& [value, gradient] : spec_.known) {
    adjoints_[VariableOf(value)] = {gradient, true};
  }
  for (const auto& [value, gradient] : spec_.seeds) {
    if (IsFloat(value.dtype()) && active.count(value.id()) != 0) Contribute(value, gradient, spec_.masked);
  }
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    if (active.count(it->first) != 0) Pull(it->second, active);
  }
  std::vector<Value> gradients;
  for (const Value& value : spec_.wrt) {
    const auto adjoint = adjoints_.find(VariableOf(value));
    gradients.push_back(adjoint == adjoints_.end() ? Value() : adjoint->second.gradient);
  }
  return gradients;
}

std::string Walk::Cuts(const Value& wrt) {
  const std::set<ValueKey> variable = {VariableOf(wrt)};
  const std::set<NodeId> active = ActiveFrom(variable);
  std::set<NodeId> depends;
  std::vector<std::string> cuts;
  for (const auto& [id, node] : nodes_) {
    bool uses = IsVariable(*node, variable), cut = false;
    Value not_float;  // a result of a node with others that are connected
    ForEachUsed(*node, [&](const Value& source) {
      uses = uses || depends.count(source.id()) != 0;
      if (active.count(source.id()) == 0) return;
      cut = cut || IsFloat(source.dtype());
      if (!IsFloat(source.dtype())) not_float = source;
    });
    if (!uses) continue;
    depends.insert(id);
    if (active.count(id) != 0) continue;
    if (!cut && not_float.node() != nullptr) {
      const Node& from = *not_float.node();
      const std::string where = from.Where();
      cuts.push_back("result " + std::to_string(not_float.result_index()) + " of '" + from.Label() + "'" +
                     (where.empty() ? "" : " (" + where + ")") + " passes no gradient on: it is " +
                     std::string(NumpyName(not_float.dtype())));
    }
    if (!cut) continue;
    const std::string where = node->Where();
    const char* reason = Reason(*node);
    cuts.push_back("'" + node->Label() + "'" + (where.empty() ? "" : " (" + where + ")") +
                   " passes no gradient on: " + (reason == nullptr ? "its operand is not differentiable" : reason));
  }
  bool used = false;
  for (const auto& [value, gradient] : spec_.seeds) {
    if (active.count(value.id()) != 0) return "";
    used = used || depends.count(value.id()) != 0;
  }
  if (!used) return "it is not used there";
  std::string text;
  constexpr size_t kMostCuts = 3;
  for (size_t i = 0; i < cuts.size() && i < kMostCuts; ++i) text += (i > 0 ? "; " : "") + cuts[i];
  if (cuts.size() > kMostCuts) text += "; and " + std::to_string(cuts.size() - kMostCuts) + " more";
  return text;
}

}  // namespace

std::vector<Value> Backward(const BackwardSpec& spec) { return Walk(spec, /*beyond=*/false).Gradients(); }

std::string WhyDisconnected(const BackwardSpec& spec, const Value& wrt) {
  return Walk(spec, /*beyond=*/true).Cuts(wrt);
}

}  // namespace oriel::graph
