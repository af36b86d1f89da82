// compose.h: shapes as values, making, elementwise.
#include "oriel/compose.h"

#include <algorithm>
#include <cmath>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::CastTo;
using graph::Node;
using graph::PoisonInvalid;
using graph::Strong;

const Node* OpNode(const Value& value, OpKind kind) {
  const Node* node = value.node().get();
  return node != nullptr && node->kind == graph::NodeKind::kOp && node->op == kind ? node : nullptr;
}

// Nesting deeper than any program's arithmetic on sizes.
constexpr int kMaxDepth = 64;

std::optional<Dim> DimOfScalar(const Value& value, int depth);

std::optional<Dim> ConstantDim(const Node& node, absl::Span<const int64_t> index) {
  const Tensor& tensor = *node.attrs.Get<Tensor>("value");
  return IsInteger(tensor.dtype()) ? std::optional<Dim>(tensor.ElementAsInt(index)) : std::nullopt;
}

// Element `i` of a vector.
std::optional<Dim> DimOfElement(const Value& vector, int64_t i, int depth) {
  if (depth > kMaxDepth || !vector.ok() || vector.rank() != 1) return std::nullopt;
  if (const Node* node = OpNode(vector, OpKind::kConstant)) return ConstantDim(*node, {i});
  if (const Node* node = OpNode(vector, OpKind::kReshape)) {
    const Value& from = node->operands[0];
    if (from.rank() == 0 && i == 0) return DimOfScalar(from, depth + 1);
    return from.rank() == 1 ? DimOfElement(from, i, depth + 1) : std::nullopt;
  }
  if (const Node* node = OpNode(vector, OpKind::kCast)) {
    return IsInteger(vector.dtype()) ? DimOfElement(node->operands[0], i, depth + 1) : std::nullopt;
  }
  if (const Node* node = OpNode(vector, OpKind::kSlice)) {
    const Dim& start = (*node->attrs.Get<Dims>("starts"))[0];
    if (!start.is_static()) return std::nullopt;
    return DimOfElement(node->operands[0], start.value() + i * (*node->attrs.Get<std::vector<int64_t>>("steps"))[0],
                        depth + 1);
  }
  if (const Node* node = OpNode(vector, OpKind::kConcatenate)) {
    for (const Value& part : node->operands) {
      const Dim& extent = part.shape()[0];
      if (!extent.is_static()) return std::nullopt;
      if (i < extent.value()) return DimOfElement(part, i, depth + 1);
      i -= extent.value();
    }
  }
  return std::nullopt;
}

std::optional<Dim> DimOfScalar(const Value& value, int depth) {
  if (depth > kMaxDepth || !value.ok() || value.rank() != 0 || !IsInteger(value.dtype())) return std::nullopt;
  const Node* node = value.node().get();
  if (node->kind != graph::NodeKind::kOp) return std::nullopt;
  const auto operand = [&](size_t i) { return DimOfScalar(node->operands[i], depth + 1); };
  switch (node->op) {
    case OpKind::kConstant:
      return ConstantDim(*node, {});
    case OpKind::kDimValue:
      return (*node->attrs.Get<Dims>("dim"))[0];
    case OpKind::kCast:
      return operand(0);
    case OpKind::kNeg:
      if (auto x = operand(0)) return -*x;
      return std::nullopt;
    case OpKind::kReshape:
      return node->operands[0].rank() == 1 ? DimOfElement(node->operands[0], 0, depth + 1) : operand(0);
    default:
      break;
  }
  if (node->op == OpKind::kReduce && node->operands[0].rank() == 1 && *node->attrs.Get<std::string>("kind") == "prod") {
    const std::optional<Dims> dims = AsDims(node->operands[0]);
    return dims ? std::optional<Dim>(NumElements(*dims)) : std::nullopt;
  }
  if (node->operands.size() != 2) return std::nullopt;
  const std::optional<Dim> a = operand(0), b = operand(1);
  if (!a || !b) return std::nullopt;
  switch (node->op) {
    case OpKind::kAdd: return *a + *b;
    case OpKind::kSub: return *a - *b;
    case OpKind::kMul: return *a * *b;
    case OpKind::kMaximum: return Dim::Max(*a, *b);
    case OpKind::kMinimum: return Dim::Min(*a, *b);
    case OpKind::kFloorDiv: return *b == Dim(0) ? std::nullopt : std::optional<Dim>(Dim::FloorDiv(*a, *b));
    case OpKind::kMod: return *b == Dim(0) ? std::nullopt : std::optional<Dim>(Dim::Mod(*a, *b));
    default: return std::nullopt;
  }
}

// The operand as a float, as NumPy's float functions take it.
Value Float(const Operand& x) {
  const Value value = Strong(x);
  return value.ok() ? CastTo(value, graph::FloatFor(value.dtype()), x.location) : value;
}

}  // namespace

Value shape_of(const Operand& x) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  std::vector<Value> dims;
  for (const Dim& dim : value.shape()) dims.push_back(dim_value(dim, x.location));
  if (dims.empty()) return zeros({0}, DType::i64, x.location);
  return stack(dims, 0, x.location);
}

std::optional<Dim> AsDim(const Value& scalar) { return DimOfScalar(scalar, 0); }

std::optional<Dims> AsDims(const Value& vector) {
  if (!vector.ok() || vector.rank() != 1 || !vector.shape()[0].is_static()) return std::nullopt;
  Dims dims;
  for (int64_t i = 0; i < vector.shape()[0].value(); ++i) {
    std::optional<Dim> dim = DimOfElement(vector, i, 0);
    if (!dim) return std::nullopt;
    dims.push_back(*std::move(dim));
  }
  return dims;
}

// ---- making ----

Value full(Dims shape, const Operand& fill, std::optional<DType> dtype) {
  const Value one = dtype ? graph::Fit(fill, *dtype, fill.location) : Strong(fill);
  return one.ok() ? broadcast_to(Operand(one, fill.location), std::move(shape)) : one;
}
Value zeros(Dims shape, DType dtype, Location at) { return full(std::move(shape), Operand(0, at), dtype); }
Value ones(Dims shape, DType dtype, Location at) { return full(std::move(shape), Operand(1, at), dtype); }

Value full_like(const Operand& x, const Operand& fill, std::optional<DType> dtype) {
  const Value like = Strong(x);
  if (!like.ok()) return like;
  return full(like.shape(), fill, dtype.value_or(like.dtype()));
}
Value zeros_like(const Operand& x, std::optional<DType> dtype) { return full_like(x, Operand(0, x.location), dtype); }
Value ones_like(const Operand& x, std::optional<DType> dtype) { return full_like(x, Operand(1, x.location), dtype); }

Value eye(const Dim& rows, const Dim& columns, int64_t k, DType dtype, Location at) {
  const auto in = [&](const Value& v) { return Operand(v, at); };
  const Dims shape = {rows, columns};
  Value row = iota(shape, 0, DType::i64, at);
  if (k != 0) row = add(in(row), Operand(k, at));
  return cast(in(equal(in(row), in(iota(shape, 1, DType::i64, at)))), dtype);
}

Value identity_like(const Operand& matrix) {
  const Value like = Strong(matrix);
  if (!like.ok()) return like;
  if (like.rank() != 2) {
    return PoisonInvalid("identity_like: takes a matrix, got shape " + ToString(like.shape()), matrix.location);
  }
  return eye(like.shape()[0], like.shape()[1], 0, like.dtype(), matrix.location);
}

Value arange(const Dim& start, const Dim& stop, int64_t step, DType dtype, Location at) {
  if (step == 0) return PoisonInvalid("arange: the step is 0", at);
  Dim count = step > 0 ? Dim::CeilDiv(stop - start, Dim(step)) : Dim::CeilDiv(start - stop, Dim(-step));
  count = count.is_static() ? Dim(std::max<int64_t>(count.value(), 0)) : count;
  if (!count.is_static() && !ProvablyAtMost(Dim(0), count)) count = Dim::Max(Dim(0), count);
  Value ramp = iota({count}, 0, DType::i64, at);
  if (step != 1) ramp = mul(Operand(ramp, at), Operand(step, at));
  if (start != Dim(0)) ramp = add(Operand(ramp, at), Operand(dim_value(start, at), at));
  return CastTo(ramp, dtype, at);
}

Value arange_floats(double start, double stop, double step, DType dtype, Location at) {
  const double length = std::ceil((stop - start) / step);
  if (!(std::abs(length) < 9e15)) {
    return PoisonInvalid("arange: from " + std::to_string(start) + " to " + std::to_string(stop) + " by " +
                             std::to_string(step) + " is no number of elements",
                         at);
  }
  const int64_t count = std::max<int64_t>(0, static_cast<int64_t>(length));
  Value ramp = iota({Dim(count)}, 0, DType::f64, at);
  // NumPy's step is the difference of the first two elements.
  const double delta = (start + step) - start;
  ramp = add(Operand(mul(Operand(ramp, at), Operand(delta, at)), at), Operand(start, at));
  return CastTo(ramp, dtype, at);
}

// ---- elementwise ----

Value clip(const Operand& x, const Operand& low, const Operand& high) {
  // As np.clip: the upper bound wins.
  const Value raised = maximum(x, Operand(low));
  return minimum(Operand(raised, x.location), high);
}
Value square(const Operand& x) { return mul(x, x); }
Value reciprocal(const Operand& x) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  if (IsFloat(value.dtype())) return div(Operand(1, x.location), x);
  return floor_div(Operand(1, x.location), x);
}
Value isnan(const Operand& x) { return not_equal(x, x); }
Value isinf(const Operand& x) {
  const Value value = Strong(x);
  if (!value.ok()) return value;
  if (!IsFloat(value.dtype())) return full(value.shape(), Operand(false, x.location), DType::boolean);
  return equal(Operand(abs(x), x.location), Operand(HUGE_VAL, x.location));
}
Value log2(const Operand& x) {
  return mul(Operand(log(Operand(Float(x), x.location)), x.location), Operand(1.4426950408889634, x.location));
}
Value log10(const Operand& x) {
  return mul(Operand(log(Operand(Float(x), x.location)), x.location), Operand(0.4342944819032518, x.location));
}
Value exp2(const Operand& x) {
  const Value value = Float(x);
  return pow(Operand(full_like(Operand(value, x.location), Operand(2, x.location)), x.location),
             Operand(value, x.location));
}
Value tan(const Operand& x) { return div(Operand(sin(x), x.location), Operand(cos(x), x.location)); }
Value sinh(const Operand& x) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  const Operand half(0.5, x.location), one(1, x.location), bound(10, x.location);
  const Value value = Float(x);
  const Value magnitude = abs(in(value));
  // From expm1, exact near 0: (u + u / (u + 1)) / 2 with u = expm1(x). Beyond, half
  // the exponent twice, as in cosh: finite as long as the result is.
  const Value u = expm1(in(minimum(in(magnitude), bound)));
  const Value near = mul(in(add(in(u), in(div(in(u), in(add(in(u), one)))))), half);
  const Value e = exp(in(mul(in(magnitude), half)));
  const Value far = sub(in(mul(in(mul(in(e), half)), in(e))), in(div(in(div(half, in(e))), in(e))));
  const Value result = mul(in(sign(in(value))), in(select(in(greater(in(magnitude), bound)), in(far), in(near))));
  // sign() of -0 is 0.
  return select(in(equal(in(value), Operand(0, x.location))), in(value), in(result));
}
Value cosh(const Operand& x) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  const Operand half(0.5, x.location);
  // Half the exponent twice: finite as long as the result is.
  const Value e = exp(in(mul(in(abs(in(Float(x)))), half)));
  return add(in(mul(in(mul(in(e), half)), in(e))), in(div(in(div(half, in(e))), in(e))));
}
Value logaddexp(const Operand& a, const Operand& b) {
  const auto in = [&](const Value& v) { return Operand(v, a.location); };
  const Value x = Float(a), y = Float(b);
  const Value top = maximum(in(x), in(y));
  const Value distance = abs(in(sub(in(x), in(y))));
  // Equal infinities have no distance.
  const Value same = equal(in(x), in(y));
  const Value gap = select(in(same), in(zeros_like(in(top))), in(distance));
  return add(in(top), in(log1p(in(exp(in(neg(in(gap))))))));
}

}  // namespace oriel
