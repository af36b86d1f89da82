// Fitting operands to each other as NumPy 2 does: promotion, weak scalars,
// broadcasting. What is inserted is marked as derived.
#include <limits>

#include "oriel/config.h"
#include "oriel/errors.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel::graph {
namespace {

// Can the integer type hold the value?
bool Holds(DType dtype, int64_t value) {
  if (IsFloat(dtype) || IsBool(dtype)) return true;
  if (IsUnsigned(dtype)) {
    return value >= 0 && (SizeOf(dtype) == 8 || value < (int64_t{1} << (8 * SizeOf(dtype))));
  }
  if (SizeOf(dtype) == 8) return true;
  const int64_t limit = int64_t{1} << (8 * SizeOf(dtype) - 1);
  return value >= -limit && value < limit;
}

DType DefaultFor(WeakKind kind) {
  switch (kind) {
    case WeakKind::kBool:
      return DType::boolean;
    case WeakKind::kInt:
      return DType::i64;
    case WeakKind::kFloat:
      break;
  }
  return DType::f64;
}

}  // namespace

Value CastTo(const Value& x, DType dtype, const Location& at, bool derived) {
  if (!x.ok() || x.dtype() == dtype) return x;
  return MakeOp({.op = OpKind::kCast, .attrs = {{"dtype", dtype}}, .operands = {x}, .derived = derived}, at);
}

Value BroadcastTo(const Value& x, const Dims& shape, const Location& at, bool derived) {
  if (!x.ok() || x.shape() == shape) return x;
  const int offset = static_cast<int>(shape.size()) - x.rank();
  if (offset < 0) {
    return PoisonInvalid("broadcast_to: cannot broadcast " + ToString(x.shape()) + " to " + ToString(shape) +
                             ", which has fewer axes",
                         at);
  }
  std::vector<int64_t> axes;
  for (int axis = 0; axis < x.rank(); ++axis) axes.push_back(axis + offset);
  return MakeOp({.op = OpKind::kBroadcast,
                 .attrs = {{"shape", shape}, {"axes", std::move(axes)}},
                 .operands = {x},
                 .derived = derived},
                at);
}

Value WeakConstant(const Operand& operand, DType dtype, const Location& at) {
  const bool integral = *operand.weak != WeakKind::kFloat;
  if (integral && !Holds(dtype, operand.integer)) {
    return PoisonInvalid("the integer " + std::to_string(operand.integer) + " is out of bounds for " +
                             std::string(NumpyName(dtype)),
                         at);
  }
  const Tensor wide = integral ? Tensor::Scalar<int64_t>(operand.integer) : Tensor::Scalar<double>(operand.scalar);
  absl::StatusOr<Tensor> value = wide.Cast(dtype);
  if (!value.ok()) return Poison(value.status(), at);
  return MakeOp({.op = OpKind::kConstant, .attrs = {{"value", *std::move(value)}}, .derived = true}, at);
}

Value Strong(const Operand& operand) {
  if (!operand.weak) return operand.value;
  return WeakConstant(operand, DefaultFor(*operand.weak), operand.location);
}

DType PromotedDType(absl::Span<const Operand* const> operands) {
  std::optional<DType> dtype;
  std::optional<WeakKind> weak;
  for (const Operand* operand : operands) {
    if (operand->weak) {
      if (!weak || *operand->weak > *weak) weak = operand->weak;
    } else {
      dtype = dtype ? Promote(*dtype, operand->value.dtype()) : operand->value.dtype();
    }
  }
  if (!dtype) return weak ? DefaultFor(*weak) : DType::f64;
  return weak ? PromoteWeak(*dtype, *weak) : *dtype;
}

absl::Status CheckStrict(absl::Span<const Operand* const> operands, std::string_view op) {
  if (!Config::dtypes_are_strict() || InOriginScope()) return absl::OkStatus();
  std::optional<DType> dtype;
  for (const Operand* operand : operands) {
    if (operand->weak) continue;
    if (dtype && *dtype != operand->value.dtype()) {
      return DTypeError(std::string(op) + ": operands of " + std::string(NumpyName(*dtype)) + " and " +
                        std::string(NumpyName(operand->value.dtype())) +
                        "; strict_dtypes is on, so that one must be cast");
    }
    dtype = operand->value.dtype();
  }
  for (const Operand* operand : operands) {
    if (!dtype || !operand->weak || PromoteWeak(*dtype, *operand->weak) == *dtype) continue;
    return DTypeError(std::string(op) + ": a scalar of another kind would turn " + std::string(NumpyName(*dtype)) +
                      " into " + std::string(NumpyName(PromoteWeak(*dtype, *operand->weak))) +
                      "; strict_dtypes is on, so that the tensor must be cast");
  }
  return absl::OkStatus();
}

Value Fit(const Operand& operand, DType dtype, const Location& at) {
  return operand.weak ? WeakConstant(operand, dtype, at) : CastTo(operand.value, dtype, at);
}

absl::StatusOr<Dims> BroadcastShapes(const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims result(rank, Dim(1));
  for (size_t i = 0; i < rank; ++i) {  // from the last axis on
    const Dim left = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    const Dim right = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& dim = result[rank - 1 - i];
    if (left == Dim(1)) {
      dim = right;
    } else if (right == Dim(1)) {
      dim = left;
    } else {
      const DimOrder order = CompareDims(left, right);
      if (order == DimOrder::kLess || order == DimOrder::kGreater) {
        return absl::InvalidArgumentError("operands could not be broadcast together with shapes " + ToString(a) +
                                          " and " + ToString(b));
      }
      dim = right.is_static() ? right : left;
    }
  }
  return result;
}

absl::Status BroadcastTogether(std::vector<Value>* values, const Location& at) {
  Dims shape;
  for (const Value& value : *values) {
    ORIEL_ASSIGN_OR_RETURN(shape, BroadcastShapes(shape, value.shape()));
  }
  for (Value& value : *values) {
    // Axes that are equal only by requirement need no broadcast: the op that
    // takes the operands states the requirement.
    bool fits = value.shape().size() == shape.size();
    for (size_t axis = 0; fits && axis < shape.size(); ++axis) {
      fits = value.shape()[axis] != Dim(1) || shape[axis] == Dim(1);
    }
    if (!fits) value = BroadcastTo(value, shape, at);
    if (!value.ok()) return value.status();
  }
  return absl::OkStatus();
}

DType FloatFor(DType dtype) {
  if (IsFloat(dtype)) return dtype;
  switch (SizeOf(dtype)) {
    case 1:
      return DType::f16;
    case 2:
      return DType::f32;
    default:
      return DType::f64;
  }
}

absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, int rank, std::string_view op) {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  return absl::InvalidArgumentError(std::string(op) + ": axis " + std::to_string(axis) +
                                    " is out of range for a tensor of rank " + std::to_string(rank));
}

}  // namespace oriel::graph
