// File: node_numbers.h
//
// NodeNumbers: the ids that oriel-assign-nodes will give the nodes of a graph's
// text, by which derived nodes name what they stand for. Internal.
#ifndef ORIEL_GRAPH_NODE_NUMBERS_H_
#define ORIEL_GRAPH_NODE_NUMBERS_H_

#include <map>
#include <string>
#include <vector>

#include "runtime/graph/graph_export.h"
#include "runtime/graph/node.h"

namespace oriel::graph {

class NodeNumbers {
 public:
  // Numbers the graph and fills exported->nodes. `roots`: outputs and new
  // values.
  NodeNumbers(const std::vector<Value>& inputs, const std::vector<Value>& roots, const std::vector<Value>& new_values,
              const std::vector<std::string>& new_value_symbols, ExportedGraph* exported);

  // The numbers of a derivation's nodes as the text has them: -1-k is the k-th
  // origin, a node that the graph itself does not have.
  std::vector<NodeId> FromOf(const Derivation& derivation) const;

  // "attributes {oriel.origins = [...]} ", "" when there is none.
  std::string OriginsText() const;

 private:
  void Add(const Node& node);
  void AddBody(const std::vector<Value>& roots, uint64_t region);
  void AddOrigins(const Derivation& derivation);

  ExportedGraph* exported_;
  std::vector<const Derivation*> derivations_;  // of exported_->nodes
  std::vector<const Derivation*> tap_derivations_;  // taps are not in the table
  std::map<NodeId, NodeId> numbers_;
  std::map<NodeId, NodeId> origin_numbers_;
  std::vector<const Derivation::From*> origins_;
};

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_NODE_NUMBERS_H_
