//===- ArgReduceColumns.cpp - argmax and argmin along an axis but the last ===//

#include "passes/Codegen/Cpu/ArgReduce.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

/// Rows k, k + 1, ... (`rows` of them) of the reduced axis, `pitch` elements apart
/// from `first` on, against the best so far: values in scratch, indices in the
/// result.
void ArgReduceEmitter::emitTogether(EntryBuilder &entry, Value first, Value pitch,
                                    const Columns &columns, Value k, int64_t rows) {
  Code &code = entry.code;
  Type i64 = code.getI64Type();
  int64_t width = std::max(32u, compared.getIntOrFloatBitWidth());
  unsigned lanes = vectorBits / width;
  Type offset = code.getIntegerType(width);
  auto step = [&](Value j, unsigned, Value mask) {
    auto elements = [&](int64_t row) {
      Value at = code.add(code.mul(code.i64(row), pitch), j);
      return loadElements(code, code.gep(element, first, at), lanes, mask);
    };
    auto count = [&](int64_t row) -> Value {
      return code.splat(
          arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(offset, row)), lanes);
    };
    Value best = elements(0), row = count(0), furthest = best;
    for (int64_t q = 1; q < rows; ++q) {
      Value candidate = elements(q), take = isBetter(code, candidate, best);
      if (extreme)
        furthest = further(code, furthest, candidate);
      best = code.select(take, candidate, best);
      row = code.select(take, count(q), row);
    }
    if (offset != i64)
      row = arith::ExtUIOp::create(code, code.loc, code.vectorOf(i64, lanes), row);
    row = code.add(row, code.splat(k, lanes));
    Value values = code.gep(compared, entry.scratch(), j),
          places = code.gep(i64, columns.indices, j);
    Type vector = best.getType(), vectorOfPlaces = row.getType();
    // Scratch holds whole vectors; of the result there may be no more.
    Value old = code.load(vector, values);
    Value oldRow = mask ? code.maskedLoad(vectorOfPlaces, places, mask) : code.load(vectorOfPlaces, places);
    Value isFirst = code.equal(k, code.i64(0));
    Value take = arith::OrIOp::create(code, code.loc, isBetter(code, best, old),
                                      code.splat(isFirst, lanes));
    code.store(code.select(take, best, old), values);
    row = code.select(take, row, oldRow);
    if (mask)
      code.maskedStore(row, places, mask);
    else
      code.store(row, places);
    if (!extreme)
      return;
    Value to = code.gep(element, columns.extremes, j);
    storeExtreme(code, further(code, loadElements(code, to, lanes, mask), furthest), to, mask);
  };
  Value whole = code.roundDown(columns.count, lanes);
  code.loop(code.i64(0), whole, code.i64(lanes), [&](Value j) { step(j, lanes, nullptr); });
  code.tail(whole, code.sub(columns.count, whole), lanes, /*isMasked=*/true, step);
}

/// The results of `count` columns, element `at` on; extreme values are neutral as yet.
ArgReduceEmitter::Columns ArgReduceEmitter::beginColumns(EntryBuilder &entry, Value at,
                                                         Value count) {
  Code &code = entry.code;
  Columns columns{code.gep(code.getI64Type(), entry.pointer(*out), at), nullptr, count};
  if (!extreme)
    return columns;
  columns.extremes = code.gep(element, entry.pointer(*extreme), at);
  unsigned lanes = vectorBits / std::max(32u, compared.getIntOrFloatBitWidth());
  Value value = code.splat(neutral(code), lanes);
  Value whole = code.roundDown(count, lanes);
  auto fill = [&](Value j, unsigned, Value mask) {
    storeExtreme(code, value, code.gep(element, columns.extremes, j), mask);
  };
  code.loop(code.i64(0), whole, code.i64(lanes), [&](Value j) { fill(j, lanes, nullptr); });
  code.tail(whole, code.sub(count, whole), lanes, /*isMasked=*/true, fill);
  return columns;
}

/// Another axis: lanes run over the contiguous ones after it.
void ArgReduceEmitter::emitColumns(EntryBuilder &entry) {
  Code &code = entry.code;
  Value n = entry.dim(count), width = entry.dim(inner), block = code.i64(kColumns);
  Value blocks = entry.dim(signature.canonical(blocksOf(inner)));
  entry.forEachTask({entry.dim(outer), blocks}, [&](ArrayRef<Value> at) {
    Value column = code.mul(at[1], block);
    Value some = code.minimum(code.sub(width, column), block);
    Value from = code.gep(element, entry.pointer(*x),
                          code.add(code.mul(code.mul(at[0], n), width), column));
    Columns columns = beginColumns(entry, code.add(code.mul(at[0], width), column), some);
    Value together = code.roundDown(n, kTogether);
    auto rowsFrom = [&](Value k) { return code.gep(element, from, code.mul(k, width)); };
    code.loop(code.i64(0), together, code.i64(kTogether), [&](Value k) {
      emitTogether(entry, rowsFrom(k), width, columns, k, kTogether);
    });
    code.loop(together, n, code.i64(1),
              [&](Value k) { emitTogether(entry, rowsFrom(k), width, columns, k, 1); });
  });
}

/// The same of an operand that is made here: tasks run over its other dims, and
/// over blocks of the last.
void ArgReduceEmitter::emitMadeColumns(EntryBuilder &entry) {
  Code &code = entry.code;
  unsigned axis = maker->reducedAxis, last = maker->rank() - 1;
  Value n = entry.dim(count), width = entry.dim(maker->sizes[last]), block = code.i64(kColumns);
  PassEmitter emitter(entry, signature, *maker, vectorBits);
  SmallVector<Value> sizes;
  for (unsigned d = 0; d < last; ++d)
    if (d != axis)
      sizes.push_back(entry.dim(maker->sizes[d]));
  sizes.push_back(entry.dim(blocksOf(maker->sizes[last])));
  entry.forEachTask(sizes, [&](ArrayRef<Value> at) {
    SmallVector<Value> indices;
    Value row = code.i64(0);
    for (unsigned d = 0, k = 0; d < last; ++d) {
      indices.push_back(d == axis ? code.i64(0) : at[k]);
      if (d != axis)
        row = code.add(code.mul(row, sizes[k]), at[k]), ++k;
    }
    indices.push_back(code.i64(0));
    Value column = code.mul(at.back(), block);
    Columns columns = beginColumns(entry, code.add(code.mul(row, width), column),
                                   code.minimum(code.sub(width, column), block));
    auto some = [&](Value k, int64_t rows) {
      Value first = code.gep(code.getI8Type(), entry.scratch(),
                             entry.dim(maker->values[made].scratchOffset));
      code.loop(code.i64(0), code.i64(rows), code.i64(1), [&](Value q) {
        indices[axis] = code.add(k, q);
        maker->values[made].place = code.mul(q, block);
        makeBlock(emitter, indices, column, code.add(column, columns.count));
      });
      maker->values[made].place = nullptr;
      emitTogether(entry, first, block, columns, k, rows);
    };
    Value together = code.roundDown(n, kTogether);
    code.loop(code.i64(0), together, code.i64(kTogether), [&](Value k) { some(k, kTogether); });
    code.loop(together, n, code.i64(1), [&](Value k) { some(k, 1); });
  });
}

} // namespace oriel
