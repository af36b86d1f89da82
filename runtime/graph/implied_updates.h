// File: implied_updates.h
#ifndef ORIEL_GRAPH_IMPLIED_UPDATES_H_
#define ORIEL_GRAPH_IMPLIED_UPDATES_H_

#include <utility>
#include <vector>

#include "runtime/graph/node.h"

namespace oriel::graph {

// `updates` and the updates that nodes imply which the outputs or updates use,
// bodies of loops and branches included: each state once, in order of state id,
// a given update before an implied one.
std::vector<std::pair<State, Value>> WithImpliedUpdates(absl::Span<const Value> outputs,
                                                        std::vector<std::pair<State, Value>> updates);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_IMPLIED_UPDATES_H_
