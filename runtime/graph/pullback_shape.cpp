// Pullbacks of ops that move elements.
#include <algorithm>

#include "runtime/graph/pullback.h"

namespace oriel::graph {

Value SumOfCopies(const Node& broadcast, const Value& gradient) {
  const std::vector<int64_t>& axes = *broadcast.attrs.Get<std::vector<int64_t>>("axes");
  const Dims &shape = *broadcast.attrs.Get<Dims>("shape"), &source_shape = broadcast.operands[0].shape();
  std::vector<int64_t> summed;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const auto source = std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis));
    const bool repeated = source == axes.end() ||
                          (source_shape[static_cast<size_t>(source - axes.begin())] == Dim(1) && shape[axis] != Dim(1));
    if (repeated) summed.push_back(static_cast<int64_t>(axis));
  }
  return InShape(SumOver(gradient, summed, /*keepdims=*/false), source_shape);
}

namespace pullback {
namespace {

const std::vector<int64_t>& Ints(const Pullback& p, std::string_view name) {
  return *p.attrs().Get<std::vector<int64_t>>(name);
}
const Dims& DimsOf(const Pullback& p, std::string_view name) { return *p.attrs().Get<Dims>(name); }

// x with zeros before and after it along an axis.
Value Padded(const Value& x, size_t axis, const Dim& before, const Dim& after) {
  const auto zeros = [&](const Dim& extent) {
    Dims shape = x.shape();
    shape[axis] = extent;
    return Filled(0, x.dtype(), shape);
  };
  if (!x.ok()) return x;
  std::vector<Value> parts;
  if (before != Dim(0)) parts.push_back(zeros(before));
  parts.push_back(x);
  if (after != Dim(0)) parts.push_back(zeros(after));
  return parts.size() == 1 ? x : concatenate(parts, static_cast<int>(axis));
}

Value Reversed(const Value& x, const std::vector<bool>& axes) {
  if (!x.ok()) return x;
  Dims starts, limits;
  std::vector<int64_t> steps;
  for (size_t axis = 0; axis < axes.size(); ++axis) {
    const Dim& extent = x.shape()[axis];
    starts.push_back(axes[axis] ? extent - 1 : Dim(0));
    limits.push_back(axes[axis] ? Dim(-1) : extent);
    steps.push_back(axes[axis] ? -1 : 1);
  }
  return MakeOp(
      {.op = OpKind::kSlice, .attrs = {{"starts", starts}, {"limits", limits}, {"steps", steps}}, .operands = {x}},
      Location::current());
}

// Does a slice leave most of the array alone? Where sizes are not known: does it
// take part of the rows, and those whole?
bool IsSmallPart(const Pullback& p) {
  const Dims &shape = p.x().shape(), &part = p.y().shape();
  const Dim all = NumElements(shape), taken = NumElements(part);
  if (all.is_static() && taken.is_static()) return taken.value() <= all.value() / 4;
  return !shape.empty() && part[0] != shape[0] && Dims(shape.begin() + 1, shape.end()) == Dims(part.begin() + 1, part.end());
}

// A slice's gradient added to `sum` where the elements came from.
Value AddPart(const Pullback& p, const Value& sum) {
  const Dims &starts = DimsOf(p, "starts"), &shape = p.x().shape(), &part = p.y().shape();
  const std::vector<int64_t>& steps = Ints(p, "steps");
  size_t first = shape.size(), last = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (part[axis] == shape[axis] && steps[axis] == 1) continue;
    first = std::min(first, axis);
    last = axis;
  }
  const Dims block(part.begin() + static_cast<std::ptrdiff_t>(first), part.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  std::vector<Value> indices;
  for (size_t axis = first; axis <= last; ++axis) {
    indices.push_back(steps[axis] * iota(block, static_cast<int>(axis - first), DType::i64) + dim_value(starts[axis]));
  }
  return scatter_add(sum, std::move(indices), p.g(), static_cast<int>(first));
}

}  // namespace

void Broadcast(Pullback& p) { p.Give(0, SumOfCopies(p.node(), p.g())); }

// Rows that were not made get none.
void Rows(Pullback& p) {
  p.Give(0, Padded(p.g(), 0, Dim(0), p.x().shape()[0] - p.y().shape()[0]));
}

void Reshape(Pullback& p) { p.Give(0, p.g()); }

void Transpose(Pullback& p) {
  const std::vector<int64_t>& permutation = Ints(p, "permutation");
  std::vector<int> inverse(permutation.size());
  for (size_t axis = 0; axis < permutation.size(); ++axis) {
    inverse[static_cast<size_t>(permutation[axis])] = static_cast<int>(axis);
  }
  p.Give(0, transpose(p.g(), inverse));
}

// The gradient between zeros: what steps by one forwards or backwards as a
// concatenation, other steps by writing into zeros.
void Slice(Pullback& p) {
  const Dims &starts = DimsOf(p, "starts"), &limits = DimsOf(p, "limits"), &shape = p.x().shape();
  const std::vector<int64_t>& steps = Ints(p, "steps");
  std::vector<bool> reversed;
  for (int64_t step : steps) reversed.push_back(step == -1);
  p.Mask();
  if (const Pullback::SumSoFar sum = p.Sum(0); sum.in_place && IsSmallPart(p)) {
    return p.GiveTotal(0, AddPart(p, sum.value));
  }
  Value gradient = p.g();
  if (std::find(reversed.begin(), reversed.end(), true) != reversed.end()) gradient = Reversed(gradient, reversed);
  for (size_t axis = 0; axis < steps.size(); ++axis) {
    const Dim &start = starts[axis], &limit = limits[axis];
    if (!gradient.ok()) break;
    if (steps[axis] == 1) {
      gradient = Padded(gradient, axis, start, shape[axis] - limit);
    } else if (steps[axis] == -1) {
      gradient = Padded(gradient, axis, limit + 1, shape[axis] - 1 - start);
    } else {
      Dims whole = gradient.shape();
      const Value index = steps[axis] * arange(whole[axis]) + dim_value(start);
      whole[axis] = shape[axis];
      gradient = scatter_set(Filled(0, gradient.dtype(), whole), {index}, gradient, static_cast<int>(axis));
    }
  }
  p.Give(0, gradient);
}

void DynamicSlice(Pullback& p) {
  const Dims &sizes = DimsOf(p, "sizes"), &shape = p.x().shape();
  // Axes that are taken whole start at 0; the others, and those between them,
  // are indexed element by element.
  size_t first = sizes.size(), last = 0;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] == shape[axis]) continue;
    first = std::min(first, axis);
    last = axis;
  }
  if (first == sizes.size()) return p.Give(0, p.g());
  const Dims block(sizes.begin() + static_cast<std::ptrdiff_t>(first),
                   sizes.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  std::vector<Value> indices;
  for (size_t axis = first; axis <= last; ++axis) {
    indices.push_back(iota(block, static_cast<int>(axis - first), DType::i64) + p.x(1 + axis));
  }
  p.Mask();
  const Pullback::SumSoFar sum = p.Sum(0);
  if (sum.in_place) return p.GiveTotal(0, scatter_add(sum.value, std::move(indices), p.g(), static_cast<int>(first)));
  p.Give(0, scatter_set(ZerosLike(p.x()), std::move(indices), p.g(), static_cast<int>(first)));
}

void Concatenate(Pullback& p) {
  const size_t axis = static_cast<size_t>(*p.attrs().Get<int64_t>("axis"));
  Dim start = 0;
  for (size_t part = 0; part < p.node().operands.size(); ++part) {
    const Dims& shape = p.x(part).shape();
    const Dim limit = start + shape[axis];
    if (p.Wants(part)) {
      Dims starts(shape.size(), Dim(0)), limits = shape;
      starts[axis] = start;
      limits[axis] = limit;
      p.Give(
          part,
          MakeOp({.op = OpKind::kSlice,
                  .attrs = {{"starts", starts}, {"limits", limits}, {"steps", std::vector<int64_t>(shape.size(), 1)}},
                  .operands = {p.g()}},
                 p.at()));
    }
    start = limit;
  }
}

}  // namespace pullback
}  // namespace oriel::graph
