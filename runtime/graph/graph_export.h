// File: graph_export.h
//
// ExportGraph: a graph as MLIR text, with what compile() needs beside it.
// Internal to the project (runtime/jit).
#ifndef ORIEL_GRAPH_GRAPH_EXPORT_H_
#define ORIEL_GRAPH_GRAPH_EXPORT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oriel/function.h"
#include "oriel/node_table.h"
#include "oriel/taps.h"
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
  // The node table that oriel-assign-nodes makes of the text: states, arguments,
  // then ops in the order of the text, an op with regions before those in them
  // (terminators are no nodes), then the nodes that derived ones come from and
  // the graph does not have (kDead).
  std::vector<NodeInfo> nodes;
  // The callbacks of the taps in the order of the text; empty for a print or an
  // assert.
  std::vector<std::shared_ptr<const WatchCallback>> taps;
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

// An input under another name; it is the same node.
Value Renamed(const Value& input, const std::string& name);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_GRAPH_EXPORT_H_
