//===- ScatterSingles.cpp - updates of single elements --------------------===//
//
// One after the other, each at its place: the order is the meaning. What limits a
// destination in the nearest caches is how many loads and stores a cycle takes, so
// updates come as vectors, eight at a time.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

constexpr int64_t kUnroll = 8;
/// Updates whose indices are checked before the first is added.
constexpr unsigned kTogether = 4;

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

Value UpdateSweep::update(Value n, unsigned lanes) {
  Code::LocScope scope(code, kernel.line(LineRole::kLoad));
  if (pieces.areUpdatesInline())
    return pieces.inlineUpdates(code.add(before, n), lanes);
  return code.load(code.vectorOf(element, lanes), code.gep(element, source, n));
}

/// `lanes` updates as one vector; null where scalars are better: narrow elements are
/// moved by more instructions than they save.
Value UpdateSweep::updatesFrom(Value n, unsigned lanes) {
  return element.getIntOrFloatBitWidth() < 32 ? Value() : update(n, lanes);
}

/// Update n into the element at `at`; `value` is null unless it is made.
void UpdateSweep::put(Value n, Value at, Value value) {
  Value place = code.gep(element, base, at);
  if (!value)
    value = update(n);
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

/// Updates n + k to n + kUnroll - 1, `together` at a time, up to the first of which an
/// index is not in bounds as it is; returns which.
Value UpdateSweep::good(Value n, Value values, int64_t k) {
  if (k == kUnroll)
    return code.i64(kUnroll);
  SmallVector<Value> places;
  std::function<Value()> check = [&]() -> Value {
    int64_t next = k + places.size();
    if (places.size() == kTogether) {
      for (auto [j, at] : llvm::enumerate(places))
        put(code.add(n, code.i64(k + j)), at, values ? code.lane(values, k + j) : Value());
      return good(n, values, next);
    }
    SmallVector<Value> raw = rawIndices(code.add(n, code.i64(next)));
    return code.ifElse(
        inBounds(raw), TypeRange{i64},
        [&] {
          places.push_back(flat(raw));
          return SmallVector<Value>{check()};
        },
        [&] { return SmallVector<Value>{code.i64(k)}; })[0];
  };
  return check();
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

/// Updates [lo, hi): kUnroll at a time while all are good as they are; one that is
/// negative or bad is looked at again. Returns where fewer than kUnroll are left.
Value UpdateSweep::inOrder(Value lo, Value hi) {
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange{i64}, ValueRange{lo});
  OpBuilder::InsertionGuard guard(code);
  Block *before = code.createBlock(&loop.getBefore(), {}, {i64}, {code.loc});
  Value n = before->getArgument(0);
  scf::ConditionOp::create(code, code.loc, code.less(code.add(n, code.i64(kUnroll - 1)), hi), n);
  Block *after = code.createBlock(&loop.getAfter(), {}, {i64}, {code.loc});
  n = after->getArgument(0);
  Value done = good(n, updatesFrom(n, kUnroll), 0);
  Value next = code.add(n, done);
  next = code.ifElse(
      code.equal(done, code.i64(kUnroll)), TypeRange{i64}, [&] { return SmallVector<Value>{next}; },
      [&] {
        again(next);
        return SmallVector<Value>{code.add(next, code.i64(1))};
      })[0];
  scf::YieldOp::create(code, code.loc, next);
  return loop.getResult(0);
}

void UpdateSweep::serial(Value lo, Value hi) {
  sample(lo, hi);
  Value rest = inOrder(runs(lo, hi), hi);
  code.loop(rest, hi, code.i64(1), [&](Value n) { again(n); });
  count(offsetof(ScatterCounts, updates), code.sub(hi, lo));
}

/// Which of the updates are for these ranges is noted without a branch, as it
/// cannot be foreseen; then they are added.
void UpdateSweep::ranged(Value lo, Value hi) {
  sample(lo, hi);
  Value noted = entry.stack(i64, kScatterPiece);
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

/// The updates [begin, last). `whole` is null where all elements are at hand.
void UpdateSweep::singles(Value begin, Value last, Value whole) {
  const bool isInline = pieces.areUpdatesInline();
  if (isInline)
    pieces.startInline(code.add(before, begin), code.add(before, last), kUnroll);
  code.loop(begin, last, code.i64(kScatterPiece), [&](Value lo) {
    Value hi = code.minimum(last, code.add(lo, code.i64(kScatterPiece)));
    pieceLo = lo;
    pieces.makeIndices(lo, hi);
    if (pieces.makesUpdates() && !isInline) {
      pieces.makeUpdates(code.add(before, lo), code.add(before, hi));
      source = code.gep(element, pieces.madeUpdates(), code.sub(code.i64(0), lo));
    }
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

} // namespace oriel
