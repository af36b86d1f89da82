// File: evaluator.h
//
// Graphs by the reference kernels, node by node. Internal.
#ifndef ORIEL_GRAPH_EVALUATOR_H_
#define ORIEL_GRAPH_EVALUATOR_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"
#include "oriel/tensor.h"
#include "runtime/graph/node.h"

namespace oriel::graph {

// The results of an op node (loops and branches with their bodies) from the
// values of its operands and captures, in their order. `dims` binds its symbols.
absl::StatusOr<std::vector<Tensor>> EvaluateNode(const Node& node, absl::Span<const Tensor> operands,
                                                 absl::Span<const Tensor> captures, const DimBindings& dims);

// What a test changes on the way: the operands that an op node is computed from
// (copies), and its results. Loops and branches are not shown, the nodes of
// their bodies are, each time they are computed.
struct EvaluationHooks {
  std::function<void(const Node& node, std::vector<Tensor>* operands)> before;
  std::function<void(const Node& node, std::vector<Tensor>* results)> after;
};

// Evaluate() of oriel/function.h with hooks.
absl::StatusOr<std::vector<Tensor>> EvaluateWith(const EvaluationHooks& hooks, const std::vector<Value>& inputs,
                                                 const std::vector<Value>& outputs,
                                                 const std::vector<std::pair<State, Value>>& updates,
                                                 absl::Span<const Tensor> arguments);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_EVALUATOR_H_
