// MakeLoop and LoopView.
#include "runtime/graph/loop.h"

#include "runtime/core/status.h"
#include "runtime/graph/test_value.h"

namespace oriel::graph {
namespace {

std::vector<TensorType> TypesOf(const std::vector<Value>& values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back({value.dtype(), value.shape()});
  return types;
}

LoopResults Failed(const Value& error, size_t carried) {
  LoopResults results;
  results.finals.assign(carried, error);
  results.error = error;
  results.failed = true;
  return results;
}

Attrs AttrsOf(const LoopSpec& spec, bool until) {
  Dims starts, extent;
  std::vector<int64_t> steps;
  for (const LoopSequence& sequence : spec.sequences) {
    starts.push_back(sequence.start);
    steps.push_back(sequence.step);
  }
  if (spec.extent) extent.push_back(*spec.extent);
  Attrs attrs = {{"starts", starts},         {"steps", steps},         {"extent", extent},
                 {"reverse", spec.reverse}, {"until", until}, {"checked", spec.checked}};
  // Of the expression alone: the compiler has no use for it.
  if (spec.truncate_gradient >= 0) attrs.Set("truncate_gradient", spec.truncate_gradient);
  return attrs;
}

std::string ElementName(const LoopSequence& sequence) {
  if (!sequence.name.empty()) return sequence.name;
  return sequence.array.name().empty() ? "" : sequence.array.name() + "[t]";
}

}  // namespace

void FitShapes(absl::Span<const TensorType> types, std::vector<Value>* values, const Location& at) {
  for (size_t i = 0; i < types.size(); ++i) {
    Value& value = (*values)[i];
    const Dims& shape = types[i].shape;
    if (!value.ok() || value.shape() == shape) continue;
    // A reshape asks for as many elements: of one axis under another name that is
    // enough, of several each has to be as long as it is stated.
    Dims same = value.shape();
    int unlike = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      unlike += same[axis] != shape[axis] ? 1 : 0;
      if (same[axis] != Dim(1)) same[axis] = shape[axis];
    }
    if (unlike > 1) value = BroadcastTo(value, same, at);
    if (!value.ok() || value.shape() == shape) continue;
    value = MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", shape}}, .operands = {value}, .derived = true}, at);
  }
}

LoopResults MakeLoop(const LoopSpec& spec, const LoopBodyFn& body, const Location& at) {
  const size_t count = spec.initial.size();
  const auto failed = [&](const absl::Status& status) { return Failed(Poison(status, at), count); };
  Value trips = spec.trips;
  if (trips.node() == nullptr) {
    if (!spec.extent) return Failed(PoisonInvalid("loop: has neither a trip count nor an extent", at), count);
    trips = dim_value(*spec.extent, at);
  }
  if (trips.ok() && !IsInteger(trips.dtype())) {
    trips = PoisonInvalid("loop: the trip count must be an integer, got " + std::string(NumpyName(trips.dtype())), at);
  }
  trips = CastTo(trips, DType::i64, at);
  std::vector<Value> operands = {trips};
  for (const LoopSequence& sequence : spec.sequences) operands.push_back(sequence.array);
  operands.insert(operands.end(), spec.initial.begin(), spec.initial.end());
  if (auto poisoned = FirstPoisoned(operands)) return Failed(*poisoned, count);

  Attrs attrs = AttrsOf(spec, false);
  const std::vector<TensorType> types = TypesOf(operands);
  std::vector<DimRequirement> requirements;
  absl::StatusOr<std::vector<TensorType>> arguments = InferLoopArguments(attrs, types, &requirements);
  if (!arguments.ok()) return failed(arguments.status());
  Region region;
  std::vector<TensorType> results;
  const size_t sequences = spec.sequences.size();
  {
    RegionScope scope;
    region.id = scope.id();
    const auto name = [&](size_t argument) -> std::string {
      if (argument == 0) return "i";
      if (argument <= sequences) return ElementName(spec.sequences[argument - 1]);
      const size_t k = argument - 1 - sequences;
      return k < spec.names.size() ? spec.names[k] : spec.initial[k].name();
    };
    for (size_t k = 0; k < arguments->size(); ++k) {
      region.arguments.push_back(MakeLeaf(NodeKind::kArgument, name(k), (*arguments)[k], at));
    }
    SetLoopTests(spec, trips, region.arguments);
    const auto elements = region.arguments.begin() + 1;
    const auto carried = elements + static_cast<ptrdiff_t>(sequences);
    // Types alone: whether the loop stops early is known after the body.
    LoopYield yield = body(region.arguments[0], {elements, carried}, {carried, region.arguments.end()});
    region.results = std::move(yield.carried);
    if (region.results.size() != count) {
      return failed(absl::InvalidArgumentError("loop: the body returns " + std::to_string(region.results.size()) +
                                               " values, required " + std::to_string(count) +
                                               ", one for each carried value"));
    }
    region.results.insert(region.results.end(), yield.collected.begin(), yield.collected.end());
    const bool until = yield.stop.node() != nullptr;
    if (until) region.results.push_back(yield.stop);
    if (auto poisoned = FirstPoisoned(region.results)) return Failed(*poisoned, count);
    if (until) {
      attrs = AttrsOf(spec, true);
      if (spec.reverse) return failed(absl::InvalidArgumentError("loop: a reversed loop cannot stop early"));
    }
    absl::StatusOr<std::vector<TensorType>> inferred =
        InferLoop(attrs, types, TypesOf(region.results), &requirements);
    if (!inferred.ok()) return failed(inferred.status());
    results = *std::move(inferred);
    FitShapes(absl::MakeSpan(results).first(count), &region.results, at);
    if (auto poisoned = FirstPoisoned(region.results)) return Failed(*poisoned, count);
  }
  const bool until = *attrs.Get<bool>("until");
  const size_t stacks = results.size() - count - (until ? 1 : 0);
  Value value = MakeTyped({.op = OpKind::kLoop, .attrs = attrs, .operands = std::move(operands), .regions = {region}},
                          std::move(results), std::move(requirements), at);
  if (!value.ok()) return Failed(value, count);
  if (!spec.name.empty()) value = value.named(spec.name);
  LoopResults out;
  int next = 0;
  for (size_t k = 0; k < count; ++k) out.finals.emplace_back(value.node(), next++);
  for (size_t j = 0; j < stacks; ++j) out.stacks.emplace_back(value.node(), next++);
  if (until) out.count = Value(value.node(), next);
  return out;
}

LoopView::LoopView(const Node& node) : node_(&node) {
  if (const Dims* starts = node.attrs.Get<Dims>("starts")) starts_ = *starts;
  if (const auto* steps = node.attrs.Get<std::vector<int64_t>>("steps")) steps_ = *steps;
  if (const Dims* extent = node.attrs.Get<Dims>("extent"); extent != nullptr && !extent->empty()) extent_ = extent->front();
  const auto flag = [&](std::string_view name) {
    const bool* value = node.attrs.Get<bool>(name);
    return value != nullptr && *value;
  };
  reverse_ = flag("reverse");
  until_ = flag("until");
  checked_ = flag("checked");
  if (const int64_t* steps = node.attrs.Get<int64_t>("truncate_gradient")) truncate_ = *steps;
}

LoopSpec LoopView::spec() const {
  LoopSpec spec;
  spec.trips = trips();
  spec.extent = extent_;
  for (size_t s = 0; s < sequences(); ++s) {
    spec.sequences.push_back({.array = array(s), .start = start(s), .step = step(s), .name = element(s).name()});
  }
  for (size_t k = 0; k < carried(); ++k) {
    spec.initial.push_back(initial(k));
    spec.names.push_back(argument(k).name());
  }
  spec.reverse = reverse_;
  spec.checked = checked_;
  spec.truncate_gradient = truncate_;
  spec.name = node_->name;
  return spec;
}

}  // namespace oriel::graph
