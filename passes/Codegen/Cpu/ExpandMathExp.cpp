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
// tanh(x) = x + x z T(z), z = x^2, below the switch, error 2^-27.7 and 2^-56.4.
constexpr double kTanh32[] = {-0x1.555532p-2, 0x1.1106fcp-3, -0x1.b836e8p-5,
                              0x1.52034ep-6, -0x1.75438ap-8};
constexpr double kTanh64[] = {
    -0x1.55555555554fcp-2, 0x1.111111110a989p-3, -0x1.ba1ba1b4e130cp-5,
    0x1.664f47745419ep-6, -0x1.226e15834e960p-7, 0x1.d6cf13091b3e1p-9,
    -0x1.7d67cd409c842p-10, 0x1.3360a37cc92eep-11, -0x1.df29c12071881p-13,
    0x1.432e17d51ba7dp-14, -0x1.0ce5f65aee49bp-16};
// erf(x) = x + x E(x^2) below the switch, error 2^-25.8 and 2^-56.2.
constexpr double kErfSmall32[] = {
    0x1.06eba6p-3, -0x1.8126e8p-2, 0x1.ce1a88p-4, -0x1.b689b6p-6,
    0x1.4723dep-8, -0x1.398912p-11};
constexpr double kErfSmall64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b0379f8p-2, 0x1.ce2f21a0430d3p-4,
    -0x1.b82ce3128c551p-6, 0x1.565bcd0ccb9ffp-8, -0x1.c02db35e76316p-11,
    0x1.f9a30ad0ba6b8p-14, -0x1.f4cf7b13461d9p-17, 0x1.b9b7047d8ee1p-20,
    -0x1.5d753d32080c3p-23, 0x1.e1d8874a7b943p-27, -0x1.ce9086bce88fep-31};
// -log(erfc(a)) above it, error in erf 2^-29.2 and 2^-58.5.
constexpr double kErfLarge32[] = {
    0x1.9af546p-13, 0x1.20af46p0, 0x1.463d02p-1, 0x1.a9b26p-4, -0x1.6c26f4p-6,
    0x1.8eda4ap-9, -0x1.9add2ap-13};
constexpr double kErfLarge64[] = {
    0x1.6961e1a604961p-24, 0x1.20dd661c94d29p0, 0x1.45f397b94898dp-1,
    0x1.a4e7889aa83ccp-4, -0x1.38fcda5fb218dp-6, -0x1.ff23771e24be2p-13,
    0x1.c4f7115f9bb2bp-10, -0x1.3d63758201ec4p-11, 0x1.52124fd7b4547p-16,
    0x1.5fef3de80feeap-14, -0x1.ab91b187bb271p-15, 0x1.37c972a6654c1p-16,
    -0x1.48b16b1ee63afp-18, 0x1.05462d8f5520bp-20, -0x1.392b596e2b82p-23,
    0x1.13d19d0e39d7ep-26, -0x1.51bcabeaa9b98p-30, 0x1.0114af0d5d45p-34,
    -0x1.6e8169a1af8p-40};

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

/// exp(r) - 1 of a reduced argument, for a sum with something not much smaller
/// than 1.
Value expm1OfReduced(MathBuilder &m, Value r) {
  return m.fma(m.mul(r, r), m.horner(r, kExp32, kExp64), r);
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
  Value w = m.mul(m.mul(red.r, red.r), m.horner(red.r, kExpm1_32, kExpm1_64));
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
  Reduced red = reduce(m, x);
  return m.scale(expOfReduced(m, red.r), integerOf(m, red));
}

Value expandExpOfSum(MathBuilder &m, Value h, Value l) {
  Reduced red = reduce(m, h);
  Value r = m.add(red.high, m.fma(red.real, m.neg(m.c(kLn2Low)), l));
  return m.scale(expOfReduced(m, r), integerOf(m, red));
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
  // x + x^3 T(x^2) below the switch, 1 - 2 / (exp(2|x|) + 1) above, where 2 / d
  // and so its error is small against the result. 1 to the last bit past the bound.
  Value a = m.abs(x);
  Value bounded = m.atMost(a, m.c(Pair{10, 22}));
  Reduced red = reduce(m, m.add(bounded, bounded), m.bias());
  Value d = m.fma(expOfReduced(m, red.r), pow2Of(m, red), m.c(1));
  Value large = m.sub(m.c(1), m.div(m.c(2), d));
  Value z = m.mul(x, x);
  Value small = m.fma(m.mul(a, z), m.horner(z, kTanh32, kTanh64), a);
  return m.copySign(m.select(m.lt(a, m.c(0.625)), small, large), x);
}

Value expandErf(MathBuilder &m, Value x) {
  Value a = m.abs(x);
  Value small = m.fma(x, m.horner(m.mul(x, x), kErfSmall32, kErfSmall64), x);
  // erf(a) = 1 - exp(-g(a)), 1 to the last bit past the bound.
  Value g = m.horner(m.atMost(a, m.c(Pair{4, 6})), kErfLarge32, kErfLarge64);
  Reduced red = reduce(m, m.neg(g), m.bias());
  Value large = m.fma(m.neg(expOfReduced(m, red.r)), pow2Of(m, red), m.c(1));
  large = m.copySign(large, x);
  return m.select(m.lt(a, m.c(0.921875)), small, large);
}

} // namespace oriel
