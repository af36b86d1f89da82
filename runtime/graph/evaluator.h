// File: evaluator.h
//
// One node by the reference kernels. Internal.
#ifndef ORIEL_GRAPH_EVALUATOR_H_
#define ORIEL_GRAPH_EVALUATOR_H_

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

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_EVALUATOR_H_
