//===- ScatterPieces.cpp - updates and indices a scatter's kernel makes ---===//

#include "passes/Codegen/Cpu/ScatterPieces.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

ScatterPieces::ScatterPieces(EntryBuilder &entry, const KernelSignature &signature,
                             const ScatterKernel &kernel)
    : entry(entry), code(entry.code), kernel(kernel) {
  for (const std::unique_ptr<KernelModel> &model : kernel.makers)
    emitters.push_back(std::make_unique<PassEmitter>(entry, signature, *model, kernel.vectorBits));
}

bool ScatterPieces::makesIndices() const {
  return llvm::any_of(kernel.indicesMade, [](const Made &made) { return made.maker >= 0; });
}

Value ScatterPieces::scratchOf(const Made &made) {
  const ModelValue &value = kernel.makers[made.maker]->values[made.value];
  return code.gep(code.getI8Type(), entry.scratch(), entry.dim(value.scratchOffset));
}

void ScatterPieces::setPlace(unsigned maker, Value place) {
  for (ModelValue &value : kernel.makers[maker]->values)
    value.place = place;
}

void ScatterPieces::forRows(unsigned maker, Value lo, Value hi,
                            llvm::function_ref<void(Value from, Value to)> body) {
  const KernelModel &model = *kernel.makers[maker];
  PassEmitter &emitter = emitterOf(maker);
  if (model.rank() == 1) {
    emitter.beginRow({code.i64(0)}, lo, hi);
    return body(lo, hi);
  }
  SmallVector<Value> sizes;
  for (const Dim &size : model.sizes)
    sizes.push_back(entry.dim(size));
  // Of a space without elements there are none to make, but this runs all the same.
  Value width = code.maximum(sizes.pop_back_val(), code.i64(1));
  code.loop(code.divUnsigned(lo, width), code.ceilDiv(hi, width), code.i64(1), [&](Value row) {
    Value start = code.mul(row, width);
    Value first = code.maximum(lo, start), last = code.minimum(hi, code.add(start, width));
    SmallVector<Value> indices = entry.decompose(row, sizes);
    indices.push_back(code.i64(0));
    Value from = code.sub(first, start), to = code.sub(last, start);
    setPlace(maker, code.sub(first, lo));
    emitter.beginRow(indices, from, to);
    body(from, to);
    setPlace(maker, nullptr);
  });
}

void ScatterPieces::makeIndices(Value lo, Value hi) {
  if (!makesIndices())
    return;
  SmallVector<int> done;
  for (const Made &made : kernel.indicesMade) {
    if (made.maker < 0 || llvm::is_contained(done, made.maker))
      continue;
    done.push_back(made.maker);
    forRows(made.maker, lo, hi, [&](Value, Value) { emitterOf(made.maker).emitPass(passOf(made.maker)); });
  }
  indicesFrom = lo;
}

Value ScatterPieces::loadIndex(unsigned operand, Value n, unsigned lanes, Value mask) {
  Type i64 = code.getI64Type(), type = code.vectorOf(i64, lanes);
  const Made &made = kernel.indicesMade[operand];
  Value pointer;
  if (made.maker >= 0)
    pointer = code.gep(i64, scratchOf(made), code.sub(n, indicesFrom));
  else if (kernel.indices[operand])
    pointer = code.gep(i64, entry.pointer(*kernel.indices[operand]), n);
  else
    return code.splat(code.i64(kernel.sameIndices[operand]), lanes);
  return mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
}

void ScatterPieces::makeUpdates(Value lo, Value hi) {
  int maker = kernel.updatesMade.maker;
  // Made together with indices, and there already.
  if (llvm::any_of(kernel.indicesMade, [&](const Made &made) { return made.maker == maker; }))
    return;
  forRows(maker, lo, hi, [&](Value, Value) { emitterOf(maker).emitPass(passOf(maker)); });
}

void ScatterPieces::makeSlice(Value row, Value first, Value many) {
  int maker = kernel.updatesMade.maker;
  const KernelModel &model = *kernel.makers[maker];
  if (model.rank() > 1 && model.sizes.back() == kernel.inner) {
    SmallVector<Value> sizes;
    for (const Dim &size : ArrayRef<Dim>(model.sizes).drop_back())
      sizes.push_back(entry.dim(size));
    SmallVector<Value> indices = entry.decompose(row, sizes);
    indices.push_back(code.i64(0));
    emitterOf(maker).beginRow(indices, first, code.add(first, many));
    return emitterOf(maker).emitPass(passOf(maker));
  }
  Value lo = code.add(code.mul(row, entry.dim(kernel.inner)), first);
  makeUpdates(lo, code.add(lo, many));
}

bool ScatterPieces::areUpdatesInline() const {
  int maker = kernel.updatesMade.maker;
  if (maker < 0)
    return false;
  const KernelModel &model = *kernel.makers[maker];
  return model.rank() == 1 && !model.isFallible() && passOf(maker).results.size() == 1 &&
         PassEmitter::isCheap(passOf(maker));
}

void ScatterPieces::startInline(Value lo, Value hi, unsigned lanes) {
  PassEmitter &emitter = emitterOf(kernel.updatesMade.maker);
  emitter.beginRow({code.i64(0)}, lo, hi);
  state = emitter.prepare(passOf(kernel.updatesMade.maker));
  emitter.prepareSplats(state, lanes);
}

Value ScatterPieces::inlineUpdates(Value n, unsigned lanes) {
  PassEmitter &emitter = emitterOf(kernel.updatesMade.maker);
  SmallVector<Value> made;
  emitter.takeResults(&made);
  emitter.emitStep(state, n, lanes, nullptr, {});
  emitter.takeResults(nullptr);
  return made.front();
}

void ScatterPieces::checkUpdates(Value lo, Value hi) {
  unsigned maker = kernel.updatesMade.maker;
  PassEmitter &emitter = emitterOf(maker);
  const ModelPass &pass = passOf(maker);
  bool varies = llvm::any_of(pass.checks, [&](Operation *op) { return pass.varying.contains(op->getResult(0)); });
  code.ifThen(code.less(lo, hi), [&] {
    forRows(maker, lo, hi, [&](Value from, Value to) {
      PassState checked = emitter.prepare(pass); // checks once a row what changes by row
      if (!varies)
        return;
      emitter.sweep(
          pass, from, to, [&](unsigned lanes) { emitter.prepareSplats(checked, lanes); },
          [&](Value j, unsigned lanes, Value mask) {
            emitter.emitStep(checked, j, lanes, mask, {}, /*onlyChecks=*/true);
          },
          /*isRare=*/true);
    });
  });
}

} // namespace oriel
