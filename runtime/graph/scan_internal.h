// File: scan_internal.h
//
// What scan() is made of beside the loop op. Internal.
#ifndef ORIEL_GRAPH_SCAN_INTERNAL_H_
#define ORIEL_GRAPH_SCAN_INTERNAL_H_

#include <optional>
#include <vector>

#include "runtime/graph/loop.h"

namespace oriel::graph {

// The dim that an integer scalar is the value of: a constant or dim_value.
std::optional<Dim> DimOf(const Value& value);

// The first `count` rows of a stack: an extent that only a run knows. It can be
// an output, or be read at one row.
Value FirstRows(const Value& stack, const Value& count, const Location& at);
// Row `index` of what FirstRows made (negative: from the end): OutOfRange at run
// time where there are not so many rows.
Value RowOfFirst(const Node& first_rows, int64_t index, const Location& at);

// `value` from a node that implies updates of states.
Value WithImplied(const Value& value, const std::vector<ImpliedUpdate>& updates, const Location& at);

// The loop as a loop of loops of `every` iterations and a loop over the rest:
// its gradient keeps the carried values of every so many iterations.
LoopResults CheckpointLoop(const LoopView& loop, int64_t every, const Location& at);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_SCAN_INTERNAL_H_
