// loop, branch, and the compositions of value.h.
#include <algorithm>
#include <limits>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/pullback.h"
#include "runtime/graph/loop.h"

namespace oriel {
namespace {

using graph::CastTo;
using graph::Poison;
using graph::PoisonInvalid;

std::vector<TensorType> TypesOf(const std::vector<Value>& values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back({value.dtype(), value.shape()});
  return types;
}

// All results of a multi-result node; a poisoned one as often as wanted.
std::vector<Value> ResultsOf(const Value& value, size_t count) {
  std::vector<Value> results;
  for (size_t i = 0; i < count; ++i) {
    results.push_back(value.ok() ? Value(value.node(), static_cast<int>(i)) : value);
  }
  return results;
}

graph::Region RunBody(const std::function<std::vector<Value>()>& body) {
  graph::RegionScope scope;
  return {.id = scope.id(), .arguments = {}, .results = body()};
}

}  // namespace

std::vector<Value> loop(const Operand& trips, std::vector<Value> initial,
                        const std::function<std::vector<Value>(Value i, std::vector<Value> carried)>& body,
                        Location at) {
  graph::LoopSpec spec;
  spec.trips = graph::Strong(trips);
  spec.initial = std::move(initial);
  return graph::MakeLoop(
             spec,
             [&](const Value& i, const std::vector<Value>&, const std::vector<Value>& carried) {
               return graph::LoopYield{.carried = body(i, carried), .collected = {}, .stop = {}};
             },
             at)
      .finals;
}

std::vector<Value> branch(const Operand& condition, const std::function<std::vector<Value>()>& then_body,
                          const std::function<std::vector<Value>()>& else_body, Location at) {
  const Value chosen = CastTo(graph::Strong(condition), DType::boolean, at);
  graph::Region then_region = RunBody(then_body), else_region = RunBody(else_body);
  const size_t count = then_region.results.size();
  if (!chosen.ok()) return ResultsOf(chosen, count);
  for (const graph::Region* region : {&then_region, &else_region}) {
    if (auto poisoned = graph::FirstPoisoned(region->results)) return ResultsOf(*poisoned, count);
  }
  std::vector<DimRequirement> requirements;
  const std::vector<TensorType> condition_type = TypesOf({chosen});
  absl::StatusOr<std::vector<TensorType>> types = InferTypes(OpKind::kBranch, {}, condition_type, &requirements);
  if (types.ok()) types = InferBranch(TypesOf(then_region.results), TypesOf(else_region.results), &requirements);
  if (!types.ok()) return ResultsOf(Poison(types.status(), at), count);
  for (graph::Region* region : {&then_region, &else_region}) {
    graph::RegionScope scope(region->id);
    graph::FitShapes(*types, &region->results, at);
  }
  const Value value = graph::MakeTyped(
      {.op = OpKind::kBranch, .operands = {chosen}, .regions = {std::move(then_region), std::move(else_region)}},
      *std::move(types), std::move(requirements), at);
  return ResultsOf(value, count);
}

// ---- compositions: plain graphs of the ops above ----

namespace {

// A float operand with its shifted form x - max(x), which keeps exp in range.
struct Shifted {
  Value x, shifted, max;
};

// The maximum along axes. It is only subtracted and added again: its gradient
// would come to nothing.
Value MaxToShiftBy(const Value& x, const Axes& axes, const Location& at) {
  const Value max = reduce_max(Operand(x, at), axes, /*keepdims=*/true);
  return max.id() == x.id() ? max : graph::WithoutGradient(max);  // a scalar is its own
}

Shifted ShiftByMax(const Operand& x, const Axes& axes) {
  Value value = graph::Strong(x);
  if (value.ok()) value = CastTo(value, IsFloat(value.dtype()) ? value.dtype() : DType::f64, x.location);
  const Value max = MaxToShiftBy(value, axes, x.location);
  return {value, sub(Operand(value, x.location), Operand(max, x.location)), max};
}

}  // namespace

Value softmax(const Operand& x, int axis) {
  const auto at = [&](const Value& v) { return Operand(v, x.location); };
  const Value exps = exp(at(ShiftByMax(x, {axis}).shifted));
  return div(at(exps), at(sum(at(exps), {axis}, /*keepdims=*/true)));
}

Value log_softmax(const Operand& x, int axis) {
  const auto at = [&](const Value& v) { return Operand(v, x.location); };
  const Value shifted = ShiftByMax(x, {axis}).shifted;
  return sub(at(shifted), at(log(at(sum(at(exp(at(shifted))), {axis}, /*keepdims=*/true)))));
}

Value logsumexp(const Operand& x, Axes axes, bool keepdims) {
  const auto at = [&](const Value& v) { return Operand(v, x.location); };
  Value value = graph::Strong(x);
  if (!value.ok()) return value;
  value = CastTo(value, IsFloat(value.dtype()) ? value.dtype() : DType::f64, x.location);
  const Value max = MaxToShiftBy(value, axes, x.location);
  if (!max.ok()) return max;
  // An infinite maximum is not subtracted: inf - inf would be NaN.
  const double inf = std::numeric_limits<double>::infinity();
  const Operand infinity(inf, x.location), zero(0.0, x.location);
  const Value finite = less(at(abs(at(max))), infinity);
  const Value shift = select(at(finite), at(max), zero);
  const Value sums = sum(at(exp(at(sub(at(value), at(shift))))), axes, /*keepdims=*/true);
  const Value result = add(at(log(at(sums))), at(shift));
  if (keepdims || !result.ok() || value.rank() == 0) return result;
  // Drop the axes of size 1 that keepdims kept.
  Dims shape;
  for (int axis = 0; axis < value.rank(); ++axis) {
    const bool reduced = axes.empty() || std::find_if(axes.begin(), axes.end(), [&](int a) {
                                           return (a < 0 ? a + value.rank() : a) == axis;
                                         }) != axes.end();
    if (!reduced) shape.push_back(value.shape()[axis]);
  }
  return reshape(at(result), std::move(shape));
}

Value relu(const Operand& x) {
  // Weak zero: the result keeps the dtype.
  return maximum(x, Operand(0, x.location));
}

}  // namespace oriel
