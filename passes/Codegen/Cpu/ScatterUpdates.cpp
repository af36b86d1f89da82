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
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

/// A destination of as many bytes does not stay in the second-level cache beside the
/// updates.
constexpr int64_t kFarBytes = 512 << 10;

void UpdateSweep::start() {
  code.loc = kernel.line(LineRole::kLoop);
  streak = entry.stack(i64, 1, 8);
  streakEnd = entry.stack(i64, 1, 8);
  code.store(code.i64(0), streak, 8);
  code.store(code.i64(-1), streakEnd, 8);
  Value bytes = entry.dim(kernel.slices * kernel.inner * Dim(getStorageBytes(element)));
  isFar = entry.prologue([&] { return code.less(code.i64(kFarBytes - 1), bytes); });
}

void UpdateSweep::countSweep(Value kind) {
  Value word = code.gep(i64, counter(offsetof(ScatterCounts, sweeps)), kind);
  code.store(code.add(code.load(i64, word, 8), code.i64(1)), word, 8);
}

/// Slices without elements are indexed, too.
void UpdateSweep::onlyLook() {
  Value total = entry.dim(kernel.count);
  code.loop(code.i64(0), total, code.i64(kScatterPiece), [&](Value lo) {
    Value hi = code.minimum(total, code.add(lo, code.i64(kScatterPiece)));
    pieces.makeIndices(lo, hi);
    code.loop(lo, hi, code.i64(1), [&](Value n) { reportBad(rawIndices(n), n); });
  });
}

void UpdateSweep::run() {
  start();
  Dim elements = kernel.outer * kernel.inner;
  if (elements.is_static() && elements.value() > 0)
    return groups();
  code.ifElse(
      code.equal(entry.dim(elements), code.i64(0)), TypeRange(),
      [&]() -> SmallVector<Value> {
        onlyLook();
        return {};
      },
      [&]() -> SmallVector<Value> {
        groups();
        return {};
      });
}

void UpdateSweep::groups() {
  Value width = entry.dim(kernel.inner), slices = entry.dim(kernel.slices);
  Value ranges = entry.dim(kernel.ranges);
  Dim groupsOfColumns = Dim::CeilDiv(kernel.inner, kScatterColumns);
  Value parts = entry.dim(groupsOfColumns);
  Value groups = entry.dim(kernel.outer * groupsOfColumns);
  Value lastGroup = code.ceilDiv(entry.end, ranges);
  code.loop(code.divUnsigned(entry.begin, ranges), lastGroup, code.i64(1), [&](Value group) {
    Value start = code.mul(group, ranges);
    Value low = code.sub(code.maximum(entry.begin, start), start);
    Value high = code.sub(code.minimum(entry.end, code.add(start, ranges)), start);
    Value outer = groupsOfColumns == Dim(1) ? group : code.divUnsigned(group, parts);
    Value part = groupsOfColumns == Dim(1) ? code.i64(0) : code.remUnsigned(group, parts);
    first = code.mul(part, code.i64(kScatterColumns));
    columns = code.minimum(code.i64(kScatterColumns), code.sub(width, first));
    Value whole = code.equal(code.sub(high, low), ranges);
    from = code.divUnsigned(code.mul(slices, low), ranges);
    length = code.sub(code.divUnsigned(code.mul(slices, high), ranges), from);
    base = code.gep(element, entry.pointer(*kernel.out),
                    code.add(code.mul(code.mul(outer, slices), width), first));
    before = kernel.outer == Dim(1) ? code.i64(0) : code.mul(outer, entry.dim(kernel.count));
    if (!pieces.makesUpdates())
      source = code.gep(element, entry.pointer(*kernel.updates),
                        code.add(code.mul(before, width), first));

    auto sweeps = [](ScatterSweep kind) { return static_cast<int64_t>(kind); };
    Value kind = code.select(code.equal(groups, code.i64(1)), code.i64(sweeps(ScatterSweep::kSerial)),
                             code.i64(sweeps(ScatterSweep::kColumns)));
    Value everything = code.equal(code.sub(entry.end, entry.begin), code.mul(groups, ranges));
    kind = code.select(everything, code.i64(sweeps(ScatterSweep::kSerial)), kind);
    kind = code.select(whole, kind, code.i64(sweeps(ScatterSweep::kRange)));
    countSweep(kind);

    if (kernel.inner == Dim(1))
      return singles(code.i64(0), entry.dim(kernel.count), whole);
    if (kernel.inner.is_static() || pieces.makesUpdates())
      return rows();
    code.ifElse(
        code.equal(width, code.i64(1)), TypeRange(),
        [&]() -> SmallVector<Value> {
          singles(code.i64(0), entry.dim(kernel.count), whole);
          return {};
        },
        [&]() -> SmallVector<Value> {
          rows();
          return {};
        });
  });
}

void emitScatterUpdates(EntryBuilder &entry, const KernelSignature &signature,
                        const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).run();
}

} // namespace oriel
