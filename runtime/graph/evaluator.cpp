// Evaluate(): a graph's results by the reference kernels.
#include <algorithm>
#include <cstring>
#include <map>

#include "runtime/core/out_of_bounds.h"
#include "runtime/core/status.h"
#include "runtime/graph/evaluator.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/loop.h"
#include "runtime/graph/node.h"
#include "runtime/ops/reference.h"

namespace oriel {
namespace {

using graph::Node;
using graph::NodeKind;
using graph::Region;

absl::StatusOr<Tensor> Row(const Tensor& array, int64_t row) {
  ORIEL_ASSIGN_OR_RETURN(const Tensor one, array.Slice(0, row, row + 1));
  return one.Contiguous().Reshape(Extents(array.shape().begin() + 1, array.shape().end()));
}

class Evaluator {
 public:
  explicit Evaluator(const graph::EvaluationHooks* hooks = nullptr) : hooks_(hooks) {}
  absl::Status BindInputs(const std::vector<Value>& inputs, absl::Span<const Tensor> arguments);
  // Evaluates what `roots` need in `region`; then Get() gives them.
  absl::Status Run(absl::Span<const Value> roots, uint64_t region);
  Tensor Get(const Value& value) const { return values_.at(value.id())[value.result_index()]; }
  // Another way in: values that are known, and one node from them.
  void SetDims(const DimBindings& dims) { dims_ = dims; }
  void Set(const Value& value, Tensor tensor) {
    std::vector<Tensor>& results = values_[value.id()];
    results.resize(value.node()->types.size());
    results[value.result_index()] = std::move(tensor);
  }
  absl::StatusOr<std::vector<Tensor>> Results(const Node& node) { return Compute(node); }

 private:
  absl::Status RunNode(const Node& node);
  absl::Status CheckRequirements(const Node& node) const;
  absl::StatusOr<std::vector<Tensor>> Compute(const Node& node);
  absl::StatusOr<std::vector<Tensor>> Loop(const Node& node);
  absl::StatusOr<std::vector<Tensor>> RunRegion(const Region& region);
  std::vector<Tensor> Operands(const Node& node) const;

  const graph::EvaluationHooks* hooks_;
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
    const absl::StatusCode code = RequirementCode(need.what);
    return absl::Status(code, need.what + ": " + need.left.ToString() + " = " + std::to_string(left) +
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
  const graph::LoopView loop(node);
  int64_t trips = std::max<int64_t>(Get(loop.trips()).ElementAsInt({}), 0);
  int64_t extent = trips;
  if (loop.extent()) {
    ORIEL_ASSIGN_OR_RETURN(extent, loop.extent()->Evaluate(dims_));
    if (trips > extent && loop.checked()) {
      return absl::InvalidArgumentError(node.Where() + ": '" + node.Label() + "' would run " + std::to_string(trips) +
                                        " iterations, at most " + std::to_string(extent) + " (" +
                                        loop.extent()->ToString() + ")");
    }
    trips = std::min(trips, std::max<int64_t>(extent, 0));
  }
  std::vector<Tensor> carried, stacks;
  for (size_t k = 0; k < loop.carried(); ++k) carried.push_back(Get(loop.initial(k)));
  for (size_t j = 0; j < loop.stacks(); ++j) {
    Extents shape;
    for (const Dim& dim : node.types[static_cast<size_t>(loop.stack_index(j))].shape) {
      ORIEL_ASSIGN_OR_RETURN(const int64_t size, dim.Evaluate(dims_));
      shape.push_back(size);
    }
    stacks.push_back(Tensor::Zeros(shape, loop.collected(j).dtype()));
  }
  int64_t count = 0;
  for (bool stop = false; count < trips && !stop;) {
    const int64_t i = loop.reverse() ? trips - 1 - count : count;
    ++count;
    values_[loop.index().id()] = {Tensor::Scalar<int64_t>(i)};
    for (size_t s = 0; s < loop.sequences(); ++s) {
      ORIEL_ASSIGN_OR_RETURN(const int64_t start, loop.start(s).Evaluate(dims_));
      ORIEL_ASSIGN_OR_RETURN(Tensor row, Row(Get(loop.array(s)), start + loop.step(s) * i));
      values_[loop.element(s).id()] = {std::move(row)};
    }
    for (size_t k = 0; k < carried.size(); ++k) values_[loop.argument(k).id()] = {carried[k]};
    ORIEL_ASSIGN_OR_RETURN(std::vector<Tensor> results, RunRegion(loop.region()));
    for (size_t k = 0; k < carried.size(); ++k) carried[k] = results[k];
    for (size_t j = 0; j < stacks.size(); ++j) {
      const Tensor row = results[carried.size() + j].Contiguous();
      if (row.bytes() > 0) std::memcpy(static_cast<char*>(stacks[j].raw()) + static_cast<size_t>(i) * row.bytes(), row.raw(), row.bytes());
    }
    if (loop.until()) stop = results.back().ElementAsInt({}) != 0;
  }
  carried.insert(carried.end(), stacks.begin(), stacks.end());
  if (loop.until()) carried.push_back(Tensor::Scalar<int64_t>(count));
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
    case OpKind::kRows: {
      const std::vector<Tensor> operands = Operands(node);
      const int64_t count = operands[1].ElementAsInt({});
      const std::string symbol = node.attrs.Get<Dims>("dim")->front().symbol();
      if (count < 0 || count > operands[0].dim(0)) {
        return absl::InvalidArgumentError("dim '" + symbol + "' would be " + std::to_string(count) +
                                          ", required at least 0 and at most " + std::to_string(operands[0].dim(0)));
      }
      dims_[symbol] = count;
      return EvaluateOp(node.op, node.attrs, operands, dims_);
    }
    case OpKind::kBranch:
      return RunRegion(node.regions[Get(node.operands[0]).ElementAsInt({}) != 0 ? 0 : 1]);
    default: {
      std::vector<Tensor> operands = Operands(node);
      if (hooks_ != nullptr && hooks_->before) hooks_->before(node, &operands);
      absl::StatusOr<std::vector<Tensor>> results = EvaluateOp(node.op, node.attrs, operands, dims_);
      if (results.ok() && hooks_ != nullptr && hooks_->after) hooks_->after(node, &*results);
      return results;
    }
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

namespace graph {

absl::StatusOr<std::vector<Tensor>> EvaluateNode(const Node& node, absl::Span<const Tensor> operands,
                                                 absl::Span<const Tensor> captures, const DimBindings& dims) {
  Evaluator evaluator;
  evaluator.SetDims(dims);
  for (size_t i = 0; i < operands.size(); ++i) evaluator.Set(node.operands[i], operands[i]);
  for (size_t i = 0; i < captures.size(); ++i) evaluator.Set(node.captures[i], captures[i]);
  return evaluator.Results(node);
}

}  // namespace graph

absl::StatusOr<std::vector<Tensor>> graph::EvaluateWith(const EvaluationHooks& hooks, const std::vector<Value>& inputs,
                                                        const std::vector<Value>& outputs,
                                                        const std::vector<Update>& updates,
                                                        absl::Span<const Tensor> arguments) {
  ORIEL_RETURN_IF_ERROR(graph::CheckGraph(inputs, outputs, updates));
  Evaluator evaluator(&hooks);
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

absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                             const std::vector<Update>& updates,
                                             absl::Span<const Tensor> arguments) {
  return graph::EvaluateWith({}, inputs, outputs, updates, arguments);
}

}  // namespace oriel
