//===- ScatterRanges.cpp - the updates of some ranges of the destination --===//
//
// A thread that owns ranges looks at every index. Which of a piece's updates are its
// own is noted without a branch, as it cannot be foreseen: every update is written to
// the end of a list, which grows by those that count. Then they are added, with
// nothing left to check.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace oriel {

constexpr int64_t kUnroll = 8;

/// Writes update n at the end of the list; 1 if its slice, `at`, is in these ranges.
Value UpdateSweep::note(Value n, Value at, Value many) {
  code.store(at, code.gep(i64, notedSlices, many), 8);
  // Inline updates are made when they are added.
  if (pieces.areUpdatesInline())
    code.store(n, code.gep(i64, notedUpdates, many), 8);
  else
    code.store(update(n), code.gep(element, notedUpdates, many));
  Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult, code.sub(at, from), length);
  return code.add(many, arith::ExtUIOp::create(code, code.loc, i64, here));
}

/// Updates [lo, hi), whatever their indices.
Value UpdateSweep::noteAny(Value lo, Value hi, Value many) {
  return code.loop(lo, hi, code.i64(1), {many}, [&](Value n, ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> raw = rawIndices(n), each = wrapped(raw);
    return code.ifElse(
        inBounds(each), TypeRange{i64}, [&] { return SmallVector<Value>{note(n, flat(each), carried[0])}; },
        [&] {
          reportBad(raw, n);
          return SmallVector<Value>{carried[0]};
        });
  })[0];
}

/// Notes those of [lo, hi), kUnroll at a time; returns how many.
Value UpdateSweep::noteAll(Value lo, Value hi) {
  Value limit = code.sub(hi, code.i64(kUnroll - 1));
  auto all = scf::ExecuteRegionOp::create(code, code.loc, TypeRange{i64, i64});
  {
    OpBuilder::InsertionGuard guard(code);
    Region &region = all.getRegion();
    auto block = [&](TypeRange types) {
      return code.createBlock(&region, region.end(), types, SmallVector<Location>(types.size(), code.loc));
    };
    Block *start = block({}), *head = block({i64, i64}), *odd = new Block, *exit = new Block;
    code.setInsertionPointToEnd(start);
    cf::BranchOp::create(code, code.loc, head, ValueRange{lo, code.i64(0)});
    Value n = head->getArgument(0), many = head->getArgument(1);
    auto branch = [&](Value condition, Block *otherwise) {
      Block *next = block({});
      code.setInsertionPointToEnd(next->getPrevNode());
      cf::CondBranchOp::create(code, code.loc, condition, next, ValueRange{}, otherwise, ValueRange{});
      code.setInsertionPointToEnd(next);
    };
    code.setInsertionPointToEnd(head);
    branch(code.less(n, limit), exit);
    fetch(n);
    SmallVector<Value> places;
    for (int64_t k = 0; k < kUnroll; ++k) {
      SmallVector<Value> raw = rawIndices(code.add(n, code.i64(k)));
      branch(inBounds(raw), odd);
      places.push_back(flat(raw));
    }
    Value noted = many, next = code.add(n, code.i64(kUnroll));
    for (auto [k, at] : llvm::enumerate(places))
      noted = note(code.add(n, code.i64(k)), at, noted);
    cf::BranchOp::create(code, code.loc, head, ValueRange{next, noted});
    // One that is negative or bad is among them.
    region.push_back(odd);
    code.setInsertionPointToEnd(odd);
    next = code.add(n, code.i64(kUnroll));
    noted = noteAny(n, next, many);
    cf::BranchOp::create(code, code.loc, head, ValueRange{next, noted});
    region.push_back(exit);
    code.setInsertionPointToEnd(exit);
    scf::YieldOp::create(code, code.loc, ValueRange{n, many});
  }
  return noteAny(all.getResult(0), hi, all.getResult(1));
}

void UpdateSweep::ranged(Value lo, Value hi) {
  sample(lo, hi);
  const bool isInline = pieces.areUpdatesInline();
  notedSlices = entry.stack(i64, kScatterPiece);
  notedUpdates = entry.stack(isInline ? i64 : element, kScatterPiece);
  Value many = noteAll(lo, hi), whole = code.roundDown(many, kUnroll);
  auto add = [&](Value k) {
    Value at = code.load(i64, code.gep(i64, notedSlices, k), 8);
    if (isInline)
      return put(code.load(i64, code.gep(i64, notedUpdates, k), 8), at);
    put(k, at, code.load(element, code.gep(element, notedUpdates, k)));
  };
  const bool isWide = !isInline && element.getIntOrFloatBitWidth() >= 32;
  code.loop(code.i64(0), whole, code.i64(kUnroll), [&](Value k) {
    Value values = isWide ? code.load(code.vectorOf(element, kUnroll), code.gep(element, notedUpdates, k)) : Value();
    for (int64_t j = 0; j < kUnroll; ++j) {
      Value one = code.add(k, code.i64(j));
      if (!isWide)
        add(one);
      else
        put(one, code.load(i64, code.gep(i64, notedSlices, one), 8), code.lane(values, j));
    }
  });
  code.loop(whole, many, code.i64(1), add);
  count(offsetof(ScatterCounts, updates), many);
}

} // namespace oriel
