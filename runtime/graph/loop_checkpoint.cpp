// A loop as a loop of loops: what its gradient keeps is then the carried values
// of each outer iteration, and within one those of its inner ones.
#include "oriel/grad.h"
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

class Checkpoint {
 public:
  Checkpoint(const LoopView& loop, const Dim& every, const Location& at)
      : loop_(loop), every_(every), at_(at), ints_{at}, extent_(*ExtentOf(loop)) {}

  LoopResults Run() {
    LoopSpec spec = loop_.spec();
    spec.extent = extent_;
    spec.trips = DimOf(loop_.trips()) ? Value() : CheckedTrips();
    spec.checked = false;
    LoopResults results = loop_.truncate_gradient() < 0 ? Blocks(spec, Value(), loop_.until()) : Truncated(spec);
    if (failure_.node() == nullptr || results.failed) return results;
    results.finals.assign(loop_.carried(), failure_);
    results.stacks.clear();
    results.error = failure_;
    results.failed = true;
    return results;
  }

 private:
  // The loops that this one becomes are each given a part of its iterations, so
  // none of them can tell that there are too many: a loop of one iteration does.
  Value CheckedTrips() {
    if (!loop_.checked()) return loop_.trips();
    const LoopSpec check{.trips = loop_.trips(), .extent = extent_, .initial = {scalar(0, DType::i64, at_)}, .checked = true,
                         .name = loop_.node().name};
    const LoopResults results = MakeLoop(
        check,
        [&](const Value&, const std::vector<Value>&, const std::vector<Value>&) {
          return LoopYield{.carried = {loop_.trips()}, .collected = {}, .stop = scalar(1, DType::boolean, at_)};
        },
        at_);
    return results.finals[0];
  }

  // Iterations [0, spec.extent) of the body, of which the first is number
  // `first` (empty: 0).
  LoopResults Blocks(const LoopSpec& spec, const Value& first, bool until) {
    const Dim blocks = Dim::FloorDiv(*spec.extent, every_), covered = blocks * every_, rest = *spec.extent - covered;
    const bool counted = spec.trips.node() != nullptr;
    const auto number = [&](const Value& i) { return first.node() == nullptr ? i : ints_.Add(i, first); };

    LoopSpec outer;
    outer.extent = blocks;
    outer.name = spec.name;
    // Clamped to the extent, as all that follow are.
    if (counted) {
      const Value up = ints_.Add(ints_.AtLeastZero(spec.trips), ints_.Of(every_ - Dim(1)));
      outer.trips = floor_div(Operand(up, at_), Operand(ints_.Of(every_), at_));
    }
    for (const LoopSequence& sequence : spec.sequences) {
      const Value rows = Rows(sequence.array, sequence.start, sequence.step, covered, at_);
      Dims shape = {blocks, every_};
      if (rows.ok()) shape.insert(shape.end(), rows.shape().begin() + 1, rows.shape().end());
      outer.sequences.push_back({.array = Reshaped(rows, shape, at_), .name = sequence.name});
    }
    outer.initial = spec.initial;
    outer.names = spec.names;
    outer.names.resize(outer.initial.size());
    if (until) {
      for (const char* name : {"stopped", "steps"}) outer.names.push_back(name);
      outer.initial.push_back(scalar(0, DType::boolean, at_));
      outer.initial.push_back(scalar(0, DType::i64, at_));
    }
    LoopResults results = MakeLoop(
        outer,
        [&](const Value& block, const std::vector<Value>& arrays, const std::vector<Value>& carried) {
          const Value start = ints_.Mul(block, ints_.Of(every_));
          LoopSpec steps;
          steps.extent = every_;
          if (counted) steps.trips = ints_.Sub(spec.trips, start);
          for (size_t s = 0; s < arrays.size(); ++s) steps.sequences.push_back({.array = arrays[s], .name = spec.sequences[s].name});
          steps.initial.assign(carried.begin(), carried.end() - (until ? 1 : 0));
          steps.names = outer.names;
          if (!outer.name.empty()) steps.name = outer.name + " steps";
          const LoopResults one = MakeLoop(
              steps,
              [&](const Value& j, const std::vector<Value>& elements, const std::vector<Value>& values) {
                LoopYield yield = Body(number(ints_.Add(j, start)), elements, values);
                if (until) yield.carried.push_back(yield.stop);
                else yield.stop = Value();
                return yield;
              },
              at_);
          if (one.failed) failure_ = one.error;
          LoopYield yield{.carried = one.finals, .collected = one.stacks, .stop = {}};
          if (until) {
            yield.stop = one.finals.back();
            yield.carried.push_back(one.failed ? one.error : ints_.Add(carried.back(), one.count));
          }
          return yield;
        },
        at_);
    if (results.failed || failure_.node() != nullptr) return results;
    for (Value& stack : results.stacks) {
      Dims shape = {covered};
      shape.insert(shape.end(), stack.shape().begin() + 2, stack.shape().end());
      stack = Reshaped(stack, shape, at_);
    }
    Value stopped;
    if (until) {
      results.count = results.finals.back();
      stopped = results.finals[results.finals.size() - 2];
      results.finals.resize(results.finals.size() - 2);
    }
    if (rest == Dim(0)) return results;

    LoopSpec tail = spec;
    tail.extent = rest;
    if (counted) tail.trips = ints_.Sub(spec.trips, ints_.Of(covered));
    if (until) {
      const Value left = counted ? tail.trips : ints_.Of(rest);
      tail.trips = select(Operand(stopped, at_), Operand(0, at_), Operand(left, at_));
    }
    for (LoopSequence& sequence : tail.sequences) sequence.start = sequence.start + Dim(sequence.step) * covered;
    tail.initial = results.finals;
    tail.truncate_gradient = -1;
    if (!tail.name.empty()) tail.name += " rest";
    LoopResults last = MakeLoop(
        tail,
        [&](const Value& j, const std::vector<Value>& elements, const std::vector<Value>& carried) {
          LoopYield yield = Body(number(ints_.Add(j, ints_.Of(covered))), elements, carried);
          if (!until) yield.stop = Value();
          return yield;
        },
        at_);
    if (last.failed) return last;
    for (size_t j = 0; j < last.stacks.size(); ++j) last.stacks[j] = Joined(results.stacks[j], last.stacks[j], *spec.extent);
    if (until) last.count = ints_.Add(results.count, last.count);
    return last;
  }

  // The last `truncate_gradient` iterations in blocks, those before them once
  // and as constants.
  LoopResults Truncated(const LoopSpec& spec) {
    const Dim rows = Dim::Min(Dim(loop_.truncate_gradient()), extent_), before = extent_ - rows;
    Value trips = spec.trips;
    if (loop_.until()) {
      // How many there are is found first.
      LoopSpec count = spec;
      count.truncate_gradient = -1;
      if (!count.name.empty()) count.name += " count";
      const LoopResults counting = MakeLoop(
          count,
          [&](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
            LoopYield yield = Body(i, elements, carried, /*drop_taps=*/true);
            yield.collected.clear();
            return yield;
          },
          at_);
      if (counting.failed) return counting;
      trips = counting.count;
    }
    const bool counted = trips.node() != nullptr;
    if (!counted && before == Dim(0)) {
      LoopSpec all = spec;
      all.truncate_gradient = -1;
      return Blocks(all, Value(), /*until=*/false);
    }
    const Value offset = counted ? ints_.AtLeastZero(ints_.Sub(trips, ints_.Of(rows))) : ints_.Of(before);
    LoopSpec head = spec;
    head.extent = before;
    head.trips = counted ? offset : Value();
    head.truncate_gradient = -1;
    if (!head.name.empty()) head.name += " constant";
    LoopResults first = MakeLoop(
        head,
        [&](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
          LoopYield yield = Body(i, elements, carried);
          yield.stop = Value();
          return yield;
        },
        at_);
    if (first.failed) return first;
    LoopSpec window = spec;
    window.extent = rows;
    window.trips = counted ? ints_.Min(trips, ints_.Of(rows)) : Value();
    window.truncate_gradient = -1;
    for (LoopSequence& sequence : window.sequences) {
      if (counted) sequence = WindowOf(sequence, offset, rows, at_);
      else sequence.start = sequence.start + Dim(sequence.step) * before;
    }
    const Value none = equal(Operand(offset, at_), Operand(0, at_));
    for (size_t k = 0; k < window.initial.size(); ++k) {
      Value& initial = window.initial[k];
      const Value& made = first.finals[k];
      // With nothing before the window the gradient reaches the initial value.
      initial = IsFloat(made.dtype()) ? select(Operand(none, at_), Operand(initial, at_), Operand(stop_gradient(Operand(made, at_)), at_)) : made;
    }
    if (rows == Dim(0)) {
      // Constants all, but for the initial values where there is no iteration.
      first.finals = window.initial;
      for (Value& stack : first.stacks) stack = stop_gradient(Operand(stack, at_));
      if (loop_.until()) first.count = trips;
      return first;
    }
    LoopResults results = Blocks(window, offset, /*until=*/false);
    if (results.failed || failure_.node() != nullptr) return results;
    for (size_t j = 0; j < results.stacks.size(); ++j) {
      const Value constant = stop_gradient(Operand(first.stacks[j], at_));
      Value& stack = results.stacks[j];
      if (!counted) {
        stack = Joined(constant, stack, extent_);
        continue;
      }
      const Value around = Joined(constant, Filled(stack, rows), extent_);
      stack = PlaceRows(stack, {.array = around}, offset, around, at_);
    }
    if (loop_.until()) results.count = trips;
    return results;
  }

  LoopYield Body(const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried, bool drop_taps = false) {
    CloneOptions options{.rule = "checkpoint"};
    options.drop_taps = drop_taps;
    options.own_taps = true;
    return CloneBody(loop_, i, elements, carried, options);
  }
  Value Filled(const Value& like, const Dim& rows) {
    Dims shape = like.shape();
    shape[0] = rows;
    return BroadcastTo(scalar(0, like.dtype(), at_), shape, at_);
  }
  Value Joined(const Value& a, const Value& b, const Dim& rows) {
    const Value all = concatenate({a, b}, 0, at_);
    Dims shape = b.shape();
    shape[0] = rows;
    return all.ok() ? Reshaped(all, shape, at_) : all;
  }

  const LoopView& loop_;
  const Dim every_;
  const Location& at_;
  const Integers ints_;
  const Dim extent_;
  Value failure_;  // of an inner loop
};

// What the last row of a stack was carried as: by a loop whose last value is
// `final`, and `initial` where there is no row.
struct LastRow {
  Value final, initial;
};
// Without what gave a value other names of its dims (FitShapes).
ValueKey Unfitted(Value value) {
  while (value.node()->kind == NodeKind::kOp && value.node()->op == OpKind::kReshape && value.node()->pullback == nullptr &&
         value.node()->operands[0].rank() == value.rank()) {
    value = value.node()->operands[0];
  }
  return KeyOf(value);
}
std::optional<LastRow> FindLast(const Value& stack) {
  const Node& node = *stack.node();
  if (node.kind != NodeKind::kOp || node.pullback != nullptr) return std::nullopt;
  if (node.op == OpKind::kReshape) return FindLast(node.operands[0]);
  if (node.op == OpKind::kConcatenate && node.operands.size() == 2) {
    const std::optional<LastRow> first = FindLast(node.operands[0]), rest = FindLast(node.operands[1]);
    if (!first || !rest || Unfitted(rest->initial) != Unfitted(first->final)) return std::nullopt;
    return LastRow{rest->final, first->initial};
  }
  if (node.op != OpKind::kLoop) return std::nullopt;
  const LoopView loop(node);
  const int j = stack.result_index() - static_cast<int>(loop.carried());
  if (loop.until() || loop.reverse() || j < 0 || DimOf(loop.trips()) != loop.extent()) return std::nullopt;
  const Value collected = loop.collected(static_cast<size_t>(j));
  const std::optional<LastRow> inner = FindLast(collected);
  for (size_t k = 0; k < loop.carried(); ++k) {
    const ValueKey yielded = Unfitted(loop.yielded(k));
    const bool same = yielded == Unfitted(collected);
    const bool nested = inner && yielded == Unfitted(inner->final) && KeyOf(loop.argument(k)) == KeyOf(inner->initial);
    if (same || nested) return LastRow{Value(stack.node(), loop.final_index(k)), loop.initial(k)};
  }
  return std::nullopt;
}

}  // namespace

Value LastOfCheckpoint(const Value& stack, const Value& row, const Location& at) {
  // Only what CheckpointLoop put together.
  const auto derived = [](const Node& node) { return node.derivation != nullptr && node.derivation->rule == "checkpoint"; };
  Value parts = stack;
  std::vector<ImpliedUpdate> implied;
  while (!derived(*parts.node()) && parts.node()->kind == NodeKind::kOp && parts.node()->op == OpKind::kReshape &&
         !parts.node()->implied.empty()) {
    implied.insert(implied.end(), parts.node()->implied.begin(), parts.node()->implied.end());
    parts = parts.node()->operands[0];
  }
  if (!row.ok() || !derived(*parts.node())) return row;
  const std::optional<LastRow> last = FindLast(parts);
  if (!last || last->final.dtype() != row.dtype()) return row;
  // There has to be a row, as the slice would say.
  std::vector<DimRequirement> requirements;
  for (const Node* node = row.node().get(); node->kind == NodeKind::kOp; node = node->operands[0].node().get()) {
    if (node->op != OpKind::kSlice && node->op != OpKind::kReshape) break;
    requirements.insert(requirements.end(), node->requirements.begin(), node->requirements.end());
    if (node->op == OpKind::kSlice) break;
  }
  NodeSpec spec{.op = OpKind::kReshape, .attrs = {{"shape", row.shape()}}, .operands = {last->final}, .implied = implied};
  return MakeTyped(std::move(spec), {{row.dtype(), row.shape()}}, std::move(requirements), at);
}

LoopSequence WindowOf(const LoopSequence& sequence, const Value& offset, const Dim& rows, const Location& at) {
  const Integers ints{at};
  const Value& array = sequence.array;
  if (!array.ok() || !offset.ok()) return sequence;
  if (sequence.step != 1 && sequence.step != -1) {
    const Value at_step = ints.Mul(ints.Add(iota({rows}, 0, DType::i64, at), offset), ints.Of(Dim(sequence.step)));
    return {.array = gather(Operand(array, at), {ints.Add(at_step, ints.Of(sequence.start))}, 0, at), .name = sequence.name};
  }
  const bool up = sequence.step == 1;
  const Value first = up ? ints.Add(offset, ints.Of(sequence.start))
                         : ints.Sub(ints.Of(sequence.start + Dim(1) - rows), offset);
  std::vector<Value> starts = {first};
  Dims sizes = array.shape();
  sizes[0] = rows;
  for (int axis = 1; axis < array.rank(); ++axis) starts.push_back(ints.Of(0));
  return {.array = dynamic_slice(Operand(array, at), starts, sizes, at), .start = up ? Dim(0) : rows - Dim(1),
          .step = sequence.step, .name = sequence.name};
}

Value PlaceRows(const Value& rows, const LoopSequence& sequence, const Value& offset, const Value& around, const Location& at) {
  if (auto poisoned = FirstPoisoned(std::vector<Value>{rows, around, offset})) return *poisoned;
  const Integers ints{at};
  Value index = ints.Add(iota({rows.shape()[0]}, 0, DType::i64, at), offset);
  // A progression that the gradient of the scatter can tell.
  if (sequence.step == -1) index = neg(Operand(index, at));
  else if (sequence.step != 1) index = ints.Mul(index, ints.Of(Dim(sequence.step)));
  if (sequence.start != Dim(0)) index = ints.Add(index, ints.Of(sequence.start));
  return scatter_set(Operand(around, at), {index}, rows, 0, at);
}

LoopResults CheckpointLoop(const LoopView& loop, const Dim& every, const Location& at) {
  const OriginScope origin(loop.node(), "checkpoint");
  return Checkpoint(loop, every, at).Run();
}

}  // namespace oriel::graph
