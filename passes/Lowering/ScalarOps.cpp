//===- ScalarOps.cpp - elementwise ops on scalars -------------------------===//

#include "passes/Lowering/ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace oriel {

Type getBodyType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

Type getMemoryType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  return getBodyType(element);
}

namespace {

/// Truth values count as unsigned.
bool isUnsigned(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && (integer.isUnsigned() || integer.getWidth() == 1);
}

bool isHalf(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() == 16;
}

/// The ops of one element, with short names. `loc` is the op's location.
struct Scalar {
  OpBuilder &b;
  Location loc;

  Value integer(Type type, int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  }
  Value real(Type type, double value) {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  }
  Value zero(Type type) {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  }
  Value one(Type type) {
    return isa<FloatType>(type) ? real(type, 1) : integer(type, 1);
  }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, loc, c, x, y);
  }
  Value icmp(arith::CmpIPredicate p, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, p, x, y);
  }
  Value fcmp(arith::CmpFPredicate p, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, p, x, y);
  }
  Value isZero(Value x) {
    return icmp(arith::CmpIPredicate::eq, x, zero(x.getType()));
  }
  Value isNegative(Value x) {
    return icmp(arith::CmpIPredicate::slt, x, zero(x.getType()));
  }
  template <typename OpTy, typename... Args> Value make(Args... args) {
    return OpTy::create(b, loc, args...);
  }

  Value widen(Value x) {
    return isHalf(x.getType()) ? make<arith::ExtFOp>(b.getF32Type(), x) : x;
  }
  Value narrow(Value x, Type to) {
    return x.getType() == to ? x : make<arith::TruncFOp>(to, x);
  }

  //===--------------------------------------------------------------------===//
  // Integer division
  //===--------------------------------------------------------------------===//

  /// Quotient and remainder rounded down. A zero divisor gives 0 and 0; the
  /// divisions the hardware traps on (by 0, INT_MIN by -1) are never executed.
  std::pair<Value, Value> divideDown(Value x, Value y, bool isUnsigned) {
    Type type = x.getType();
    Value zeroValue = zero(type), oneValue = one(type);
    Value byZero = isZero(y);
    if (isUnsigned) {
      Value safe = select(byZero, oneValue, y);
      Value quotient = make<arith::DivUIOp>(x, safe);
      Value back = make<arith::MulIOp>(quotient, safe);
      Value rest = make<arith::SubIOp>(x, back);
      return {select(byZero, zeroValue, quotient), rest};
    }
    Value byMinusOne = icmp(arith::CmpIPredicate::eq, y, integer(type, -1));
    Value unsafe = make<arith::OrIOp>(byZero, byMinusOne);
    Value safe = select(unsafe, oneValue, y);
    Value quotient = make<arith::DivSIOp>(x, safe);
    Value back = make<arith::MulIOp>(quotient, safe);
    Value rest = make<arith::SubIOp>(x, back);
    Value inexact = icmp(arith::CmpIPredicate::ne, rest, zeroValue);
    Value signsDiffer = isNegative(make<arith::XOrIOp>(rest, safe));
    Value adjust = make<arith::AndIOp>(inexact, signsDiffer);
    Value lower = make<arith::SubIOp>(quotient, oneValue);
    Value down = select(adjust, lower, quotient);
    Value negated = make<arith::SubIOp>(zeroValue, x);
    down = select(byMinusOne, negated, down);
    Value wrapped = make<arith::AddIOp>(rest, safe);
    return {select(byZero, zeroValue, down), select(adjust, wrapped, rest)};
  }

  //===--------------------------------------------------------------------===//
  // Float division rounded down: NumPy's npy_divmod
  //===--------------------------------------------------------------------===//

  std::pair<Value, Value> divideDownFloat(Value x, Value y) {
    Type type = x.getType();
    Value zeroValue = zero(type), oneValue = real(type, 1);
    Value rest = make<arith::RemFOp>(x, y);
    Value plain = make<arith::DivFOp>(x, y);
    Value difference = make<arith::SubFOp>(x, rest);
    Value quotient = make<arith::DivFOp>(difference, y);
    Value inexact = fcmp(arith::CmpFPredicate::UNE, rest, zeroValue);
    Value yNegative = fcmp(arith::CmpFPredicate::OLT, y, zeroValue);
    Value restNegative = fcmp(arith::CmpFPredicate::OLT, rest, zeroValue);
    Value signsDiffer = make<arith::XOrIOp>(yNegative, restNegative);
    Value adjust = make<arith::AndIOp>(inexact, signsDiffer);
    Value restUp = make<arith::AddFOp>(rest, y);
    Value lower = make<arith::SubFOp>(quotient, oneValue);
    quotient = select(adjust, lower, quotient);
    // A remainder of zero takes the divisor's sign.
    Value signedZero = make<math::CopySignOp>(zeroValue, y);
    Value modulo = select(inexact, select(adjust, restUp, rest), signedZero);
    Value floor = make<math::FloorOp>(quotient);
    Value over = make<arith::SubFOp>(quotient, floor);
    Value isOver = fcmp(arith::CmpFPredicate::OGT, over, real(type, 0.5));
    Value floorUp = make<arith::AddFOp>(floor, oneValue);
    Value rounded = select(isOver, floorUp, floor);
    Value quotientIsZero = fcmp(arith::CmpFPredicate::OEQ, quotient, zeroValue);
    Value zeroLike = make<math::CopySignOp>(zeroValue, plain);
    rounded = select(quotientIsZero, zeroLike, rounded);
    // By zero: the division's inf or NaN, and fmod's NaN.
    Value byZero = fcmp(arith::CmpFPredicate::OEQ, y, zeroValue);
    return {select(byZero, plain, rounded), select(byZero, rest, modulo)};
  }

  //===--------------------------------------------------------------------===//
  // Powers
  //===--------------------------------------------------------------------===//

  /// Repeated squaring without a loop, so that lanes need not agree: one
  /// multiply and select for each bit of the exponent. Products wrap; to a
  /// negative power only 1 and -1 are not 0.
  Value powInteger(Value base, Value exponent, bool isUnsigned) {
    Type type = base.getType();
    unsigned bits = type.getIntOrFloatBitWidth() - (isUnsigned ? 0 : 1);
    Value result = one(type), power = base;
    // A constant exponent needs its own bits only.
    APInt known;
    bool isKnown = matchPattern(exponent, m_ConstantInt(&known));
    if (isKnown)
      bits = std::min(bits, known.getActiveBits());
    // One converted from a narrower type, that type's bits (a negative one's
    // power is not used).
    if (auto wide = exponent.getDefiningOp<arith::ExtUIOp>())
      bits = std::min(bits, wide.getIn().getType().getIntOrFloatBitWidth());
    else if (auto wide = exponent.getDefiningOp<arith::ExtSIOp>())
      bits = std::min(bits, wide.getIn().getType().getIntOrFloatBitWidth() - 1);
    for (unsigned bit = 0; bit < bits; ++bit) {
      if (isKnown) {
        if (known[bit])
          result = make<arith::MulIOp>(result, power);
      } else {
        Value mask = arith::ConstantOp::create(
            b, loc,
            b.getIntegerAttr(
                type, APInt::getOneBitSet(type.getIntOrFloatBitWidth(), bit)));
        Value isSet = icmp(arith::CmpIPredicate::ne,
                           make<arith::AndIOp>(exponent, mask), zero(type));
        Value product = make<arith::MulIOp>(result, power);
        result = select(isSet, product, result);
      }
      if (bit + 1 < bits)
        power = make<arith::MulIOp>(power, power);
    }
    if (isUnsigned || (isKnown && !known.isNegative()))
      return result;
    Value oneValue = one(type), minusOne = integer(type, -1);
    Value isOdd = icmp(arith::CmpIPredicate::ne,
                       make<arith::AndIOp>(exponent, oneValue), zero(type));
    Value sign = select(isOdd, minusOne, oneValue);
    Value baseIsOne = icmp(arith::CmpIPredicate::eq, base, oneValue);
    Value baseIsMinusOne = icmp(arith::CmpIPredicate::eq, base, minusOne);
    Value inverse = select(baseIsOne, oneValue,
                           select(baseIsMinusOne, sign, zero(type)));
    return select(isNegative(exponent), inverse, result);
  }

  //===--------------------------------------------------------------------===//
  // Casts
  //===--------------------------------------------------------------------===//

  /// Floats to integers as x86 converts: toward zero, and the most negative
  /// integer for NaN and what does not fit. Narrow integers wrap around i32,
  /// u32 around i64.
  Value floatToInteger(Value x, Type to) {
    x = widen(x);
    unsigned width = cast<IntegerType>(to).getWidth();
    bool unsignedTarget = isUnsigned(to);
    Type float_ = x.getType();
    if (unsignedTarget && width == 64) {
      // The upper half of the range by subtraction.
      Value half = real(float_, 0x1p63);
      Value isUpper = fcmp(arith::CmpFPredicate::OGE, x, half);
      Value low = floatToSigned(x, 64);
      Value high = floatToSigned(make<arith::SubFOp>(x, half), 64);
      Value flip = arith::ConstantOp::create(
          b, loc, b.getIntegerAttr(b.getI64Type(), APInt::getSignMask(64)));
      return select(isUpper, make<arith::XOrIOp>(high, flip), low);
    }
    unsigned via = width == 64 || (width == 32 && unsignedTarget) ? 64 : 32;
    Value wide = floatToSigned(x, via);
    return via == width ? wide
                        : make<arith::TruncIOp>(getBodyType(to), wide);
  }

  Value floatToSigned(Value x, unsigned width) {
    Type type = b.getIntegerType(width);
    double limit = std::ldexp(1.0, width - 1);
    Value upper = real(x.getType(), limit), lower = real(x.getType(), -limit);
    Value below = fcmp(arith::CmpFPredicate::OLT, x, upper);
    // f64 holds values between -2^31 - 1 and -2^31 that truncate into i32.
    Value above;
    if (width == 32 && x.getType().isF64())
      above = fcmp(arith::CmpFPredicate::OGT, x, real(x.getType(), -limit - 1));
    else
      above = fcmp(arith::CmpFPredicate::OGE, x, lower);
    Value fits = make<arith::AndIOp>(below, above);
    Value safe = select(fits, x, zero(x.getType()));
    Value converted = make<arith::FPToSIOp>(type, safe);
    Value invalid = arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(type, APInt::getSignMask(width)));
    return select(fits, converted, invalid);
  }

  Value integerToFloat(Value x, bool isUnsigned, Type to) {
    Type via = isHalf(to) ? b.getF32Type() : to;
    Value wide = isUnsigned ? make<arith::UIToFPOp>(via, x)
                            : make<arith::SIToFPOp>(via, x);
    return narrow(wide, to);
  }

  /// f64 to a 16-bit float with one rounding: f32 by rounding to odd first,
  /// whose extra bits then decide correctly.
  Value doubleToHalf(Value x, Type to) {
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    Value nearest = make<arith::TruncFOp>(f32, x);
    Value back = make<arith::ExtFOp>(b.getF64Type(), nearest);
    Value away = fcmp(arith::CmpFPredicate::OGT, make<math::AbsFOp>(back),
                      make<math::AbsFOp>(x));
    Value inexact = fcmp(arith::CmpFPredicate::ONE, back, x);
    Value bits = make<arith::BitcastOp>(i32, nearest);
    Value truncated = make<arith::SubIOp>(bits, make<arith::ExtUIOp>(i32, away));
    Value odd = make<arith::OrIOp>(truncated, make<arith::ExtUIOp>(i32, inexact));
    return make<arith::TruncFOp>(to, make<arith::BitcastOp>(f32, odd));
  }

  Value castTo(Value x, Type from, Type to) {
    if (from == to)
      return x;
    bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
    unsigned fromWidth = from.getIntOrFloatBitWidth();
    unsigned toWidth = to.getIntOrFloatBitWidth();
    if (to.isInteger(1)) {
      if (!fromFloat)
        return icmp(arith::CmpIPredicate::ne, x, zero(x.getType()));
      x = widen(x);
      return fcmp(arith::CmpFPredicate::UNE, x, zero(x.getType()));
    }
    if (fromFloat && toFloat) {
      if (fromWidth == 64 && toWidth == 16)
        return doubleToHalf(x, to);
      if (fromWidth == 16)
        x = widen(x);
      unsigned width = x.getType().getIntOrFloatBitWidth();
      if (width == toWidth)
        return x;
      return width < toWidth ? make<arith::ExtFOp>(to, x)
                             : make<arith::TruncFOp>(to, x);
    }
    if (fromFloat)
      return floatToInteger(x, to);
    if (toFloat)
      return integerToFloat(x, isUnsigned(from), to);
    Type type = getBodyType(to);
    if (toWidth < fromWidth)
      return make<arith::TruncIOp>(type, x);
    if (toWidth == fromWidth)
      return x;
    return isUnsigned(from) ? make<arith::ExtUIOp>(type, x)
                            : make<arith::ExtSIOp>(type, x);
  }

  Value extremum(bool isMax, Type element, Value x, Value y) {
    if (isa<FloatType>(element))
      return isMax ? make<arith::MaximumFOp>(x, y)
                   : make<arith::MinimumFOp>(x, y);
    if (isUnsigned(element))
      return isMax ? make<arith::MaxUIOp>(x, y) : make<arith::MinUIOp>(x, y);
    return isMax ? make<arith::MaxSIOp>(x, y) : make<arith::MinSIOp>(x, y);
  }
  Value add(Type element, Value x, Value y) {
    if (isa<FloatType>(element))
      return make<arith::AddFOp>(x, y);
    return element.isInteger(1) ? make<arith::OrIOp>(x, y)
                                : make<arith::AddIOp>(x, y);
  }
  Value mul(Type element, Value x, Value y) {
    if (isa<FloatType>(element))
      return make<arith::MulFOp>(x, y);
    return element.isInteger(1) ? make<arith::AndIOp>(x, y)
                                : make<arith::MulIOp>(x, y);
  }

  Value compare(ir::ComparePredicate predicate, Type element, Value x,
                Value y) {
    if (isa<FloatType>(element)) {
      arith::CmpFPredicate p = arith::CmpFPredicate::OEQ;
      switch (predicate) {
      case ir::ComparePredicate::eq: p = arith::CmpFPredicate::OEQ; break;
      case ir::ComparePredicate::ne: p = arith::CmpFPredicate::UNE; break;
      case ir::ComparePredicate::lt: p = arith::CmpFPredicate::OLT; break;
      case ir::ComparePredicate::le: p = arith::CmpFPredicate::OLE; break;
      case ir::ComparePredicate::gt: p = arith::CmpFPredicate::OGT; break;
      case ir::ComparePredicate::ge: p = arith::CmpFPredicate::OGE; break;
      }
      return fcmp(p, widen(x), widen(y));
    }
    bool u = isUnsigned(element);
    using P = arith::CmpIPredicate;
    P p = P::eq;
    switch (predicate) {
    case ir::ComparePredicate::eq: p = P::eq; break;
    case ir::ComparePredicate::ne: p = P::ne; break;
    case ir::ComparePredicate::lt: p = u ? P::ult : P::slt; break;
    case ir::ComparePredicate::le: p = u ? P::ule : P::sle; break;
    case ir::ComparePredicate::gt: p = u ? P::ugt : P::sgt; break;
    case ir::ComparePredicate::ge: p = u ? P::uge : P::sge; break;
    }
    return icmp(p, x, y);
  }

  //===--------------------------------------------------------------------===//
  // Families
  //===--------------------------------------------------------------------===//

  /// Float ops of one operand (of f32 or f64); null when `op` is none.
  Value unaryFloat(Operation *op, Value x) {
    Type type = x.getType();
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<ir::NegOp>([&](auto) { return make<arith::NegFOp>(x); })
        .Case<ir::AbsOp>([&](auto) { return make<math::AbsFOp>(x); })
        .Case<ir::ExpOp>([&](auto) { return make<math::ExpOp>(x); })
        .Case<ir::Expm1Op>([&](auto) { return make<math::ExpM1Op>(x); })
        .Case<ir::LogOp>([&](auto) { return make<math::LogOp>(x); })
        .Case<ir::Log1pOp>([&](auto) { return make<math::Log1pOp>(x); })
        .Case<ir::SqrtOp>([&](auto) { return make<math::SqrtOp>(x); })
        .Case<ir::RsqrtOp>([&](auto) {
          // Two correctly rounded ops, never the hardware's estimate.
          return make<arith::DivFOp>(real(type, 1), make<math::SqrtOp>(x));
        })
        .Case<ir::TanhOp>([&](auto) { return make<math::TanhOp>(x); })
        .Case<ir::ErfOp>([&](auto) { return make<math::ErfOp>(x); })
        .Case<ir::SinOp>([&](auto) { return make<math::SinOp>(x); })
        .Case<ir::CosOp>([&](auto) { return make<math::CosOp>(x); })
        .Case<ir::FloorOp>([&](auto) { return make<math::FloorOp>(x); })
        .Case<ir::CeilOp>([&](auto) { return make<math::CeilOp>(x); })
        .Case<ir::RoundOp>([&](auto) { return make<math::RoundEvenOp>(x); })
        .Case<ir::SigmoidOp>([&](auto) {
          // Of -|x|: e^-x alone overflows where the result is subnormal.
          // A form that code generators may know as a whole.
          Value e = make<math::ExpOp>(make<arith::NegFOp>(make<math::AbsFOp>(x)));
          Value below = fcmp(arith::CmpFPredicate::OLT, x, zero(type));
          Value numerator = select(below, e, real(type, 1));
          return make<arith::DivFOp>(numerator, make<arith::AddFOp>(e, real(type, 1)));
        })
        .Case<ir::SignOp>([&](auto) {
          Value z = zero(type);
          Value negative = select(fcmp(arith::CmpFPredicate::OLT, x, z),
                                  real(type, -1), z);
          Value sign = select(fcmp(arith::CmpFPredicate::OGT, x, z),
                              real(type, 1), negative);
          return select(fcmp(arith::CmpFPredicate::UNO, x, x), x, sign);
        })
        .Default([](Operation *) { return Value(); });
  }

  Value unaryInteger(Operation *op, Type element, Value x) {
    Type type = x.getType();
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<ir::NegOp>(
            [&](auto) { return make<arith::SubIOp>(zero(type), x); })
        .Case<ir::AbsOp>([&](auto) {
          if (isUnsigned(element))
            return x;
          return select(isNegative(x), make<arith::SubIOp>(zero(type), x), x);
        })
        .Case<ir::SignOp>([&](auto) {
          Value positive = select(isZero(x), zero(type), one(type));
          if (isUnsigned(element))
            return positive;
          return select(isNegative(x), integer(type, -1), positive);
        })
        .Case<ir::LogicalNotOp>([&](auto) { return isZero(x); })
        .Case<ir::FloorOp, ir::CeilOp, ir::RoundOp>([&](auto) { return x; })
        .Default([](Operation *) { return Value(); });
  }

  /// Operands of f32, f64 or integers; null when the op has no such form.
  Value binary(Operation *op, Type element, Value x, Value y) {
    bool isFloat = isa<FloatType>(element);
    bool isBool = element.isInteger(1);
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<ir::AddOp>([&](auto) { return add(element, x, y); })
        .Case<ir::MulOp>([&](auto) { return mul(element, x, y); })
        .Case<ir::SubOp>([&](auto) {
          if (isFloat)
            return make<arith::SubFOp>(x, y);
          return isBool ? Value() : make<arith::SubIOp>(x, y);
        })
        .Case<ir::DivOp>([&](auto) {
          return isFloat ? make<arith::DivFOp>(x, y) : Value();
        })
        .Case<ir::FloorDivOp>([&](auto) {
          if (isBool)
            return Value();
          return isFloat ? divideDownFloat(x, y).first
                         : divideDown(x, y, isUnsigned(element)).first;
        })
        .Case<ir::ModOp>([&](auto) {
          if (isBool)
            return Value();
          return isFloat ? divideDownFloat(x, y).second
                         : divideDown(x, y, isUnsigned(element)).second;
        })
        .Case<ir::MaximumOp>(
            [&](auto) { return extremum(true, element, x, y); })
        .Case<ir::MinimumOp>(
            [&](auto) { return extremum(false, element, x, y); })
        .Case<ir::PowOp>([&](auto) {
          if (isBool)
            return Value();
          return isFloat ? make<math::PowFOp>(x, y)
                         : powInteger(x, y, isUnsigned(element));
        })
        .Case<ir::RandomBitsOp>(
            [&](auto) { return emitThreefry(b, loc, x, y); })
        .Case<ir::LogicalAndOp>([&](auto) {
          return isBool ? make<arith::AndIOp>(x, y) : Value();
        })
        .Case<ir::LogicalOrOp>([&](auto) {
          return isBool ? make<arith::OrIOp>(x, y) : Value();
        })
        .Case<ir::LogicalXorOp>([&](auto) {
          return isBool ? make<arith::XOrIOp>(x, y) : Value();
        })
        .Default([](Operation *) { return Value(); });
  }
};

Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

} // namespace

Value fromMemory(OpBuilder &b, Location loc, Value value, Type element) {
  if (!element.isInteger(1) || value.getType().isInteger(1))
    return value;
  Scalar s{b, loc};
  return s.icmp(arith::CmpIPredicate::ne, value, s.zero(value.getType()));
}

Value toMemory(OpBuilder &b, Location loc, Value value, Type element) {
  if (!element.isInteger(1) || !value.getType().isInteger(1))
    return value;
  return arith::ExtUIOp::create(b, loc, b.getI8Type(), value);
}

Value scalarConstant(OpBuilder &b, Location loc, Type element,
                     Attribute value) {
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(getBodyType(element), integer.getValue()));
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(value));
}

Value indexToElement(OpBuilder &b, Location loc, Value index, Type element) {
  Type i64 = b.getI64Type();
  Value wide = arith::IndexCastOp::create(b, loc, i64, index);
  return castScalar(b, loc, wide, i64, element);
}

Value castScalar(OpBuilder &b, Location loc, Value value, Type from, Type to) {
  return Scalar{b, loc}.castTo(value, from, to);
}

bool isScalarOp(Operation *op) {
  return isa<ir::NegOp, ir::AbsOp, ir::SignOp, ir::ExpOp, ir::Expm1Op,
             ir::LogOp, ir::Log1pOp, ir::SqrtOp, ir::RsqrtOp, ir::TanhOp,
             ir::SigmoidOp, ir::ErfOp, ir::SinOp, ir::CosOp, ir::FloorOp,
             ir::CeilOp, ir::RoundOp, ir::LogicalNotOp>(op) ||
         isa<ir::AddOp, ir::SubOp, ir::MulOp, ir::DivOp, ir::FloorDivOp,
             ir::ModOp, ir::MaximumOp, ir::MinimumOp, ir::PowOp,
             ir::RandomBitsOp, ir::LogicalAndOp, ir::LogicalOrOp,
             ir::LogicalXorOp>(op) ||
         isa<ir::CompareOp, ir::SelectOp, ir::CastOp>(op);
}

FailureOr<Value> emitScalar(OpBuilder &b, Location loc, Operation *op,
                            ValueRange operands) {
  Scalar s{b, loc};
  Type element = elementOf(op->getOperand(0));
  Value result;
  if (auto cast = dyn_cast<ir::CastOp>(op)) {
    result = s.castTo(operands[0], element, elementOf(cast.getResult()));
  } else if (isa<ir::SelectOp>(op)) {
    result = s.select(operands[0], operands[1], operands[2]);
  } else if (auto compare = dyn_cast<ir::CompareOp>(op)) {
    result = s.compare(compare.getPredicate(), element, operands[0],
                       operands[1]);
  } else if (op->getNumOperands() == 1) {
    if (isa<FloatType>(element)) {
      result = s.unaryFloat(op, s.widen(operands[0]));
      if (result)
        result = s.narrow(result, element);
    } else {
      result = s.unaryInteger(op, element, operands[0]);
    }
  } else if (op->getNumOperands() == 2) {
    if (isa<FloatType>(element)) {
      result = s.binary(op, element, s.widen(operands[0]), s.widen(operands[1]));
      if (result)
        result = s.narrow(result, element);
    } else {
      result = s.binary(op, element, operands[0], operands[1]);
    }
  }
  if (!result)
    return op->emitOpError("has no lowering for ") << element << " elements";
  return result;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Type getAccumulatorElement(Type element) {
  return isHalf(element) ? Float32Type::get(element.getContext()) : element;
}

TypedAttr getNeutral(ir::ReduceKind kind, Type element) {
  Builder b(element.getContext());
  Type type = getMemoryType(element);
  if (auto real = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = real.getFloatSemantics();
    switch (kind) {
    case ir::ReduceKind::prod:
      return b.getFloatAttr(type, 1.0);
    case ir::ReduceKind::max:
      return b.getFloatAttr(type, APFloat::getInf(semantics, true));
    case ir::ReduceKind::min:
      return b.getFloatAttr(type, APFloat::getInf(semantics, false));
    default:
      return b.getFloatAttr(type, 0.0);
    }
  }
  unsigned width = type.getIntOrFloatBitWidth();
  bool isBool = element.isInteger(1), u = isUnsigned(element);
  switch (kind) {
  case ir::ReduceKind::prod:
  case ir::ReduceKind::all:
    return b.getIntegerAttr(type, 1);
  case ir::ReduceKind::max:
    return b.getIntegerAttr(type, u ? APInt::getZero(width)
                                    : APInt::getSignedMinValue(width));
  case ir::ReduceKind::min:
    return b.getIntegerAttr(type, isBool ? APInt(width, 1)
                                  : u    ? APInt::getMaxValue(width)
                                      : APInt::getSignedMaxValue(width));
  default:
    return b.getIntegerAttr(type, 0);
  }
}

Value combine(OpBuilder &b, Location loc, ir::ReduceKind kind, Type element,
              Value accumulator, Value value) {
  Scalar s{b, loc};
  bool isBool = element.isInteger(1);
  switch (kind) {
  case ir::ReduceKind::sum:
  case ir::ReduceKind::mean:
    return isBool ? s.make<arith::OrIOp>(accumulator, value)
                  : s.add(element, accumulator, value);
  case ir::ReduceKind::prod:
    return isBool ? s.make<arith::AndIOp>(accumulator, value)
                  : s.mul(element, accumulator, value);
  case ir::ReduceKind::max:
  case ir::ReduceKind::min: {
    // Truth values are i8 here, 0 or 1.
    bool isMax = kind == ir::ReduceKind::max;
    return s.extremum(isMax, element, accumulator, value);
  }
  case ir::ReduceKind::any:
    return s.make<arith::OrIOp>(accumulator, value);
  case ir::ReduceKind::all:
    return s.make<arith::AndIOp>(accumulator, value);
  }
  return value;
}

} // namespace oriel
