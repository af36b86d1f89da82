// File: graph_export.h
//
// ExportGraph: a graph as MLIR text, with what compile() needs beside it.
// Internal to the project (runtime/jit).
#ifndef ORIEL_GRAPH_GRAPH_EXPORT_H_
#define ORIEL_GRAPH_GRAPH_EXPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oriel/function.h"
#include "oriel/node_table.h"
#include "oriel/value.h"
#include "runtime/ops/infer.h"

namespace oriel::graph {

struct ExportedGraph {
  // The module (phase `graph`, docs/architecture.md) with locations.
  std::string text;
  // The same without locations and node names: equal for graphs that compute
  // the same under the same input, output and state names. Hash this.
  std::string key_bytes;
  std::vector<std::string> input_names, output_names;
  std::vector<TensorType> input_types, output_types;
  // The states in the order of their declarations in the text, and the symbol
  // each has there (the state's name, made unique).
  std::vector<State> states;
  std::vector<std::string> state_symbols;
  // The ids that oriel-assign-nodes gives: states, arguments, then ops in the
  // order of the text, an op with regions after those in them; op, name, scope,
  // file and line of each. (Terminators are no nodes.)
  std::vector<NodeInfo> nodes;
};

// The errors of compile(): the first poisoned value's status; InvalidArgument
// for an input that is no input(), a needed input not listed, a dim symbol no
// input binds, an update of the wrong type; AlreadyExists for a duplicate input
// name or state update.
absl::StatusOr<ExportedGraph> ExportGraph(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                          const std::vector<Update>& updates, const std::string& name);

// The checks of ExportGraph alone.
absl::Status CheckGraph(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                        const std::vector<Update>& updates);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_GRAPH_EXPORT_H_
