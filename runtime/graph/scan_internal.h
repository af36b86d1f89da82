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

// The first `count` rows of an array: an extent that only a run knows, `dim`
// (LateDim). Arrays with the same count may share the dim.
Value FirstRows(const Value& stack, const Value& count, const Dim& dim, const Location& at);
// Row `index` of what FirstRows made (negative: from the end): OutOfRange at run
// time where there are not so many rows.
Value RowOfFirst(const Node& first_rows, int64_t index, const Location& at);

// `value` from a node that implies updates of states.
Value WithImplied(const Value& value, const std::vector<ImpliedUpdate>& updates, const Location& at);

// Arithmetic on int64 scalars of a body, or of the program around it.
struct Integers {
  const Location& at;

  Value Of(const Dim& dim) const { return dim_value(dim, at); }
  Value Add(const Value& a, const Value& b) const { return add(Operand(a, at), Operand(b, at)); }
  Value Sub(const Value& a, const Value& b) const { return sub(Operand(a, at), Operand(b, at)); }
  Value Mul(const Value& a, const Value& b) const { return mul(Operand(a, at), Operand(b, at)); }
  Value Min(const Value& a, const Value& b) const { return minimum(Operand(a, at), Operand(b, at)); }
  Value Max(const Value& a, const Value& b) const { return maximum(Operand(a, at), Operand(b, at)); }
  Value AtLeastZero(const Value& a) const { return maximum(Operand(a, at), Operand(0, at)); }
};

// What a loop over iterations offset + i, 0 <= i < `rows`, reads: `offset` is an
// int64 scalar, in the range that leaves the rows inside the array.
LoopSequence WindowOf(const LoopSequence& sequence, const Value& offset, const Dim& rows, const Location& at);
// The other way: `around` with the rows of a window where they were read.
Value PlaceRows(const Value& rows, const LoopSequence& sequence, const Value& offset, const Value& around,
                const Location& at);

// The loop, which is not reversed, as a loop of loops of `every` iterations and a
// loop over the rest: its gradient keeps the carried values of every so many
// iterations. `every` is at least 1.
LoopResults CheckpointLoop(const LoopView& loop, const Dim& every, const Location& at);
// `row`, the last one of `stack`, as the carried value that it is where
// CheckpointLoop made the stack: then nobody needs all rows for it.
Value LastOfCheckpoint(const Value& stack, const Value& row, const Location& at);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_SCAN_INTERNAL_H_
