// Substitute and Clone: a graph made again, bottom up, without recursion along
// operands (only bodies in bodies recurse).
#include "oriel/substitute.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/pullback.h"
#include "runtime/graph/test_value.h"

namespace oriel {
namespace graph {
namespace {

using Key = std::pair<NodeId, int>;
Key KeyOf(const Value& value) { return {value.id(), value.result_index()}; }

Location At(const Node& node) { return Location(node.file.c_str(), static_cast<uint32_t>(node.line)); }

class Substituter {
 public:
  Substituter(bool everything, bool share_inputs) : everything_(everything), share_inputs_(share_inputs) {}

  // Takes the replacements in; an error is of the given's line.
  std::optional<Value> Prepare(const std::vector<Given>& givens) {
    std::vector<Dims> shapes;
    for (const Given& given : givens) {
      if (Value checked = Check(given, &shapes); !checked.ok()) return checked;
    }
    for (size_t i = 0; i < givens.size(); ++i) {
      const Given& given = givens[i];
      std::vector<Value> fitted = {given.to};
      Dims expected;
      for (const Dim& dim : shapes[i]) expected.push_back(dim.Substitute(dims_));
      FitShapes({{given.to.dtype(), expected}}, &fitted, given.location);
      if (!fitted[0].ok()) return fitted[0];
      if (given.from.node() != nullptr) {
        map_[KeyOf(given.from)] = fitted[0];
      } else {
        states_[given.state.id()] = fitted[0];
      }
    }
    return std::nullopt;
  }

  std::vector<Value> Run(const std::vector<Value>& values) {
    const OriginPause pause;
    for (const Node* node : Needed(values, nullptr)) Make(*node);
    std::vector<Value> results;
    for (const Value& value : values) results.push_back(value.ok() ? Map(value) : value);
    return results;
  }

 private:
  // The replacement, or what is wrong with it.
  Value Check(const Given& given, std::vector<Dims>* shapes) {
    const Location& at = given.location;
    const bool of_state = given.from.node() == nullptr && given.state.cell() != nullptr;
    if (!of_state && !given.from.ok()) return given.from.node() == nullptr ? Poison(given.from.status(), at) : given.from;
    if (!given.to.ok()) return given.to.node() == nullptr ? Poison(given.to.status(), at) : given.to;
    TensorType type;
    std::string name;
    bool twice = false;
    if (of_state) {
      const Extents shape = given.state.shape();
      type = {given.state.dtype(), Dims(shape.begin(), shape.end())};
      name = "state '" + given.state.name() + "'";
      twice = !replaced_states_.insert(given.state.id()).second;
    } else {
      type = {given.from.dtype(), given.from.shape()};
      name = "'" + given.from.node()->Label() + "'";
      twice = !replaced_.insert(KeyOf(given.from)).second;
    }
    if (twice) return Poison(absl::AlreadyExistsError("given: " + name + " is replaced twice"), at);
    const TensorType to{given.to.dtype(), given.to.shape()};
    bool fits = to.dtype == type.dtype && to.rank() == type.rank();
    for (int axis = 0; fits && axis < type.rank(); ++axis) {
      const Dim& dim = type.shape[axis];
      if (dim.is_symbol()) {
        if (dim != to.shape[axis]) dims_.emplace(dim.symbol(), to.shape[axis]);
        continue;
      }
      const DimOrder order = CompareDims(dim, to.shape[axis]);
      fits = order != DimOrder::kLess && order != DimOrder::kGreater;
    }
    if (!fits) {
      return PoisonInvalid("given: " + name + " is " + ToString(type) + ", its replacement is " + ToString(to), at);
    }
    shapes->push_back(type.shape);
    return given.to;
  }

  const Value* Replacement(const Value& value) const {
    if (const auto it = map_.find(KeyOf(value)); it != map_.end()) return &it->second;
    const Node& node = *value.node();
    if (node.kind == NodeKind::kOp && node.op == OpKind::kStateRead) {
      if (const auto it = states_.find(node.state->id); it != states_.end()) return &it->second;
    }
    return nullptr;
  }
  Value Map(const Value& value) const {
    const Value* replacement = Replacement(value);
    return replacement == nullptr ? value : *replacement;
  }
  std::vector<Value> MapAll(const std::vector<Value>& values) const {
    std::vector<Value> mapped;
    for (const Value& value : values) mapped.push_back(Map(value));
    return mapped;
  }

  // The nodes that `roots` need once replacements are in, in the order they were
  // made; of one body, or of all that are open.
  std::vector<const Node*> Needed(const std::vector<Value>& roots, const Region* body) const {
    std::map<NodeId, const Node*> found;
    std::vector<const Value*> pending;
    const auto push = [&](const std::vector<Value>& values) {
      for (const Value& value : values) pending.push_back(&value);
    };
    push(roots);
    while (!pending.empty()) {
      const Value& value = *pending.back();
      pending.pop_back();
      if (!value.ok() || Replacement(value) != nullptr) continue;
      const Node* node = value.node().get();
      if (body != nullptr && node->region != body->id) continue;
      const auto [at, is_new] = found.emplace(node->id, node);
      if (!is_new) {
        if (at->second->name.empty()) at->second = node;
        continue;
      }
      push(node->operands);
      push(node->captures);
      for (const auto& binder : node->binders) pending.push_back(&binder->rows);
      for (const ImpliedUpdate& update : node->implied) pending.push_back(&update.value);
      if (node->pullback != nullptr) push(node->pullback->inputs);
    }
    std::vector<const Node*> order;
    for (const auto& [id, node] : found) order.push_back(node);
    return order;
  }

  bool Changes(const Dims& dims) const {
    if (dims_.empty()) return false;
    std::vector<std::string> symbols;
    for (const Dim& dim : dims) dim.CollectSymbols(&symbols);
    return std::any_of(symbols.begin(), symbols.end(), [&](const std::string& s) { return dims_.count(s) != 0; });
  }

  // Must the node be made again?
  bool Affected(const Node& node) const {
    if (node.kind != NodeKind::kOp) return false;
    if (everything_) return true;
    const auto mapped = [&](const std::vector<Value>& values) {
      return std::any_of(values.begin(), values.end(), [&](const Value& v) { return Replacement(v) != nullptr; });
    };
    if (mapped(node.operands) || mapped(node.captures)) return true;
    for (const ImpliedUpdate& update : node.implied) {
      if (Replacement(update.value) != nullptr) return true;
    }
    if (node.pullback != nullptr && mapped(node.pullback->inputs)) return true;
    for (const auto& [name, value] : node.attrs.entries()) {
      if (const Dims* dims = std::get_if<Dims>(&value); dims != nullptr && Changes(*dims)) return true;
    }
    for (const Region& region : node.regions) {
      if (mapped(region.results)) return true;
      for (const Node* inner : Needed(region.results, &region)) {
        if (Affected(*inner)) return true;
      }
    }
    return false;
  }

  Dims Replaced(const Dims& dims) const {
    Dims replaced;
    for (const Dim& dim : dims) replaced.push_back(dims_.empty() ? dim : dim.Substitute(dims_));
    return replaced;
  }
  std::vector<TensorType> Replaced(const std::vector<TensorType>& types) const {
    std::vector<TensorType> replaced;
    for (const TensorType& type : types) replaced.push_back({type.dtype, Replaced(type.shape)});
    return replaced;
  }

  void Remember(const Node& node, const Value& made) {
    for (size_t i = 0; i < std::max<size_t>(node.types.size(), 1); ++i) {
      map_.emplace(Key{node.id, static_cast<int>(i)}, made.ok() ? Value(made.node(), static_cast<int>(i)) : made);
    }
  }

  void Make(const Node& node) {
    if (node.kind == NodeKind::kInput && !share_inputs_) {
      const Value copy = MakeLeaf(NodeKind::kInput, node.name, Replaced(node.types)[0], At(node));
      CopyInputTest(node, copy);
      return Remember(node, Finish(node, copy));
    }
    if (!Affected(node)) return;
    if (node.op == OpKind::kRows) {
      // Another count: another dim, also for what mentions it without an operand.
      const std::string symbol = node.attrs.Get<Dims>("dim")->front().symbol();
      if (dims_.count(symbol) == 0) dims_.emplace(symbol, LateDim(symbol));
    }
    NodeSpec spec{.op = node.op, .attrs = {}, .operands = MapAll(node.operands), .regions = {}, .state = node.state};
    for (const auto& [name, value] : node.attrs.entries()) {
      const Dims* dims = std::get_if<Dims>(&value);
      spec.attrs.Set(name, dims == nullptr ? value : AttrValue(Replaced(*dims)));
    }
    spec.tap = node.tap;
    if (node.pullback != nullptr) spec.pullback = WithInputs(*node.pullback, MapAll(node.pullback->inputs));
    for (const ImpliedUpdate& update : node.implied) spec.implied.push_back({update.state, Map(update.value)});
    Remember(node, Finish(node, node.regions.empty() ? MakeOp(std::move(spec), At(node)) : MakeWithBodies(node, std::move(spec))));
  }

  Value MakeWithBodies(const Node& node, NodeSpec spec) {
    std::vector<TensorType> operand_types;
    for (const Value& operand : node.operands) operand_types.push_back({operand.dtype(), Replaced(operand.shape())});
    FitShapes(operand_types, &spec.operands, At(node));
    for (const Region& inner : node.regions) {
      RegionScope scope;
      Region copy;
      copy.id = scope.id();
      for (const Value& argument : inner.arguments) {
        const Node& leaf = *argument.node();
        copy.arguments.push_back(Finish(leaf, MakeLeaf(NodeKind::kArgument, leaf.name, Replaced(leaf.types)[0], At(leaf))));
        CopyArgumentTest(argument, copy.arguments.back());
        map_.emplace(KeyOf(argument), copy.arguments.back());
      }
      for (const Node* member : Needed(inner.results, &inner)) {
        MakeMember(*member);
      }
      copy.results = MapAll(inner.results);
      std::vector<TensorType> result_types;
      for (const Value& result : inner.results) result_types.push_back({result.dtype(), Replaced(result.shape())});
      if (auto poisoned = FirstPoisoned(copy.results)) return *poisoned;
      FitShapes(result_types, &copy.results, At(node));
      spec.regions.push_back(std::move(copy));
    }
    std::vector<DimRequirement> requirements;
    for (const DimRequirement& need : node.requirements) {
      requirements.push_back({need.left.Substitute(dims_), need.right.Substitute(dims_), need.what});
    }
    return MakeTyped(std::move(spec), Replaced(node.types), std::move(requirements), At(node));
  }

  // Of a body that is made again, every op is.
  void MakeMember(const Node& node) {
    const bool before = everything_;
    everything_ = true;
    Make(node);
    everything_ = before;
  }

  // The new node under the old one's name, scope and origin.
  static Value Finish(const Node& node, const Value& made) {
    if (!made.ok()) return made;
    auto copy = std::make_shared<Node>(*made.node());
    copy->name = node.name;
    copy->scope = node.scope;
    copy->derivation = node.derivation;
    return Value(std::move(copy), made.result_index());
  }

  bool everything_, share_inputs_;
  std::map<Key, Value> map_;
  std::map<uint64_t, Value> states_;  // by state id: what its reads become
  std::set<Key> replaced_;
  std::set<uint64_t> replaced_states_;
  std::map<std::string, Dim> dims_;   // symbols of replaced values
};

std::vector<Value> Run(const std::vector<Value>& values, const std::vector<Given>& givens, bool everything,
                       bool share_inputs) {
  Substituter substituter(everything, share_inputs);
  if (const std::optional<Value> error = substituter.Prepare(givens)) return std::vector<Value>(values.size(), *error);
  return substituter.Run(values);
}

}  // namespace

Value Renamed(const Value& input, const std::string& name) {
  if (!input.ok() || input.name() == name) return input;
  auto copy = std::make_shared<Node>(*input.node());
  copy->name = name;
  return Value(std::move(copy), input.result_index());
}

}  // namespace graph

Given::Given(Value from, const Operand& to, Location at)
    : from(std::move(from)), to(to.weak ? graph::WeakConstant(to, this->from.dtype(), at) : to.value), location(at) {}
Given::Given(State from, const Operand& to, Location at)
    : state(std::move(from)), to(to.weak ? graph::WeakConstant(to, state.dtype(), at) : to.value), location(at) {}

std::vector<Value> Substitute(const std::vector<Value>& values, const std::vector<Given>& givens) {
  return givens.empty() ? values : graph::Run(values, givens, /*everything=*/false, /*share_inputs=*/true);
}

std::vector<Value> Clone(const std::vector<Value>& values, const std::vector<Given>& givens, bool share_inputs) {
  return graph::Run(values, givens, /*everything=*/true, share_inputs);
}

}  // namespace oriel
