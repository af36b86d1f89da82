//===- ScatterRows.cpp - updates of slices of several elements ------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

/// Slices from one that is added to one that is brought closer, and how much of it:
/// the machine's own prefetching goes on from there.
constexpr int64_t kSlicesAhead = 8, kFetchedSlice = 512;

/// The slice of the update a few after n, up to `last`, where they lie apart in memory.
void UpdateSweep::fetchSlice(Value n, Value last) {
  code.ifThen(isFar, [&] {
    Value at = flat(rawIndices(code.minimum(code.add(n, code.i64(kSlicesAhead)), last)));
    auto bring = [&] {
      Value to = code.gep(element, base, code.mul(at, entry.dim(kernel.inner)));
      Value bytes = code.mul(columns, code.i64(getStorageBytes(element)));
      code.loop(code.i64(0), code.minimum(bytes, code.i64(kFetchedSlice)), code.i64(kLineBytes), [&](Value line) {
        LLVM::Prefetch::create(code, code.loc, code.gep(code.getI8Type(), to, line), /*rw=*/1u,
                               /*hint=*/3u, /*cache=*/1u);
      });
    };
    if (!isRanged)
      return bring();
    code.ifThen(arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult, code.sub(at, from), length),
                bring);
  });
}

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
  if (!pieces.makesUpdates())
    return sweep(to, code.gep(element, source, code.mul(n, width)), columns);
  code.loop(zero, columns, code.i64(kScatterPiece), [&](Value c) {
    Value many = code.minimum(code.i64(kScatterPiece), code.sub(columns, c));
    pieces.makeSlice(code.add(before, n), code.add(first, c), many);
    sweep(code.gep(element, to, c), pieces.madeUpdates(), many);
  });
}

void UpdateSweep::rows() {
  Value total = entry.dim(kernel.count), none = code.i64(-1), zero = code.i64(0), one = code.i64(1);
  Value last;
  // The slice before, slices that repeat it, updates: carried.
  auto each = [&](Value n, ValueRange carried) -> SmallVector<Value> {
    fetchSlice(n, last);
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
    return {at, code.add(carried[1], asNumber(code.equal(at, carried[0]))),
            code.add(carried[2], asNumber(mine))};
  };
  SmallVector<Value> met = {none, zero, zero};
  if (!pieces.makesIndices()) {
    last = code.sub(total, one);
    met = code.loop(zero, total, one, met, each);
  } else {
    met = code.loop(zero, total, code.i64(kScatterPiece), met, [&](Value lo, ValueRange carried) {
      Value hi = code.minimum(total, code.add(lo, code.i64(kScatterPiece)));
      pieces.makeIndices(lo, hi);
      last = code.sub(hi, one);
      return code.loop(lo, hi, one, carried, each);
    });
  }
  count(offsetof(ScatterCounts, sampled), total);
  count(offsetof(ScatterCounts, repeated), met[1]);
  count(offsetof(ScatterCounts, updates), met[2]);
}

} // namespace oriel
