//===- ExpandHalf.cpp - f16 without conversion instructions ---------------===//

#include "passes/Codegen/Cpu/ExpandMath.h"
#include "passes/Codegen/Cpu/MathBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {
namespace {

Type likeShape(Type element, Type shape) {
  auto vector = dyn_cast<VectorType>(shape);
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}

/// The mantissa and exponent lie 13 bits higher; a multiplication moves the
/// bias, of subnormals too.
Value widenHalf(OpBuilder &b, Location loc, Value half) {
  MathBuilder m(b, loc, likeShape(b.getF32Type(), half.getType()));
  Value bits = arith::BitcastOp::create(
      b, loc, likeShape(b.getI16Type(), half.getType()), half);
  bits = arith::ExtUIOp::create(b, loc, m.intType, bits);
  Value rest = m.shl(m.iand(bits, m.i(0x7fff)), 13);
  Value finite = m.bits(m.mul(m.fromBits(rest), m.c(0x1p112)));
  Value isFinite = m.icmp(arith::CmpIPredicate::ult, rest, m.i(0x7c00 << 13));
  Value magnitude = m.select(isFinite, finite, m.ior(rest, m.i(0x7f800000)));
  return m.fromBits(m.ior(magnitude, m.shl(m.iand(bits, m.i(0x8000)), 16)));
}

/// Rounded to nearest even. Below 2^-14 the sum with 1/2 rounds to multiples of
/// 2^-24; above, half of the last place that stays is added.
Value narrowToHalf(OpBuilder &b, Location loc, Type type, Value single) {
  MathBuilder m(b, loc, likeShape(b.getF32Type(), type));
  using P = arith::CmpIPredicate;
  Value bits = m.bits(single), rest = m.iand(bits, m.i(0x7fffffff));
  Value small =
      m.isub(m.bits(m.add(m.fromBits(rest), m.c(0.5))), m.i(0x3f000000));
  Value isOdd = m.iand(m.shr(rest, 13), m.i(1));
  Value normal = m.iadd(m.isub(rest, m.i(int64_t(127 - 15) << 23)),
                        m.iadd(isOdd, m.i(0xfff)));
  Value result =
      m.select(m.icmp(P::ult, rest, m.i(0x38800000)), small, m.shr(normal, 13));
  Value special =
      m.select(m.icmp(P::ugt, rest, m.i(0x7f800000)), m.i(0x7e00), m.i(0x7c00));
  result = m.select(m.icmp(P::ult, rest, m.i(0x47800000)), result, special);
  result = m.ior(result, m.iand(m.shr(bits, 16), m.i(0x8000)));
  result =
      arith::TruncIOp::create(b, loc, likeShape(b.getI16Type(), type), result);
  return arith::BitcastOp::create(b, loc, type, result);
}

} // namespace

void expandHalfConversions(Operation *root) {
  SmallVector<Operation *> all;
  root->walk([&](Operation *op) {
    if (isa<arith::ExtFOp>(op) &&
        getElementTypeOrSelf(op->getOperand(0).getType()).isF16())
      all.push_back(op);
    if (isa<arith::TruncFOp>(op) &&
        getElementTypeOrSelf(op->getResult(0).getType()).isF16())
      all.push_back(op);
  });
  for (Operation *op : all) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    Value x = op->getOperand(0), result;
    Type type = op->getResult(0).getType(),
         single = likeShape(b.getF32Type(), type);
    if (isa<arith::ExtFOp>(op)) {
      result = widenHalf(b, loc, x);
      if (type != single)
        result = arith::ExtFOp::create(b, loc, type, result);
    } else {
      assert(getElementTypeOrSelf(x.getType()).isF32() &&
             "narrowed from f64 in steps before");
      result = narrowToHalf(b, loc, type, x);
    }
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

} // namespace oriel
