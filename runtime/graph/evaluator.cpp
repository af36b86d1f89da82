// Evaluate(): a graph's results by the reference kernels.
#include <map>

#include "runtime/core/status.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/node.h"
#include "runtime/ops/reference.h"

namespace oriel {
namespace {

using graph::Node;
using graph::NodeKind;
using graph::Region;

class Evaluator {
 public:
  absl::Status BindInputs(const std::vector<Value>& inputs, absl::Span<const Tensor> arguments);
  // Evaluates what `roots` need in `region`; then Get() gives them.
  absl::Status Run(absl::Span<const Value> roots, uint64_t region);
  Tensor Get(const Value& value) const { return values_.at(value.id())[value.result_index()]; }

 private:
  absl::Status RunNode(const Node& node);
  absl::Status CheckRequirements(const Node& node) const;
  absl::StatusOr<std::vector<Tensor>> Compute(const Node& node);
  absl::StatusOr<std::vector<Tensor>> Loop(const Node& node);
  absl::StatusOr<std::vector<Tensor>> RunRegion(const Region& region);
  std::vector<Tensor> Operands(const Node& node) const;

  DimBindings dims_;
  std::map<NodeId, std::vector<Tensor>> values_;
  // Each state as it was when first read: all reads of a call agree.
  std::map<uint64_t, Tensor> states_;
};

absl::Status Evaluator::BindInputs(const std::vector<Value>& inputs, absl::Span<const Tensor> arguments) {
  if (inputs.size() != arguments.size()) {
    return absl::InvalidArgumentError("got " + std::to_string(arguments.size()) + " inputs, required " +
                                      std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = inputs[i];
    const Tensor& given = arguments[i];
    if (given.dtype() != input.dtype() || given.rank() != input.rank()) {
      return absl::InvalidArgumentError("input '" + input.name() + "' is " + std::string(NumpyName(given.dtype())) +
                                        " " + ToString(given.shape()) + ", required " +
                                        ToString(TensorType{input.dtype(), input.shape()}));
    }
    for (int axis = 0; axis < input.rank(); ++axis) {
      const Dim& dim = input.shape()[axis];
      if (dim.is_symbol()) dims_.emplace(dim.symbol(), given.shape()[axis]);
    }
    values_[input.id()] = {given};
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (int axis = 0; axis < inputs[i].rank(); ++axis) {
      const Dim& dim = inputs[i].shape()[axis];
      ORIEL_ASSIGN_OR_RETURN(const int64_t required, dim.Evaluate(dims_));
      if (arguments[i].shape()[axis] == required) continue;
      return absl::InvalidArgumentError("input '" + inputs[i].name() + "' has extent " +
                                        std::to_string(arguments[i].shape()[axis]) + " on axis " +
                                        std::to_string(axis) + ", required " + dim.ToString() + " = " +
                                        std::to_string(required));
    }
  }
  return absl::OkStatus();
}

absl::Status Evaluator::CheckRequirements(const Node& node) const {
  for (const DimRequirement& need : node.requirements) {
    ORIEL_ASSIGN_OR_RETURN(const int64_t left, need.left.Evaluate(dims_));
    ORIEL_ASSIGN_OR_RETURN(const int64_t right, need.right.Evaluate(dims_));
    if (left == right) continue;
    return absl::InvalidArgumentError(need.what + ": " + need.left.ToString() + " = " + std::to_string(left) +
                                      " must equal " + need.right.ToString() + " = " + std::to_string(right));
  }
  return absl::OkStatus();
}

std::vector<Tensor> Evaluator::Operands(const Node& node) const {
  std::vector<Tensor> operands;
  for (const Value& operand : node.operands) operands.push_back(Get(operand));
  return operands;
}

absl::StatusOr<std::vector<Tensor>> Evaluator::RunRegion(const Region& region) {
  ORIEL_RETURN_IF_ERROR(Run(region.results, region.id));
  std::vector<Tensor> results;
  for (const Value& result : region.results) results.push_back(Get(result));
  return results;
}

absl::StatusOr<std::vector<Tensor>> Evaluator::Loop(const Node& node) {
  const Region& region = node.regions[0];
  std::vector<Tensor> carried = Operands(node);
  const int64_t trips = carried[0].ElementAsInt({});
  carried.erase(carried.begin());
  for (int64_t i = 0; i < trips; ++i) {
    values_[region.arguments[0].id()] = {Tensor::Scalar<int64_t>(i)};
    for (size_t k = 0; k < carried.size(); ++k) values_[region.arguments[k + 1].id()] = {carried[k]};
    ORIEL_ASSIGN_OR_RETURN(carried, RunRegion(region));
  }
  return carried;
}

absl::StatusOr<std::vector<Tensor>> Evaluator::Compute(const Node& node) {
  ORIEL_RETURN_IF_ERROR(CheckRequirements(node));
  switch (node.op) {
    case OpKind::kStateRead: {
      auto [state, is_new] = states_.try_emplace(node.state->id);
      if (is_new) state->second = State(node.state).value();
      return std::vector<Tensor>{state->second};
    }
    case OpKind::kLoop:
      return Loop(node);
    case OpKind::kBranch:
      return RunRegion(node.regions[Get(node.operands[0]).ElementAsInt({}) != 0 ? 0 : 1]);
    default:
      return EvaluateOp(node.op, node.attrs, Operands(node), dims_);
  }
}

absl::Status Evaluator::RunNode(const Node& node) {
  if (node.kind != NodeKind::kOp) return absl::OkStatus();  // bound already
  absl::StatusOr<std::vector<Tensor>> results = Compute(node);
  if (!results.ok()) {
    // Errors of a body carry their own place.
    return node.regions.empty() ? Prefixed(results.status(), node.Where() + ": '" + node.Label() + "'")
                                : results.status();
  }
  values_[node.id] = *std::move(results);
  return absl::OkStatus();
}

absl::Status Evaluator::Run(absl::Span<const Value> roots, uint64_t region) {
  for (const Node* node : graph::Reachable(roots, region)) ORIEL_RETURN_IF_ERROR(RunNode(*node));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                             const std::vector<Update>& updates,
                                             absl::Span<const Tensor> arguments) {
  ORIEL_RETURN_IF_ERROR(graph::CheckGraph(inputs, outputs, updates));
  Evaluator evaluator;
  ORIEL_RETURN_IF_ERROR(evaluator.BindInputs(inputs, arguments));
  std::vector<Value> roots = outputs;
  for (const Update& update : updates) roots.push_back(update.second);
  ORIEL_RETURN_IF_ERROR(evaluator.Run(roots, 0));
  std::vector<Tensor> results;
  for (const Value& root : roots) results.push_back(evaluator.Get(root).Clone());
  for (size_t i = 0; i < updates.size(); ++i) {
    const Tensor& value = results[outputs.size() + i];
    const State& state = updates[i].first;
    if (value.shape() == state.shape()) continue;
    return absl::InvalidArgumentError("update of state '" + state.name() + "': got " + ToString(value.shape()) +
                                      ", required " + ToString(state.shape()));
  }
  return results;
}

}  // namespace oriel
