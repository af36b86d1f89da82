//===- MathBuilder.h - Floating-point code on scalars and vectors -*- C++ -*-=//
//
// A thin layer over the op builders for ExpandMath*.cpp: values are f32 or f64
// scalars or vectors of one type, and integers of the same width and shape.
// Nothing here reassociates or contracts: fma is where it is written.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATHBUILDER_H
#define ORIEL_PASSES_CODEGEN_CPU_MATHBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace oriel {

/// A constant with its own value for each precision.
struct Pair {
  double f32, f64;
};

class MathBuilder {
public:
  using Value = mlir::Value;

  /// `type` is f32, f64 or a vector of them.
  MathBuilder(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type, intType;
  bool isDouble;

  /// Bits of an element, of its mantissa field, and the exponent's bias.
  int width() const { return isDouble ? 64 : 32; }
  int mantissa() const { return isDouble ? 52 : 23; }
  int bias() const { return isDouble ? 1023 : 127; }
  mlir::VectorType vector() const {
    return mlir::dyn_cast<mlir::VectorType>(type);
  }

  Value c(double v);               // must be exact in the element type
  Value c(Pair v) { return c(isDouble ? v.f64 : v.f32); }
  Value i(int64_t v);
  Value infinity();
  Value nan();

  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value div(Value x, Value y);
  Value neg(Value x);
  Value fma(Value x, Value y, Value z); // x * y + z, rounded once
  Value abs(Value x);
  Value copySign(Value magnitude, Value sign);
  Value floor(Value x);
  Value trunc(Value x);

  Value cmp(mlir::arith::CmpFPredicate predicate, Value x, Value y);
  Value lt(Value x, Value y) { return cmp(mlir::arith::CmpFPredicate::OLT, x, y); }
  Value gt(Value x, Value y) { return cmp(mlir::arith::CmpFPredicate::OGT, x, y); }
  Value le(Value x, Value y) { return cmp(mlir::arith::CmpFPredicate::OLE, x, y); }
  Value ge(Value x, Value y) { return cmp(mlir::arith::CmpFPredicate::OGE, x, y); }
  Value eq(Value x, Value y) { return cmp(mlir::arith::CmpFPredicate::OEQ, x, y); }
  Value select(Value condition, Value x, Value y);
  Value both(Value p, Value q);    // of booleans
  Value either(Value p, Value q);
  Value negate(Value p);
  /// x, but bounded; a NaN stays.
  Value atMost(Value x, Value bound) { return select(gt(x, bound), bound, x); }
  Value atLeast(Value x, Value bound) { return select(lt(x, bound), bound, x); }

  Value bits(Value x);             // as an integer
  Value fromBits(Value x);
  Value iadd(Value x, Value y);
  Value isub(Value x, Value y);
  Value iand(Value x, Value y);
  Value ior(Value x, Value y);
  Value ixor(Value x, Value y);
  Value shl(Value x, int by);
  Value shr(Value x, int by);      // logical
  Value sar(Value x, int by);      // arithmetic
  Value iselect(Value condition, Value x, Value y) { return select(condition, x, y); }
  Value icmp(mlir::arith::CmpIPredicate predicate, Value x, Value y);

  /// coefficients[0] + x * (coefficients[1] + x * ...), by fma.
  Value horner(Value x, llvm::ArrayRef<double> coefficients);
  Value horner(Value x, llvm::ArrayRef<double> f32, llvm::ArrayRef<double> f64) {
    return horner(x, isDouble ? f64 : f32);
  }
  /// The same polynomial as pairs c[k] + c[k+1] * x in powers of `square`, x * x:
  /// as many operations, half the latency. For code that has the square anyway.
  Value pairs(Value x, Value square, llvm::ArrayRef<double> coefficients);
  Value pairs(Value x, Value square, llvm::ArrayRef<double> f32, llvm::ArrayRef<double> f64) {
    return pairs(x, square, isDouble ? f64 : f32);
  }

  /// 1.5 * 2^mantissa: adding it rounds |x| < 2^(mantissa-2) to an integer,
  /// which is then in the low bits of the sum. No conversion instruction, and
  /// NaN is not undefined.
  double magic() const { return isDouble ? 0x1.8p52 : 0x1.8p23; }
  int64_t magicBits() const { return isDouble ? 0x4338000000000000 : 0x4b400000; }
  /// 2^n for integers n with a normal result.
  Value pow2(Value n);
  /// y * 2^n for n within twice the exponent range, rounded once.
  Value scale(Value y, Value n);

  /// Runs `body` once per lane whose `mask` is set, with the scalar lanes of
  /// `inputs`; its results replace those lanes of `otherwise`. The whole costs
  /// one test when no lane is set. `body` gets a builder for the scalar type.
  llvm::SmallVector<Value>
  onRareLanes(Value mask, llvm::ArrayRef<Value> inputs,
              llvm::ArrayRef<Value> otherwise,
              llvm::function_ref<llvm::SmallVector<Value>(
                  MathBuilder &, llvm::ArrayRef<Value>)> body);
};

/// The functions, each on any type a MathBuilder takes.
mlir::Value expandExp(MathBuilder &m, mlir::Value x);
mlir::Value expandExpm1(MathBuilder &m, mlir::Value x);
mlir::Value expandSigmoid(MathBuilder &m, mlir::Value x);
mlir::Value expandTanh(MathBuilder &m, mlir::Value x);
mlir::Value expandErf(MathBuilder &m, mlir::Value x);
mlir::Value expandLog(MathBuilder &m, mlir::Value x);
mlir::Value expandLog1p(MathBuilder &m, mlir::Value x);
mlir::Value expandPow(MathBuilder &m, mlir::Value x, mlir::Value y);
mlir::Value expandSin(MathBuilder &m, mlir::Value x);
mlir::Value expandCos(MathBuilder &m, mlir::Value x);
mlir::Value expandRem(MathBuilder &m, mlir::Value x, mlir::Value y);

/// exp(h + l) for |l| tiny against h, both finite.
mlir::Value expandExpOfSum(MathBuilder &m, mlir::Value h, mlir::Value l);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATHBUILDER_H
