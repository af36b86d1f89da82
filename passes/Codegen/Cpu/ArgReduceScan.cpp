//===- ArgReduceScan.cpp - the best of a block, and where it is -----------===//

#include "passes/Codegen/Cpu/ArgReduce.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

Value ArgReduceEmitter::loadElements(Code &code, Value pointer, unsigned lanes,
                                     Value mask) {
  Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(op->getLoc()),
                                        LineRole::kLoad));
  Type type = code.vectorOf(element, lanes);
  Value value = mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
  if (compared != element)
    value = arith::ExtFOp::create(code, code.loc, code.vectorOf(compared, lanes), value);
  return value;
}

/// Of numbers; false where either is a NaN.
Value ArgReduceEmitter::exceeds(Code &code, Value candidate, Value best) {
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  if (isFloat())
    return arith::CmpFOp::create(code, code.loc, isMax ? CmpFPredicate::OGT : CmpFPredicate::OLT,
                                 candidate, best);
  CmpIPredicate predicate = isMax ? (isUnsigned ? CmpIPredicate::ugt : CmpIPredicate::sgt)
                                  : (isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt);
  return arith::CmpIOp::create(code, code.loc, predicate, candidate, best);
}

/// The further of two, a NaN where one is, +0 beyond -0: as a reduction has it.
Value ArgReduceEmitter::further(Code &code, Value a, Value b) {
  if (!isFloat())
    return code.select(exceeds(code, b, a), b, a);
  return isMax ? Value(arith::MaximumFOp::create(code, code.loc, a, b))
               : Value(arith::MinimumFOp::create(code, code.loc, a, b));
}

/// What no element is further than.
Value ArgReduceEmitter::neutral(Code &code) {
  unsigned width = compared.getIntOrFloatBitWidth();
  TypedAttr value;
  if (auto real = dyn_cast<FloatType>(compared))
    value = code.getFloatAttr(real, APFloat::getInf(real.getFloatSemantics(), /*Negative=*/isMax));
  else if (isUnsigned)
    value = code.getIntegerAttr(compared, isMax ? APInt::getZero(width) : APInt::getMaxValue(width));
  else
    value = code.getIntegerAttr(compared, isMax ? APInt::getSignedMinValue(width)
                                                : APInt::getSignedMaxValue(width));
  return arith::ConstantOp::create(code, code.loc, value);
}

void ArgReduceEmitter::storeExtreme(Code &code, Value value, Value pointer, Value mask) {
  if (compared != element) {
    auto vector = dyn_cast<VectorType>(value.getType());
    Type type = code.vectorOf(element, vector ? vector.getNumElements() : 0);
    value = arith::TruncFOp::create(code, code.loc, type, value);
  }
  mask ? code.maskedStore(value, pointer, mask) : code.store(value, pointer);
}

/// Strictly better, NaN being better than any number and no NaN than another.
Value ArgReduceEmitter::isBetter(Code &code, Value candidate, Value best) {
  using arith::CmpFPredicate;
  if (!isFloat())
    return exceeds(code, candidate, best);
  Value beyond = arith::CmpFOp::create(
      code, code.loc, isMax ? CmpFPredicate::UGT : CmpFPredicate::ULT, candidate, best);
  Value isNumber = arith::CmpFOp::create(code, code.loc, CmpFPredicate::ORD, best, best);
  return arith::AndIOp::create(code, code.loc, beyond, isNumber);
}

/// The best number of elements [from, to), at least one, of a row, and (of
/// floats) whether one of them may be a NaN: whether their sum is one.
SmallVector<Value> ArgReduceEmitter::scan(Code &code, Value row, Value from, Value to) {
  constexpr unsigned kTogether = 4;
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Value first = code.splat(loadElements(code, code.gep(element, row, from), 0), lanes);
  bool sums = isFloat();
  auto best = [&](Value value, Value best) {
    return code.select(exceeds(code, value, best), value, best);
  };
  auto step = [&](Value value, Value known, Value sum) -> SmallVector<Value> {
    SmallVector<Value> next = {best(value, known)};
    if (sums)
      next.push_back(arith::AddFOp::create(code, code.loc, sum, value));
    return next;
  };
  SmallVector<Value> accs = {first};
  if (sums)
    accs.push_back(code.zero(first.getType()));
  SmallVector<Type> types(ValueRange(accs).getTypes());
  Value count = code.sub(to, from);
  Value wide = code.add(from, code.roundDown(count, lanes * kTogether));
  Value whole = code.add(from, code.roundDown(count, lanes));
  // Several vectors at a time, for none to wait for the one before.
  accs = code.ifElse(
      code.less(from, wide), types,
      [&] {
        SmallVector<Value> all;
        for (unsigned v = 0; v < kTogether; ++v)
          all.append(accs);
        all = code.loop(from, wide, code.i64(lanes * kTogether), all,
                        [&](Value j, ValueRange carried) {
                          SmallVector<Value> next;
                          for (unsigned v = 0; v < kTogether; ++v) {
                            Value at = code.add(j, code.i64(v * lanes));
                            Value value = loadElements(code, code.gep(element, row, at), lanes);
                            next.append(step(value, carried[v * accs.size()],
                                             carried[v * accs.size() + accs.size() - 1]));
                          }
                          return next;
                        });
        SmallVector<Value> merged(all.begin(), all.begin() + accs.size());
        for (unsigned v = 1; v < kTogether; ++v) {
          merged[0] = best(all[v * accs.size()], merged[0]);
          if (sums)
            merged[1] = arith::AddFOp::create(code, code.loc, merged[1], all[2 * v + 1]);
        }
        return merged;
      },
      [&] { return accs; });
  accs = code.loop(wide, whole, code.i64(lanes), accs, [&](Value j, ValueRange carried) {
    return step(loadElements(code, code.gep(element, row, j), lanes), carried[0], carried.back());
  });
  accs = code.ifElse(
      code.less(whole, to), types,
      [&] {
        Value mask = code.maskBelow(code.sub(to, whole), lanes);
        Value value = loadElements(code, code.gep(element, row, whole), lanes, mask);
        return step(code.select(mask, value, first), accs[0], accs.back());
      },
      [&] { return accs; });
  Value all = accs[0];
  // A first element that is a NaN would stay: numbers win here.
  for (unsigned half = lanes / 2; half; half /= 2)
    all = best(code.slice(all, half, half), code.slice(all, 0, half));
  SmallVector<Value> result = {code.lane(all, 0)};
  if (sums) {
    Value isNaN = arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO, accs[1], accs[1]);
    result.push_back(vector::ReductionOp::create(code, code.loc, vector::CombiningKind::OR, isNaN));
  }
  return result;
}

/// The extreme value of elements [from, to) of which `best` is the best number: that,
/// but of zeros the sign that the reduction has where one of them has it.
Value ArgReduceEmitter::extremeOf(Code &code, Value row, Value from, Value to, Value best) {
  if (!isFloat())
    return best;
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Type integer = code.getIntegerType(compared.getIntOrFloatBitWidth());
  APFloat sought = APFloat::getZero(cast<FloatType>(compared).getFloatSemantics(), /*Negative=*/!isMax);
  Value wanted = arith::ConstantOp::create(code, code.loc, code.getFloatAttr(compared, sought));
  Value isZero = arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::OEQ, best, wanted);
  return code.ifElse(
      isZero, TypeRange{compared},
      [&]() -> SmallVector<Value> {
        Value bits = code.splat(arith::BitcastOp::create(code, code.loc, integer, wanted), lanes);
        Value found = search(code, row, from, to, [&](Value elements) -> Value {
          Value each = arith::BitcastOp::create(code, code.loc, code.vectorOf(integer, lanes), elements);
          return code.equal(each, bits);
        });
        return {code.select(code.less(code.i64(-1), found), wanted, best)};
      },
      [&]() -> SmallVector<Value> { return {best}; })[0];
}

/// The first of elements [from, to) for which isHit is set, or -1.
Value ArgReduceEmitter::search(Code &code, Value row, Value from, Value to,
                               llvm::function_ref<Value(Value)> isHit) {
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Type i64 = code.getI64Type(), bitsType = code.getIntegerType(lanes);
  Value none = arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bitsType, 0));
  auto hits = [&](Value j) -> Value {
    Value mask = code.maskBelow(code.sub(to, j), lanes);
    Value elements = loadElements(code, code.gep(element, row, j), lanes, mask);
    Value on = arith::AndIOp::create(code, code.loc, isHit(elements), mask);
    Value packed = vector::BitCastOp::create(code, code.loc, VectorType::get({1}, bitsType), on);
    return code.lane(packed, 0);
  };
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange{i64, bitsType}, ValueRange{from, hits(from)});
  {
    OpBuilder::InsertionGuard guard(code);
    Block *before = code.createBlock(&loop.getBefore(), {}, {i64, bitsType}, {code.loc, code.loc});
    Value next = code.add(before->getArgument(0), code.i64(lanes));
    Value goesOn = arith::AndIOp::create(code, code.loc, code.equal(before->getArgument(1), none),
                                         code.less(next, to));
    scf::ConditionOp::create(code, code.loc, goesOn, before->getArguments());
    Block *after = code.createBlock(&loop.getAfter(), {}, {i64, bitsType}, {code.loc, code.loc});
    Value j = code.add(after->getArgument(0), code.i64(lanes));
    scf::YieldOp::create(code, code.loc, ValueRange{j, hits(j)});
  }
  Value bits = loop.getResult(1);
  Value wide = lanes < 64 ? Value(arith::ExtUIOp::create(code, code.loc, i64, bits)) : bits;
  Value lane = LLVM::CountTrailingZerosOp::create(code, code.loc, i64, wide, false);
  return code.select(code.equal(bits, none), code.i64(-1), code.add(loop.getResult(0), lane));
}

} // namespace oriel
