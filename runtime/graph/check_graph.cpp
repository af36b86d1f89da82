// What compile(), ToMlirText() and Evaluate() refuse.
#include <map>
#include <set>

#include "oriel/errors.h"
#include "runtime/core/status.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/node.h"

namespace oriel::graph {
namespace {

std::string ListOf(const std::vector<Value>& inputs) {
  std::string text;
  for (const Value& input : inputs) text += (text.empty() ? "" : ", ") + input.name();
  return text.empty() ? "none" : text;
}

absl::Status CheckInputs(const std::vector<Value>& inputs) {
  std::set<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ORIEL_RETURN_IF_ERROR(inputs[i].status());
    const Node& node = *inputs[i].node();
    if (node.kind != NodeKind::kInput) {
      return absl::InvalidArgumentError("inputs[" + std::to_string(i) + "] is '" + node.Label() + "' (" +
                                        node.Where() + "), which was not made by input()");
    }
    if (!names.insert(node.name).second) {
      return absl::AlreadyExistsError("two inputs are named '" + node.name + "'");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckUpdates(const std::vector<Update>& updates) {
  std::set<uint64_t> updated;
  for (const auto& [state, value] : updates) {
    if (state.cell() == nullptr) return absl::InvalidArgumentError("an update is of an empty State");
    ORIEL_RETURN_IF_ERROR(value.status());
    if (!updated.insert(state.id()).second) {
      return absl::AlreadyExistsError("state '" + state.name() + "' is updated twice");
    }
    const Extents shape = state.shape();
    const Attrs declared = {{"dtype", state.dtype()}, {"shape", Dims(shape.begin(), shape.end())}};
    const TensorType given{value.dtype(), value.shape()};
    std::vector<DimRequirement> requirements;
    absl::Status status = InferTypes(OpKind::kStateUpdate, declared, {given}, &requirements).status();
    if (!status.ok() && value.dtype() != state.dtype()) status = DTypeError(ToStd(status.message()));
    if (!status.ok()) return Prefixed(status, value.node()->Where() + ": update of state '" + state.name() + "'");
  }
  return absl::OkStatus();
}

// Bodies within bodies, as programs have them (kMaxStepDepth of the engine).
constexpr int kMaxNesting = 32;

// Dims that a node mentions and that an input must therefore bind.
void CollectSymbols(const Node& node, std::vector<std::string>* symbols) {
  for (const TensorType& type : node.types) {
    for (const Dim& dim : type.shape) dim.CollectSymbols(symbols);
  }
  for (const auto& [name, value] : node.attrs.entries()) {
    if (const Dims* dims = std::get_if<Dims>(&value)) {
      for (const Dim& dim : *dims) dim.CollectSymbols(symbols);
    }
  }
}

}  // namespace

absl::Status CheckGraph(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                        const std::vector<Update>& updates) {
  for (const Value& output : outputs) ORIEL_RETURN_IF_ERROR(output.status());
  ORIEL_RETURN_IF_ERROR(CheckInputs(inputs));
  ORIEL_RETURN_IF_ERROR(CheckUpdates(updates));

  std::set<NodeId> listed;
  std::set<std::string> bound;
  for (const Value& input : inputs) {
    listed.insert(input.id());
    for (const Dim& dim : input.shape()) {
      if (dim.is_symbol()) bound.insert(dim.symbol());
    }
  }
  std::vector<Value> roots = outputs;
  for (const Update& update : updates) roots.push_back(update.second);
  for (const Value& root : roots) {
    if (root.node()->region != 0) {
      return absl::InvalidArgumentError(root.node()->Where() + ": '" + root.node()->Label() +
                                        "' was made in the body of a loop or branch and cannot be an output");
    }
  }
  roots.insert(roots.end(), inputs.begin(), inputs.end());
  struct Body {
    std::vector<Value> results;
    uint64_t region;
    int depth;
  };
  std::vector<Body> bodies = {{roots, 0, 0}};
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto [results, region, depth] = bodies[i];
    for (const Node* node : Reachable(results, region)) {
      if (node->kind == NodeKind::kInput && listed.count(node->id) == 0) {
        return absl::InvalidArgumentError("input '" + node->name + "' (" + node->Where() +
                                          ") is needed but not among the inputs: " + ListOf(inputs));
      }
      if (node->kind == NodeKind::kOp && node->op == OpKind::kRows) {
        if (region != 0) {
          return absl::UnimplementedError(node->Where() + ": '" + node->Label() + "' has as many rows as a run finds, in the body "
                                          "of a loop or branch: there it can be read at one row only ([i], [-1])");
        }
        bound.insert(node->types[0].shape[0].symbol());
      }
      std::vector<std::string> symbols;
      CollectSymbols(*node, &symbols);
      for (const std::string& symbol : symbols) {
        if (bound.count(symbol) != 0) continue;
        return absl::InvalidArgumentError("dim symbol '" + symbol + "' of '" + node->Label() + "' (" + node->Where() +
                                          ") is bound by no input: one must have an axis of exactly that extent");
      }
      if (!node->regions.empty() && depth == kMaxNesting) {
        return absl::UnimplementedError(node->Where() + ": '" + node->Label() + "' is in the bodies of " + std::to_string(kMaxNesting) +
                                        " loops and branches, one in the other, the most there can be");
      }
      for (const Region& inner : node->regions) bodies.push_back({inner.results, inner.id, depth + 1});
    }
  }
  return absl::OkStatus();
}

}  // namespace oriel::graph
