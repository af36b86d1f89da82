// Elementwise functions of value.h: promotion, broadcasting, then one op.
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::CastTo;
using graph::Fit;
using graph::MakeOp;
using graph::Poison;
using graph::PoisonInvalid;

std::optional<Value> PoisonedOf(std::initializer_list<const Operand*> operands) {
  for (const Operand* operand : operands) {
    if (operand->weak || operand->value.ok()) continue;
    // An empty Value has no place of its own: the use is where it went wrong.
    if (operand->value.node() == nullptr) return Poison(operand->value.status(), operand->location);
    return operand->value;
  }
  return std::nullopt;
}

// The same, and what strict_dtypes refuses.
std::optional<Value> RefusedOf(std::initializer_list<const Operand*> operands, std::string_view op) {
  if (auto poisoned = PoisonedOf(operands)) return *poisoned;
  const absl::Status strict = graph::CheckStrict(absl::MakeConstSpan(operands.begin(), operands.size()), op);
  if (!strict.ok()) return Poison(strict, (*operands.begin())->location);
  return std::nullopt;
}

Value Unary(OpKind op, const Operand& x, DType dtype) {
  const Value operand = Fit(x, dtype, x.location);
  return MakeOp({.op = op, .operands = {operand}}, x.location);
}

// The dtype of a weak scalar alone is the one it becomes.
DType DTypeOfOperand(const Operand& x) {
  const Operand* const operands[] = {&x};
  return graph::PromotedDType(operands);
}

// exp and its like: integers and bool become the float NumPy computes in.
Value FloatUnary(OpKind op, const Operand& x) {
  if (auto poisoned = PoisonedOf({&x})) return *poisoned;
  return Unary(op, x, graph::FloatFor(DTypeOfOperand(x)));
}

Value SameUnary(OpKind op, const Operand& x) {
  if (auto poisoned = PoisonedOf({&x})) return *poisoned;
  return Unary(op, x, DTypeOfOperand(x));
}

// floor, ceil, round: integers are what they are already.
Value RoundingUnary(OpKind op, const Operand& x) {
  if (auto poisoned = PoisonedOf({&x})) return *poisoned;
  const DType dtype = DTypeOfOperand(x);
  if (!IsFloat(dtype)) return Fit(x, dtype, x.location);
  return Unary(op, x, dtype);
}

// Two operands of `dtype`, broadcast together, into one op.
Value Combine(OpKind op, Attrs attrs, const Operand& a, const Operand& b, DType dtype) {
  const Location& at = a.location;
  std::vector<Value> operands = {Fit(a, dtype, at), Fit(b, dtype, at)};
  if (auto poisoned = graph::FirstPoisoned(operands)) return *poisoned;
  if (absl::Status status = graph::BroadcastTogether(&operands, at); !status.ok()) {
    return Poison(Prefixed(status, GetOpInfo(op).mnemonic), at);
  }
  return MakeOp({.op = op, .attrs = std::move(attrs), .operands = std::move(operands)}, at);
}

DType Promoted(const Operand& a, const Operand& b) {
  const Operand* const operands[] = {&a, &b};
  return graph::PromotedDType(operands);
}

Value Binary(OpKind op, const Operand& a, const Operand& b) {
  if (auto refused = RefusedOf({&a, &b}, GetOpInfo(op).mnemonic)) return *refused;
  return Combine(op, {}, a, b, Promoted(a, b));
}

// // % and ** of two bools are computed as int8.
Value IntegralBinary(OpKind op, const Operand& a, const Operand& b) {
  if (auto refused = RefusedOf({&a, &b}, GetOpInfo(op).mnemonic)) return *refused;
  const DType dtype = Promoted(a, b);
  return Combine(op, {}, a, b, IsBool(dtype) ? DType::i8 : dtype);
}

// uint64 against a signed integer: no integer type holds both, and float64 only
// their leading 53 bits. A negative number is less than any unsigned one; the
// others compare as uint64, exactly, as in NumPy 2.
Value CompareSigns(const std::string& predicate, const Operand& unsigned_one, const Operand& signed_one) {
  const Location& at = unsigned_one.location;
  // Of the unsigned one against something negative.
  const bool negative = predicate == "ne" || predicate == "gt" || predicate == "ge";
  Value same_sign, sign;
  {
    const graph::OriginScope origin(absl::Span<const Value>(), "exact comparison", at);
    const Value magnitude = CastTo(graph::Strong(signed_one), DType::u64, at);
    same_sign = Combine(OpKind::kCompare, {{"predicate", predicate}}, unsigned_one, Operand(magnitude, at), DType::u64);
    sign = Combine(OpKind::kCompare, {{"predicate", std::string(negative ? "lt" : "ge")}}, signed_one, Operand(0, at), signed_one.value.dtype());
  }
  return Combine(negative ? OpKind::kLogicalOr : OpKind::kLogicalAnd, {}, Operand(same_sign, at), Operand(sign, at), DType::boolean);
}

Value Compare(std::string predicate, const Operand& a, const Operand& b) {
  if (auto refused = RefusedOf({&a, &b}, "compare")) return *refused;
  if (!a.weak && !b.weak) {
    if (a.value.dtype() == DType::u64 && IsSigned(b.value.dtype())) return CompareSigns(predicate, a, b);
    if (b.value.dtype() == DType::u64 && IsSigned(a.value.dtype())) {
      if (predicate[0] == 'l') predicate[0] = 'g';
      else if (predicate[0] == 'g') predicate[0] = 'l';
      return CompareSigns(predicate, Operand(b.value, a.location), a);
    }
  }
  DType dtype = Promoted(a, b);
  // A weak integer that the other operand's type cannot hold still compares as
  // the number it is.
  if (IsInteger(dtype) && SizeOf(dtype) < 8 && (a.weak || b.weak)) {
    const Operand& weak = a.weak ? a : b;
    if (!graph::WeakConstant(weak, dtype, weak.location).ok()) dtype = DType::i64;
  }
  if (dtype == DType::u64 && ((a.weak && a.integer < 0) || (b.weak && b.integer < 0))) dtype = DType::f64;
  return Combine(OpKind::kCompare, {{"predicate", std::move(predicate)}}, a, b, dtype);
}

Value Logical(OpKind op, const Operand& a, const Operand& b) {
  if (auto poisoned = PoisonedOf({&a, &b})) return *poisoned;
  // Through its own dtype: 0.5 is true.
  const Value x = CastTo(graph::Strong(a), DType::boolean, a.location);
  const Value y = CastTo(graph::Strong(b), DType::boolean, a.location);
  return Combine(op, {}, Operand(x, a.location), Operand(y, a.location), DType::boolean);
}

}  // namespace

#define ORIEL_DEFINE_UNARY(name, rule, kind) \
  Value name(const Operand& x) { return rule(OpKind::kind, x); }
ORIEL_DEFINE_UNARY(neg, SameUnary, kNeg)
ORIEL_DEFINE_UNARY(abs, SameUnary, kAbs)
ORIEL_DEFINE_UNARY(sign, SameUnary, kSign)
ORIEL_DEFINE_UNARY(exp, FloatUnary, kExp)
ORIEL_DEFINE_UNARY(expm1, FloatUnary, kExpm1)
ORIEL_DEFINE_UNARY(log, FloatUnary, kLog)
ORIEL_DEFINE_UNARY(log1p, FloatUnary, kLog1p)
ORIEL_DEFINE_UNARY(sqrt, FloatUnary, kSqrt)
ORIEL_DEFINE_UNARY(rsqrt, FloatUnary, kRsqrt)
ORIEL_DEFINE_UNARY(tanh, FloatUnary, kTanh)
ORIEL_DEFINE_UNARY(sigmoid, FloatUnary, kSigmoid)
ORIEL_DEFINE_UNARY(erf, FloatUnary, kErf)
ORIEL_DEFINE_UNARY(sin, FloatUnary, kSin)
ORIEL_DEFINE_UNARY(cos, FloatUnary, kCos)
ORIEL_DEFINE_UNARY(floor, RoundingUnary, kFloor)
ORIEL_DEFINE_UNARY(ceil, RoundingUnary, kCeil)
ORIEL_DEFINE_UNARY(round, RoundingUnary, kRound)
#undef ORIEL_DEFINE_UNARY

Value logical_not(const Operand& x) {
  if (auto poisoned = PoisonedOf({&x})) return *poisoned;
  return MakeOp({.op = OpKind::kLogicalNot, .operands = {CastTo(graph::Strong(x), DType::boolean, x.location)}},
                x.location);
}

#define ORIEL_DEFINE_BINARY(name, rule, kind) \
  Value name(const Operand& a, const Operand& b) { return rule(OpKind::kind, a, b); }
ORIEL_DEFINE_BINARY(add, Binary, kAdd)
ORIEL_DEFINE_BINARY(sub, Binary, kSub)
ORIEL_DEFINE_BINARY(mul, Binary, kMul)
ORIEL_DEFINE_BINARY(floor_div, IntegralBinary, kFloorDiv)
ORIEL_DEFINE_BINARY(mod, IntegralBinary, kMod)
ORIEL_DEFINE_BINARY(maximum, Binary, kMaximum)
ORIEL_DEFINE_BINARY(minimum, Binary, kMinimum)
ORIEL_DEFINE_BINARY(logical_and, Logical, kLogicalAnd)
ORIEL_DEFINE_BINARY(logical_or, Logical, kLogicalOr)
ORIEL_DEFINE_BINARY(logical_xor, Logical, kLogicalXor)
#undef ORIEL_DEFINE_BINARY

// True division of integers is float64 whatever their width (np.true_divide).
Value div(const Operand& a, const Operand& b) {
  if (auto refused = RefusedOf({&a, &b}, "div")) return *refused;
  const DType dtype = Promoted(a, b);
  return Combine(OpKind::kDiv, {}, a, b, IsFloat(dtype) ? dtype : DType::f64);
}

Value pow(const Operand& a, const Operand& b) {
  if (auto poisoned = PoisonedOf({&a, &b})) return *poisoned;
  if (b.weak && b.integer < 0 && !IsFloat(Promoted(a, b))) {
    return PoisonInvalid("pow: integers to negative integer powers are not allowed, got the power " +
                             std::to_string(b.integer),
                         a.location);
  }
  return IntegralBinary(OpKind::kPow, a, b);
}

#define ORIEL_DEFINE_COMPARE(name, predicate) \
  Value name(const Operand& a, const Operand& b) { return Compare(predicate, a, b); }
ORIEL_DEFINE_COMPARE(equal, "eq")
ORIEL_DEFINE_COMPARE(not_equal, "ne")
ORIEL_DEFINE_COMPARE(less, "lt")
ORIEL_DEFINE_COMPARE(less_equal, "le")
ORIEL_DEFINE_COMPARE(greater, "gt")
ORIEL_DEFINE_COMPARE(greater_equal, "ge")
#undef ORIEL_DEFINE_COMPARE

Value select(const Operand& condition, const Operand& on_true, const Operand& on_false) {
  if (auto poisoned = PoisonedOf({&condition, &on_true, &on_false})) return *poisoned;
  if (auto refused = RefusedOf({&on_true, &on_false}, "select")) return *refused;
  const Location& at = condition.location;
  const DType dtype = Promoted(on_true, on_false);
  std::vector<Value> operands = {CastTo(graph::Strong(condition), DType::boolean, at), Fit(on_true, dtype, at),
                                 Fit(on_false, dtype, at)};
  if (auto poisoned = graph::FirstPoisoned(operands)) return *poisoned;
  if (absl::Status status = graph::BroadcastTogether(&operands, at); !status.ok()) {
    return Poison(Prefixed(status, "select"), at);
  }
  return MakeOp({.op = OpKind::kSelect, .operands = std::move(operands)}, at);
}

Value cast(const Operand& x, DType dtype) {
  if (auto poisoned = PoisonedOf({&x})) return *poisoned;
  return CastTo(graph::Strong(x), dtype, x.location, /*derived=*/false);
}

}  // namespace oriel
