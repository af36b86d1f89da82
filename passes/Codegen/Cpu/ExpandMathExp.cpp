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
// erf(x) = x + x E(x^2) below the switch, error 2^-27.3 and 2^-56.2.
constexpr double kErfSmall32[] = {0x1.06eba8p-3, -0x1.812730p-2,  0x1.ce29dap-4, -0x1.b7c088p-6,
                                  0x1.524b1cp-8, -0x1.97c2a0p-11, 0x1.29829cp-14};
constexpr double kErfSmall64[] = {
    0x1.06eba8214db69p-3,  -0x1.812746b0379fbp-2, 0x1.ce2f21a04344bp-4,
    -0x1.b82ce312a2b83p-6, 0x1.565bcd1141380p-8,  -0x1.c02db463b5832p-11,
    0x1.f9a3300b546f3p-14, -0x1.f4d2ee93072f7p-17, 0x1.b9ed49d700317p-20,
    -0x1.5fa8841ac138fp-23, 0x1.ff1390c8a9430p-27, -0x1.5aa3d4da39140p-30,
    0x1.c874c244b0dc8p-34, -0x1.1e42aee848bbcp-37, 0x1.ea53e516b2b94p-42};
// erfc(a)^(1/8) above it, error in erf 2^-27.1 and 2^-60.6.
constexpr double kErfLarge32[] = {0x1.004af6p0,  -0x1.2b6ba6p-3, -0x1.e91a0cp-5, -0x1.a13380p-7,
                                  0x1.bae8dcp-7, -0x1.554a10p-9, 0x1.54492ap-13};
constexpr double kErfLarge64[] = {
    0x1.fffffa83aa05dp-1,  -0x1.20dcb1cc34f58p-3, -0x1.1d3afc6587462p-4,
    -0x1.0fe8c59186954p-9, 0x1.ae58bf18d857bp-8,  0x1.b74e18781602dp-13,
    -0x1.1408d3e065113p-11, 0x1.79ccaf0657be5p-14, 0x1.80a3b98ae1ddfp-20,
    -0x1.b3393e1dfcc5dp-18, 0x1.da241a6d38ca4p-19, -0x1.49c4362bcf44ep-20,
    0x1.3b177b6803120p-22, -0x1.b2b8ccee09c35p-25, 0x1.bd215e546a285p-28,
    -0x1.50c4a7a2f8dafp-31, 0x1.679cbba4accadp-35, -0x1.e4c55fa2add7bp-40,
    0x1.355d0101d95afp-45};

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
  Value a = m.atMost(m.abs(x), m.c(Pair{4, 6})); // 1 to the last bit from there on
  // One polynomial, whose variable and coefficients are those of either side:
  // constants are chosen in half the time of a multiply-add.
  Value isSmall = m.lt(a, m.c(Pair{1.125, 1.25}));
  Value t = m.select(isSmall, m.mul(a, a), a);
  ArrayRef<double> near = kErfSmall32, far = kErfLarge32;
  if (m.isDouble)
    near = kErfSmall64, far = kErfLarge64;
  auto coefficient = [&](size_t k) {
    return m.select(isSmall, m.c(k < near.size() ? near[k] : 0), m.c(far[k]));
  };
  // Summed in pairs where the chain is long (an odd number of coefficients).
  size_t last = far.size() - 1, step = m.isDouble ? 2 : 1;
  Value factor = m.isDouble ? m.mul(t, t) : t, sum = coefficient(last);
  for (size_t k = last; k > 0; k -= step) {
    Value next = coefficient(k - step);
    sum = m.fma(sum, factor, m.isDouble ? m.fma(coefficient(k - 1), t, next) : next);
  }
  Value small = m.fma(sum, x, x);
  Value power = m.mul(sum, sum);
  power = m.mul(power, power);
  Value large = m.copySign(m.fma(m.neg(power), power, m.c(1)), x);
  return m.select(isSmall, small, large);
}

} // namespace oriel
