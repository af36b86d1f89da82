//===- ScatterUpdates.cpp - the updates of a scatter, in their order ------===//
//
// Tasks are numbered by scatter of the axes before (outer), columns of a slice,
// ranges of the destination; a call of the entry is given consecutive ones and
// works on all ranges among them at once. So the engine's split is the strategy:
//
//   all ranges, one thread        serial
//   some ranges                   by destination range: a look at every index,
//                                 then the updates of these ranges
//   all ranges of some columns    by column
//
// No two calls meet, and each element sees its updates in their order: the bits
// are those of the loop `for n: x[index[n]] += update[n]` whatever the split.
// Copies of the destination that are added at the end would be another sum, but of
// integers: many of those into a small destination have phases for that.
//
// Single elements: an addition waits for the one before it in the same element,
// through memory some 12 cycles, in a register 3. Every kPiece updates a look
// tells whether the next repeat one index or two in turns; if so they are added
// in registers for as long as that lasts. The order stays.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Scatter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/Codegen/Cpu/LoweredValues.h"
#include "passes/Codegen/Cpu/PassEmitter.h"

using namespace mlir;

namespace oriel {
namespace {

constexpr int64_t kPiece = 1024;      // updates between two looks for runs
constexpr int64_t kUnroll = 8;
constexpr int64_t kRun = 16;          // updates a run is continued by at a time
constexpr int64_t kSampleEvery = 2048; // updates for each kRun that are compared

class UpdateSweep {
public:
  UpdateSweep(EntryBuilder &entry, const KernelSignature &signature, const ScatterKernel &kernel)
      : entry(entry), code(entry.code), kernel(kernel), element(kernel.out->elementType),
        i64(code.getI64Type()), operands(kernel.indices.size()) {
    if (kernel.producers)
      producers.emplace(entry, signature, *kernel.producers, kernel.vectorBits);
    isRanged = !(kernel.ranges == Dim(1));
    isAdd = ir::ScatterOp(kernel.op).getKind() == ir::ScatterKind::add;
    isBool = kernel.op->hasAttr("oriel.bool");
  }

  void run();
  void toCopies();
  void ofCopies();

private:
  // Indices.
  Value rawIndex(unsigned o, Value n);
  SmallVector<Value> rawIndices(Value n);
  SmallVector<Value> wrapped(ArrayRef<Value> raw);
  Value inBounds(ArrayRef<Value> each);
  Value flat(ArrayRef<Value> each);
  void reportBad(ArrayRef<Value> raw, Value n);

  // Single elements.
  void singles(Value lo, Value hi, Value whole);
  void serial(Value lo, Value hi);
  Value good(Value n, int64_t k);
  void again(Value n);
  Value runs(Value lo, Value hi);
  Value chain(Value lo, Value hi, Value a, Value c, bool isOne);
  Value repeats(Value at);
  void ranged(Value lo, Value hi);
  void put(Value n, Value at);
  Value update(Value n);
  void startProducers(Value lo, Value hi);

  // Slices of several elements.
  void rows(Value whole);
  void applyRow(Value n, Value at);
  void apply(Value to, Value from, Value c, unsigned lanes, Value mask);
  Value combine(Value old, Value update);

  // What was met.
  void start();
  void countSweep(Value kind);
  Value counter(size_t offset);
  void count(size_t offset, Value by);
  void sample(Value lo, Value hi);

  EntryBuilder &entry;
  Code &code;
  const ScatterKernel &kernel;
  Type element, i64;
  unsigned operands;
  std::optional<PassEmitter> producers;
  bool isRanged, isAdd, isBool;

  // Of the scatter, columns and ranges at hand.
  Value base, source, first, columns, from, length;
  Value pieceLo;   // of the piece of updates at hand
  PassState state; // of producers of single elements
  Value counts, streak, streakEnd;
};

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value UpdateSweep::rawIndex(unsigned o, Value n) {
  Code::LocScope scope(code, kernel.line(LineRole::kLoad));
  return kernel.loadIndex(entry, o, n, 0);
}

SmallVector<Value> UpdateSweep::rawIndices(Value n) {
  SmallVector<Value> raw;
  for (unsigned o = 0; o < operands; ++o)
    raw.push_back(rawIndex(o, n));
  return raw;
}

SmallVector<Value> UpdateSweep::wrapped(ArrayRef<Value> raw) {
  SmallVector<Value> each;
  for (auto [o, index] : llvm::enumerate(raw))
    each.push_back(code.select(code.less(index, code.i64(0)),
                               code.add(index, entry.dim(kernel.bounds[o])), index));
  return each;
}

/// One comparison each: neither negative nor too large.
Value UpdateSweep::inBounds(ArrayRef<Value> each) {
  Value good;
  for (auto [o, index] : llvm::enumerate(each)) {
    Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult, index,
                                       entry.dim(kernel.bounds[o]));
    good = good ? Value(arith::AndIOp::create(code, code.loc, good, here)) : here;
  }
  return good;
}

Value UpdateSweep::flat(ArrayRef<Value> each) {
  Value at = code.i64(0);
  for (auto [o, index] : llvm::enumerate(each))
    at = code.add(code.mul(at, entry.dim(kernel.bounds[o])), index);
  return at;
}

void UpdateSweep::reportBad(ArrayRef<Value> raw, Value n) {
  for (auto [o, index] : llvm::enumerate(raw))
    entry.checkIndex(index, n, nullptr, kernel.checkOf(entry, o));
}

//===----------------------------------------------------------------------===//
// What was met
//===----------------------------------------------------------------------===//

Value UpdateSweep::counter(size_t offset) {
  if (!counts)
    counts = entry.prologue([&]() -> Value {
      Value records = LLVM::IntToPtrOp::create(code, code.loc,
                                               LLVM::LLVMPointerType::get(code.getContext()),
                                               entry.word(kArgCounts));
      return code.gep(code.getI8Type(), records,
                      code.mul(entry.worker, code.i64(sizeof(ScatterCounts))));
    });
  return code.gep(code.getI8Type(), counts, code.i64(offset));
}

void UpdateSweep::count(size_t offset, Value by) {
  Value word = counter(offset);
  code.store(code.add(code.load(i64, word, 8), by), word, 8);
}

/// Of kRun updates in kSampleEvery, those whose index another of them has.
void UpdateSweep::sample(Value lo, Value hi) {
  Value due = code.equal(arith::AndIOp::create(code, code.loc, lo, code.i64(kSampleEvery - 1)), code.i64(0));
  Value enough = code.less(code.add(lo, code.i64(kRun - 1)), hi);
  code.ifThen(arith::AndIOp::create(code, code.loc, due, enough), [&] {
    Type bits = code.getIntegerType(kRun);
    SmallVector<Value> around;
    for (unsigned o = 0; o < operands; ++o)
      around.push_back(kernel.loadIndex(entry, o, lo, kRun));
    Value end = code.add(lo, code.i64(kRun));
    Value repeated = code.loop(lo, end, code.i64(1), {code.i64(0)}, [&](Value n, ValueRange sum) {
      Value equal;
      for (unsigned o = 0; o < operands; ++o) {
        Value here = code.equal(around[o], code.splat(rawIndex(o, n), kRun));
        equal = equal ? Value(arith::AndIOp::create(code, code.loc, equal, here)) : here;
      }
      Value packed = code.lane(vector::BitCastOp::create(code, code.loc, VectorType::get({1}, bits), equal), 0);
      // More than its own bit.
      Value one = arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bits, 1));
      Value rest = arith::AndIOp::create(code, code.loc, packed, arith::SubIOp::create(code, code.loc, packed, one));
      Value more = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ne, rest,
                                         arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bits, 0)));
      return SmallVector<Value>{code.add(sum[0], arith::ExtUIOp::create(code, code.loc, i64, more))};
    })[0];
    count(offsetof(ScatterCounts, sampled), code.i64(kRun));
    count(offsetof(ScatterCounts, repeated), repeated);
  });
}

//===----------------------------------------------------------------------===//
// Single elements
//===----------------------------------------------------------------------===//

Value UpdateSweep::combine(Value old, Value update) {
  Code::LocScope scope(code, kernel.line(LineRole::kCompute));
  if (!isAdd)
    return update;
  Type type = update.getType();
  if (element.isF16() || element.isBF16()) {
    // Rounded at each addition: a code generator may keep sums of halves in f32.
    auto vector = dyn_cast<VectorType>(type);
    Type wide = code.vectorOf(code.getF32Type(), vector ? vector.getNumElements() : 0);
    auto widen = [&](Value value) { return arith::ExtFOp::create(code, code.loc, wide, value); };
    Value sum = arith::AddFOp::create(code, code.loc, widen(old), widen(update));
    return arith::TruncFOp::create(code, code.loc, type, sum);
  }
  if (isa<FloatType>(element))
    return arith::AddFOp::create(code, code.loc, old, update);
  if (isBool)
    return arith::OrIOp::create(code, code.loc, old, update);
  return arith::AddIOp::create(code, code.loc, old, update);
}

/// What does not change from update to update is computed once.
void UpdateSweep::startProducers(Value lo, Value hi) {
  if (!producers)
    return;
  producers->beginRow({code.i64(0)}, lo, hi);
  state = producers->prepare(kernel.producers->passes.front());
}

Value UpdateSweep::update(Value n) {
  Code::LocScope scope(code, kernel.line(LineRole::kLoad));
  if (!producers)
    return code.load(element, code.gep(element, source, n));
  SmallVector<Value> made;
  producers->takeResults(&made);
  producers->emitStep(state, n, 0, nullptr, {});
  producers->takeResults(nullptr);
  return made.front();
}

void UpdateSweep::put(Value n, Value at) {
  Value place = code.gep(element, base, at), value = update(n);
  if (isAdd) {
    Value old;
    {
      Code::LocScope scope(code, kernel.line(LineRole::kLoad));
      old = code.load(element, place);
    }
    value = combine(old, value);
  }
  Code::LocScope scope(code, kernel.line(LineRole::kStore));
  code.store(value, place);
}

/// Do the kRun indices at `at` repeat the two at the start of the run?
Value UpdateSweep::repeats(Value at) {
  unsigned lanes = std::max(2u, kernel.vectorBits / 64);
  Value all;
  for (unsigned o = 0; o < operands; ++o) {
    Code::LocScope scope(code, kernel.line(LineRole::kLoad));
    if (!kernel.indices[o])
      continue;
    Value two = kernel.loadIndex(entry, o, pieceLo, 2);
    SmallVector<int64_t> turns;
    for (unsigned k = 0; k < lanes; ++k)
      turns.push_back(k % 2);
    Value pair = vector::ShuffleOp::create(code, code.loc, two, two, turns);
    for (int64_t k = 0; k < kRun; k += lanes) {
      Value here = kernel.loadIndex(entry, o, code.add(at, code.i64(k)), lanes);
      Value same = code.equal(here, pair);
      all = all ? Value(arith::AndIOp::create(code, code.loc, all, same)) : same;
    }
  }
  if (!all) // every update has the same
    return arith::ConstantIntOp::create(code, code.loc, 1, 1);
  return vector::ReductionOp::create(code, code.loc, vector::CombiningKind::AND, all);
}

/// From `lo` on, kRun updates at a time: into element a, or a and c in turns.
/// The first kRun are known to be. Returns where the run ends.
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
    for (int64_t k = 0; k < kRun; ++k) {
      Value &sum = next[isOne ? 1 : 1 + k % 2];
      Value added = update(code.add(next[0], code.i64(k)));
      sum = cast(combine(cast(sum, element), added), carried);
    }
    next[0] = code.add(next[0], code.i64(kRun));
    Value enough = code.less(code.add(next[0], code.i64(kRun - 1)), hi);
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
  Value enough = code.less(code.add(lo, code.i64(kRun - 1)), hi);
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

/// Updates n + k to n + kUnroll - 1, up to the first whose index is not in bounds as
/// it is; returns which.
Value UpdateSweep::good(Value n, int64_t k) {
  if (k == kUnroll)
    return code.i64(kUnroll);
  Value at = code.add(n, code.i64(k));
  SmallVector<Value> raw = rawIndices(at);
  return code.ifElse(
      inBounds(raw), TypeRange{i64},
      [&] {
        put(at, flat(raw));
        return SmallVector<Value>{good(n, k + 1)};
      },
      [&] { return SmallVector<Value>{code.i64(k)}; })[0];
}

/// Update n, whatever its index.
void UpdateSweep::again(Value n) {
  SmallVector<Value> raw = rawIndices(n), each = wrapped(raw);
  code.ifElse(
      inBounds(each), TypeRange(),
      [&]() -> SmallVector<Value> {
        put(n, flat(each));
        return {};
      },
      [&]() -> SmallVector<Value> {
        reportBad(raw, n);
        return {};
      });
}

void UpdateSweep::serial(Value lo, Value hi) {
  sample(lo, hi);
  // kUnroll at a time while all are good as they are; one that is negative or bad
  // is looked at again. (Not unrolled, loops with a product were up to half slower
  // on Zen 4.)
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange{i64}, ValueRange{runs(lo, hi)});
  {
    OpBuilder::InsertionGuard guard(code);
    Block *before = code.createBlock(&loop.getBefore(), {}, {i64}, {code.loc});
    Value n = before->getArgument(0);
    scf::ConditionOp::create(code, code.loc, code.less(code.add(n, code.i64(kUnroll - 1)), hi), n);
    Block *after = code.createBlock(&loop.getAfter(), {}, {i64}, {code.loc});
    n = after->getArgument(0);
    Value done = good(n, 0);
    Value next = code.add(n, done);
    next = code.ifElse(
        code.equal(done, code.i64(kUnroll)), TypeRange{i64}, [&] { return SmallVector<Value>{next}; },
        [&] {
          again(next);
          return SmallVector<Value>{code.add(next, code.i64(1))};
        })[0];
    scf::YieldOp::create(code, code.loc, next);
  }
  code.loop(loop.getResult(0), hi, code.i64(1), [&](Value n) { again(n); });
  count(offsetof(ScatterCounts, updates), code.sub(hi, lo));
}

/// Which of the updates are for these ranges is noted without a branch, as it
/// cannot be foreseen; then they are added.
void UpdateSweep::ranged(Value lo, Value hi) {
  sample(lo, hi);
  Value noted = entry.stack(i64, kPiece);
  Value many = code.loop(lo, hi, code.i64(1), {code.i64(0)}, [&](Value n, ValueRange carried) {
    SmallVector<Value> raw = rawIndices(n);
    code.store(n, code.gep(i64, noted, carried[0]), 8);
    auto isHere = [&](ArrayRef<Value> each) -> Value {
      Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult,
                                         code.sub(flat(each), from), length);
      return arith::ExtUIOp::create(code, code.loc, i64, here);
    };
    Value one = code.ifElse(
        inBounds(raw), TypeRange{i64}, [&] { return SmallVector<Value>{isHere(raw)}; },
        [&] {
          SmallVector<Value> each = wrapped(raw);
          return code.ifElse(
              inBounds(each), TypeRange{i64}, [&] { return SmallVector<Value>{isHere(each)}; },
              [&] {
                reportBad(raw, n);
                return SmallVector<Value>{code.i64(0)};
              });
        })[0];
    return SmallVector<Value>{code.add(carried[0], one)};
  })[0];
  code.loop(code.i64(0), many, code.i64(1), [&](Value k) {
    Value n = code.load(i64, code.gep(i64, noted, k), 8);
    put(n, flat(wrapped(rawIndices(n))));
  });
  count(offsetof(ScatterCounts, updates), many);
}

/// The updates [begin, end). `whole` is null where all elements are at hand.
void UpdateSweep::singles(Value begin, Value end, Value whole) {
  startProducers(begin, end);
  code.loop(begin, end, code.i64(kPiece), [&](Value lo) {
    Value hi = code.minimum(end, code.add(lo, code.i64(kPiece)));
    pieceLo = lo;
    if (!isRanged || !whole)
      return serial(lo, hi);
    code.ifElse(
        whole, TypeRange(),
        [&]() -> SmallVector<Value> {
          serial(lo, hi);
          return {};
        },
        [&]() -> SmallVector<Value> {
          ranged(lo, hi);
          return {};
        });
  });
}

//===----------------------------------------------------------------------===//
// Slices of several elements
//===----------------------------------------------------------------------===//

void UpdateSweep::apply(Value to, Value updates, Value c, unsigned lanes, Value mask) {
  Type type = code.vectorOf(element, lanes);
  auto load = [&](Value pointer) {
    return mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
  };
  Value place = code.gep(element, to, c), value;
  {
    Code::LocScope scope(code, kernel.line(LineRole::kLoad));
    value = load(code.gep(element, updates, c));
    if (isAdd)
      value = combine(load(place), value);
  }
  Code::LocScope scope(code, kernel.line(LineRole::kStore));
  if (mask)
    code.maskedStore(value, place, mask);
  else
    code.store(value, place);
}

/// The columns at hand of update n, into slice `at`.
void UpdateSweep::applyRow(Value n, Value at) {
  Value width = entry.dim(kernel.inner), zero = code.i64(0);
  unsigned lanes = kernel.vectorBits / element.getIntOrFloatBitWidth();
  Value to = code.gep(element, base, code.mul(at, width));
  auto sweep = [&](Value to, Value updates, Value many) {
    Value whole = code.roundDown(many, lanes);
    code.loop(zero, whole, code.i64(lanes), [&](Value c) { apply(to, updates, c, lanes, nullptr); });
    code.tail(whole, code.sub(many, whole), lanes, code.hasFastMasks(),
              [&](Value c, unsigned lanes, Value mask) { apply(to, updates, c, lanes, mask); });
  };
  if (!producers)
    return sweep(to, code.gep(element, source, code.mul(n, width)), columns);
  code.loop(zero, columns, code.i64(kScatterPiece), [&](Value c) {
    Value many = code.minimum(code.i64(kScatterPiece), code.sub(columns, c));
    Value lo = code.add(first, c);
    // The producers' rows are updates, unless these are one row of all.
    if (kernel.producers->rank() == 1)
      lo = code.add(lo, code.mul(n, width));
    SmallVector<Value> row = {zero};
    if (kernel.producers->rank() == 2)
      row = {n, zero};
    producers->beginRow(row, lo, code.add(lo, many));
    for (const ModelPass &pass : kernel.producers->passes)
      producers->emitPass(pass);
    sweep(code.gep(element, to, c), source, many);
  });
}

void UpdateSweep::rows(Value whole) {
  Value total = entry.dim(kernel.count), none = code.i64(-1);
  SmallVector<Value> met =
      code.loop(code.i64(0), total, code.i64(1), {none, code.i64(0), code.i64(0)},
                [&](Value n, ValueRange carried) {
                  SmallVector<Value> raw = rawIndices(n), each = wrapped(raw);
                  Value good = inBounds(each), at = flat(each);
                  Value bad = arith::XOrIOp::create(code, code.loc, good,
                                                    arith::ConstantIntOp::create(code, code.loc, 1, 1));
                  code.ifThen(bad, [&] { reportBad(raw, n); });
                  Value mine = good;
                  if (isRanged) {
                    Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult,
                                                       code.sub(at, from), length);
                    mine = arith::AndIOp::create(code, code.loc, good, here);
                  }
                  code.ifThen(mine, [&] { applyRow(n, at); });
                  auto asNumber = [&](Value flag) { return arith::ExtUIOp::create(code, code.loc, i64, flag); };
                  return SmallVector<Value>{at, code.add(carried[1], asNumber(code.equal(at, carried[0]))),
                                            code.add(carried[2], asNumber(mine))};
                });
  count(offsetof(ScatterCounts, sampled), total);
  count(offsetof(ScatterCounts, repeated), met[1]);
  count(offsetof(ScatterCounts, updates), met[2]);
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

void UpdateSweep::start() {
  code.loc = kernel.line(LineRole::kLoop);
  streak = entry.stack(i64, 1, 8);
  streakEnd = entry.stack(i64, 1, 8);
  code.store(code.i64(0), streak, 8);
  code.store(code.i64(-1), streakEnd, 8);
}

void UpdateSweep::countSweep(Value kind) {
  Value word = code.gep(i64, counter(offsetof(ScatterCounts, sweeps)), kind);
  code.store(code.add(code.load(i64, word, 8), code.i64(1)), word, 8);
}

void UpdateSweep::run() {
  start();
  Value width = entry.dim(kernel.inner), slices = entry.dim(kernel.slices);
  Value ranges = entry.dim(kernel.ranges);
  Dim pieces = Dim::CeilDiv(kernel.inner, kScatterColumns);
  Value parts = entry.dim(pieces);
  Value groups = entry.dim(kernel.outer * pieces);
  Value lastGroup = code.ceilDiv(entry.end, ranges);
  code.loop(code.divUnsigned(entry.begin, ranges), lastGroup, code.i64(1), [&](Value group) {
    Value start = code.mul(group, ranges);
    Value low = code.sub(code.maximum(entry.begin, start), start);
    Value high = code.sub(code.minimum(entry.end, code.add(start, ranges)), start);
    Value outer = pieces == Dim(1) ? group : code.divUnsigned(group, parts);
    Value part = pieces == Dim(1) ? code.i64(0) : code.remUnsigned(group, parts);
    first = code.mul(part, code.i64(kScatterColumns));
    columns = code.minimum(code.i64(kScatterColumns), code.sub(width, first));
    Value whole = code.equal(code.sub(high, low), ranges);
    from = code.divUnsigned(code.mul(slices, low), ranges);
    length = code.sub(code.divUnsigned(code.mul(slices, high), ranges), from);
    base = code.gep(element, entry.pointer(*kernel.out),
                    code.add(code.mul(code.mul(outer, slices), width), first));
    if (producers)
      source = code.gep(code.getI8Type(), entry.scratch(), code.i64(0));
    else
      source = code.gep(element, entry.pointer(*kernel.updates),
                        code.add(code.mul(code.mul(outer, entry.dim(kernel.count)), width), first));

    auto sweeps = [](ScatterSweep kind) { return static_cast<int64_t>(kind); };
    Value kind = code.select(code.equal(groups, code.i64(1)), code.i64(sweeps(ScatterSweep::kSerial)),
                             code.i64(sweeps(ScatterSweep::kColumns)));
    Value everything = code.equal(code.sub(entry.end, entry.begin), code.mul(groups, ranges));
    kind = code.select(everything, code.i64(sweeps(ScatterSweep::kSerial)), kind);
    kind = code.select(whole, kind, code.i64(sweeps(ScatterSweep::kRange)));
    countSweep(kind);

    bool isSingle = kernel.inner == Dim(1);
    bool hasRows = cast<RankedTensorType>(ir::ScatterOp(kernel.op).getUpdates().getType()).getRank() == 2;
    if (isSingle && !(producers && hasRows))
      return singles(code.i64(0), entry.dim(kernel.count), whole);
    if (kernel.inner.is_static() || producers)
      return rows(whole);
    code.ifElse(
        code.equal(width, code.i64(1)), TypeRange(),
        [&]() -> SmallVector<Value> {
          singles(code.i64(0), entry.dim(kernel.count), whole);
          return {};
        },
        [&]() -> SmallVector<Value> {
          rows(whole);
          return {};
        });
  });
}

//===----------------------------------------------------------------------===//
// Copies of a small destination of integers
//===----------------------------------------------------------------------===//

/// Task t has the t-th part of the updates.
void UpdateSweep::toCopies() {
  start();
  Value total = entry.dim(kernel.count), copies = entry.dim(kernel.copies), slices = entry.dim(kernel.slices);
  source = producers ? code.gep(code.getI8Type(), entry.scratch(), code.i64(0))
                     : code.gep(element, entry.pointer(*kernel.updates), code.i64(0));
  Value all = code.equal(code.sub(entry.end, entry.begin), copies);
  Value areCopied = code.select(all, code.i64(0), code.i64(1));
  code.store(areCopied, entry.shared(), 8);
  auto sweep = [&](Value to, Value first, Value last) {
    base = to;
    auto part = [&](Value task) { return code.divUnsigned(code.mul(total, task), copies); };
    singles(part(first), part(last), nullptr);
  };
  Value tasks = code.select(all, code.i64(1), code.sub(entry.end, entry.begin));
  countSweep(code.select(all, code.i64(static_cast<int64_t>(ScatterSweep::kSerial)),
                         code.i64(static_cast<int64_t>(ScatterSweep::kCopy))));
  code.loop(code.i64(0), tasks, code.i64(1), [&](Value k) {
    Value task = code.add(entry.begin, k);
    Value copy = code.gep(element, code.gep(code.getI8Type(), entry.shared(), code.i64(kScatterCopiesAt)),
                          code.mul(task, slices));
    Value many = code.select(all, code.i64(0), slices);
    emitFill(code, copy, code.zero(element), many, kernel.vectorBits);
    sweep(code.select(all, entry.pointer(*kernel.out), copy), task,
          code.select(all, entry.end, code.add(task, code.i64(1))));
  });
}

void UpdateSweep::ofCopies() {
  code.loc = kernel.line(LineRole::kCompute);
  Value copies = entry.dim(kernel.copies), slices = entry.dim(kernel.slices);
  unsigned lanes = kernel.vectorBits / element.getIntOrFloatBitWidth();
  Value areCopied = code.equal(code.load(i64, entry.shared(), 8), code.i64(1));
  code.ifThen(areCopied, [&] {
    code.loop(entry.begin, entry.end, code.i64(1), [&](Value task) {
      Value lo = code.mul(task, code.i64(kScatterCopyTask));
      Value many = code.minimum(code.i64(kScatterCopyTask), code.sub(slices, lo));
      Value to = code.gep(element, entry.pointer(*kernel.out), lo);
      Value whole = code.roundDown(many, lanes);
      code.loop(code.i64(0), copies, code.i64(1), [&](Value k) {
        Value copy = code.gep(element, code.gep(code.getI8Type(), entry.shared(), code.i64(kScatterCopiesAt)),
                              code.add(code.mul(k, slices), lo));
        code.loop(code.i64(0), whole, code.i64(lanes), [&](Value c) { apply(to, copy, c, lanes, nullptr); });
        code.tail(whole, code.sub(many, whole), lanes, code.hasFastMasks(),
                  [&](Value c, unsigned lanes, Value mask) { apply(to, copy, c, lanes, mask); });
      });
    });
  });
}

} // namespace

void emitScatterToCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).toCopies();
}

void emitScatterOfCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).ofCopies();
}

void emitScatterUpdates(EntryBuilder &entry, const KernelSignature &signature,
                        const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).run();
}

} // namespace oriel
