// scan() in terms of the loop op.
#include "oriel/scan.h"

#include <algorithm>
#include <set>

#include "runtime/core/status.h"
#include "runtime/graph/implied_updates.h"
#include "runtime/graph/scan_internal.h"

namespace oriel {
namespace {

using graph::LoopResults;
using graph::LoopYield;

std::string TapName(const std::string& name, int64_t tap) {
  if (name.empty()) return "";
  return name + (tap == 0 ? "[t]" : tap < 0 ? "[t" + std::to_string(tap) + "]" : "[t+" + std::to_string(tap) + "]");
}

Dim AtLeastZero(const Dim& dim) { return ProvablyAtMost(Dim(0), dim) ? dim : Dim::Max(Dim(0), dim); }

// One output that is carried: its values of the last steps, oldest first.
struct Carried {
  size_t output = 0;
  std::vector<int64_t> taps;
  size_t first = 0, count = 0;  // among the loop's carried values
  TensorType type;
  std::string name;
};

class Scan {
 public:
  Scan(const std::function<ScanBody(const ScanStep&)>& body, const ScanOptions& options, const Location& at)
      : body_(body), o_(options), at_(at) {}

  ScanResult Run() {
    if (!(Sequences() && Outputs() && NonSequences() && Steps())) return Failed();
    spec_.truncate_gradient = o_.truncate_gradient;
    spec_.name = o_.name;
    if (o_.truncate_gradient < -1) return Fail("truncate_gradient must be -1 or at least 0, got " + std::to_string(o_.truncate_gradient));
    if (o_.checkpoint < 0 && o_.checkpoint != ScanOptions::kSqrt) {
      return Fail("checkpoint must be at least 0, or ScanOptions::kSqrt (-1), got " + std::to_string(o_.checkpoint));
    }
    const size_t plain = spec_.initial.size();
    LoopResults loop = MakeLoop(spec_, [this](const Value& i, const std::vector<Value>& elements,
                                              const std::vector<Value>& carried) { return Body(i, elements, carried); }, at_);
    if (error_.node() != nullptr) return Failed();
    if (loop.failed) return Fail(loop.error);
    if (!updates_.empty()) loop = WithStates();
    if (loop.failed) return Fail(loop.error);
    if (o_.checkpoint != 0) {
      const bool root = o_.checkpoint == ScanOptions::kSqrt;
      // A block longer than the loop would be planned as long as it is stated.
      const Dim most = root ? Dim::CeilSqrt(*spec_.extent) : Dim::Min(*spec_.extent, Dim(o_.checkpoint));
      const Dim every = Dim::Max(Dim(1), most);
      loop = graph::CheckpointLoop(graph::LoopView(*Node(loop)), every, at_);
      if (loop.failed) return Fail(loop.error);
    }
    return Results(std::move(loop), plain);
  }

 private:
  ScanResult Failed() {
    ScanResult result;
    // As many as a caller can expect, so that its indexing is safe.
    const size_t count = std::max({o_.outputs_info.size(), body_outputs_, size_t{1}});
    result.outputs.assign(count, error_);
    result.finals.assign(count, error_);
    result.steps = error_;
    for (const auto& [state, value] : updates_) result.updates.emplace_back(state, error_);
    return result;
  }
  ScanResult Fail(const Value& error) {
    error_ = error;
    return Failed();
  }
  ScanResult Fail(const std::string& message) { return Fail(Bad(message)); }
  Value Bad(const std::string& message) {
    return graph::PoisonInvalid((o_.name.empty() ? "scan: " : "scan '" + o_.name + "': ") + message, at_);
  }
  bool Refuse(const std::string& message) {
    error_ = Bad(message);
    return false;
  }
  static const graph::Node* Node(const LoopResults& loop) {
    if (!loop.finals.empty()) return loop.finals[0].node().get();
    return !loop.stacks.empty() ? loop.stacks[0].node().get() : loop.count.node().get();
  }

  bool Sequences() {
    for (size_t s = 0; s < o_.sequences.size(); ++s) {
      const ScanSequence& given = o_.sequences[s];
      const Value array = graph::Strong(given.array);
      if (!array.ok()) return error_ = array, false;
      const std::string who = "sequence " + std::to_string(s) + (array.name().empty() ? "" : " '" + array.name() + "'");
      if (array.rank() == 0) return Refuse(who + " is " + ToString(TensorType{array.dtype(), {}}) + ", required a rank of at least 1");
      if (given.taps.empty()) return Refuse(who + " has no taps");
      const int64_t before = std::min<int64_t>(0, *std::min_element(given.taps.begin(), given.taps.end()));
      const int64_t after = std::max<int64_t>(0, *std::max_element(given.taps.begin(), given.taps.end()));
      const Dim steps = AtLeastZero(array.shape()[0] - Dim(after - before));
      rows_ = rows_ ? Dim::Min(*rows_, steps) : steps;
      who_.push_back(who);
      available_.push_back(steps);
      for (int64_t tap : given.taps) {
        const Dim first(tap - before);
        spec_.sequences.push_back({.array = array,
                                   .start = o_.go_backwards ? first + steps - Dim(1) : first,
                                   .step = o_.go_backwards ? -1 : 1,
                                   .name = TapName(array.name(), tap)});
      }
    }
    return true;
  }

  bool Outputs() {
    for (size_t k = 0; k < o_.outputs_info.size(); ++k) {
      const ScanOutput& given = o_.outputs_info[k];
      if (!given.initial) continue;
      const std::string who = "outputs_info " + std::to_string(k);
      const Value initial = graph::Strong(*given.initial);
      if (!initial.ok()) return error_ = initial, false;
      if (given.taps.empty()) return Refuse(who + " has an initial value but no taps");
      Carried carried{.output = k, .taps = given.taps, .first = spec_.initial.size(), .type = {}, .name = initial.name()};
      for (int64_t tap : given.taps) {
        if (tap >= 0) return Refuse(who + " has tap " + std::to_string(tap) + ", required negative ones: values of earlier steps");
        carried.count = std::max(carried.count, static_cast<size_t>(-tap));
      }
      if (carried.count == 1) {
        carried.type = {initial.dtype(), initial.shape()};
        spec_.initial.push_back(initial);
        spec_.names.push_back(TapName(initial.name(), -1));
      } else {
        const Dim needed(static_cast<int64_t>(carried.count));
        if (initial.rank() == 0 || CompareDims(initial.shape()[0], needed) == DimOrder::kLess) {
          return Refuse(who + " is " + ToString(TensorType{initial.dtype(), initial.shape()}) + ", required " + needed.ToString() +
                        " rows for its earliest tap " + std::to_string(*std::min_element(given.taps.begin(), given.taps.end())));
        }
        carried.type = {initial.dtype(), Dims(initial.shape().begin() + 1, initial.shape().end())};
        for (size_t row = 0; row < carried.count; ++row) {
          const Value one = initial[Value::Index(static_cast<int64_t>(row), at_)];
          if (!one.ok()) return error_ = one, false;
          spec_.initial.push_back(one);
          spec_.names.push_back(TapName(initial.name(), static_cast<int64_t>(row) - static_cast<int64_t>(carried.count)));
        }
      }
      carried_.push_back(std::move(carried));
    }
    return true;
  }

  bool NonSequences() {
    for (const Operand& given : o_.non_sequences) {
      non_sequences_.push_back(graph::Strong(given));
      if (!non_sequences_.back().ok()) return error_ = non_sequences_.back(), false;
    }
    return true;
  }

  bool Steps() {
    std::optional<Dim> steps;
    if (const int* n = std::get_if<int>(&o_.n_steps)) steps = Dim(std::max(*n, 0));
    if (const int64_t* n = std::get_if<int64_t>(&o_.n_steps)) steps = Dim(std::max<int64_t>(*n, 0));
    if (const Dim* n = std::get_if<Dim>(&o_.n_steps)) steps = AtLeastZero(*n);
    if (const Value* n = std::get_if<Value>(&o_.n_steps)) {
      if (!n->ok()) return error_ = *n, false;
      if (!IsInteger(n->dtype()) || n->rank() != 0) {
        return Refuse("n_steps must be an integer scalar, got " + ToString(TensorType{n->dtype(), n->shape()}));
      }
      steps_ = graph::CastTo(*n, DType::i64, at_);
      if (const std::optional<Dim> known = graph::DimOf(steps_)) {
        steps = AtLeastZero(*known);
        steps_ = Value();
      }
    }
    if (!steps && steps_.node() == nullptr) {
      if (!rows_) return Refuse("has no sequences, so it needs n_steps");
      steps = *rows_;
    }
    if (steps) {
      for (size_t s = 0; s < available_.size(); ++s) {
        if (CompareDims(*steps, available_[s]) != DimOrder::kGreater) continue;
        return Refuse(who_[s] + " has rows for " + available_[s].ToString() + " steps, n_steps is " + steps->ToString());
      }
      spec_.extent = *steps;
      return true;
    }
    if (o_.max_steps) spec_.extent = AtLeastZero(*o_.max_steps);
    else if (rows_) spec_.extent = *rows_;
    else return Refuse("n_steps is found at run time and there are no sequences: max_steps must say how many there can be");
    spec_.trips = steps_;
    spec_.checked = true;
    return true;
  }

  LoopYield Body(const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
    ScanStep step{.i = i, .sequences = elements, .outputs = {}, .non_sequences = non_sequences_};
    for (const Carried& c : carried_) {
      for (int64_t tap : c.taps) step.outputs.push_back(carried[c.first + c.count - static_cast<size_t>(-tap)]);
    }
    ScanBody made;
    {
      const graph::OriginPause user;
      made = body_(step);
    }
    body_outputs_ = made.outputs.size();
    LoopYield yield;
    yield.stop = made.until;
    const auto fail = [&](const Value& error) {
      error_ = error;
      yield.carried.assign(carried.size(), error);
      return yield;
    };
    for (const Value& value : made.outputs) {
      if (!value.ok()) return fail(value);
    }
    if (!o_.outputs_info.empty() && o_.outputs_info.size() != made.outputs.size()) {
      return fail(Bad("the body returns " + std::to_string(made.outputs.size()) + " outputs, outputs_info has " +
                      std::to_string(o_.outputs_info.size()) + " entries"));
    }
    if (made.until.node() != nullptr && made.until.ok() && (made.until.dtype() != DType::boolean || made.until.rank() != 0)) {
      return fail(Bad("until must be bool (), got " + ToString(TensorType{made.until.dtype(), made.until.shape()})));
    }
    yield.carried = carried;
    for (const Carried& c : carried_) {
      Value value = made.outputs[c.output];
      if (Value wrong = Check(c, value); wrong.node() != nullptr) return fail(wrong);
      // Names that are equal at run time alone are the loop's to check.
      for (size_t k = 0; k + 1 < c.count; ++k) yield.carried[c.first + k] = carried[c.first + k + 1];
      yield.carried[c.first + c.count - 1] = value;
    }
    yield.collected = made.outputs;
    first_.id = i.node()->region;
    first_.arguments = {i};
    first_.arguments.insert(first_.arguments.end(), elements.begin(), elements.end());
    first_.arguments.insert(first_.arguments.end(), carried.begin(), carried.end());
    first_.results = yield.carried;
    first_.results.insert(first_.results.end(), yield.collected.begin(), yield.collected.end());
    first_until_ = yield.stop.node() != nullptr;
    if (first_until_) first_.results.push_back(yield.stop);
    if (Value wrong = TakeUpdates(made, i.node()->region); wrong.node() != nullptr) return fail(wrong);
    if (o_.strict) {
      if (Value wrong = CheckStrict(yield, i.node()->region); wrong.node() != nullptr) return fail(wrong);
    }
    return yield;
  }

  // A carried output must come back as it started.
  Value Check(const Carried& c, const Value& value) {
    const TensorType given{value.dtype(), value.shape()};
    const std::string who = "output " + std::to_string(c.output) + (c.name.empty() ? "" : " (from '" + c.name + "')");
    const std::string both = who + " starts as " + ToString(c.type) + " and the body returns " + ToString(given);
    if (given.dtype != c.type.dtype) {
      return Bad(both + ": cast the initial value to " + std::string(NumpyName(given.dtype)) + ", or the output to " +
                 std::string(NumpyName(c.type.dtype)));
    }
    bool fits = given.rank() == c.type.rank();
    for (int axis = 0; fits && axis < given.rank(); ++axis) {
      const DimOrder order = CompareDims(given.shape[axis], c.type.shape[axis]);
      fits = order == DimOrder::kEqual || order == DimOrder::kUnknown;
    }
    return fits ? Value() : Bad(both + ": they must have one shape");
  }

  Value TakeUpdates(const ScanBody& made, uint64_t region) {
    std::vector<Value> roots = made.outputs;
    if (made.until.node() != nullptr) roots.push_back(made.until);
    std::set<uint64_t> given;
    for (const auto& [state, value] : made.updates) {
      if (state.cell() == nullptr) return Bad("an update is of an empty State");
      if (!value.ok()) return value;
      const Extents shape = state.shape();
      if (value.dtype() != state.dtype() || value.shape() != Dims(shape.begin(), shape.end())) {
        return Bad("the update of state '" + state.name() + "' is " + ToString(TensorType{value.dtype(), value.shape()}) +
                   ", required " + ToString(TensorType{state.dtype(), Dims(shape.begin(), shape.end())}));
      }
      if (!given.insert(state.id()).second) return Bad("state '" + state.name() + "' is updated twice");
    }
    for (const auto& [state, value] : graph::WithImpliedUpdates(roots, made.updates)) {
      const bool implied = given.count(state.id()) == 0;
      // What nodes around the loop imply is not the loop's.
      if (implied && value.node()->region != region) continue;
      updates_.emplace_back(state, value);
      implied_.push_back(implied);
    }
    return Value();
  }

  Value CheckStrict(const LoopYield& yield, uint64_t region) {
    graph::Region body{.id = region, .arguments = {}, .results = yield.collected};
    std::set<graph::ValueKey> listed;
    std::set<uint64_t> states;
    for (const Value& value : non_sequences_) {
      listed.insert(graph::KeyOf(value));
      if (value.node()->state != nullptr) states.insert(value.node()->state->id);
    }
    for (const auto& [state, value] : updates_) {
      body.results.push_back(value);
      states.insert(state.id());
    }
    for (const Value& capture : graph::CapturesOf(body)) {
      const graph::Node& node = *capture.node();
      const bool free = node.kind == graph::NodeKind::kOp && (node.op == OpKind::kConstant || node.op == OpKind::kDimValue || node.op == OpKind::kRows);
      if (free || listed.count(graph::KeyOf(capture)) != 0) continue;
      if (node.state != nullptr && states.count(node.state->id) != 0) continue;
      return Bad("strict: the body uses '" + (node.state != nullptr ? node.state->name : node.Label()) + "' (" + node.Where() +
                 "), which is not among the non_sequences");
    }
    return Value();
  }

  // The loop again with states carried: a step reads what the one before it
  // made of them.
  LoopResults WithStates() {
    graph::LoopSpec spec = spec_;
    for (const auto& [state, value] : updates_) {
      spec.initial.push_back(graph::Strong(Operand(state, at_)));
      spec.names.push_back(state.name() + "[t]");
    }
    return MakeLoop(
        spec,
        [&](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
          const size_t plain = spec_.initial.size();
          graph::ValueMap map;
          map[graph::KeyOf(first_.arguments[0])] = i;
          for (size_t s = 0; s < elements.size(); ++s) map[graph::KeyOf(first_.arguments[1 + s])] = elements[s];
          for (size_t k = 0; k < plain; ++k) map[graph::KeyOf(first_.arguments[1 + elements.size() + k])] = carried[k];
          std::vector<Value> roots = first_.results;
          for (const auto& [state, value] : updates_) roots.push_back(value);
          const std::vector<Value> again = graph::CloneInto(
              {.id = first_.id, .arguments = {}, .results = roots}, roots, &map,
              {.replace_state = [&](const graph::Node& read) {
                for (size_t u = 0; u < updates_.size(); ++u) {
                  if (updates_[u].first.id() == read.state->id) return carried[plain + u];
                }
                return Value();
              }, .drop_implied = true});
          LoopYield yield;
          const size_t outputs = first_.results.size() - plain - (first_until_ ? 1 : 0);
          yield.carried.assign(again.begin(), again.begin() + static_cast<ptrdiff_t>(plain));
          yield.collected.assign(again.begin() + static_cast<ptrdiff_t>(plain), again.begin() + static_cast<ptrdiff_t>(plain + outputs));
          if (first_until_) yield.stop = again[plain + outputs];
          yield.carried.insert(yield.carried.end(), again.begin() + static_cast<ptrdiff_t>(first_.results.size()), again.end());
          return yield;
        },
        at_);
  }

  ScanResult Results(LoopResults loop, size_t plain) {
    ScanResult result;
    std::vector<graph::ImpliedUpdate> implied;
    for (size_t u = 0; u < updates_.size(); ++u) {
      if (implied_[u]) implied.push_back({updates_[u].first.cell(), loop.finals[plain + u]});
      else result.updates.emplace_back(updates_[u].first, loop.finals[plain + u]);
    }
    Value count = loop.count;
    if (count.node() == nullptr && steps_.node() != nullptr) count = maximum(Operand(steps_, at_), Operand(0, at_));
    const bool counted = count.node() != nullptr;
    result.steps = counted ? count : dim_value(*spec_.extent, at_);
    result.finals.resize(loop.stacks.size());
    for (const Carried& c : carried_) {
      const Value& final = loop.finals[c.first + c.count - 1];
      result.finals[c.output] = implied.empty() ? final : graph::WithImplied(final, implied, at_);
    }
    const Dim made = counted ? graph::LateDim("steps_of_" + (o_.name.empty() ? std::string("loop") : o_.name)) : Dim();
    for (const Value& stack : loop.stacks) {
      Value output = stack;
      if (!implied.empty()) output = graph::WithImplied(output, implied, at_);
      result.outputs.push_back(counted ? graph::FirstRows(output, count, made, at_) : output);
    }
    return result;
  }

  const std::function<ScanBody(const ScanStep&)>& body_;
  const ScanOptions& o_;
  const Location& at_;
  graph::LoopSpec spec_;
  std::vector<Carried> carried_;
  std::vector<Value> non_sequences_;
  std::vector<std::string> who_;
  std::vector<Dim> available_;
  std::optional<Dim> rows_;  // of the shortest sequence
  Value steps_;              // found at run time
  Value error_;
  size_t body_outputs_ = 0;
  std::vector<std::pair<State, Value>> updates_;
  std::vector<bool> implied_;
  graph::Region first_;      // the body as the user made it
  bool first_until_ = false;
};

}  // namespace

ScanResult scan(const std::function<ScanBody(const ScanStep&)>& body, const ScanOptions& options, Location at) {
  return Scan(body, options, at).Run();
}

}  // namespace oriel
