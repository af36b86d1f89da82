//===- ExpandFma.cpp - one rounding without the instruction ---------------===//
//
// Machines without fused multiply-adds would call fmaf once a lane. Here it is
// arithmetic: the product and the sum are made without error as two numbers,
// and what the first lost decides how it is rounded ("to odd", which a second
// rounding to fewer bits cannot spoil). So functions have the bits they have
// elsewhere.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ExpandMath.h"
#include "passes/Codegen/Cpu/MathBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {
namespace {

struct Exact {
  Value head, tail; // their sum, head the nearest number to it
};

Exact twoSum(MathBuilder &m, Value a, Value b) {
  Value sum = m.add(a, b), part = m.sub(sum, a);
  return {sum, m.add(m.sub(a, m.sub(sum, part)), m.sub(b, part))};
}

/// a + b, an inexact sum on the odd one of the two numbers around it.
Value addToOdd(MathBuilder &m, Value a, Value b) {
  Exact sum = twoSum(m, a, b);
  Value bits = m.bits(sum.head), one = m.i(1);
  Value isInexact = m.cmp(arith::CmpFPredicate::ONE, sum.tail, m.c(0));
  Value isEven = m.icmp(arith::CmpIPredicate::eq, m.iand(bits, one), m.i(0));
  // Away from zero where the tail has the head's sign, else towards it.
  Value step = m.ior(m.sar(m.ixor(bits, m.bits(sum.tail)), m.width() - 1), one);
  return m.select(m.both(isInexact, isEven), m.fromBits(m.iadd(bits, step)),
                  sum.head);
}

/// A product of f64 and what it lost (Dekker): each factor as two halves of 26
/// bits. Large factors are scaled down first, exactly: their halves would overflow.
Exact twoProduct(MathBuilder &m, Value a, Value b) {
  Value one = m.c(1);
  auto isLarge = [&](Value x) {
    return m.gt(m.abs(x), m.c(Pair{0x1p100, 0x1p900}));
  };
  Value isLargeA = isLarge(a), isLargeB = isLarge(b);
  Value down = m.c(0x1p-100), up = m.c(0x1p100);
  Value x0 = m.mul(a, m.select(isLargeA, down, one)),
        y0 = m.mul(b, m.select(isLargeB, down, one));
  auto split = [&](Value x) -> Exact {
    Value scaled = m.mul(x, m.c(0x1p27 + 1)),
          head = m.sub(scaled, m.sub(scaled, x));
    return {head, m.sub(x, head)};
  };
  Exact x = split(x0), y = split(y0);
  Value product = m.mul(x0, y0);
  Value rest = m.sub(m.mul(x.head, y.head), product);
  rest = m.add(rest, m.mul(x.head, y.tail));
  rest = m.add(rest, m.mul(x.tail, y.head));
  rest = m.add(rest, m.mul(x.tail, y.tail));
  rest = m.mul(rest, m.select(isLargeA, up, one));
  return {m.mul(a, b), m.mul(rest, m.select(isLargeB, up, one))};
}

/// f32: the product is exact in f64.
Value singleFma(OpBuilder &b, Location loc, Type type, Value x, Value y,
                Value z) {
  Type wide = b.getF64Type();
  if (auto vector = dyn_cast<VectorType>(type))
    wide = VectorType::get(vector.getShape(), wide);
  MathBuilder m(b, loc, wide);
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(b, loc, wide, v);
  };
  Value sum = addToOdd(m, m.mul(widen(x), widen(y)), widen(z));
  return arith::TruncFOp::create(b, loc, type, sum);
}

/// f64, after Boldo and Melquiond, "Emulation of FMA and correctly rounded
/// sums" (2008). Where the product overflows the result is that of a product and
/// a sum, and a product in the range of subnormals has lost bits.
Value doubleFma(OpBuilder &b, Location loc, Type type, Value x, Value y,
                Value z) {
  MathBuilder m(b, loc, type);
  Exact product = twoProduct(m, x, y);
  Exact low = twoSum(m, z, product.tail),
        high = twoSum(m, product.head, low.head);
  Value result = m.add(high.head, addToOdd(m, low.tail, high.tail));
  // Also the sign of zero is that of the sum.
  Value sum = m.add(product.head, z);
  return m.select(m.cmp(arith::CmpFPredicate::UEQ, result, sum), sum, result);
}

} // namespace

void expandFusedMultiplyAdds(Operation *root) {
  SmallVector<math::FmaOp> all;
  root->walk([&](math::FmaOp op) { all.push_back(op); });
  for (math::FmaOp op : all) {
    OpBuilder b(op);
    Type type = op.getType();
    auto expand = getElementTypeOrSelf(type).isF64() ? doubleFma : singleFma;
    op.replaceAllUsesWith(
        expand(b, op.getLoc(), type, op.getA(), op.getB(), op.getC()));
    op.erase();
  }
}

} // namespace oriel
