//===- GenericKernels.cpp - tasks and phases of generic kernels -----------===//
//
// Elementwise kernels: a task is a block of a row. Row reductions: a task is a
// leaf of a row, rows of several leaves being combined in a second phase; in a
// kernel with more passes over the row a task is a row. Column reductions: leaves
// of 256 rows by blocks of columns, combined in a second phase. Bits never depend
// on the choice.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/PassEmitter.h"
#include "passes/Codegen/Cpu/TransposeTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace oriel {

namespace {

// Elements of a row one task handles: large enough to hide a task's start,
// small enough to split a row over the threads.
constexpr int64_t kRowBlock = 16384;
// Columns one task of a column reduction handles: partial rows stay in L1.
constexpr int64_t kColumnBlock = 1024;
// Rows read together by a column reduction.
constexpr unsigned kRowsTogether = 4;

bool isAtMost(const Dim &dim, int64_t bound) {
  return dim.is_static() && dim.value() <= bound;
}

Dim ceilDiv(const Dim &a, int64_t b) {
  return a.is_static() ? Dim((a.value() + b - 1) / b) : Dim::CeilDiv(a, Dim(b));
}

Dim roundUp64(const Dim &bytes) { return ceilDiv(bytes, 64) * Dim(64); }

class GenericKernel {
public:
  GenericKernel(ModuleOp module, KernelSignature &signature, KernelModel &model,
                const CpuEmitOptions &options, KernelInfo &info)
      : module(module), signature(signature), model(model), options(options), info(info),
        name(signature.getFunction().getName().str()) {}

  LogicalResult emit();

private:
  void emitBlocks();
  void emitTransposed(const TransposePlan &plan);
  void emitRows();
  void emitSplitRows();
  void emitColumns();
  void emitColumnLeaf(PassEmitter &emitter, const ModelPass &pass,
                      MutableArrayRef<Value> indices, ArrayRef<Stream> partials, Value from,
                      Value to, Value lo, Value hi);
  bool shouldSplitRows() const;
  void layoutScratch(const Dim &rowElements);
  Dim cost() const;

  EntryBuilder startEntry() {
    unsigned phase = info.entries.size();
    info.entries.push_back(phase ? name + "_phase" + std::to_string(phase) : name);
    return EntryBuilder(module, signature, info.entries.back());
  }
  SmallVector<Value> values(EntryBuilder &entry, ArrayRef<Dim> dims) {
    SmallVector<Value> result;
    for (const Dim &dim : dims)
      result.push_back(entry.dim(dim));
    return result;
  }

  ModuleOp module;
  KernelSignature &signature;
  KernelModel &model;
  const CpuEmitOptions &options;
  KernelInfo &info;
  std::string name;
};

/// Rough work in 1/64 ns: bytes touched and ops by weight.
Dim GenericKernel::cost() const {
  Dim total = 0;
  for (const ModelPass &pass : model.passes) {
    int64_t weight = 2;
    for (Operation *op : pass.needed) {
      bool varies = pass.varying.contains(op->getResult(0));
      if (!varies || isa<arith::ConstantOp>(op))
        continue;
      int64_t bytes = getStorageBytes(op->getResult(0).getType());
      if (isa<math::MathDialect>(op->getDialect()))
        weight += 16 * bytes;
      else if (isa<tensor::ExtractOp>(op))
        weight += 64;
      else if (isa<arith::DivFOp>(op))
        weight += 6 * bytes;
      else if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op))
        weight += 200;
      else if (op->getNumRegions())
        weight += 2000;
      else
        weight += std::max<int64_t>(1, bytes / 2);
    }
    for (auto [k, input] : llvm::enumerate(pass.inputs))
      if (pass.varying.contains(ModelPass(pass).op.getBody()->getArgument(k)))
        weight += (input.innerStride() == Dim(1) ? 5 : 40) * getStorageBytes(input.element);
    for (const PassResult &result : pass.results)
      if (!result.isReduced)
        weight += 8 * getStorageBytes(result.acc.getType());
    Dim elements = 1;
    for (unsigned d = 0; d < model.rank(); ++d)
      if (llvm::is_contained(pass.dims, d))
        elements = elements * model.sizes[d];
    total = total + elements * Dim(weight);
  }
  return ceilDiv(total, 64) + Dim(20);
}

void GenericKernel::layoutScratch(const Dim &rowElements) {
  for (ModelValue &value : model.values) {
    if (!value.hasInner || !value.stores.empty() || !value.isRead)
      continue;
    value.scratchOffset = info.scratch;
    info.scratch = info.scratch + roundUp64(rowElements * Dim(getStorageBytes(value.element)));
  }
}

bool GenericKernel::shouldSplitRows() const {
  if (isAtMost(model.sizes.back(), kRowLeaf))
    return false;
  // The leaves of one pass are independent; anything else over the row is not.
  unsigned full = 0;
  for (const ModelPass &pass : model.passes)
    full += !pass.lacksReduced;
  return full == 1 && model.passes.front().isReduction && model.passes.front().checks.empty();
}

LogicalResult GenericKernel::emit() {
  if (failed(PassEmitter::check(model)))
    return failure();
  bool anyFull = llvm::any_of(model.passes, [](const ModelPass &p) { return !p.lacksReduced; });
  if (model.reducedAxis >= 0 && !model.reducesRows()) {
    for (const ModelPass &pass : model.passes) {
      if (!pass.checks.empty())
        return signature.getFunction().emitError("a column reduction must not check indices");
      if (&pass != &model.passes.front() && !pass.lacksReduced)
        return signature.getFunction().emitError(
            "a column reduction must have one pass over the reduced axis, the first");
    }
    emitColumns();
  } else if (model.reducedAxis >= 0) {
    if (shouldSplitRows())
      emitSplitRows();
    else
      emitRows();
  } else if (!anyFull) {
    emitRows();
  } else if (std::optional<TransposePlan> plan = planTranspose(model)) {
    emitTransposed(*plan);
  } else {
    emitBlocks();
  }
  info.cost = cost();
  info.fallible = model.isFallible();
  return success();
}

void GenericKernel::emitBlocks() {
  const Dim &n = model.sizes.back();
  bool single = isAtMost(n, kRowBlock);
  layoutScratch(single ? n : Dim(kRowBlock));
  Dims space(model.sizes.begin(), model.sizes.end() - 1);
  space.push_back(single ? Dim(1) : ceilDiv(n, kRowBlock));
  info.tasks.push_back(NumElements(space));

  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  if (single)
    space.pop_back();
  SmallVector<Value> sizes = values(entry, space);
  Value end = entry.dim(n);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(task.begin(), task.end());
    Value lo = code.i64(0), hi = end;
    if (single) {
      indices.push_back(lo);
    } else {
      lo = code.mul(indices.back(), code.i64(kRowBlock));
      hi = code.minimum(code.add(lo, code.i64(kRowBlock)), end);
    }
    emitter.beginRow(indices, lo, hi);
    for (const ModelPass &pass : model.passes)
      emitter.emitPass(pass);
  });
  entry.finish();
}

void GenericKernel::emitTransposed(const TransposePlan &plan) {
  const Dim &n = model.sizes.back();
  const Dim &m = model.sizes[plan.dim];
  layoutScratch(Dim(plan.columns));
  Dim staged = info.scratch;
  info.scratch = info.scratch + plan.bytes;
  // Tasks: the other dims, then tiles of plan.rows x plan.columns.
  Dims space;
  SmallVector<unsigned> others;
  for (unsigned d = 0; d + 1 < model.rank(); ++d)
    if (d != plan.dim) {
      space.push_back(model.sizes[d]);
      others.push_back(d);
    }
  space.push_back(ceilDiv(m, plan.rows));
  space.push_back(ceilDiv(n, plan.columns));
  info.tasks.push_back(NumElements(space));

  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, space);
  Value endRow = entry.dim(m), endColumn = entry.dim(n);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(model.rank(), code.i64(0));
    for (auto [k, d] : llvm::enumerate(others))
      indices[d] = task[k];
    Value rowLo = code.mul(task[others.size()], code.i64(plan.rows));
    Value rowHi = code.minimum(code.add(rowLo, code.i64(plan.rows)), endRow);
    Value lo = code.mul(task.back(), code.i64(plan.columns));
    Value hi = code.minimum(code.add(lo, code.i64(plan.columns)), endColumn);
    emitTransposeTile(emitter, model, plan, staged, indices, rowLo, rowHi, lo, hi);
  });
  entry.finish();
}

void GenericKernel::emitRows() {
  layoutScratch(model.sizes.back());
  Dims rows(model.sizes.begin(), model.sizes.end() - 1);
  info.tasks.push_back(NumElements(rows));
  EntryBuilder entry = startEntry();
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, rows);
  Value end = entry.dim(model.sizes.back());
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(task.begin(), task.end());
    indices.push_back(entry.code.i64(0));
    emitter.beginRow(indices, entry.code.i64(0), end);
    for (const ModelPass &pass : model.passes)
      emitter.emitPass(pass);
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
    info.tasks.push_back(NumElements(space));
    EntryBuilder entry = startEntry();
    Code &code = entry.code;
    PassEmitter emitter(entry, signature, model, options.vectorBits);
    SmallVector<Value> sizes = values(entry, space);
    Value end = entry.dim(n);
    entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
      SmallVector<Value> indices(task.begin(), task.end());
      Value k = indices.back();
      emitter.beginRow(indices, code.i64(0), end);
      PassState state = emitter.prepare(pass);
      Value from = code.mul(k, code.i64(kRowLeaf));
      Value to = code.minimum(code.add(from, code.i64(kRowLeaf)), end);
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

//===----------------------------------------------------------------------===//
// Column reductions
//===----------------------------------------------------------------------===//

/// Adds rows [from, to) of the reduced axis to the partial rows, columns
/// [lo, hi); the partials start at the neutral element.
void GenericKernel::emitColumnLeaf(PassEmitter &emitter, const ModelPass &pass,
                                   MutableArrayRef<Value> indices, ArrayRef<Stream> partials,
                                   Value from, Value to, Value lo, Value hi) {
  Code &code = emitter.code;
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned lanes, Value mask) {
    for (auto [result, stream] : llvm::zip(reduced, partials))
      emitter.storeStream(stream, code.splat(emitter.capture(result->neutral), lanes), j, lanes,
                          mask);
  }, /*isRare=*/true);
  auto rows = [&](Value first, unsigned count) {
    std::vector<PassState> states;
    for (unsigned k = 0; k < count; ++k) {
      indices[model.reducedAxis] = code.add(first, code.i64(k));
      emitter.beginRow(indices, lo, hi);
      states.push_back(emitter.prepare(pass));
    }
    emitter.sweep(
        pass, lo, hi,
        [&](unsigned lanes) {
          for (PassState &state : states)
            emitter.prepareSplats(state, lanes);
        },
        [&](Value j, unsigned lanes, Value mask) {
          SmallVector<Value> accs;
          for (const Stream &stream : partials)
            accs.push_back(emitter.loadStream(stream, j, lanes, mask));
          for (PassState &state : states)
            emitter.emitStep(state, j, lanes, mask, accs);
          for (auto [acc, stream] : llvm::zip(accs, partials))
            emitter.storeStream(stream, acc, j, lanes, mask);
        },
        /*isRare=*/count == 1);
  };
  Value together = code.add(from, code.roundDown(code.sub(to, from), kRowsTogether));
  code.loop(from, together, code.i64(kRowsTogether), [&](Value r) { rows(r, kRowsTogether); });
  code.loop(together, to, code.i64(1), [&](Value r) { rows(r, 1); });
}

void GenericKernel::emitColumns() {
  const ModelPass &pass = model.passes.front();
  const Dim &n = model.sizes[model.reducedAxis];
  const Dim &columns = model.sizes.back();
  bool oneLeaf = isAtMost(n, kColumnLeaf);
  bool oneBlock = isAtMost(columns, kColumnBlock);
  layoutScratch(oneBlock ? columns : Dim(kColumnBlock));
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
  SmallVector<Dim> offsets;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      reduced.push_back(&result);
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

  if (!oneLeaf) {
    Dims space = outer;
    space.push_back(leaves);
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
      Value leaf = task[outer.size()];
      SmallVector<Stream> partials;
      for (unsigned r = 0; r < reduced.size(); ++r)
        partials.push_back(partial(entry, r, indices, leaf));
      Value from = code.mul(leaf, code.i64(kColumnLeaf));
      Value to = code.minimum(code.add(from, code.i64(kColumnLeaf)), entry.dim(n));
      Code::LocScope scope(code, getLineLoc(code.getContext(),
                                            getOrdinal(reduced[0]->combiner->getLoc()),
                                            LineRole::kLoop));
      emitColumnLeaf(emitter, pass, indices, partials, from, to, lo, hi);
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
      emitColumnLeaf(emitter, pass, indices, partials, code.i64(0), entry.dim(n), lo, hi);
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

} // namespace

LogicalResult emitGenericKernel(ModuleOp module, KernelSignature &signature,
                                const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<KernelModel> model = KernelModel::get(signature);
  if (failed(model))
    return failure();
  return GenericKernel(module, signature, *model, options, info).emit();
}

} // namespace oriel
