//===- MathBuilder.cpp - Floating-point code on scalars and vectors -------===//

#include "passes/Codegen/Cpu/MathBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

MathBuilder::MathBuilder(OpBuilder &b, Location loc, Type type)
    : b(b), loc(loc), type(type), isDouble(getElementTypeOrSelf(type).isF64()) {
  intType = withElement(type, b.getIntegerType(width()));
}

static Value constant(OpBuilder &b, Location loc, Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, Attribute(value));
  return arith::ConstantOp::create(b, loc, type, value);
}

Value MathBuilder::c(double v) {
  return constant(b, loc, type, b.getFloatAttr(getElementTypeOrSelf(type), v));
}
Value MathBuilder::i(int64_t v) {
  return constant(b, loc, intType, b.getIntegerAttr(getElementTypeOrSelf(intType), v));
}
Value MathBuilder::infinity() { return c(std::numeric_limits<double>::infinity()); }
Value MathBuilder::nan() { return c(std::numeric_limits<double>::quiet_NaN()); }

Value MathBuilder::add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
Value MathBuilder::sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
Value MathBuilder::mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
Value MathBuilder::div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
Value MathBuilder::neg(Value x) { return arith::NegFOp::create(b, loc, x); }
Value MathBuilder::fma(Value x, Value y, Value z) {
  return math::FmaOp::create(b, loc, x, y, z);
}
Value MathBuilder::abs(Value x) { return math::AbsFOp::create(b, loc, x); }
Value MathBuilder::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(b, loc, magnitude, sign);
}
Value MathBuilder::floor(Value x) { return math::FloorOp::create(b, loc, x); }
Value MathBuilder::trunc(Value x) { return math::TruncOp::create(b, loc, x); }

Value MathBuilder::cmp(arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(b, loc, predicate, x, y);
}
Value MathBuilder::icmp(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, predicate, x, y);
}
Value MathBuilder::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, loc, condition, x, y);
}
Value MathBuilder::both(Value p, Value q) { return arith::AndIOp::create(b, loc, p, q); }
Value MathBuilder::either(Value p, Value q) { return arith::OrIOp::create(b, loc, p, q); }
Value MathBuilder::negate(Value p) {
  Value one = constant(b, loc, p.getType(), b.getBoolAttr(true));
  return arith::XOrIOp::create(b, loc, p, one);
}

Value MathBuilder::bits(Value x) { return arith::BitcastOp::create(b, loc, intType, x); }
Value MathBuilder::fromBits(Value x) { return arith::BitcastOp::create(b, loc, type, x); }
Value MathBuilder::iadd(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
Value MathBuilder::isub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
Value MathBuilder::iand(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
Value MathBuilder::ior(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
Value MathBuilder::ixor(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
Value MathBuilder::shl(Value x, int by) { return arith::ShLIOp::create(b, loc, x, i(by)); }
Value MathBuilder::shr(Value x, int by) { return arith::ShRUIOp::create(b, loc, x, i(by)); }
Value MathBuilder::sar(Value x, int by) { return arith::ShRSIOp::create(b, loc, x, i(by)); }

Value MathBuilder::horner(Value x, ArrayRef<double> coefficients) {
  Value sum = c(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, c(coefficient));
  return sum;
}

Value MathBuilder::pairs(Value x, Value square, ArrayRef<double> coefficients) {
  size_t last = (coefficients.size() - 1) / 2 * 2;
  auto pair = [&](size_t k) {
    Value low = c(coefficients[k]);
    return k + 1 < coefficients.size() ? fma(x, c(coefficients[k + 1]), low) : low;
  };
  Value sum = pair(last);
  for (size_t k = last; k > 0; k -= 2)
    sum = fma(sum, square, pair(k - 2));
  return sum;
}

Value MathBuilder::pow2(Value n) { return fromBits(shl(iadd(n, i(bias())), mantissa())); }

Value MathBuilder::scale(Value y, Value n) {
  // Two factors, so that neither overflows; the first product is exact.
  Value half = sar(n, 1);
  return mul(mul(y, pow2(half)), pow2(isub(n, half)));
}

SmallVector<Value> MathBuilder::onRareLanes(
    Value mask, ArrayRef<Value> inputs, ArrayRef<Value> otherwise,
    llvm::function_ref<SmallVector<Value>(MathBuilder &, ArrayRef<Value>)> body) {
  SmallVector<Type> types;
  for (Value v : otherwise)
    types.push_back(v.getType());
  Type element = getElementTypeOrSelf(type);
  OpBuilder::InsertionGuard guard(b);

  auto ifSet = [&](Value condition, ArrayRef<Type> results, auto then, ArrayRef<Value> unset) {
    auto op = scf::IfOp::create(b, loc, TypeRange(results), condition, /*withElse=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(op.thenBlock());
    scf::YieldOp::create(b, loc, then());
    b.setInsertionPointToStart(op.elseBlock());
    scf::YieldOp::create(b, loc, ValueRange(unset));
    return SmallVector<Value>(op->getResults());
  };

  if (!vector())
    return ifSet(mask, types, [&] {
      MathBuilder scalar(b, loc, element);
      return body(scalar, inputs);
    }, otherwise);

  Value any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, mask);
  return ifSet(any, types, [&]() -> SmallVector<Value> {
    // Lanes of i1 vectors have no address; integers do.
    Value marks = select(mask, i(1), i(0));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value lanes = arith::ConstantIndexOp::create(b, loc, vector().getNumElements());
    auto loop = scf::ForOp::create(b, loc, zero, lanes, one, ValueRange(otherwise));
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(loop.getBody());
    Value lane = loop.getInductionVar();
    auto extract = [&](Value v) -> Value {
      return vector::ExtractOp::create(b, loc, v, OpFoldResult(lane));
    };
    MathBuilder scalar(b, loc, element);
    Value set = scalar.icmp(arith::CmpIPredicate::ne, extract(marks), scalar.i(0));
    SmallVector<Value> carried(loop.getRegionIterArgs());
    SmallVector<Value> updated = ifSet(set, types, [&] {
      SmallVector<Value> in;
      for (Value v : inputs)
        in.push_back(extract(v));
      SmallVector<Value> results = body(scalar, in);
      for (auto [result, old] : llvm::zip_equal(results, carried))
        result = vector::InsertOp::create(b, loc, result, old, OpFoldResult(lane));
      return results;
    }, carried);
    scf::YieldOp::create(b, loc, updated);
    return SmallVector<Value>(loop->getResults());
  }, otherwise);
}

} // namespace oriel
