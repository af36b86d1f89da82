// Reductions, contractions, gathers and scatters of value.h.
#include <algorithm>

#include "oriel/errors.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::CastTo;
using graph::MakeOp;
using graph::Poison;
using graph::PoisonInvalid;

// Sorted, non-negative; all axes for none.
absl::StatusOr<std::vector<int64_t>> NormalizeAxes(const Axes& axes, int rank, const std::string& op) {
  std::vector<int64_t> normal;
  for (int axis : axes) {
    ORIEL_ASSIGN_OR_RETURN(const int64_t at, graph::NormalizeAxis(axis, rank, op));
    normal.push_back(at);
  }
  std::sort(normal.begin(), normal.end());
  if (auto twice = std::adjacent_find(normal.begin(), normal.end()); twice != normal.end()) {
    return absl::InvalidArgumentError(op + ": axis " + std::to_string(*twice) + " is given twice");
  }
  if (axes.empty()) {
    for (int axis = 0; axis < rank; ++axis) normal.push_back(axis);
  }
  return normal;
}

// `dtype` of the operand's: what NumPy accumulates in.
Value Reduce(std::string kind, const Operand& x, DType (*dtype)(DType), const Axes& axes, bool keepdims) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  absl::StatusOr<std::vector<int64_t>> normal = NormalizeAxes(axes, value.rank(), kind);
  if (!normal.ok()) return Poison(normal.status(), x.location);
  const Value operand = CastTo(value, dtype(value.dtype()), x.location);
  if (normal->empty()) return operand;  // a scalar is its own reduction
  return MakeOp({.op = OpKind::kReduce,
                 .attrs = {{"kind", std::move(kind)}, {"axes", *std::move(normal)}, {"keepdims", keepdims}},
                 .operands = {operand}},
                x.location);
}

DType Same(DType t) { return t; }
DType Bool(DType) { return DType::boolean; }
DType Accumulating(DType t) {
  if (IsFloat(t)) return t;
  return IsUnsigned(t) ? DType::u64 : DType::i64;
}
DType FloatOrDouble(DType t) { return IsFloat(t) ? t : DType::f64; }

Value ArgReduce(OpKind op, const Operand& x, std::optional<int> axis, bool keepdims) {
  Value value = graph::Strong(x);
  if (!value.ok()) return value;
  const std::string& name = GetOpInfo(op).mnemonic;
  // Without an axis the index is into the flattened tensor.
  if (!axis) {
    const Dims ones(value.shape().size(), Dim(1));
    const Value flat = reshape(Operand(value, x.location), {NumElements(value.shape())});
    const Value index = MakeOp({.op = op, .attrs = {{"axis", int64_t{0}}, {"keepdims", false}}, .operands = {flat}},
                               x.location);
    return keepdims && index.ok() ? reshape(Operand(index, x.location), ones) : index;
  }
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(*axis, value.rank(), name);
  if (!normal.ok()) return Poison(normal.status(), x.location);
  return MakeOp({.op = op, .attrs = {{"axis", *normal}, {"keepdims", keepdims}}, .operands = {value}}, x.location);
}

// int64 index tensors of one shape.
absl::Status FitIndices(std::vector<Value>* indices, std::string_view op, const Location& at) {
  if (indices->empty()) return absl::InvalidArgumentError(std::string(op) + ": takes at least 1 index, got 0");
  for (Value& index : *indices) {
    if (!index.ok()) return index.status();
    if (!IsInteger(index.dtype())) {
      return DTypeError(std::string(op) + ": an index must be of integers, got " + std::string(NumpyName(index.dtype())));
    }
    index = CastTo(index, DType::i64, at);
  }
  return Prefixed(graph::BroadcastTogether(indices, at), std::string(op) + ": indices");
}

Value Scatter(std::string kind, const Operand& x, std::vector<Value> indices, const Value& updates, int axis,
              const Location& at) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (!updates.ok()) return updates;
  const std::string name = "scatter_" + kind;
  if (auto poisoned = graph::FirstPoisoned(indices)) return *poisoned;
  if (absl::Status status = FitIndices(&indices, name, at); !status.ok()) return Poison(status, at);
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(axis, value.rank(), name);
  if (!normal.ok()) return Poison(normal.status(), at);
  const size_t k = indices.size();
  Value fitted = CastTo(updates, value.dtype(), at);
  if (*normal + static_cast<int64_t>(k) <= value.rank()) {
    // Updates broadcast to the slices they go to.
    Dims picked(value.shape().begin(), value.shape().begin() + *normal);
    picked.insert(picked.end(), indices[0].shape().begin(), indices[0].shape().end());
    picked.insert(picked.end(), value.shape().begin() + *normal + static_cast<int64_t>(k), value.shape().end());
    absl::StatusOr<Dims> together = graph::BroadcastShapes(picked, fitted.shape());
    const bool fits = fitted.shape().size() == picked.size();
    bool repeats = !fits;
    for (size_t i = 0; fits && i < picked.size(); ++i) {
      repeats = repeats || (fitted.shape()[i] == Dim(1) && picked[i] != Dim(1));
    }
    if (together.ok() && together->size() == picked.size() && repeats) fitted = graph::BroadcastTo(fitted, picked, at);
  }
  std::vector<Value> operands = {value, fitted};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return MakeOp({.op = OpKind::kScatter,
                 .attrs = {{"axis", *normal}, {"kind", std::move(kind)}},
                 .operands = std::move(operands)},
                at);
}

}  // namespace

Value sum(const Operand& x, Axes axes, bool keepdims) { return Reduce("sum", x, Accumulating, axes, keepdims); }
Value prod(const Operand& x, Axes axes, bool keepdims) { return Reduce("prod", x, Accumulating, axes, keepdims); }
Value reduce_max(const Operand& x, Axes axes, bool keepdims) { return Reduce("max", x, Same, axes, keepdims); }
Value reduce_min(const Operand& x, Axes axes, bool keepdims) { return Reduce("min", x, Same, axes, keepdims); }
Value mean(const Operand& x, Axes axes, bool keepdims) { return Reduce("mean", x, FloatOrDouble, axes, keepdims); }
Value any(const Operand& x, Axes axes, bool keepdims) { return Reduce("any", x, Bool, axes, keepdims); }
Value all_of(const Operand& x, Axes axes, bool keepdims) { return Reduce("all", x, Bool, axes, keepdims); }
Value argmax(const Operand& x, std::optional<int> axis, bool keepdims) {
  return ArgReduce(OpKind::kArgMax, x, axis, keepdims);
}
Value argmin(const Operand& x, std::optional<int> axis, bool keepdims) {
  return ArgReduce(OpKind::kArgMin, x, axis, keepdims);
}

// ---- contractions ----

Value dot(const Operand& a, const Operand& b) {
  const bool scalar = (a.weak || a.value.rank() == 0) || (b.weak || b.value.rank() == 0);
  const bool poisoned = (!a.weak && !a.value.ok()) || (!b.weak && !b.value.ok());
  return scalar && !poisoned ? mul(a, b) : matmul(a, b);
}

Value matmul(const Operand& a, const Operand& b) {
  const Location& at = a.location;
  Value x = graph::Strong(a), y = graph::Strong(b);
  if (!x.ok()) return x;
  if (!y.ok()) return y;
  const Operand left_side(x, at), right_side(y, at);
  const Operand* const sides[] = {&left_side, &right_side};
  if (absl::Status strict = graph::CheckStrict(sides, "matmul"); !strict.ok()) return graph::Poison(strict, at);
  const DType dtype = Promote(x.dtype(), y.dtype());
  if (IsBool(dtype)) {
    // Is any product true? Counted in int32, which no real length overflows.
    const Value count = matmul(Operand(CastTo(x, DType::i32, at), at), Operand(CastTo(y, DType::i32, at), at));
    return CastTo(count, DType::boolean, at);
  }
  x = CastTo(x, dtype, at);
  y = CastTo(y, dtype, at);
  const auto product = [&](const Value& left, const Value& right) {
    return MakeOp({.op = OpKind::kMatMul, .operands = {left, right}}, at);
  };
  if (x.rank() < 2 || y.rank() < 2 || (x.rank() == 2 && y.rank() == 2)) return product(x, y);
  if (y.rank() == 2) {
    // One matrix on the right of a batch: all rows at once.
    Dims rows(x.shape().begin(), x.shape().end() - 1);
    Dims result = rows;
    result.push_back(y.shape()[1]);
    const Value flat = reshape(Operand(x, at), {NumElements(rows), x.shape().back()});
    const Value all_rows = product(flat, y);
    return all_rows.ok() ? reshape(Operand(all_rows, at), std::move(result)) : all_rows;
  }
  const Dims batch_x(x.shape().begin(), x.shape().end() - 2), batch_y(y.shape().begin(), y.shape().end() - 2);
  absl::StatusOr<Dims> batch = graph::BroadcastShapes(batch_x, batch_y);
  if (!batch.ok()) {
    return PoisonInvalid("matmul: batch axes of " + ToString(x.shape()) + " and " + ToString(y.shape()) +
                             " could not be broadcast together",
                         at);
  }
  auto with_batch = [&](const Value& value) {
    bool fits = value.shape().size() == batch->size() + 2;
    for (size_t i = 0; fits && i < batch->size(); ++i) fits = value.shape()[i] != Dim(1) || (*batch)[i] == Dim(1);
    if (fits) return value;
    Dims shape = *batch;
    shape.insert(shape.end(), value.shape().end() - 2, value.shape().end());
    return graph::BroadcastTo(value, shape, at);
  };
  return product(with_batch(x), with_batch(y));
}

// ---- indexing by values ----

Value gather(const Operand& x, std::vector<Value> indices, int axis, Location at) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (auto poisoned = graph::FirstPoisoned(indices)) return *poisoned;
  if (absl::Status status = FitIndices(&indices, "gather", at); !status.ok()) return Poison(status, at);
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(axis, value.rank(), "gather");
  if (!normal.ok()) return Poison(normal.status(), at);
  std::vector<Value> operands = {value};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return MakeOp({.op = OpKind::kGather, .attrs = {{"axis", *normal}}, .operands = std::move(operands)}, at);
}

Value scatter_add(const Operand& x, std::vector<Value> indices, const Value& updates, int axis, Location at) {
  return Scatter("add", x, std::move(indices), updates, axis, at);
}

Value scatter_set(const Operand& x, std::vector<Value> indices, const Value& updates, int axis, Location at) {
  return Scatter("set", x, std::move(indices), updates, axis, at);
}

Value dynamic_slice(const Operand& x, std::vector<Value> starts, Dims sizes, Location at) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  std::vector<Value> operands = {value};
  for (const Value& start : starts) {
    if (!start.ok()) return start;
    if (!IsInteger(start.dtype())) {
      return PoisonInvalid("dynamic_slice: a start must be an integer, got " + std::string(NumpyName(start.dtype())),
                           at);
    }
    operands.push_back(CastTo(start, DType::i64, at));
  }
  return MakeOp({.op = OpKind::kDynamicSlice, .attrs = {{"sizes", std::move(sizes)}}, .operands = std::move(operands)},
                at);
}

}  // namespace oriel
