//===- ExpandMathLog.cpp - log, log1p, pow --------------------------------===//
//
// All write x = 2^k m with m in [sqrt(1/2), sqrt(2)) and use
// log(m) = 2 atanh(s), s = f / (2 + f), f = m - 1.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MathBuilder.h"

using namespace mlir;

namespace oriel {
namespace {

// ln 2 with enough trailing zeros that k * high is exact.
constexpr Pair kLn2High = {0x1.62e4p-1, 0x1.62e42fefa3p-1};
constexpr Pair kLn2Low = {0x1.7f7d1cp-20, 0x1.3de6af278ece6p-42};

// 2 atanh(s) = 2 s + s z L(z), z = s^2.
constexpr double kLog32[] = {0x1.555554p-1, 0x1.999bd4p-2, 0x1.23f1a2p-2, 0x1.ec1d96p-3};
constexpr double kLog64[] = {
    0x1.5555555555593p-1, 0x1.999999997fa54p-2, 0x1.2492494221d81p-2,
    0x1.c71c51e0bbb5ep-3, 0x1.74664780ae675p-3, 0x1.39a0d5bf5f8c5p-3,
    0x1.2f0eb1a9a12c9p-3};
// 2 atanh(s) = 2 s + s z (2/3 + z P(z)), for pow of f64.
constexpr double kPowLog[] = {
    0x1.9999999999b33p-2, 0x1.249249245779ap-2, 0x1.c71c722deb63ap-3,
    0x1.745ce9b459b94p-3, 0x1.3b1ef4c579e78p-3, 0x1.0f7f18548a64ep-3,
    0x1.0e4a77ee10f95p-3};
// log2(m) = s P(z), error 2^-36.2, and 2^r for |r| <= 1/2, error 2^-29.0: pow of f32.
constexpr double kPowLog2[] = {0x1.71547652beef8p+1, 0x1.ec709d1198fdp-1, 0x1.277780cc6aa8ap-1,
                               0x1.a58d1eb644919p-2, 0x1.5ceffc30529ap-2};
constexpr double kPowExp2[] = {0x1.0000000265db8p+0, 0x1.62e430c92e3c8p-1, 0x1.ebfbdad557b8dp-3,
                               0x1.c6aed2fbe4e34p-5, 0x1.3b2dbe5f789b8p-7, 0x1.5f464cd6622a7p-10,
                               0x1.41d2f1d3eb4f9p-13};
constexpr double kTwoThirdsHigh = 0x1.5555555555555p-1;
constexpr double kTwoThirdsLow = 0x1.5555555555555p-55;

struct Split {
  Value k, m; // both as floats
};

/// x = 2^k m for positive normal x; `bias` is taken from k (for arguments that
/// were scaled up).
Split split(MathBuilder &m, Value x, Value bias) {
  const int64_t sqrtHalf = m.isDouble ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  const int64_t one = m.isDouble ? 0x3ff0000000000000 : 0x3f800000;
  const int64_t mask = (int64_t(1) << m.mantissa()) - 1;
  // Moves the boundary between exponents from 1 to sqrt(1/2).
  Value u = m.iadd(m.bits(x), m.i(one - sqrtHalf));
  Value k = m.shr(u, m.mantissa());
  Value real = m.sub(m.fromBits(m.iadd(k, m.i(m.magicBits()))), m.c(m.magic() + m.bias()));
  Value mantissa = m.fromBits(m.iadd(m.iand(u, m.i(mask)), m.i(sqrtHalf)));
  return {bias ? m.sub(real, bias) : real, mantissa};
}

/// Subnormal arguments scaled into the normal range.
Split splitAny(MathBuilder &m, Value x) {
  Value tiny = m.lt(x, m.c(Pair{0x1p-126, 0x1p-1022}));
  Value scaled = m.select(tiny, m.mul(x, m.c(0x1p64)), x);
  return split(m, scaled, m.select(tiny, m.c(64), m.c(0)));
}

/// k ln 2 + log(m) + correction.
Value logOfSplit(MathBuilder &m, Split x, Value correction) {
  Value f = m.sub(x.m, m.c(1));
  Value s = m.div(f, m.add(f, m.c(2)));
  Value z = m.mul(s, s);
  Value r = m.mul(z, m.horner(z, kLog32, kLog64));
  Value half = m.mul(m.mul(f, m.c(0.5)), f);
  // log(m) = f - f^2/2 + s (f^2/2 + r): the leading term is exact.
  Value kLow = m.mul(x.k, m.c(kLn2Low));
  if (correction)
    kLow = m.add(kLow, correction);
  Value tail = m.sub(half, m.fma(s, m.add(half, r), kLow));
  return m.fma(x.k, m.c(kLn2High), m.sub(f, tail));
}

/// infinity and NaN stay, `zero` gives -infinity, below is NaN.
Value logSpecials(MathBuilder &m, Value x, double zero, Value result) {
  Value finite = m.lt(x, m.infinity());
  result = m.select(finite, result, x);
  result = m.select(m.eq(x, m.c(zero)), m.neg(m.infinity()), result);
  return m.select(m.lt(x, m.c(zero)), m.nan(), result);
}

/// An unevaluated sum of two floats, the second a rounding error of the first.
struct Sum {
  Value h, l;
};
Sum fastTwoSum(MathBuilder &m, Value a, Value b) {
  Value h = m.add(a, b);
  return {h, m.sub(b, m.sub(h, a))};
}
Sum twoProduct(MathBuilder &m, Value a, Value b) {
  Value h = m.mul(a, b);
  return {h, m.fma(a, b, m.neg(h))};
}
Sum multiply(MathBuilder &m, Sum a, Sum b) {
  Sum p = twoProduct(m, a.h, b.h);
  return {p.h, m.add(p.l, m.fma(a.h, b.l, m.mul(a.l, b.h)))};
}

/// log(x) of a positive finite x to about twice the precision.
Sum preciseLog(MathBuilder &m, Value x) {
  Split parts = splitAny(m, x);
  Value f = m.sub(parts.m, m.c(1));
  // d = 2 + f, s = f / d in two parts each.
  Value d = m.add(parts.m, m.c(1));
  Value dLow = m.sub(parts.m, m.sub(d, m.c(1)));
  Value s = m.div(f, d);
  Value sLow = m.div(m.fma(m.neg(s), dLow, m.fma(m.neg(s), d, f)), d);
  Sum z = twoProduct(m, s, s);
  z.l = m.fma(m.add(s, s), sLow, z.l);
  // q = 2/3 + z P(z)
  Value zp = m.mul(z.h, m.horner(z.h, kPowLog));
  Sum q = fastTwoSum(m, m.c(kTwoThirdsHigh), zp);
  q.l = m.add(q.l, m.c(kTwoThirdsLow));
  Sum cubic = multiply(m, multiply(m, {s, sLow}, z), q);
  // 2 s + cubic + k ln 2, each term small against the one before it or, for
  // k = 0, against 2 s.
  Sum head = fastTwoSum(m, m.add(s, s), cubic.h);
  head.l = m.add(head.l, m.add(m.add(sLow, sLow), cubic.l));
  Sum whole = fastTwoSum(m, m.mul(parts.k, m.c(kLn2High)), head.h);
  // For k = 0 the order of fastTwoSum is wrong but the sum is exact.
  whole.l = m.add(whole.l, m.fma(parts.k, m.c(kLn2Low), head.l));
  return fastTwoSum(m, whole.h, whole.l);
}

} // namespace

Value expandLog(MathBuilder &m, Value x) {
  return logSpecials(m, x, 0, logOfSplit(m, splitAny(m, x), nullptr));
}

Value expandLog1p(MathBuilder &m, Value x) {
  // log(u + c) with u = 1 + x rounded and c what the rounding lost.
  Value one = m.c(1);
  Value u = m.add(x, one);
  Value lost = m.select(m.ge(x, one), m.sub(one, m.sub(u, x)), m.sub(x, m.sub(u, one)));
  Value result = logOfSplit(m, split(m, u, nullptr), m.div(lost, u));
  return m.copySign(logSpecials(m, x, -1, result), x); // -0 stays -0
}

/// a^y of f32 for a >= 0, but for a = 1 and y = 0, by 2^(y log2(a)) in f64, where
/// subnormals are normal and the result's range is a part of the exponent's.
static Value powInDouble(MathBuilder &m, Value a, Value y) {
  Type f64 = m.b.getF64Type();
  Type type = m.vector() ? Type(m.vector().clone(f64)) : f64;
  MathBuilder d(m.b, m.loc, type);
  auto widen = [&](Value v) -> Value { return arith::ExtFOp::create(m.b, m.loc, type, v); };
  Value wide = widen(a);
  Split parts = split(d, wide, nullptr);
  Value f = d.sub(parts.m, d.c(1));
  Value s = d.div(f, d.add(f, d.c(2)));
  Value log = d.fma(s, d.horner(d.mul(s, s), kPowLog2), parts.k);
  log = d.select(m.eq(a, m.c(0)), d.neg(d.infinity()), log);
  log = d.select(m.lt(a, m.infinity()), log, wide); // infinity and NaN
  Value p = d.mul(widen(y), log);
  p = d.atLeast(d.atMost(p, d.c(200)), d.c(-200)); // beyond f32 all the same
  Value magic = d.c(d.magic() + d.bias());
  Value shifted = d.add(p, magic);
  Value r = d.sub(p, d.sub(shifted, magic));
  Value power = d.fromBits(d.shl(d.bits(shifted), d.mantissa()));
  Value result = d.mul(d.pairs(r, d.mul(r, r), kPowExp2), power);
  return arith::TruncFOp::create(m.b, m.loc, m.type, result);
}

/// The same of f64.
static Value powInTwoParts(MathBuilder &m, Value a, Value y) {
  Value zero = m.c(0), infinity = m.infinity();
  Sum log = preciseLog(m, a);
  log.h = m.select(m.eq(a, zero), m.neg(infinity), log.h);
  log.h = m.select(m.lt(a, infinity), log.h, a); // infinity and NaN
  // y log(x), which decides overflow; the low part is used only inside.
  Value p = m.mul(y, log.h);
  Value pLow = m.fma(y, log.l, m.fma(y, log.h, m.neg(p)));
  Value high = m.c(710), low = m.c(-746);
  Value inside = m.both(m.le(p, high), m.ge(p, low));
  Value magnitude = expandExpOfSum(m, m.select(inside, p, zero), m.select(inside, pLow, zero));
  magnitude = m.select(inside, magnitude, p); // NaN
  magnitude = m.select(m.gt(p, high), infinity, magnitude);
  return m.select(m.lt(p, low), zero, magnitude);
}

Value expandPow(MathBuilder &m, Value x, Value y) {
  Value zero = m.c(0), one = m.c(1), infinity = m.infinity();
  Value a = m.abs(x);
  Value magnitude = m.isDouble ? powInTwoParts(m, a, y) : powInDouble(m, a, y);
  magnitude = m.select(m.eq(a, one), one, magnitude);

  // Negative x: only integer powers, odd ones negative.
  Value half = m.mul(y, m.c(0.5));
  Value whole = m.eq(m.floor(y), y);
  Value odd = m.both(whole, m.cmp(arith::CmpFPredicate::ONE, m.floor(half), half));
  Value result = m.select(odd, m.copySign(magnitude, x), magnitude);
  Value undefined = m.both(m.both(m.lt(x, zero), m.gt(x, m.neg(infinity))), m.negate(whole));
  result = m.select(undefined, m.nan(), result);
  // x or y NaN (a = 1 above hid y); but 1^NaN = NaN^0 = 1.
  result = m.select(m.cmp(arith::CmpFPredicate::UNO, x, y), m.nan(), result);
  return m.select(m.either(m.eq(x, one), m.eq(y, zero)), one, result);
}

} // namespace oriel
