//===- RowKernels.cpp - tasks of row reductions and row-wise chains -------===//

#include "passes/Codegen/Cpu/GenericKernel.h"

using namespace mlir;

namespace oriel {

/// The dims tasks run over: the rows, or blocks of them where operands are
/// transposed. Adds the tiles to the scratch.
Dims GenericKernel::planRows(TransposeKind kind) {
  Dims rows(model.sizes.begin(), model.sizes.end() - 1);
  transposed = planTranspose(model, kind);
  if (transposed) {
    stagedAt = info.scratch;
    info.scratch = info.scratch + transposed->bytes;
    rows[transposed->dim] = ceilDiv(rows[transposed->dim], transposed->rows);
  }
  return rows;
}

/// The rows of a task of planRows, elements [lo, hi) of each.
void GenericKernel::forEachRow(PassEmitter &emitter, SmallVector<Value> indices, Value lo,
                               Value hi, llvm::function_ref<void(ArrayRef<Value>)> body) {
  if (!transposed)
    return body(indices);
  Code &code = emitter.code;
  unsigned d = transposed->dim;
  Value rows = code.i64(transposed->rows), rowLo = code.mul(indices[d], rows);
  Value rowHi = code.minimum(code.add(rowLo, rows), emitter.entry.dim(model.sizes[d]));
  SmallVector<Value> tiles =
      stageTiles(emitter, *transposed, stagedAt, indices, rowLo, rowHi, lo, hi);
  code.loop(rowLo, rowHi, code.i64(1), [&](Value r) {
    indices[d] = r;
    readTiles(emitter, model, *transposed, tiles, r);
    body(indices);
    emitter.clearOverrides();
  });
}

void GenericKernel::emitRows() {
  layoutScratch(scratchRow ? *scratchRow : model.sizes.back());
  Dims rows = planRows(TransposeKind::kRows);
  info.tasks.push_back(NumElements(rows));
  EntryBuilder entry = startEntry();
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, rows);
  Value start = entry.code.i64(0), end = entry.dim(model.sizes.back());
  // Only the first pass over a row waits for memory: during the second, which
  // finds everything in the cache, the next row is fetched.
  SmallVector<const ModelPass *> full;
  for (const ModelPass &pass : model.passes)
    if (!pass.lacksReduced)
      full.push_back(&pass);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(task.begin(), task.end());
    indices.push_back(start);
    forEachRow(emitter, indices, start, end, [&](ArrayRef<Value> at) {
      emitter.beginRow(at, start, end);
      for (const ModelPass &pass : model.passes)
        emitter.emitPass(pass, full.size() > 1 && &pass == full[1] && !transposed
                                   ? emitter.nextRow(*full[0])
                                   : SmallVector<Stream>());
    });
  });
  entry.finish();
}

void GenericKernel::emitSplitRows() {
  const ModelPass &pass = model.passes.front();
  const Dim &n = model.sizes.back();
  // An empty row is one empty leaf.
  Dim leaves = n.is_static() ? ceilDiv(n, kRowLeaf) : Dim::Max(ceilDiv(n, kRowLeaf), Dim(1));
  Dims rows(model.sizes.begin(), model.sizes.end() - 1);
  Dims space = rows;
  space.push_back(leaves);
  SmallVector<const PassResult *> reduced;
  SmallVector<Dim> offsets;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      reduced.push_back(&result);
      offsets.push_back(info.shared);
      info.shared = info.shared + roundUp64(NumElements(space) *
                                            Dim(getStorageBytes(result.acc.getType())));
    }
  // The partial of leaf k of the row at `indices`.
  auto partial = [&](EntryBuilder &entry, unsigned r, ArrayRef<Value> indices, Value k) {
    Code &code = entry.code;
    Value at = code.i64(0);
    for (unsigned d = 0; d + 1 < model.rank(); ++d)
      at = code.add(code.mul(at, entry.dim(model.sizes[d])), indices[d]);
    at = code.add(code.mul(at, entry.dim(leaves)), k);
    Value base = code.gep(code.getI8Type(), entry.shared(), entry.dim(offsets[r]));
    return code.gep(reduced[r]->acc.getType(), base, at);
  };

  {
    Dims blocks = planRows(TransposeKind::kLeaves);
    blocks.push_back(leaves);
    info.tasks.push_back(NumElements(blocks));
    EntryBuilder entry = startEntry();
    Code &code = entry.code;
    PassEmitter emitter(entry, signature, model, options.vectorBits);
    SmallVector<Value> sizes = values(entry, blocks);
    Value end = entry.dim(n);
    entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
      SmallVector<Value> first(task.begin(), task.end());
      Value k = first.back();
      Value from = code.mul(k, code.i64(kRowLeaf));
      Value to = code.minimum(code.add(from, code.i64(kRowLeaf)), end);
      forEachRow(emitter, first, from, to, [&](ArrayRef<Value> indices) {
        emitter.beginRow(indices, code.i64(0), end);
        PassState state = emitter.prepare(pass);
        SmallVector<Value> leaf = emitter.emitLeaf(state, from, to);
        Value one = code.i64(1), count = entry.dim(leaves);
        code.ifThen(code.less(one, count), [&] {
          for (auto [r, value] : llvm::enumerate(leaf))
            code.store(value, partial(entry, r, indices, k));
        });
        // A single leaf is its own result: the second phase has no tasks then.
        code.ifThen(code.equal(count, one), [&] {
          emitter.finishReduction(pass, leaf);
          for (const ModelPass &later : model.passes)
            if (&later != &pass)
              emitter.emitPass(later);
        });
      });
    });
    entry.finish();
  }

  info.tasks.push_back(leaves.is_static() ? NumElements(rows)
                                          : NumElements(rows) * Dim::Min(leaves - Dim(1), Dim(1)));
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, rows);
  Value count = entry.dim(leaves);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(task.begin(), task.end());
    indices.push_back(code.i64(0));
    emitter.beginRow(indices, code.i64(0), entry.dim(n));
    SmallVector<Value> finals;
    for (auto [r, result] : llvm::enumerate(reduced)) {
      Code::LocScope scope(code, result->combiner->getLoc());
      Type type = result->acc.getType();
      CounterStack stack(entry, *result, type);
      code.loop(code.i64(0), count, code.i64(1), [&](Value k) {
        stack.push(k, code.load(type, partial(entry, r, indices, k)));
      });
      finals.push_back(stack.fold(count));
    }
    emitter.finishReduction(pass, finals);
    for (const ModelPass &later : model.passes)
      if (&later != &pass)
        emitter.emitPass(later);
  });
  entry.finish();
}

} // namespace oriel
