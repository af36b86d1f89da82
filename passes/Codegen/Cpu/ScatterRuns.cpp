//===- ScatterRuns.cpp - updates that repeat one index, or two in turns ---===//
//
// An addition waits for the one before it in the same element, through memory
// some 12 cycles, in a register 3. Every kScatterPiece updates a look tells whether the
// next repeat one index or two in turns; if so they are added in registers for as
// long as that lasts. The order stays.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

/// Do the kScatterRun indices at `at` repeat the two at the start of the run?
Value UpdateSweep::repeats(Value at) {
  unsigned lanes = std::max(2u, kernel.vectorBits / 64);
  Value all;
  for (unsigned o = 0; o < operands; ++o) {
    Code::LocScope scope(code, kernel.line(LineRole::kLoad));
    if (!kernel.indices[o] && kernel.indicesMade[o].maker < 0)
      continue;
    Value two = pieces.loadIndex(o, pieceLo, 2);
    SmallVector<int64_t> turns;
    for (unsigned k = 0; k < lanes; ++k)
      turns.push_back(k % 2);
    Value pair = vector::ShuffleOp::create(code, code.loc, two, two, turns);
    for (int64_t k = 0; k < kScatterRun; k += lanes) {
      Value here = pieces.loadIndex(o, code.add(at, code.i64(k)), lanes);
      Value same = code.equal(here, pair);
      all = all ? Value(arith::AndIOp::create(code, code.loc, all, same)) : same;
    }
  }
  if (!all) // every update has the same
    return arith::ConstantIntOp::create(code, code.loc, 1, 1);
  return vector::ReductionOp::create(code, code.loc, vector::CombiningKind::AND, all);
}

/// From `lo` on, kScatterRun updates at a time: into element a, or a and c in turns.
/// The first kScatterRun are known to be. Returns where the run ends.
Value UpdateSweep::chain(Value lo, Value hi, Value a, Value c, bool isOne) {
  Value toA = code.gep(element, base, a), toC = code.gep(element, base, c);
  // Halves are carried as their bits: the code generator would convert them.
  const bool isHalf = element.isF16() || element.isBF16();
  Type carried = isHalf ? code.getI16Type() : element;
  auto cast = [&](Value value, Type to) {
    return isHalf ? Value(arith::BitcastOp::create(code, code.loc, to, value)) : value;
  };
  SmallVector<Value> start = {lo, code.load(carried, toA)};
  if (!isOne)
    start.push_back(code.load(carried, toC));
  SmallVector<Type> types(ValueRange(start).getTypes());
  SmallVector<Location> locs(types.size(), code.loc);
  auto loop = scf::WhileOp::create(code, code.loc, types, start);
  {
    // Do, then look whether to go on.
    OpBuilder::InsertionGuard guard(code);
    Block *before = code.createBlock(&loop.getBefore(), {}, types, locs);
    SmallVector<Value> next(before->getArguments());
    Value made = updatesFrom(next[0], kScatterRun);
    for (int64_t k = 0; k < kScatterRun; ++k) {
      Value &sum = next[isOne ? 1 : 1 + k % 2];
      Value added = made ? code.lane(made, k) : update(code.add(next[0], code.i64(k)));
      sum = cast(combine(cast(sum, element), added), carried);
    }
    next[0] = code.add(next[0], code.i64(kScatterRun));
    Value enough = code.less(code.add(next[0], code.i64(kScatterRun - 1)), hi);
    Value goesOn = code.ifElse(
        enough, TypeRange{code.getI1Type()}, [&] { return SmallVector<Value>{repeats(next[0])}; },
        [&] { return SmallVector<Value>{arith::ConstantIntOp::create(code, code.loc, 0, 1)}; })[0];
    scf::ConditionOp::create(code, code.loc, goesOn, next);
    Block *after = code.createBlock(&loop.getAfter(), {}, types, locs);
    scf::YieldOp::create(code, code.loc, after->getArguments());
  }
  Code::LocScope scope(code, kernel.line(LineRole::kStore));
  code.store(loop.getResult(1), toA);
  if (!isOne)
    code.store(loop.getResult(2), toC);
  return loop.getResult(0);
}

/// Adds the run that begins at `lo`, if one does; returns where it ends.
Value UpdateSweep::runs(Value lo, Value hi) {
  auto none = [&] { return SmallVector<Value>{lo}; };
  Value enough = code.less(code.add(lo, code.i64(kScatterRun - 1)), hi);
  return code.ifElse(
      enough, TypeRange{i64},
      [&] {
        return code.ifElse(
            repeats(lo), TypeRange{i64},
            [&] {
              SmallVector<Value> one = rawIndices(lo), two = rawIndices(code.add(lo, code.i64(1)));
              Value good = arith::AndIOp::create(code, code.loc, inBounds(one), inBounds(two));
              return code.ifElse(
                  good, TypeRange{i64},
                  [&] {
                    Value a = flat(one), c = flat(two);
                    Value end = code.ifElse(
                        code.equal(a, c), TypeRange{i64},
                        [&] { return SmallVector<Value>{chain(lo, hi, a, c, true)}; },
                        [&] { return SmallVector<Value>{chain(lo, hi, a, c, false)}; })[0];
                    Value many = code.sub(end, lo);
                    count(offsetof(ScatterCounts, combined), many);
                    Value before = code.load(i64, streak, 8);
                    Value joined = code.select(code.equal(code.load(i64, streakEnd, 8), lo),
                                               code.add(before, many), many);
                    code.store(joined, streak, 8);
                    code.store(end, streakEnd, 8);
                    Value longest = counter(offsetof(ScatterCounts, longest_run));
                    code.store(code.maximum(code.load(i64, longest, 8), joined), longest, 8);
                    return SmallVector<Value>{end};
                  },
                  none);
            },
            none);
      },
      none)[0];
}

} // namespace oriel
