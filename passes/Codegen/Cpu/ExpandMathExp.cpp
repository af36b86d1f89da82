//===- ExpandMathExp.cpp - exp, expm1, sigmoid, tanh, erf -----------------===//
//
// All reduce x = n ln 2 + r, |r| <= ln(2)/2, and evaluate a polynomial in r
// (coefficients: fit_polynomials.py).
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MathBuilder.h"

using namespace mlir;

namespace oriel {
namespace {

constexpr Pair kLog2E = {0x1.715476p0, 0x1.71547652b82fep0};
constexpr Pair kLn2High = {0x1.62e43p-1, 0x1.62e42fefa39efp-1};
constexpr Pair kLn2Low = {-0x1.05c61p-29, 0x1.abc9e3b39803fp-56};

// exp(r) = 1 + r + r^2 q(r), relative error 2^-28 and 2^-58.
constexpr double kExp32[] = {0x1p-1, 0x1.55549p-3, 0x1.5554d8p-5, 0x1.123ad6p-7,
                             0x1.6d5f52p-10};
constexpr double kExp64[] = {
    0x1.000000000000bp-1,  0x1.5555555555561p-3,  0x1.5555555550208p-5,
    0x1.111111110d602p-7,  0x1.6c16c1855c5bp-10,  0x1.a01a01bb02672p-13,
    0x1.a019972d680c7p-16, 0x1.71dddf7094930p-19, 0x1.28afdbc90c1e5p-22,
    0x1.af862d997dbfdp-26};
// The same with the error 2^-31 and 2^-61.7 relative to r, for expm1.
constexpr double kExpm1_32[] = {0x1p-1,        0x1.555556p-3,  0x1.5554fp-5,
                                0x1.110fep-7, 0x1.6d438cp-10, 0x1.a293c8p-13};
constexpr double kExpm1_64[] = {
    0x1p-1,                0x1.5555555555559p-3,  0x1.5555555555558p-5,
    0x1.111111110f642p-7,  0x1.6c16c16c14f53p-10, 0x1.a01a01b00fc70p-13,
    0x1.a01a01ade0fffp-16, 0x1.71ddf7e7a2737p-19, 0x1.27e4caf221885p-22,
    0x1.af5f7dc71eebcp-26, 0x1.1f8df5dc604cfp-29};
// tanh(r) = r + r z T(z), z = r^2, error 2^-28.1 and 2^-57.2 for |r| < 0.2565.
constexpr double kTanh32[] = {-0x1.55550cp-2, 0x1.10dc2ep-3, -0x1.a43c0cp-5};
constexpr double kTanh64[] = {
    -0x1.55555555554cep-2, 0x1.11111110f7565p-3, -0x1.ba1ba18524dcdp-5, 0x1.664f2ea42b3e9p-6,
    -0x1.226770114242cp-7, 0x1.d4df294a636fep-9, -0x1.57c605a88b20fp-10};
// erf(x) = x + x E(x^2) below the switch, error 2^-25.8 and 2^-56.2.
constexpr double kErfSmall32[] = {
    0x1.06eba6p-3, -0x1.8126e8p-2, 0x1.ce1a88p-4, -0x1.b689b6p-6,
    0x1.4723dep-8, -0x1.398912p-11};
constexpr double kErfSmall64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b0379f8p-2, 0x1.ce2f21a0430d3p-4,
    -0x1.b82ce3128c551p-6, 0x1.565bcd0ccb9ffp-8, -0x1.c02db35e76316p-11,
    0x1.f9a30ad0ba6b8p-14, -0x1.f4cf7b13461d9p-17, 0x1.b9b7047d8ee1p-20,
    -0x1.5d753d32080c3p-23, 0x1.e1d8874a7b943p-27, -0x1.ce9086bce88fep-31};
// -log2(erfc(a)) above it, error in erf 2^-29.3 and 2^-58.5.
constexpr double kErfLarge32[] = {
    0x1.28719p-12, 0x1.a07be2p0, 0x1.d6a998p-1, 0x1.33132ep-3, -0x1.06ade8p-5,
    0x1.1fb58cp-8, -0x1.285f0ep-12};
constexpr double kErfLarge64[] = {
    0x1.04aea8b31d3a4p-23, 0x1.a0be6e5817b57p0, 0x1.d63fa84774e9p-1,
    0x1.2f9e4d353caebp-3, -0x1.c38bba6547aep-6, -0x1.70b56149b399p-12,
    0x1.46bec93c3c8dap-9, -0x1.c9e513b4c0c68p-11, 0x1.e7bbef4a325f6p-16,
    0x1.fbbbf5684c7dcp-14, -0x1.346d092a5dae1p-14, 0x1.c1d03c7913fc6p-16,
    -0x1.da342d8d33658p-18, 0x1.78f05b77c77c8p-20, -0x1.c3cecee3f3aa6p-23,
    0x1.8dec23a8b9217p-26, -0x1.e74061d5a94abp-30, 0x1.72e3a1f3c57f5p-34,
    -0x1.0860ba9417193p-39};
// 2^-r for |r| <= 1/2, error 2^-23.0 and 2^-51.8: for erf, which takes a small
// part of it from 1.
constexpr double kExp2_32[] = {0x1.000002p0,   -0x1.62e42ap-1, 0x1.ebf8aep-3,
                               -0x1.c6b57cp-5, 0x1.3d21e6p-7,  -0x1.5ca252p-10};
constexpr double kExp2_64[] = {
    0x1p0,                 -0x1.62e42fefa3a18p-1, 0x1.ebfbdff82c473p-3,
    -0x1.c6b08d703d288p-5, 0x1.3b2ab6fbcdfe2p-7,  -0x1.5d87fe9d05d1p-10,
    0x1.43091284e48fbp-13, -0x1.ffcb552a9a66p-17, 0x1.62c10ec0e117ap-20,
    -0x1.b674ca31d8d9ep-24, 0x1.e404154d6ba4bp-28};

struct Reduced {
  Value shifted; // n + offset in the low bits
  Value real;    // n as a float
  Value high;    // x - n ln2High, exact
  Value r;       // less n ln2Low
};

/// n as an integer, of an argument reduced without offset.
Value integerOf(MathBuilder &m, const Reduced &red) {
  return m.isub(m.bits(red.shifted), m.i(m.magicBits()));
}

/// 2^(n + offset - bias), where that is normal: the offset has made the low
/// bits the exponent field.
Value pow2Of(MathBuilder &m, const Reduced &red) {
  return m.fromBits(m.shl(m.bits(red.shifted), m.mantissa()));
}

Reduced reduce(MathBuilder &m, Value x, int offset = 0) {
  Value magic = m.c(m.magic() + offset);
  Reduced out;
  out.shifted = m.fma(x, m.c(kLog2E), magic);
  out.real = m.sub(out.shifted, magic);
  out.high = m.fma(out.real, m.neg(m.c(kLn2High)), x);
  out.r = m.fma(out.real, m.neg(m.c(kLn2Low)), out.high);
  return out;
}

/// y * 2^n, rounded once, for an x reduced with the offset 2 bias: two factors,
/// of which half of n, rounded on its own, and the rest are made in the exponent
/// fields.
Value scaleReduced(MathBuilder &m, Value y, Value x, const Reduced &red) {
  Value half = m.bits(m.fma(x, m.c(Pair{kLog2E.f32 / 2, kLog2E.f64 / 2}), m.c(m.magic() + m.bias())));
  Value rest = m.isub(m.bits(red.shifted), half);
  return m.mul(m.mul(y, m.fromBits(m.shl(half, m.mantissa()))), m.fromBits(m.shl(rest, m.mantissa())));
}

/// exp(r) - 1 of a reduced argument, for a sum with something not much smaller
/// than 1.
Value expm1OfReduced(MathBuilder &m, Value r) {
  Value square = m.mul(r, r);
  return m.fma(square, m.pairs(r, square, kExp32, kExp64), r);
}
Value expOfReduced(MathBuilder &m, Value r) { return m.add(expm1OfReduced(m, r), m.c(1)); }

/// expm1(x) = y * 2^n for x at most the clamp of the caller. With
/// expm1(x) = 2^n ((1 - 2^-n) + expm1(r)) the sum's rounding errors are kept
/// and added back, so that the cancellation near n = +-1 costs nothing.
struct Expm1 {
  Value y, n;
};
Expm1 reducedExpm1(MathBuilder &m, Value x) {
  Reduced red = reduce(m, x);
  Value rLow = m.fma(red.real, m.neg(m.c(kLn2Low)), m.sub(red.high, red.r));
  Value square = m.mul(red.r, red.r);
  Value w = m.mul(square, m.pairs(red.r, square, kExpm1_32, kExpm1_64));
  // 2^-n vanishes beside 1 long before it leaves the exponent's range.
  Value limit = m.i(60), n = integerOf(m, red);
  Value capped = m.select(m.icmp(arith::CmpIPredicate::sgt, n, limit), limit, n);
  Value t = m.pow2(m.isub(m.i(0), capped));
  Value a = m.sub(m.c(1), t);
  Value aLow = m.sub(m.sub(m.c(1), a), t);
  Value h = m.add(a, red.r);
  Value hLow = m.sub(red.r, m.sub(h, a));
  Value low = m.add(m.add(rLow, aLow), hLow);
  return {m.add(h, m.add(low, w)), n};
}

} // namespace

Value expandExp(MathBuilder &m, Value x) {
  // Beyond the bounds the result is 0 or infinity anyway.
  x = m.atMost(x, m.c(Pair{89, 710}));
  x = m.atLeast(x, m.c(Pair{-104, -746}));
  Reduced red = reduce(m, x, 2 * m.bias());
  return scaleReduced(m, expOfReduced(m, red.r), x, red);
}

Value expandExpOfSum(MathBuilder &m, Value h, Value l) {
  Reduced red = reduce(m, h, 2 * m.bias());
  Value r = m.add(red.high, m.fma(red.real, m.neg(m.c(kLn2Low)), l));
  return scaleReduced(m, expOfReduced(m, r), h, red);
}

Value expandExpm1(MathBuilder &m, Value x) {
  Value bounded = m.atMost(x, m.c(Pair{89, 710}));
  bounded = m.atLeast(bounded, m.c(Pair{-18, -38}));
  Expm1 e = reducedExpm1(m, bounded);
  return m.copySign(m.scale(e.y, e.n), x); // -0 stays -0
}

Value expandSigmoid(MathBuilder &m, Value x) {
  // 1 / (1 + 2^n (1 + t)), all scaled by k = 2^-shift: 2^(n - shift) does not
  // overflow where the result is subnormal, and the division rounds it once.
  const int shift = m.isDouble ? 54 : 24;
  x = m.atMost(x, m.c(64));
  x = m.atLeast(x, m.c(Pair{-105, -746}));
  Reduced red = reduce(m, m.neg(x), m.bias() - shift);
  Value t = expm1OfReduced(m, red.r);
  Value k = m.c(Pair{0x1p-24, 0x1p-54}), w = pow2Of(m, red);
  // k + w + w t. What the first sum loses counts where w is just too large to
  // keep k.
  Value sum = m.add(w, k);
  Value lost = m.sub(k, m.sub(sum, w));
  return m.div(k, m.add(sum, m.fma(w, t, lost)));
}

Value expandTanh(MathBuilder &m, Value x) {
  // |x| = n ln(2)/2 + r and t = tanh(r) give, with w = 2^(n-1),
  // tanh|x| = ((w + 1/2) t + (w - 1/2)) / ((w - 1/2) t + (w + 1/2)): t itself for
  // n = 0. Denominator less numerator is 1 - t, so that it is also
  // 1 - (1 - t) / denominator, where for |x| > 1 the quotient and so its error
  // are small against the result.
  Value a = m.abs(x);
  Value bounded = m.atMost(a, m.c(Pair{10, 22})); // 1 to the last bit from there on
  // -0.091 < r < 0.256: where n becomes 1 the result is just above 1/4, where it
  // becomes 2 just above 1/2. Below those a relative error is most ulp, and the
  // numerator's is largest for t < 0.
  Value magic = m.c(m.magic() + m.bias() - 1);
  Value shifted = m.fma(m.sub(bounded, m.c(0x1.52p-4)), m.c(Pair{2 * kLog2E.f32, 2 * kLog2E.f64}), magic);
  Value n = m.sub(shifted, magic);
  Value r = m.fma(n, m.c(Pair{-kLn2High.f32 / 2, -kLn2High.f64 / 2}), bounded);
  if (m.isDouble) // in f32 too little to count
    r = m.fma(n, m.c(-kLn2Low.f64 / 2), r);
  Value z = m.mul(r, r);
  Value t = m.fma(m.mul(r, z), m.horner(z, kTanh32, kTanh64), r);
  Value w = m.fromBits(m.shl(m.bits(shifted), m.mantissa()));
  Value plus = m.add(w, m.c(0.5)), minus = m.sub(w, m.c(0.5));
  Value large = m.gt(a, m.c(1));
  Value numerator = m.select(large, m.sub(t, m.c(1)), m.fma(t, plus, minus));
  Value quotient = m.div(numerator, m.fma(t, minus, plus));
  return m.copySign(m.select(large, m.add(quotient, m.c(1)), quotient), x);
}

Value expandErf(MathBuilder &m, Value x) {
  Value a = m.abs(x);
  Value bounded = m.atMost(a, m.c(Pair{4, 6})); // 1 to the last bit from there on
  Value z = m.mul(bounded, bounded);
  Value small = m.fma(x, m.horner(z, kErfSmall32, kErfSmall64), x);
  // 1 - 2^-g(a) above, g = r - n; nothing is lost in base 2.
  Value g = m.pairs(bounded, z, kErfLarge32, kErfLarge64);
  Value magic = m.c(m.magic() + m.bias());
  Value shifted = m.sub(magic, g);
  Value r = m.add(g, m.sub(shifted, magic));
  Value power = m.fromBits(m.shl(m.bits(shifted), m.mantissa()));
  Value rest = m.pairs(r, m.mul(r, r), kExp2_32, kExp2_64);
  Value large = m.copySign(m.fma(m.neg(rest), power, m.c(1)), x);
  return m.select(m.lt(a, m.c(0.921875)), small, large);
}

} // namespace oriel
