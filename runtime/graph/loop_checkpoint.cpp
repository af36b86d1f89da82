// A loop as a loop of loops: what its gradient keeps is then the carried values
// of each outer iteration, and within one those of its inner ones.
#include "runtime/graph/scan_internal.h"

namespace oriel::graph {
namespace {

Value Rows(const Value& array, const Dim& start, int64_t step, const Dim& count, const Location& at) {
  const Dim end = start + Dim(step) * count;
  const bool all = step == 1 && start == Dim(0) && count == array.shape()[0];
  if (all) return array;
  // Down to row 0 has no end that an index could name.
  Dims starts = {start}, limits = {end};
  std::vector<int64_t> steps = {step};
  for (int axis = 1; axis < array.rank(); ++axis) {
    starts.push_back(0);
    limits.push_back(array.shape()[static_cast<size_t>(axis)]);
    steps.push_back(1);
  }
  return MakeOp({.op = OpKind::kSlice, .attrs = {{"starts", starts}, {"limits", limits}, {"steps", steps}}, .operands = {array}}, at);
}

Value Reshaped(const Value& x, const Dims& shape, const Location& at) {
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", shape}}, .operands = {x}, .derived = true}, at);
}

}  // namespace

LoopResults CheckpointLoop(const LoopView& loop, int64_t every, const Location& at) {
  const Dim extent = *ExtentOf(loop), inner(every);
  const Dim blocks = Dim::FloorDiv(extent, inner);
  const Dim covered = blocks * inner, rest = extent - covered;
  const OriginScope origin(loop.node(), "checkpoint");
  const auto index = [&](const Value& i, const Value& first) { return add(Operand(i, at), Operand(first, at)); };
  // The body at iteration `i`.
  const auto body = [&](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
    ValueMap map;
    map[KeyOf(loop.index())] = i;
    for (size_t s = 0; s < elements.size(); ++s) map[KeyOf(loop.element(s))] = elements[s];
    for (size_t k = 0; k < carried.size(); ++k) map[KeyOf(loop.argument(k))] = carried[k];
    const std::vector<Value> results = CloneInto(loop.region(), loop.region().results, &map, {.rule = "checkpoint"});
    LoopYield yield;
    const auto collected = results.begin() + static_cast<ptrdiff_t>(carried.size());
    yield.carried.assign(results.begin(), collected);
    yield.collected.assign(collected, results.end());
    return yield;
  };

  LoopSpec outer;
  outer.extent = blocks;
  outer.name = loop.node().name;
  for (size_t s = 0; s < loop.sequences(); ++s) {
    const Value rows = Rows(loop.array(s), loop.start(s), loop.step(s), covered, at);
    Dims shape = {blocks, inner};
    if (rows.ok()) shape.insert(shape.end(), rows.shape().begin() + 1, rows.shape().end());
    outer.sequences.push_back({.array = Reshaped(rows, shape, at), .name = loop.element(s).name()});
  }
  for (size_t k = 0; k < loop.carried(); ++k) {
    outer.initial.push_back(loop.initial(k));
    outer.names.push_back(loop.argument(k).name());
  }
  LoopResults results = MakeLoop(
      outer,
      [&](const Value& block, const std::vector<Value>& arrays, const std::vector<Value>& carried) {
        LoopSpec spec;
        spec.extent = inner;
        for (size_t s = 0; s < arrays.size(); ++s) spec.sequences.push_back({.array = arrays[s], .name = loop.element(s).name()});
        spec.initial = carried;
        spec.names = outer.names;
        if (!outer.name.empty()) spec.name = outer.name + " steps";
        const LoopResults one = MakeLoop(
            spec,
            [&](const Value& j, const std::vector<Value>& elements, const std::vector<Value>& values) {
              return body(index(j, mul(Operand(block, at), Operand(every, at))), elements, values);
            },
            at);
        return LoopYield{.carried = one.finals, .collected = one.stacks, .stop = {}};
      },
      at);
  if (results.failed) return results;
  for (Value& stack : results.stacks) {
    Dims shape = {covered};
    shape.insert(shape.end(), stack.shape().begin() + 2, stack.shape().end());
    stack = Reshaped(stack, shape, at);
  }
  if (rest == Dim(0)) return results;

  LoopSpec tail = loop.spec();
  tail.trips = Value();
  tail.extent = rest;
  for (LoopSequence& sequence : tail.sequences) sequence.start = sequence.start + Dim(sequence.step) * covered;
  tail.initial = results.finals;
  if (!tail.name.empty()) tail.name += " rest";
  LoopResults last = MakeLoop(
      tail,
      [&](const Value& j, const std::vector<Value>& elements, const std::vector<Value>& carried) {
        return body(index(j, dim_value(covered, at)), elements, carried);
      },
      at);
  if (last.failed) return last;
  for (size_t j = 0; j < last.stacks.size(); ++j) {
    last.stacks[j] = Reshaped(concatenate({results.stacks[j], last.stacks[j]}, 0, at), loop.node().types[static_cast<size_t>(loop.stack_index(j))].shape, at);
  }
  return last;
}

}  // namespace oriel::graph
