//===- ExpandMathTrig.cpp - sin, cos --------------------------------------===//
//
// |x| = n pi/2 + r with |r| <= pi/4, then a polynomial for the sine or cosine
// of r, chosen by n mod 4. Up to kModerate n pi/2 is subtracted in three parts;
// larger arguments, which are rare, go lane by lane through exact integer
// arithmetic with 2/pi to 1216 bits (Payne and Hanek's method).
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MathBuilder.h"

using namespace mlir;

namespace oriel {
namespace {

constexpr Pair kModerate = {0x1p16, 0x1p26};
constexpr Pair kTwoOverPi = {0x1.45f306p-1, 0x1.45f306dc9c883p-1};
constexpr Pair kHalfPi[] = {{0x1.921fb6p0, 0x1.921fb54442d18p0},
                            {-0x1.777a5cp-25, 0x1.1a62633145c07p-54},
                            {-0x1.ee59dap-50, -0x1.f1976b7ed8fbcp-110}};

// sin(r) = r + r z S(z), cos(r) = 1 - z/2 + z^2 C(z), z = r^2.
constexpr double kSin32[] = {-0x1.555546p-3, 0x1.11077cp-7, -0x1.9955bp-13};
constexpr double kSin64[] = {
    -0x1.5555555555549p-3, 0x1.111111110f89ep-7,  -0x1.a01a019c147p-13,
    0x1.71de35793cebdp-19, -0x1.ae5e66e3657abp-26, 0x1.5d93133f7bf21p-33};
constexpr double kCos32[] = {0x1.55554ap-5, -0x1.6c0c2ep-10, 0x1.99eacp-16};
constexpr double kCos64[] = {
    0x1.555555555554cp-5,   -0x1.6c16c16c1521dp-10, 0x1.a01a019cbeecfp-16,
    -0x1.27e4f8122e3afp-22, 0x1.1ee9f0d403954p-29,  -0x1.8fb0deb86ec8cp-37};

// The bits of 2/pi after the binary point, behind 64 zeros.
constexpr uint64_t kTwoOverPiWords[20] = {
    0,
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab};

struct Reduced {
  Value n, r; // n modulo 4, as an integer
};

/// 64-bit integer arithmetic of one lane.
struct Words {
  OpBuilder &b;
  Location loc;

  Value c(uint64_t v) {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(static_cast<int64_t>(v)));
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value bitAnd(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value bitOr(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value bitXor(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
  Value shl(Value x, Value by) { return arith::ShLIOp::create(b, loc, x, by); }
  Value shr(Value x, Value by) { return arith::ShRUIOp::create(b, loc, x, by); }
  Value eq(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
  }
  Value below(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
  }
  Value select(Value p, Value x, Value y) {
    return arith::SelectOp::create(b, loc, p, x, y);
  }
  Value asWord(Value bit) { return arith::ExtUIOp::create(b, loc, b.getI64Type(), bit); }
  std::pair<Value, Value> wideMul(Value x, Value y) { // low, high
    auto op = arith::MulUIExtendedOp::create(b, loc, x, y);
    return {op.getLow(), op.getHigh()};
  }
  /// The upper word of (high:low) << by, 0 <= by < 64.
  Value funnel(Value high, Value low, Value by) {
    Value rest = shr(shr(low, c(1)), sub(c(63), by));
    return bitOr(shl(high, by), rest);
  }
};

/// Any finite x >= 2^16: exact to 2^-137 of a quarter turn before rounding.
/// Results are the quadrant as i64 and the rest in radians, as f64.
std::pair<Value, Value> reduceExactly(OpBuilder &b, Location loc, Value x) {
  Words w{b, loc};
  Type f64 = b.getF64Type();
  Value bits = arith::BitcastOp::create(b, loc, b.getI64Type(), x);
  // x = m 2^e with an integer m. The bits of 2/pi above 2^(1-e) only add whole
  // turns; the window starts there: bit e + 62 of the padded table.
  Value m = w.bitOr(w.bitAnd(bits, w.c((1ull << 52) - 1)), w.c(1ull << 52));
  Value start = w.sub(w.shr(bits, w.c(52)), w.c(1075 - 62));
  Value index = w.shr(start, w.c(6)), shift = w.bitAnd(start, w.c(63));
  // table[index .. index+3], a barrel shifter over the bits of the index.
  SmallVector<Value> words;
  for (uint64_t word : kTwoOverPiWords)
    words.push_back(w.c(word));
  for (size_t stage : {16, 8, 4, 2, 1}) {
    Value set = w.eq(w.bitAnd(index, w.c(stage)), w.c(stage));
    SmallVector<Value> next;
    for (size_t k = 0; k < 4 + stage - 1 && k < words.size(); ++k)
      next.push_back(k + stage < words.size() ? w.select(set, words[k + stage], words[k])
                                              : words[k]);
    words = std::move(next);
  }
  Value w0 = w.funnel(words[0], words[1], shift);
  Value w1 = w.funnel(words[1], words[2], shift);
  Value w2 = w.funnel(words[2], words[3], shift);
  // The product modulo 4 turns/4: p0 has two bits of quadrant at its top.
  auto [low2, high2] = w.wideMul(m, w2);
  (void)low2;
  auto [low1, high1] = w.wideMul(m, w1);
  Value p1 = w.add(low1, high2);
  Value p0 = w.add(w.add(w.mul(m, w0), high1), w.asWord(w.below(p1, high2)));
  Value n = w.shr(w.add(p0, w.c(1ull << 61)), w.c(62));
  Value f0 = w.sub(p0, w.shl(n, w.c(62)));
  // The rest is signed, (f0:p1) 2^-126 quarters; take its magnitude.
  Value negative = arith::ShRSIOp::create(b, loc, f0, w.c(63));
  Value a1 = w.sub(w.bitXor(p1, negative), negative);
  Value borrow = w.bitAnd(w.asWord(w.eq(a1, w.c(0))), negative);
  Value a0 = w.add(w.bitXor(f0, negative), borrow);
  // Normalised: the top bit of (h:l) set.
  Value empty = w.eq(a0, w.c(0));
  Value h = w.select(empty, a1, a0), l = w.select(empty, w.c(0), a1);
  Value zeros = math::CountLeadingZerosOp::create(b, loc, h);
  Value by = w.bitAnd(zeros, w.c(63));
  Value top = w.funnel(h, l, by);
  Value next = w.shl(l, by);
  Value exponent = w.sub(w.sub(w.c(1023 - 62), by), w.select(empty, w.c(64), w.c(0)));
  // 53 bits, then 53 more, as floats.
  Value head = w.shr(top, w.c(11));
  Value tail = w.bitOr(w.shl(w.bitAnd(top, w.c(0x7ff)), w.c(42)), w.shr(next, w.c(22)));
  MathBuilder d(b, loc, f64);
  Value headReal = d.mul(arith::SIToFPOp::create(b, loc, f64, head), d.c(0x1p11));
  Value tailReal = d.mul(arith::SIToFPOp::create(b, loc, f64, tail), d.c(0x1p-42));
  // Times pi/2 in two parts, then to scale.
  Value product = d.mul(headReal, d.c(kHalfPi[0].f64));
  Value error = d.fma(headReal, d.c(kHalfPi[0].f64), d.neg(product));
  error = d.fma(headReal, d.c(kHalfPi[1].f64), error);
  error = d.fma(tailReal, d.c(kHalfPi[0].f64), error);
  Value r = d.mul(d.add(product, error), d.fromBits(w.shl(exponent, w.c(52))));
  Value sign = w.bitAnd(negative, w.c(1ull << 63));
  return {n, d.fromBits(w.bitXor(d.bits(r), sign))};
}

Reduced reduce(MathBuilder &m, Value a) {
  Value magic = m.c(m.magic());
  Value shifted = m.fma(a, m.c(kTwoOverPi), magic);
  Value n = m.sub(shifted, magic);
  Value r = a;
  for (Pair part : kHalfPi)
    r = m.fma(n, m.neg(m.c(part)), r);
  Value large = m.both(m.gt(a, m.c(kModerate)), m.lt(a, m.infinity()));
  SmallVector<Value> results = m.onRareLanes(
      large, {a}, {m.bits(shifted), r},
      [](MathBuilder &s, ArrayRef<Value> in) -> SmallVector<Value> {
        if (s.isDouble) {
          auto [n, r] = reduceExactly(s.b, s.loc, in[0]);
          return {n, r};
        }
        Value wide = arith::ExtFOp::create(s.b, s.loc, s.b.getF64Type(), in[0]);
        auto [n, r] = reduceExactly(s.b, s.loc, wide);
        return {arith::TruncIOp::create(s.b, s.loc, s.intType, n),
                arith::TruncFOp::create(s.b, s.loc, s.type, r)};
      });
  return {results[0], results[1]};
}

/// The sine for even n, else the cosine, of r; negated for n & 2.
Value evaluate(MathBuilder &m, Value n, Value r) {
  Value z = m.mul(r, r);
  Value sine = m.fma(m.mul(r, z), m.horner(z, kSin32, kSin64), r);
  Value cosine = m.fma(z, m.fma(z, m.horner(z, kCos32, kCos64), m.c(-0.5)), m.c(1));
  Value odd = m.icmp(arith::CmpIPredicate::ne, m.iand(n, m.i(1)), m.i(0));
  Value result = m.select(odd, cosine, sine);
  Value sign = m.shl(m.iand(n, m.i(2)), m.width() - 2);
  return m.fromBits(m.ixor(m.bits(result), sign));
}

} // namespace

Value expandSin(MathBuilder &m, Value x) {
  Reduced red = reduce(m, m.abs(x));
  int64_t signBit = m.isDouble ? INT64_MIN : INT32_MIN;
  Value sign = m.iand(m.bits(x), m.i(signBit));
  Value result = evaluate(m, red.n, red.r);
  return m.fromBits(m.ixor(m.bits(result), sign)); // -0 stays -0
}

Value expandCos(MathBuilder &m, Value x) {
  Reduced red = reduce(m, m.abs(x));
  return evaluate(m, m.iadd(red.n, m.i(1)), red.r);
}

} // namespace oriel
