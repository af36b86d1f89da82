// compose.h: axes, reductions, contractions.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "oriel/compose.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::NormalizeAxis;
using graph::Poison;
using graph::PoisonInvalid;
using graph::Strong;

// Row and column numbers of the last two axes, as int64 [rows, columns].
struct Grid {
  Value row, column;
};
Grid GridOf(const Dim& rows, const Dim& columns, const Location& at) {
  return {iota({rows, columns}, 0, DType::i64, at), iota({rows, columns}, 1, DType::i64, at)};
}

Value Triangle(const Operand& x, int64_t k, bool lower, const char* name) {
  const Location& at = x.location;
  const auto in = [&](const Value& v) { return Operand(v, at); };
  const Value value = Strong(x);
  if (!value.ok()) return value;
  if (value.rank() < 2) {
    return PoisonInvalid(std::string(name) + ": takes at least 2 axes, got shape " + ToString(value.shape()), at);
  }
  const Grid grid = GridOf(value.dim(-2), value.dim(-1), at);
  const Value distance = sub(in(grid.column), in(grid.row));
  const Value kept = lower ? less_equal(in(distance), Operand(k, at)) : greater_equal(in(distance), Operand(k, at));
  return select(in(kept), in(value), in(graph::Fit(Operand(0, at), value.dtype(), at)));
}

}  // namespace

Value dimshuffle(const Operand& x, const std::vector<int>& order) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  std::vector<bool> used(value.shape().size(), false);
  std::vector<int> permutation;
  Dims shape;
  for (int axis : order) {
    if (axis == kNewAxis) {
      shape.push_back(1);
      continue;
    }
    if (axis < 0 || axis >= value.rank() || used[static_cast<size_t>(axis)]) {
      return PoisonInvalid("dimshuffle: axis " + std::to_string(axis) + " is not one of the " +
                               std::to_string(value.rank()) + " axes of " + ToString(value.shape()) +
                               ", each at most once",
                           x.location);
    }
    used[static_cast<size_t>(axis)] = true;
    permutation.push_back(axis);
    shape.push_back(value.shape()[static_cast<size_t>(axis)]);
  }
  Value result = value;
  for (int axis = value.rank(); axis-- > 0;) {
    if (used[static_cast<size_t>(axis)]) continue;
    result = squeeze(Operand(result, x.location), axis);  // says so when it is not 1
    for (int& kept : permutation) kept -= kept > axis ? 1 : 0;
  }
  if (!result.ok()) return result;
  if (!std::is_sorted(permutation.begin(), permutation.end())) {
    result = transpose(Operand(result, x.location), permutation);
  }
  return reshape(Operand(result, x.location), std::move(shape));
}

Value flatten(const Operand& x, int rank) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  if (rank < 1 || rank > std::max(1, value.rank())) {
    return PoisonInvalid("flatten: " + std::to_string(rank) + " axes of a tensor of shape " +
                             ToString(value.shape()),
                         x.location);
  }
  if (value.rank() == rank) return value;
  if (value.rank() == 0) return reshape(Operand(value, x.location), {Dim(1)});
  Dims shape(value.shape().begin(), value.shape().begin() + rank - 1);
  shape.push_back(NumElements({value.shape().begin() + rank - 1, value.shape().end()}));
  return reshape(Operand(value, x.location), std::move(shape));
}

Value swapaxes(const Operand& x, int a, int b) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  absl::StatusOr<int64_t> first = NormalizeAxis(a, value.rank(), "swapaxes");
  if (!first.ok()) return Poison(first.status(), x.location);
  absl::StatusOr<int64_t> second = NormalizeAxis(b, value.rank(), "swapaxes");
  if (!second.ok()) return Poison(second.status(), x.location);
  std::vector<int> order(value.shape().size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<size_t>(*first)], order[static_cast<size_t>(*second)]);
  return transpose(Operand(value, x.location), order);
}

Value moveaxis(const Operand& x, int source, int destination) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  absl::StatusOr<int64_t> from = NormalizeAxis(source, value.rank(), "moveaxis");
  if (!from.ok()) return Poison(from.status(), x.location);
  absl::StatusOr<int64_t> to = NormalizeAxis(destination, value.rank(), "moveaxis");
  if (!to.ok()) return Poison(to.status(), x.location);
  std::vector<int> order;
  for (int axis = 0; axis < value.rank(); ++axis) {
    if (axis != *from) order.push_back(axis);
  }
  order.insert(order.begin() + *to, static_cast<int>(*from));
  return transpose(Operand(value, x.location), order);
}

Value stack(const std::vector<Value>& parts, int axis, Location at) {
  if (parts.empty()) return PoisonInvalid("stack: takes at least 1 part, got 0", at);
  std::vector<Value> wide;
  for (const Value& part : parts) {
    if (!part.ok()) return part;
    if (part.rank() != parts[0].rank()) {
      return PoisonInvalid("stack: parts must have one shape, got " + ToString(parts[0].shape()) + " and " +
                               ToString(part.shape()),
                           at);
    }
    wide.push_back(expand_dims(Operand(part, at), axis));
  }
  return concatenate(std::move(wide), axis, at);
}

std::vector<Value> split(const Operand& x, const std::vector<Dim>& sizes, int axis) {
  const Value value = Strong(x);
  std::vector<Value> parts;
  absl::StatusOr<int64_t> normal = value.ok() ? NormalizeAxis(axis, value.rank(), "split") : 0;
  Dim start = 0;
  for (const Dim& size : sizes) {
    if (!value.ok() || !normal.ok()) {
      parts.push_back(value.ok() ? Poison(normal.status(), x.location) : value);
      continue;
    }
    std::vector<Value::Index> indices(static_cast<size_t>(*normal), all(x.location));
    const Dim stop = start + size;
    indices.push_back(slice(start, stop, 1, x.location));
    parts.push_back(value.Get(indices));
    start = stop;
  }
  if (value.ok() && normal.ok() && CompareDims(start, value.dim(axis)) != DimOrder::kEqual) {
    const Value wrong = PoisonInvalid("split: the sizes sum to " + start.ToString() + ", the axis has " +
                                          value.dim(axis).ToString(),
                                      x.location);
    parts.assign(parts.size(), wrong);
  }
  return parts;
}

Value tile(const Operand& x, std::vector<Dim> repeats) {
  Value value = Strong(x);
  if (!value.ok()) return value;
  const size_t rank = std::max(repeats.size(), value.shape().size());
  repeats.insert(repeats.begin(), rank - repeats.size(), Dim(1));
  Dims own = value.shape();
  own.insert(own.begin(), rank - own.size(), Dim(1));
  // [r0, n0, r1, n1, ...], then pairs of axes in one.
  Dims apart, wide, shape;
  for (size_t axis = 0; axis < rank; ++axis) {
    apart.insert(apart.end(), {Dim(1), own[axis]});
    wide.insert(wide.end(), {repeats[axis], own[axis]});
    shape.push_back(repeats[axis] * own[axis]);
  }
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return reshape(in(broadcast_to(in(reshape(in(value), apart)), wide)), shape);
}

Value repeat(const Operand& x, const Dim& repeats, std::optional<int> axis) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  Value value = Strong(x);
  if (!value.ok()) return value;
  if (!axis) value = flatten(in(value));
  absl::StatusOr<int64_t> normal = NormalizeAxis(axis.value_or(0), value.rank(), "repeat");
  if (!normal.ok()) return Poison(normal.status(), x.location);
  Dims apart = value.shape(), shape = value.shape();
  apart.insert(apart.begin() + *normal + 1, Dim(1));
  Dims wide = apart;
  wide[static_cast<size_t>(*normal + 1)] = repeats;
  shape[static_cast<size_t>(*normal)] = shape[static_cast<size_t>(*normal)] * repeats;
  return reshape(in(broadcast_to(in(reshape(in(value), apart)), wide)), shape);
}

Value roll(const Operand& x, int64_t shift, std::optional<int> axis) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  const Value value = Strong(x);
  if (!value.ok()) return value;
  if (!axis) return reshape(in(roll(in(flatten(in(value))), shift, 0)), value.shape());
  absl::StatusOr<int64_t> normal = NormalizeAxis(*axis, value.rank(), "roll");
  if (!normal.ok()) return Poison(normal.status(), x.location);
  // Element i comes from (i - shift) mod n.
  const Dim& n = value.shape()[static_cast<size_t>(*normal)];
  const Value from = mod(in(sub(in(arange(n, DType::i64, x.location)), Operand(shift, x.location))),
                         in(maximum(in(dim_value(n, x.location)), Operand(1, x.location))));
  return gather(in(value), {from}, static_cast<int>(*normal), x.location);
}

Value take(const Operand& x, const Value& indices, std::optional<int> axis) {
  if (axis) return gather(x, {indices}, *axis, x.location);
  return gather(Operand(flatten(x), x.location), {indices}, 0, x.location);
}

Value diagonal(const Operand& matrix, int64_t offset) {
  const Location& at = matrix.location;
  const Value value = Strong(matrix);
  if (!value.ok()) return value;
  if (value.rank() != 2) {
    return PoisonInvalid("diagonal: takes a matrix, got shape " + ToString(value.shape()), at);
  }
  const Dim below = offset < 0 ? Dim(-offset) : Dim(0), right = offset > 0 ? Dim(offset) : Dim(0);
  const Dim rows = ClipSlice(below, std::nullopt, 1, value.dim(0)).count;
  const Dim columns = ClipSlice(right, std::nullopt, 1, value.dim(1)).count;
  const Dim count = ProvablyAtMost(rows, columns) ? rows : ProvablyAtMost(columns, rows) ? columns : Dim::Min(rows, columns);
  const Value row = arange(below, below + count, 1, DType::i64, at);
  const Value column = arange(right, right + count, 1, DType::i64, at);
  return gather(Operand(value, at), {row, column}, 0, at);
}

Value diag(const Operand& vector, int64_t k) {
  const Location& at = vector.location;
  const auto in = [&](const Value& v) { return Operand(v, at); };
  const Value value = Strong(vector);
  if (!value.ok()) return value;
  if (value.rank() != 1) return PoisonInvalid("diag: takes a vector, got shape " + ToString(value.shape()), at);
  // Row i holds element i; a lower diagonal starts k rows down.
  const Dim n = value.dim(0) + Dim(k < 0 ? -k : k);
  const Grid grid = GridOf(n, n, at);
  const Value on = equal(in(sub(in(grid.column), in(grid.row))), Operand(k, at));
  Value element = iota({n}, 0, DType::i64, at);
  if (k < 0) element = add(in(element), Operand(k, at));
  // Rows beyond the diagonal hold nothing: any element will do, none is chosen.
  const Value last = sub(in(dim_value(value.dim(0), at)), Operand(1, at));
  element = maximum(in(minimum(in(element), in(last))), Operand(0, at));
  if (value.dim(0) == Dim(0)) return zeros({n, n}, value.dtype(), at);
  const Value rows = gather(in(value), {element}, 0, at);
  return select(in(on), in(expand_dims(in(rows), 1)), in(graph::Fit(Operand(0, at), value.dtype(), at)));
}

Value tril(const Operand& x, int64_t k) { return Triangle(x, k, /*lower=*/true, "tril"); }
Value triu(const Operand& x, int64_t k) { return Triangle(x, k, /*lower=*/false, "triu"); }

// ---- reductions ----

Value sum(const Operand& x, Axes axes, bool keepdims, DType dtype) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return graph::CastTo(sum(in(graph::CastTo(Strong(x), dtype, x.location)), std::move(axes), keepdims), dtype,
                       x.location);
}
Value prod(const Operand& x, Axes axes, bool keepdims, DType dtype) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return graph::CastTo(prod(in(graph::CastTo(Strong(x), dtype, x.location)), std::move(axes), keepdims), dtype,
                       x.location);
}
Value mean(const Operand& x, Axes axes, bool keepdims, DType dtype) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return graph::CastTo(mean(in(graph::CastTo(Strong(x), dtype, x.location)), std::move(axes), keepdims), dtype,
                       x.location);
}

Value variance(const Operand& x, Axes axes, int64_t ddof, bool keepdims) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  Value value = Strong(x);
  if (!value.ok()) return value;
  value = graph::CastTo(value, IsFloat(value.dtype()) ? value.dtype() : DType::f64, x.location);
  const Value centred = sub(in(value), in(mean(in(value), axes, /*keepdims=*/true)));
  const Value squares = mul(in(centred), in(centred));
  if (ddof == 0) return mean(in(squares), axes, keepdims);
  const Value total = sum(in(squares), axes, keepdims);
  if (!total.ok()) return total;
  Dim count(1);
  for (int axis = 0; axis < value.rank(); ++axis) {
    const bool reduced = axes.empty() || std::any_of(axes.begin(), axes.end(), [&](int a) {
                           return (a < 0 ? a + value.rank() : a) == axis;
                         });
    if (reduced) count = count * value.shape()[static_cast<size_t>(axis)];
  }
  const Value divisor = maximum(in(sub(in(dim_value(count, x.location)), Operand(ddof, x.location))),
                                Operand(0, x.location));
  return div(in(total), in(cast(in(divisor), value.dtype())));
}

Value standard_deviation(const Operand& x, Axes axes, int64_t ddof, bool keepdims) {
  return sqrt(Operand(variance(x, std::move(axes), ddof, keepdims), x.location));
}

Value ptp(const Operand& x, Axes axes, bool keepdims) {
  return sub(Operand(reduce_max(x, axes, keepdims), x.location), Operand(reduce_min(x, axes, keepdims), x.location));
}

Value norm(const Operand& x, double order, Axes axes, bool keepdims) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  Value value = Strong(x);
  if (!value.ok()) return value;
  value = graph::CastTo(value, IsFloat(value.dtype()) ? value.dtype() : DType::f64, x.location);
  if (order == 2) return sqrt(in(sum(in(mul(in(value), in(value))), axes, keepdims)));
  const Value magnitude = abs(in(value));
  if (order == 1) return sum(in(magnitude), axes, keepdims);
  if (order == HUGE_VAL) return reduce_max(in(magnitude), axes, keepdims);
  return PoisonInvalid("norm: order " + std::to_string(order) + ", expected 1, 2 or infinity", x.location);
}

Value trace(const Operand& matrix, int64_t offset) {
  return sum(Operand(diagonal(matrix, offset), matrix.location));
}

// ---- contractions ----

Value outer(const Operand& a, const Operand& b) {
  const auto in = [&](const Value& v) { return Operand(v, a.location); };
  const Value x = flatten(a), y = flatten(b);
  if (!x.ok()) return x;
  if (!y.ok()) return y;
  return mul(in(expand_dims(in(x), 1)), in(expand_dims(in(y), 0)));
}

Value tensordot(const Operand& a, const Operand& b, std::vector<int> axes_a, std::vector<int> axes_b) {
  const auto in = [&](const Value& v) { return Operand(v, a.location); };
  const Value x = Strong(a), y = Strong(b);
  if (!x.ok()) return x;
  if (!y.ok()) return y;
  if (axes_a.size() != axes_b.size()) {
    return PoisonInvalid("tensordot: " + std::to_string(axes_a.size()) + " axes of the first operand and " +
                             std::to_string(axes_b.size()) + " of the second",
                         a.location);
  }
  // Contracted axes last in x, first in y; then one product of matrices.
  const auto split_axes = [&](const Value& value, std::vector<int>* contracted,
                              std::vector<int>* free) -> absl::Status {
    for (int& axis : *contracted) {
      ORIEL_ASSIGN_OR_RETURN(const int64_t normal, NormalizeAxis(axis, value.rank(), "tensordot"));
      axis = static_cast<int>(normal);
    }
    for (int axis = 0; axis < value.rank(); ++axis) {
      const auto times = std::count(contracted->begin(), contracted->end(), axis);
      if (times > 1) return absl::InvalidArgumentError("tensordot: axis " + std::to_string(axis) + " is given twice");
      if (times == 0) free->push_back(axis);
    }
    return absl::OkStatus();
  };
  std::vector<int> free_a, free_b;
  if (absl::Status status = split_axes(x, &axes_a, &free_a); !status.ok()) return Poison(status, a.location);
  if (absl::Status status = split_axes(y, &axes_b, &free_b); !status.ok()) return Poison(status, a.location);
  Dims shape, rows, columns, depth_a, depth_b;
  for (int axis : free_a) rows.push_back(x.dim(axis));
  for (int axis : free_b) columns.push_back(y.dim(axis));
  for (int axis : axes_a) depth_a.push_back(x.dim(axis));
  for (int axis : axes_b) depth_b.push_back(y.dim(axis));
  for (size_t i = 0; i < depth_a.size(); ++i) {
    const DimOrder order = CompareDims(depth_a[i], depth_b[i]);
    if (order == DimOrder::kLess || order == DimOrder::kGreater) {
      return PoisonInvalid("tensordot: axis " + std::to_string(axes_a[i]) + " of " + ToString(x.shape()) +
                               " and axis " + std::to_string(axes_b[i]) + " of " + ToString(y.shape()) + " differ",
                           a.location);
    }
  }
  shape = rows;
  shape.insert(shape.end(), columns.begin(), columns.end());
  std::vector<int> order_a = free_a, order_b = axes_b;
  order_a.insert(order_a.end(), axes_a.begin(), axes_a.end());
  order_b.insert(order_b.end(), free_b.begin(), free_b.end());
  const Value left = reshape(in(transpose(in(x), order_a)), {NumElements(rows), NumElements(depth_a)});
  const Value right = reshape(in(transpose(in(y), order_b)), {NumElements(depth_b), NumElements(columns)});
  const Value product = matmul(in(left), in(right));
  return product.ok() ? reshape(in(product), std::move(shape)) : product;
}

}  // namespace oriel
