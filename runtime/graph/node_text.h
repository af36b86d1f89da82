// File: node_text.h
//
// Nodes as reports print them. Internal.
#ifndef ORIEL_GRAPH_NODE_TEXT_H_
#define ORIEL_GRAPH_NODE_TEXT_H_

#include <string>

#include "runtime/graph/node.h"

namespace oriel::graph {

// "reduce{sum, axes=(0,)}", "constant{2.0}"; leaves by their names.
std::string OpText(const Node& node);

// "<float32 (batch, 10)>".
std::string TypeText(const Value& value);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_NODE_TEXT_H_
