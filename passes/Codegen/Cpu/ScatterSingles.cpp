//===- ScatterSingles.cpp - updates of single elements --------------------===//
//
// One after the other, each at its place: the order is the meaning. What limits a
// destination in the nearest caches is how many loads and stores a cycle takes, so
// updates come as vectors, eight at a time.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

constexpr int64_t kUnroll = 8;
/// Updates whose indices are checked before the first is added.
constexpr int64_t kTogether = 4;
/// Updates from one that is added to those that are fetched.
constexpr int64_t kFetchedAhead = 128;

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

/// Brings closer what streams past: the machine's own prefetching is late where each
/// update waits for its element, and lines for one use only push a large destination
/// out of the caches.
void UpdateSweep::fetch(Value n) {
  Value ahead = code.add(n, code.i64(kFetchedAhead));
  auto bring = [&](Value pointer) {
    LLVM::Prefetch::create(code, code.loc, pointer, /*rw=*/0u, /*hint=*/0u, /*cache=*/1u);
  };
  for (unsigned o = 0; o < operands; ++o)
    if (kernel.indices[o])
      bring(code.gep(i64, entry.pointer(*kernel.indices[o]), ahead));
  if (kernel.updates)
    bring(code.gep(element, source, ahead));
}

/// Updates kUnroll at a time from `lo` on, up to one whose index is not in bounds as
/// it is, or until fewer are left; returns which. A loop of blocks with nothing else
/// in it: what the rest needs would take registers, and a store and a load each.
Value UpdateSweep::whileGood(Value lo, Value hi, bool fetches) {
  Value limit = code.sub(hi, code.i64(kUnroll - 1));
  auto all = scf::ExecuteRegionOp::create(code, code.loc, TypeRange{i64});
  OpBuilder::InsertionGuard guard(code);
  Region &region = all.getRegion();
  auto block = [&](TypeRange types) {
    return code.createBlock(&region, region.end(), types, SmallVector<Location>(types.size(), code.loc));
  };
  Block *start = block({}), *head = block({i64}), *exit = new Block;
  exit->addArgument(i64, code.loc);
  code.setInsertionPointToEnd(start);
  cf::BranchOp::create(code, code.loc, head, ValueRange{lo});
  Value n = head->getArgument(0);
  auto branch = [&](Value condition, Value leavesAt) {
    Block *next = block({});
    code.setInsertionPointToEnd(next->getPrevNode());
    cf::CondBranchOp::create(code, code.loc, condition, next, ValueRange{}, exit, ValueRange{leavesAt});
    code.setInsertionPointToEnd(next);
  };
  code.setInsertionPointToEnd(head);
  branch(code.less(n, limit), n);
  if (fetches)
    fetch(n);
  // Ahead of the checks: the code generator would load what it takes apart in the same
  // block an element at a time.
  Value values = updatesFrom(n, kUnroll);
  for (int64_t k = 0; k < kUnroll; k += kTogether) {
    SmallVector<Value> places;
    Value from = code.add(n, code.i64(k));
    for (int64_t j = 0; j < kTogether; ++j) {
      SmallVector<Value> raw = rawIndices(code.add(from, code.i64(j)));
      branch(inBounds(raw), from);
      places.push_back(flat(raw));
    }
    for (auto [j, at] : llvm::enumerate(places))
      put(code.add(from, code.i64(j)), at, values ? code.lane(values, k + j) : Value());
  }
  cf::BranchOp::create(code, code.loc, head, ValueRange{code.add(n, code.i64(kUnroll))});
  region.push_back(exit);
  code.setInsertionPointToEnd(exit);
  scf::YieldOp::create(code, code.loc, exit->getArgument(0));
  return all.getResult(0);
}

/// Updates [lo, hi); one that is negative or bad is looked at again. Returns where
/// fewer than kUnroll are left.
Value UpdateSweep::inOrder(Value lo, Value hi) {
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange{i64}, ValueRange{lo});
  OpBuilder::InsertionGuard guard(code);
  Block *before = code.createBlock(&loop.getBefore(), {}, {i64}, {code.loc});
  Value n = before->getArgument(0);
  n = code.ifElse(
      isFar, TypeRange{i64}, [&] { return SmallVector<Value>{whileGood(n, hi, true)}; },
      [&] { return SmallVector<Value>{whileGood(n, hi, false)}; })[0];
  scf::ConditionOp::create(code, code.loc, code.less(code.add(n, code.i64(kUnroll - 1)), hi), n);
  Block *after = code.createBlock(&loop.getAfter(), {}, {i64}, {code.loc});
  n = after->getArgument(0);
  again(n);
  scf::YieldOp::create(code, code.loc, code.add(n, code.i64(1)));
  return loop.getResult(0);
}

void UpdateSweep::serial(Value lo, Value hi) {
  sample(lo, hi);
  Value rest = inOrder(runs(lo, hi), hi);
  code.loop(rest, hi, code.i64(1), [&](Value n) { again(n); });
  count(offsetof(ScatterCounts, updates), code.sub(hi, lo));
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
