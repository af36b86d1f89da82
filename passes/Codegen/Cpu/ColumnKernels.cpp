//===- ColumnKernels.cpp - tasks of column reductions ---------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {

namespace {
// Columns one task of a column reduction handles: partial rows stay in L1, and
// the machine fetches ahead in rows of two pages.
constexpr int64_t kColumnBlock = 2048;
// Bytes that what is fetched is ahead, at least: the latency of memory at its speed.
constexpr int64_t kFetchedAhead = 8192;
} // namespace

/// Reduces rows [from, to) of the reduced axis, a leaf at most, to the partial rows,
/// columns [lo, hi): groups of rows pairwise, then a chain, which starts at the
/// neutral element. What is left over is a chain of its own. `streams`: the partial
/// row of each result, then a row each for what is left over.
void GenericKernel::emitColumnLeaf(PassEmitter &emitter, const ModelPass &pass,
                                   MutableArrayRef<Value> indices, ArrayRef<Stream> streams,
                                   Value from, Value to, Value lo, Value hi,
                                   llvm::function_ref<void(Value row)> beforeRow) {
  Code &code = emitter.code;
  ArrayRef<Stream> partials = streams.take_front(streams.size() / 2);
  ArrayRef<Stream> own = streams.take_back(streams.size() / 2);
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  auto clear = [&](ArrayRef<Stream> rows) {
    emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned lanes, Value mask) {
      for (auto [result, stream] : llvm::zip(reduced, rows))
        emitter.storeStream(stream, code.splat(emitter.capture(result->neutral), lanes), j, lanes,
                            mask);
    }, /*isRare=*/true);
  };
  clear(partials);
  // The rows after these, into the second-level cache: the machine's own fetching
  // starts anew with every row. Measured at 1.05 of a plain read's speed against
  // 0.8 (Zen 4, rows of 16 KiB), where fetching into the first level loses.
  auto fetch = [&](ArrayRef<PassState> states, Value j, unsigned lanes) {
    auto isFetched = [&](const LinearAccess &access, const Stream &stream) {
      return !transposed && access.arg && stream.base && stream.stride == Dim(1) &&
             !(access.strides[model.reducedAxis] == Dim(0));
    };
    int64_t widest = 0; // bytes of an element
    for (auto [access, stream] : llvm::zip(pass.inputs, states[0].inputs))
      if (isFetched(access, stream))
        widest = std::max(widest, getStorageBytes(stream.element));
    if (!widest)
      return;
    // Once a line, of which narrow elements fill a part at a step.
    Value within = arith::AndIOp::create(code, code.loc, j, code.i64(kLineBytes / widest - 1));
    Value isNew = lanes * widest >= kLineBytes ? Value(arith::ConstantIntOp::create(code, code.loc, 1, 1))
                                               : code.less(within, code.i64(lanes));
    code.ifThen(isNew, [&] {
      for (const PassState &state : states)
        for (auto [access, stream] : llvm::zip(pass.inputs, state.inputs)) {
          if (!isFetched(access, stream))
            continue;
          int64_t bytes = getStorageBytes(stream.element);
          Dim rows = access.strides[model.reducedAxis] * Dim(static_cast<int64_t>(states.size()) * bytes);
          Value ahead = emitter.entry.dim(Dim::Max(rows, Dim(kFetchedAhead)));
          Value at = code.gep(code.getI8Type(), code.gep(getStorageType(stream.element), stream.base, j), ahead);
          for (int64_t line = 0; line < lanes * bytes; line += kLineBytes)
            LLVM::Prefetch::create(code, code.loc, code.gep(code.getI8Type(), at, code.i64(line)),
                                   /*rw=*/0u, /*hint=*/2u, /*cache=*/1u);
        }
    });
  };
  // `older`: where the sum of the group's other half waits; `toOlder`: this is that half.
  auto rows = [&](Value first, unsigned count, ArrayRef<Stream> partials,
                  ArrayRef<Stream> older = {}, bool toOlder = false) {
    std::vector<PassState> states;
    for (unsigned k = 0; k < count; ++k) {
      indices[model.reducedAxis] = code.add(first, code.i64(k));
      emitter.beginRow(indices, lo, hi);
      beforeRow(indices[model.reducedAxis]);
      states.push_back(emitter.prepare(pass));
    }
    emitter.sweep(
        pass, lo, hi,
        [&](unsigned lanes) {
          for (PassState &state : states)
            emitter.prepareSplats(state, lanes);
        },
        [&](Value j, unsigned lanes, Value mask) {
          auto load = [&](ArrayRef<Stream> streams) {
            SmallVector<Value> values;
            for (const Stream &stream : streams)
              values.push_back(emitter.loadStream(stream, j, lanes, mask));
            return values;
          };
          SmallVector<Value> accs = load(toOlder ? ArrayRef<Stream>() : partials);
          SmallVector<Value> halves = load(toOlder ? ArrayRef<Stream>() : older);
          if (count > 1 && lanes && !mask)
            fetch(states, j, lanes);
          SmallVector<Value> sums = combinePairwise(code, reduced, count, [&](int64_t k) {
            return emitter.emitOperands(states[k], j, lanes, mask);
          });
          for (auto [result, sum, half] : llvm::zip(reduced, sums, halves))
            sum = combine(code, *result, half, sum);
          for (auto [result, acc, sum] : llvm::zip(reduced, accs, sums))
            sum = combine(code, *result, acc, sum);
          for (auto [sum, stream] : llvm::zip(sums, toOlder ? older : partials))
            emitter.storeStream(stream, sum, j, lanes, mask);
        },
        /*isRare=*/count == 1 || !emitter.isCheap(pass));
  };
  Value together = code.add(from, code.roundDown(code.sub(to, from), kColumnGroup));
  // A group's rows in one step, or where they are much code (which would not have
  // registers for their addresses) half of them in each of two.
  code.loop(from, together, code.i64(kColumnGroup), [&](Value r) {
    if (emitter.isCheap(pass))
      return rows(r, kColumnGroup, partials);
    rows(r, kColumnGroup / 2, partials, own, /*toOlder=*/true);
    rows(code.add(r, code.i64(kColumnGroup / 2)), kColumnGroup / 2, partials, own);
  });
  std::optional<int64_t> known = getConstant(code.sub(to, from));
  if (known && (*known < kColumnGroup || *known % kColumnGroup == 0)) {
    code.loop(together, to, code.i64(1), [&](Value r) { rows(r, 1, partials); });
    return;
  }
  // Rows that are left over beside whole groups have partials in scratch.
  bool areAllPlain = llvm::all_of(partials, [](const Stream &s) { return s.stride == Dim(1); });
  Value isBeside = code.less(together, to);
  if (areAllPlain)
    isBeside = arith::AndIOp::create(code, code.loc, isBeside, code.less(from, together));
  SmallVector<Stream> beside(own);
  if (areAllPlain)
    for (auto [rest, partial] : llvm::zip(beside, partials))
      rest.base = code.select(isBeside, rest.base, partial.base);
  code.ifThen(isBeside, [&] { clear(own); });
  code.loop(together, to, code.i64(1), [&](Value r) { rows(r, 1, beside); });
  code.ifThen(isBeside, [&] {
    emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned lanes, Value mask) {
      for (auto [result, sum, rest] : llvm::zip(reduced, partials, own))
        emitter.storeStream(sum, combine(code, *result, emitter.loadStream(sum, j, lanes, mask),
                                         emitter.loadStream(rest, j, lanes, mask)),
                            j, lanes, mask);
    }, /*isRare=*/true);
  });
}

/// The same; transposed operands go through a tile of some columns at a time.
void GenericKernel::emitLeafOfColumns(PassEmitter &emitter, const ModelPass &pass,
                                      SmallVector<Value> &indices, ArrayRef<Stream> partials,
                                      Value from, Value to, Value lo, Value hi) {
  if (!transposed)
    return emitColumnLeaf(emitter, pass, indices, partials, from, to, lo, hi, [](Value) {});
  Code &code = emitter.code;
  Value width = code.i64(transposed->columns);
  code.loop(lo, hi, width, [&](Value c) {
    Value end = code.minimum(code.add(c, width), hi);
    SmallVector<Value> tiles =
        stageTiles(emitter, *transposed, stagedAt, indices, from, to, c, end);
    emitColumnLeaf(emitter, pass, indices, partials, from, to, c, end,
                   [&](Value r) { readTiles(emitter, model, *transposed, tiles, r); });
    emitter.clearOverrides();
  });
}

void GenericKernel::emitColumns() {
  const ModelPass &pass = model.passes.front();
  const Dim &n = model.sizes[model.reducedAxis];
  const Dim &columns = model.sizes.back();
  bool oneLeaf = isAtMost(n, kColumnLeaf);
  bool oneBlock = isAtMost(columns, kColumnBlock);
  layoutScratch(oneBlock ? columns : Dim(kColumnBlock));
  transposed = planTranspose(model, TransposeKind::kColumns);
  if (transposed) {
    stagedAt = info.scratch;
    info.scratch = info.scratch + transposed->bytes;
  }
  Dim leaves = ceilDiv(n, kColumnLeaf);

  Dims outer;
  SmallVector<unsigned> outerDims;
  for (unsigned d = 0; d + 1 < model.rank(); ++d)
    if (static_cast<int>(d) != model.reducedAxis) {
      outer.push_back(model.sizes[d]);
      outerDims.push_back(d);
    }
  Dim blocks = ceilDiv(columns, kColumnBlock);
  SmallVector<const PassResult *> reduced;
  SmallVector<Dim> offsets, leftOver;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      reduced.push_back(&result);
      leftOver.push_back(info.scratch);
      info.scratch = info.scratch + roundUp64((oneBlock ? columns : Dim(kColumnBlock)) *
                                              Dim(getStorageBytes(result.acc.getType())));
      offsets.push_back(info.shared);
      if (!oneLeaf)
        info.shared =
            info.shared + roundUp64(NumElements(outer) * leaves * columns *
                                    Dim(getStorageBytes(result.acc.getType())));
    }

  // The space's indices and the columns of a task over outer x ... x block.
  auto place = [&](EntryBuilder &entry, ArrayRef<Value> task, SmallVector<Value> &indices,
                   Value &lo, Value &hi) {
    Code &code = entry.code;
    indices.assign(model.rank(), code.i64(0));
    for (auto [k, d] : llvm::enumerate(outerDims))
      indices[d] = task[k];
    lo = code.mul(task.back(), code.i64(kColumnBlock));
    hi = code.minimum(code.add(lo, code.i64(kColumnBlock)), entry.dim(columns));
  };
  // The partial row of a leaf.
  auto partial = [&](EntryBuilder &entry, unsigned r, ArrayRef<Value> indices, Value leaf) {
    Code &code = entry.code;
    Value at = code.i64(0);
    for (unsigned d : outerDims)
      at = code.add(code.mul(at, entry.dim(model.sizes[d])), indices[d]);
    at = code.add(code.mul(at, entry.dim(leaves)), leaf);
    at = code.mul(at, entry.dim(columns));
    Value base = code.gep(code.getI8Type(), entry.shared(), entry.dim(offsets[r]));
    Type type = reduced[r]->acc.getType();
    return Stream{code.gep(type, base, at), Dim(1), type};
  };

  // The rows of columns [lo, ...) for what is left over.
  auto addLeftOver = [&](EntryBuilder &entry, SmallVector<Stream> &partials, Value lo) {
    Code &code = entry.code;
    for (auto [r, result] : llvm::enumerate(reduced)) {
      Type type = result->acc.getType();
      Value base = code.gep(code.getI8Type(), entry.scratch(), entry.dim(leftOver[r]));
      partials.push_back({code.gep(type, base, code.sub(code.i64(0), lo)), Dim(1), type});
    }
  };

  if (!oneLeaf) {
    // Of a few columns only the last leaves.
    Dim done = 0;
    if (std::optional<Dim> when = areFewColumns(); when && !transposed)
      done = *when * emitFewColumns(*when, leaves, offsets);
    Dims space = outer;
    space.push_back(leaves - done);
    space.push_back(blocks);
    info.tasks.push_back(NumElements(space));
    EntryBuilder entry = startEntry();
    Code &code = entry.code;
    PassEmitter emitter(entry, signature, model, options.vectorBits);
    SmallVector<Value> sizes = values(entry, space);
    entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
      SmallVector<Value> indices;
      Value lo, hi;
      place(entry, task, indices, lo, hi);
      Value leaf = code.add(task[outer.size()], entry.dim(done));
      SmallVector<Stream> partials;
      for (unsigned r = 0; r < reduced.size(); ++r)
        partials.push_back(partial(entry, r, indices, leaf));
      addLeftOver(entry, partials, lo);
      Value from = code.mul(leaf, code.i64(kColumnLeaf));
      Value to = code.minimum(code.add(from, code.i64(kColumnLeaf)), entry.dim(n));
      Code::LocScope scope(code, getLineLoc(code.getContext(),
                                            getOrdinal(reduced[0]->combiner->getLoc()),
                                            LineRole::kLoop));
      emitLeafOfColumns(emitter, pass, indices, partials, from, to, lo, hi);
    });
    entry.finish();
  }

  Dims space = outer;
  space.push_back(blocks);
  info.tasks.push_back(NumElements(space));
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, space);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices;
    Value lo, hi;
    place(entry, task, indices, lo, hi);
    emitter.beginRow(indices, lo, hi);
    Code::LocScope scope(code, getLineLoc(code.getContext(),
                                          getOrdinal(reduced[0]->combiner->getLoc()),
                                          LineRole::kLoop));
    // Where the finished rows go: every destination, or scratch.
    SmallVector<SmallVector<Stream>> finals;
    for (const PassResult *result : reduced) {
      finals.push_back({emitter.valueStream(result->value)});
      for (const LinearAccess &store : llvm::drop_begin(model.values[result->value].stores,
                                                        model.values[result->value].stores.empty() ? 0 : 1))
        finals.back().push_back(emitter.accessStream(store));
    }
    if (oneLeaf) {
      SmallVector<Stream> partials;
      for (auto &streams : finals)
        partials.push_back(streams[0]);
      addLeftOver(entry, partials, lo);
      emitLeafOfColumns(emitter, pass, indices, partials, code.i64(0), entry.dim(n), lo, hi);
      indices[model.reducedAxis] = code.i64(0);
      emitter.beginRow(indices, lo, hi);
      for (auto &streams : finals)
        for (const Stream &copy : llvm::drop_begin(streams))
          emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned lanes, Value mask) {
            emitter.storeStream(copy, emitter.loadStream(streams[0], j, lanes, mask), j, lanes,
                                mask);
          }, /*isRare=*/true);
    } else {
      Value count = entry.dim(leaves);
      for (auto [r, result] : llvm::enumerate(reduced)) {
        Type element = result->acc.getType();
        emitter.sweep(pass, lo, hi, [](unsigned) {}, [&, r = r, result = result](
                                                         Value j, unsigned lanes, Value mask) {
          Type type = code.vectorOf(element, lanes);
          CounterStack stack(entry, *result, type);
          code.loop(code.i64(0), count, code.i64(1), [&](Value leaf) {
            stack.push(leaf, emitter.loadStream(partial(entry, r, indices, leaf), j, lanes, mask));
          });
          Value value = code.ifElse(
              code.less(code.i64(0), count), TypeRange{type},
              [&]() -> SmallVector<Value> { return {stack.fold(count)}; },
              [&]() -> SmallVector<Value> {
                return {code.splat(emitter.capture(result->neutral), lanes)};
              })[0];
          for (const Stream &stream : finals[r])
            emitter.storeStream(stream, value, j, lanes, mask);
        }, /*isRare=*/true);
      }
    }
    for (const ModelPass &later : model.passes)
      if (&later != &pass)
        emitter.emitPass(later);
  });
  entry.finish();
}

} // namespace oriel
