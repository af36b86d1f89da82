// Reference kernels of elementwise ops.
#include <cmath>

#include "runtime/ops/random_bits.h"
#include "runtime/ops/reference_internal.h"

namespace oriel::reference {
namespace {

// fn(C) over a unary op's elements, C the computing type; the result is of the
// operand's type.
template <typename T, typename Fn>
absl::Status Map(const Call& call, Fn&& fn) {
  const T* x = Data<T>(call.operands[0]);
  T* y = Data<T>(call.results[0]);
  for (int64_t i = 0, n = call.results[0].size(); i < n; ++i) y[i] = Put<T>(fn(Get(x[i])));
  return absl::OkStatus();
}

template <typename T>
absl::Status FloatUnary(const Call& call) {
  using C = Compute<T>;
  switch (call.kind) {
    case OpKind::kNeg: return Map<T>(call, [](C x) { return -x; });
    case OpKind::kAbs: return Map<T>(call, [](C x) { return std::fabs(x); });
    case OpKind::kSign: return Map<T>(call, [](C x) { return x > 0 ? C{1} : x < 0 ? C{-1} : x == 0 ? C{0} : x; });
    case OpKind::kExp: return Map<T>(call, [](C x) { return std::exp(x); });
    case OpKind::kExpm1: return Map<T>(call, [](C x) { return std::expm1(x); });
    case OpKind::kLog: return Map<T>(call, [](C x) { return std::log(x); });
    case OpKind::kLog1p: return Map<T>(call, [](C x) { return std::log1p(x); });
    case OpKind::kSqrt: return Map<T>(call, [](C x) { return std::sqrt(x); });
    case OpKind::kRsqrt: return Map<T>(call, [](C x) { return 1 / std::sqrt(x); });
    case OpKind::kTanh: return Map<T>(call, [](C x) { return std::tanh(x); });
    case OpKind::kSigmoid:
      return Map<T>(call, [](C x) {
        const C e = std::exp(-std::fabs(x));  // e^-x alone overflows where the result is subnormal
        return (x < 0 ? e : C{1}) / (1 + e);
      });
    case OpKind::kErf: return Map<T>(call, [](C x) { return std::erf(x); });
    case OpKind::kSin: return Map<T>(call, [](C x) { return std::sin(x); });
    case OpKind::kCos: return Map<T>(call, [](C x) { return std::cos(x); });
    case OpKind::kFloor: return Map<T>(call, [](C x) { return std::floor(x); });
    case OpKind::kCeil: return Map<T>(call, [](C x) { return std::ceil(x); });
    default: return Map<T>(call, [](C x) { return std::nearbyint(x); });  // kRound: halves to even
  }
}

// Integers wrap: arithmetic is modulo 2^64 and then cut to the type's bits.
template <typename T>
absl::Status IntUnary(const Call& call) {
  switch (call.kind) {
    case OpKind::kNeg: return Map<T>(call, [](T x) { return uint64_t{0} - static_cast<uint64_t>(x); });
    case OpKind::kAbs:
      return Map<T>(call, [](T x) { return x < 0 ? uint64_t{0} - static_cast<uint64_t>(x) : static_cast<uint64_t>(x); });
    default: return Map<T>(call, [](T x) { return x > 0 ? 1 : x < 0 ? -1 : 0; });  // kSign
  }
}

// fn(C, C) over a binary op's elements.
template <typename T, typename Fn>
absl::Status Map2(const Call& call, Fn&& fn) {
  const T *a = Data<T>(call.operands[0]), *b = Data<T>(call.operands[1]);
  T* y = Data<T>(call.results[0]);
  for (int64_t i = 0, n = call.results[0].size(); i < n; ++i) y[i] = Put<T>(fn(Get(a[i]), Get(b[i])));
  return absl::OkStatus();
}

// Python's %: the remainder has the divisor's sign, also when it is zero.
template <typename C>
C FloatMod(C a, C b) {
  C mod = std::fmod(a, b);
  if (b == 0) return mod;  // NaN
  if (mod == 0) return std::copysign(C{0}, b);
  return (b < 0) != (mod < 0) ? mod + b : mod;
}

// Python's //. Dividing what the remainder leaves is exact up to rounding, so
// the nearest integer is meant, never the one below.
template <typename C>
C FloatFloorDiv(C a, C b) {
  if (b == 0) return a / b;
  C mod = std::fmod(a, b);
  C quotient = (a - mod) / b;
  if (mod != 0 && (b < 0) != (mod < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(C{0}, a / b);
  const C floor = std::floor(quotient);
  return quotient - floor > C{0.5} ? floor + 1 : floor;
}

template <typename T>
absl::Status FloatBinary(const Call& call) {
  using C = Compute<T>;
  switch (call.kind) {
    case OpKind::kAdd: return Map2<T>(call, [](C a, C b) { return a + b; });
    case OpKind::kSub: return Map2<T>(call, [](C a, C b) { return a - b; });
    case OpKind::kMul: return Map2<T>(call, [](C a, C b) { return a * b; });
    case OpKind::kDiv: return Map2<T>(call, [](C a, C b) { return a / b; });
    case OpKind::kFloorDiv: return Map2<T>(call, FloatFloorDiv<C>);
    case OpKind::kMod: return Map2<T>(call, FloatMod<C>);
    case OpKind::kMaximum: return Map2<T>(call, [](C a, C b) { return a >= b || a != a ? a : b; });
    case OpKind::kMinimum: return Map2<T>(call, [](C a, C b) { return a <= b || a != a ? a : b; });
    default: return Map2<T>(call, [](C a, C b) { return std::pow(a, b); });
  }
}

// Dividing by zero gives zero; the smallest value by -1 wraps to itself.
template <typename T>
T IntFloorDiv(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
    const T quotient = static_cast<T>(a / b);
    return a % b != 0 && (a < 0) != (b < 0) ? static_cast<T>(quotient - 1) : quotient;
  }
  return static_cast<T>(a / b);
}

template <typename T>
T IntMod(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
    const T mod = static_cast<T>(a % b);
    return mod != 0 && (mod < 0) != (b < 0) ? static_cast<T>(mod + b) : mod;
  }
  return static_cast<T>(a % b);
}

// By squaring, modulo 2^64. NumPy refuses negative powers of integers; here
// they are the truncated quotient 1 / a**-b, with 0 for a zero base.
template <typename T>
uint64_t IntPow(T base, T exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if constexpr (std::is_signed_v<T>) {
      if (base == -1) return exponent % 2 == 0 ? 1 : ~uint64_t{0};
    }
    return 0;
  }
  uint64_t result = 1, power = static_cast<uint64_t>(base);
  for (uint64_t bits = static_cast<uint64_t>(exponent); bits != 0; bits >>= 1, power *= power) {
    if (bits & 1) result *= power;
  }
  return result;
}

template <typename T>
absl::Status IntBinary(const Call& call) {
  using U = uint64_t;
  switch (call.kind) {
    case OpKind::kAdd: return Map2<T>(call, [](T a, T b) { return static_cast<U>(a) + static_cast<U>(b); });
    case OpKind::kSub: return Map2<T>(call, [](T a, T b) { return static_cast<U>(a) - static_cast<U>(b); });
    case OpKind::kMul: return Map2<T>(call, [](T a, T b) { return static_cast<U>(a) * static_cast<U>(b); });
    case OpKind::kFloorDiv: return Map2<T>(call, IntFloorDiv<T>);
    case OpKind::kMod: return Map2<T>(call, IntMod<T>);
    case OpKind::kMaximum: return Map2<T>(call, [](T a, T b) { return a >= b ? a : b; });
    case OpKind::kMinimum: return Map2<T>(call, [](T a, T b) { return a <= b ? a : b; });
    case OpKind::kRandomBits: return Map2<T>(call, [](T key, T counter) { return RandomBits(key, counter); });
    default: return Map2<T>(call, IntPow<T>);
  }
}

absl::Status BoolBinary(const Call& call) {
  switch (call.kind) {
    case OpKind::kAdd:
    case OpKind::kMaximum:
    case OpKind::kLogicalOr:
      return Map2<bool>(call, [](bool a, bool b) { return a || b; });
    case OpKind::kLogicalXor:
      return Map2<bool>(call, [](bool a, bool b) { return a != b; });
    default:  // kMul, kMinimum, kLogicalAnd
      return Map2<bool>(call, [](bool a, bool b) { return a && b; });
  }
}

template <typename C>
bool Holds(std::string_view predicate, C a, C b) {
  if (predicate == "eq") return a == b;
  if (predicate == "ne") return a != b;
  if (predicate == "lt") return a < b;
  if (predicate == "le") return a <= b;
  if (predicate == "gt") return a > b;
  return a >= b;
}

}  // namespace

absl::Status Unary(const Call& call) {
  return VisitDType(call.operands[0].dtype(), [&]<typename T>() {
    if constexpr (std::is_same_v<T, bool>) {
      const bool negate = call.kind == OpKind::kLogicalNot;  // else kAbs
      return Map<bool>(call, [&](bool x) { return x != negate; });
    } else if constexpr (std::is_floating_point_v<Compute<T>>) {
      return FloatUnary<T>(call);
    } else {
      return IntUnary<T>(call);
    }
  });
}

absl::Status Binary(const Call& call) {
  return VisitDType(call.operands[0].dtype(), [&]<typename T>() {
    if constexpr (std::is_same_v<T, bool>) {
      return BoolBinary(call);
    } else if constexpr (std::is_floating_point_v<Compute<T>>) {
      return FloatBinary<T>(call);
    } else {
      return IntBinary<T>(call);
    }
  });
}

absl::Status Compare(const Call& call) {
  const std::string predicate = call.Enum("predicate");
  return VisitDType(call.operands[0].dtype(), [&]<typename T>() {
    const T *a = Data<T>(call.operands[0]), *b = Data<T>(call.operands[1]);
    bool* y = Data<bool>(call.results[0]);
    for (int64_t i = 0, n = call.results[0].size(); i < n; ++i) y[i] = Holds(predicate, Get(a[i]), Get(b[i]));
    return absl::OkStatus();
  });
}

absl::Status Select(const Call& call) {
  const bool* condition = Data<bool>(call.operands[0]);
  return VisitSize(call.results[0].dtype(), [&]<typename T>() {
    const T *a = Data<T>(call.operands[1]), *b = Data<T>(call.operands[2]);
    T* y = Data<T>(call.results[0]);
    for (int64_t i = 0, n = call.results[0].size(); i < n; ++i) y[i] = condition[i] ? a[i] : b[i];
    return absl::OkStatus();
  });
}

absl::Status Iota(const Call& call) {
  const int64_t axis = call.Int("axis");
  return VisitDType(call.results[0].dtype(), [&]<typename T>() {
    T* y = Data<T>(call.results[0]);
    ForEachIndex(call.results[0].shape(), [&](const std::vector<int64_t>& index) {
      // Wide integers are exact; floats round the index once.
      if constexpr (std::is_floating_point_v<Compute<T>>) {
        *y++ = Put<T>(static_cast<double>(index[axis]));
      } else {
        *y++ = Put<T>(index[axis]);
      }
    });
    return absl::OkStatus();
  });
}

}  // namespace oriel::reference
