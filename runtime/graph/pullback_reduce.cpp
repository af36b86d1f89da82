// Pullbacks of reductions. Elements that tie for a maximum share its gradient
// equally; products are right beside zeros, in every derivative.
#include <algorithm>

#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {
namespace {

const std::vector<int64_t>& AxesOf(const Pullback& p) { return *p.attrs().Get<std::vector<int64_t>>("axes"); }
bool KeepsDims(const Pullback& p) { return *p.attrs().Get<bool>("keepdims"); }

// A value of the result's shape repeated over the operand's.
Value Repeated(const Pullback& p, const Value& value) {
  return Spread(KeepsDims(p) ? value : WithAxes(value, AxesOf(p)), p.x().shape());
}

void Sum(Pullback& p) { p.Give(0, Repeated(p, p.g())); }

void Mean(Pullback& p) {
  Dim count = 1;
  for (int64_t axis : AxesOf(p)) count = count * p.x().shape()[static_cast<size_t>(axis)];
  const DType dtype = p.x().dtype();
  // In f64 first: f16 holds no integer above 65504.
  const Value scale = count.is_static() ? scalar(1.0 / static_cast<double>(count.value()), dtype)
                                        : cast(1.0 / cast(dim_value(count), DType::f64), dtype);
  p.Give(0, Repeated(p, p.g() * scale));
}

void Extremum(Pullback& p) {
  const Value best = equal(p.x(), Repeated(p, p.y()));
  const Value count = sum(cast(best, p.x().dtype()), Axes(AxesOf(p).begin(), AxesOf(p).end()), KeepsDims(p));
  p.Give(0, select(best, Repeated(p, p.g() / count), 0.0));
  p.Mask();
}

// The product of all elements but each one, along the last axis of x, [..., n]:
// what comes before it times what comes after, by two loops over the columns.
// No quotients, so that the derivatives of it are exact beside zeros as well;
// known extents are not written out, so that they have the bits of unknown ones.
Value ProductOfOthers(const Value& x) {
  const Dim n = x.shape().back();
  // Columns become rows of one array, [n, rest].
  Dims rest(x.shape().begin(), x.shape().end() - 1);
  const Dim width = NumElements(rest);
  const Value rows = transpose(reshape(x, {width, n}));
  const auto exclusive = [&](bool backwards) {
    LoopSpec spec;
    spec.extent = n;
    spec.sequences.push_back({.array = rows, .name = "factor"});
    spec.initial.push_back(Filled(1, x.dtype(), {width}));
    spec.reverse = backwards;
    const LoopResults results = MakeLoop(
        spec,
        [](const Value&, const std::vector<Value>& elements, const std::vector<Value>& carried) {
          return LoopYield{.carried = {carried[0] * elements[0]}, .collected = {carried[0]}, .stop = {}};
        },
        Location::current());
    return results.failed ? results.error : results.stacks[0];
  };
  const Value before = exclusive(false), after = exclusive(true);
  return reshape(transpose(before * after), x.shape());
}

void Prod(Pullback& p) {
  // The reduced axes last and as one.
  std::vector<int> permutation, inverse(p.x().shape().size());
  const std::vector<int64_t>& axes = AxesOf(p);
  const auto reduced = [&](int axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); };
  Dims kept;
  Dim count = 1;
  for (int axis = 0; axis < p.x().rank(); ++axis) {
    if (reduced(axis)) continue;
    permutation.push_back(axis);
    kept.push_back(p.x().shape()[static_cast<size_t>(axis)]);
  }
  for (int64_t axis : axes) {
    permutation.push_back(static_cast<int>(axis));
    count = count * p.x().shape()[static_cast<size_t>(axis)];
  }
  for (size_t i = 0; i < permutation.size(); ++i) inverse[static_cast<size_t>(permutation[i])] = static_cast<int>(i);
  const bool in_order = std::is_sorted(permutation.begin(), permutation.end());
  const Value moved = in_order ? p.x() : transpose(p.x(), permutation);
  if (!moved.ok()) return p.Give(0, moved);
  Dims flat = kept;
  flat.push_back(count);
  Value others = InShape(ProductOfOthers(InShape(moved, flat)), moved.shape());
  if (!in_order) others = transpose(others, inverse);
  p.Give(0, Times(Repeated(p, p.g()), others));
}

}  // namespace

void Reduce(Pullback& p) {
  const std::string& kind = *p.attrs().Get<std::string>("kind");
  if (kind == "sum") return Sum(p);
  if (kind == "mean") return Mean(p);
  if (kind == "prod") return Prod(p);
  if (kind == "max" || kind == "min") return Extremum(p);
  // any and all are bools, through which no gradient comes here.
}

}  // namespace oriel::graph::pullback
