//===- LongRows.cpp - chains over rows longer than a cache ----------------===//
//
// A chain of passes over one row that no cache of a core holds reads it from
// further away once a pass whoever does it. Here each pass is a phase whose tasks
// are leaves of rows, so that one row uses every thread; a phase after each
// reduction combines the leaves by the binary counter. What one phase finds for
// the next lies in the shared workspace. The bits are those of a row by itself.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"

using namespace mlir;

namespace oriel {

namespace {
// Elements of the shortest such row: half a megabyte of four-byte elements.
constexpr int64_t kLongRow = 131072;
// More rows than these, and more elements: a row at a time stays closer.
constexpr int64_t kFewRows = 2, kFewElements = 4 << 20;
// Leaves of a task.
constexpr int64_t kLeavesTogether = 4;
} // namespace

/// 1 where rows are that long and few, as areShortRows; nothing where they never are, or
/// where the kernel is one pass (emitSplitRows).
std::optional<Dim> GenericKernel::areLongChains() const {
  const Dim &n = model.sizes.back();
  if (shouldSplitRows() || isAtMost(n, kLongRow - 1) || planTranspose(model, TransposeKind::kRows))
    return std::nullopt;
  for (const ModelPass &pass : model.passes)
    if (!pass.checks.empty())
      return std::nullopt;
  Dim rows = NumElements(Dims(model.sizes.begin(), model.sizes.end() - 1));
  auto isPositive = [](const Dim &x) { return Dim::Min(Dim::Max(x, Dim(0)), Dim(1)); };
  Dim isLong = n.is_static() ? Dim(1) : Dim::Min(Dim::FloorDiv(n, Dim(kLongRow)), Dim(1));
  Dim areFew = Dim::Max(isPositive(Dim(kFewRows + 1) - rows), isPositive(Dim(kFewElements + 1) - rows * n));
  return isLong * areFew == Dim(0) ? std::nullopt : std::optional<Dim>(isLong * areFew);
}

void GenericKernel::emitLongChains(const Dim &when) {
  const Dim &n = model.sizes.back();
  Dims rows(model.sizes.begin(), model.sizes.end() - 1);
  Dim count = NumElements(rows), leaves = ceilDiv(n, kRowLeaf);
  KernelModel own = model;
  auto reserve = [&](const Dim &elements, Type type) {
    Dim offset = info.shared;
    info.shared = info.shared + roundUp64(elements * Dim(getStorageBytes(type))) * when;
    return offset;
  };
  // Full results between passes, the row's values, and the leaves of a pass.
  SmallVector<Dim> rowValues(own.values.size());
  for (auto [v, value] : llvm::enumerate(own.values)) {
    if (value.hasInner && value.stores.empty() && value.isRead) {
      value.isShared = true;
      value.scratchOffset = reserve(count * n, value.element);
    } else if (!value.hasInner) {
      rowValues[v] = reserve(count, value.element);
    }
  }
  SmallVector<unsigned> known; // row values of earlier phases
  auto slot = [&](PassEmitter &emitter, unsigned value) {
    Code &code = emitter.code;
    Value base = code.gep(code.getI8Type(), emitter.entry.shared(), emitter.entry.dim(rowValues[value]));
    return code.gep(getStorageType(own.values[value].element), base, emitter.flatRow());
  };
  auto load = [&](PassEmitter &emitter) {
    for (unsigned value : known)
      emitter.setRowValue(value, emitter.loadStream({slot(emitter, value), Dim(1), own.values[value].element},
                                                    emitter.code.i64(0), 0, nullptr));
  };
  // After its finish a pass's row values are there for later phases.
  auto keep = [&](PassEmitter &emitter, const ModelPass &pass) {
    for (const PassResult &result : pass.results)
      if (!own.values[result.value].hasInner)
        emitter.storeStream({slot(emitter, result.value), Dim(1), own.values[result.value].element},
                            emitter.getRowValue(result.value), emitter.code.i64(0), 0, nullptr);
  };
  Dims blocks = rows;
  blocks.push_back(ceilDiv(leaves, kLeavesTogether));
  // One phase: `body` at rows x blocks of leaves, or at rows.
  auto phase = [&](bool isFull, llvm::function_ref<void(PassEmitter &, ArrayRef<Value>)> body) {
    const Dims &space = isFull ? blocks : rows;
    info.tasks.push_back(NumElements(space) * when);
    EntryBuilder entry = startEntry();
    PassEmitter emitter(entry, signature, own, options.vectorBits);
    entry.forEachTask(values(entry, space), [&](ArrayRef<Value> task) {
      SmallVector<Value> at(task.begin(), task.begin() + rows.size());
      at.push_back(entry.code.i64(0));
      emitter.beginRow(at, entry.code.i64(0), entry.dim(n));
      load(emitter);
      body(emitter, task);
    });
    entry.finish();
  };

  for (const ModelPass &pass : own.passes) {
    if (pass.lacksReduced) {
      phase(/*isFull=*/false, [&](PassEmitter &emitter, ArrayRef<Value>) {
        emitter.emitPass(pass);
        keep(emitter, pass);
      });
    } else if (!pass.isReduction) {
      phase(/*isFull=*/true, [&](PassEmitter &emitter, ArrayRef<Value> task) {
        Code &code = emitter.code;
        Value block = code.i64(kRowLeaf * kLeavesTogether), from = code.mul(task.back(), block);
        SmallVector<Value> at(task.begin(), task.begin() + rows.size());
        at.push_back(code.i64(0));
        emitter.beginRow(at, from, code.minimum(code.add(from, block), emitter.entry.dim(n)));
        load(emitter);
        emitter.emitPass(pass);
      });
    } else {
      SmallVector<Dim> partials;
      for (const PassResult &result : pass.results)
        if (result.isReduced)
          partials.push_back(reserve(count * leaves, result.acc.getType()));
      auto partial = [&](PassEmitter &emitter, unsigned r, Type type, Value leaf) {
        Code &code = emitter.code;
        Value base = code.gep(code.getI8Type(), emitter.entry.shared(), emitter.entry.dim(partials[r]));
        return code.gep(type, base, code.add(code.mul(emitter.flatRow(), emitter.entry.dim(leaves)), leaf));
      };
      phase(/*isFull=*/true, [&](PassEmitter &emitter, ArrayRef<Value> task) {
        Code &code = emitter.code;
        PassState state = emitter.prepare(pass);
        Value first = code.mul(task.back(), code.i64(kLeavesTogether));
        Value last = code.minimum(code.add(first, code.i64(kLeavesTogether)), emitter.entry.dim(leaves));
        code.loop(first, last, code.i64(1), [&](Value leaf) {
          Value from = code.mul(leaf, code.i64(kRowLeaf));
          Value to = code.minimum(code.add(from, code.i64(kRowLeaf)), emitter.entry.dim(n));
          for (auto [r, value] : llvm::enumerate(emitter.emitLeaf(state, from, to)))
            code.store(value, partial(emitter, r, value.getType(), leaf));
        });
      });
      phase(/*isFull=*/false, [&](PassEmitter &emitter, ArrayRef<Value>) {
        Code &code = emitter.code;
        SmallVector<Value> finals;
        for (const PassResult &result : pass.results) {
          if (!result.isReduced)
            continue;
          Code::LocScope scope(code, result.combiner->getLoc());
          Type type = result.acc.getType();
          CounterStack stack(emitter.entry, result, type);
          Value end = emitter.entry.dim(leaves);
          unsigned r = finals.size();
          code.loop(code.i64(0), end, code.i64(1), [&](Value leaf) {
            stack.push(leaf, code.load(type, partial(emitter, r, type, leaf)));
          });
          finals.push_back(stack.fold(end));
        }
        emitter.finishReduction(pass, finals);
        keep(emitter, pass);
      });
    }
    for (const PassResult &result : pass.results)
      if (!own.values[result.value].hasInner)
        known.push_back(result.value);
  }
}

} // namespace oriel
