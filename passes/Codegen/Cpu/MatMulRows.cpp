//===- MatMulRows.cpp - passes over the rows of a product -----------------===//

#include "passes/Codegen/Cpu/MatMulRows.h"

#include "passes/Codegen/Cpu/GenericKernel.h"

using namespace mlir;

namespace oriel {

/// Rows of a block: a few tiles' for what is read of B to be worth it, unless they
/// take several times the second-level cache; more where B lies across and is packed
/// for each block, or does not fit that cache and comes from farther each time.
constexpr int64_t kFewestBlockRows = 48, kMostBlockRows = 128, kMostRowsAcross = 256,
                  kMostRowsOfLarge = 512;
constexpr int64_t kMostCaches = 2;
/// Tiles' rows of a task where B is so large: the fewer, the more often it is read.
constexpr int64_t kTilesOfLarge = 3;

FailureOr<MatMulRows> MatMulRows::get(KernelSignature &signature, const MatMulSpec &spec,
                                      const MatMulBlocks &blocks, int64_t l2Bytes,
                                      unsigned vectorBits) {
  linalg::LinalgOp contraction = spec.contraction;
  auto made = dyn_cast<linalg::GenericOp>(contraction.getOperation());
  if (!made)
    return contraction.emitError("rows of a product are reduced where a "
                                      "linalg.generic makes it");
  FailureOr<KernelModel> model = KernelModel::getAfter(signature, made);
  if (failed(model) || failed(PassEmitter::check(*model)))
    return failure();
  if (model->rank() != spec.batch.size() + 2 || model->isFallible() ||
      (model->reducedAxis >= 0 && !model->reducesRows()))
    return made.emitError("expected passes over the rows of a matmul's result that "
                          "check no index");
  if (spec.result != spec.accumulator)
    return made.emitError("expected a product of ")
           << spec.accumulator << " where its rows are reduced, not of " << spec.result;
  MatMulRows result(signature, spec, std::move(*model), vectorBits);
  // Half of the cache, the other half is for the operands.
  int64_t tile = blocks.mr * (spec.accumulator.getIntOrFloatBitWidth() / 8);
  Dim tileBytes = Dim::Max(spec.n, Dim(1)) * Dim(tile);
  Dim operandBytes = spec.k * spec.n * Dim(static_cast<int64_t>(spec.accumulator.getIntOrFloatBitWidth() / 8));
  // 1 where B is larger than the cache, else 0.
  Dim large = Dim::Max(Dim::Min(Dim::FloorDiv(operandBytes - Dim(1), Dim(l2Bytes)), Dim(1)), Dim(0));
  Dim fitting = Dim::FloorDiv(Dim(l2Bytes / 2) + large * Dim(l2Bytes * kMostCaches - l2Bytes / 2), tileBytes);
  Dim fewest = Dim::Min(Dim(kFewestBlockRows / blocks.mr),
                        Dim::FloorDiv(Dim(l2Bytes * kMostCaches), tileBytes));
  bool lies = spec.b.j == Dim(1) && !spec.b.isMade();
  int64_t mostRows = lies ? kMostBlockRows : kMostRowsAcross;
  Dim most = Dim(mostRows / blocks.mr) + large * Dim((kMostRowsOfLarge - mostRows) / blocks.mr);
  Dim tiles = Dim::Min(Dim::Max(fitting, fewest), most);
  result.rows = Dim(blocks.mr) *
                Dim::Max(Dim::Min(tiles, Dim::CeilDiv(spec.m, Dim(blocks.mr))), Dim(1));
  result.taskRows = Dim(blocks.mr) * (Dim(1) + large * Dim(kTilesOfLarge - 1));
  return result;
}

void MatMulRows::describe(KernelInfo &info) {
  at = roundUp64(info.scratch);
  info.scratch =
      at + roundUp64(rows * spec.n * Dim(getStorageBytes(spec.accumulator)));
  for (ModelValue &value : model.values) {
    bool isProduct = &value == &model.values.front();
    if (isProduct || !value.hasInner || !value.stores.empty() || !value.isRead)
      continue;
    value.scratchOffset = info.scratch;
    info.scratch = info.scratch + roundUp64(spec.n * Dim(getStorageBytes(value.element)));
  }
  info.cost = info.cost + Dim::FloorDiv(NumElements(spec.batch) * spec.m * spec.n *
                                            Dim(static_cast<int64_t>(model.passes.size())),
                                        Dim(4));
}

Value MatMulRows::block(EntryBuilder &entry) const {
  return entry.code.gep(entry.code.getI8Type(), entry.scratch(), entry.dim(at));
}

void MatMulRows::emit(EntryBuilder &entry, ArrayRef<Value> batch, Value from, Value to) const {
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, vectorBits);
  Value start = code.i64(0), end = entry.dim(model.sizes.back()), pitch = entry.dim(spec.n);
  Value base = block(entry);
  code.loop(from, to, code.i64(1), [&](Value i) {
    Stream row;
    row.base = code.gep(spec.accumulator, base, code.mul(code.sub(i, from), pitch));
    row.element = spec.accumulator;
    for (const ModelPass &pass : model.passes)
      for (auto [k, input] : llvm::enumerate(pass.inputs))
        if (!input.arg && input.value == 0)
          emitter.overrideInput(pass, k, row);
    SmallVector<Value> indices(batch.begin(), batch.end());
    indices.append({i, start});
    emitter.beginRow(indices, start, end);
    for (const ModelPass &pass : model.passes)
      emitter.emitPass(pass);
    emitter.clearOverrides();
  });
}

} // namespace oriel
