//===- MatMul.cpp - the matmul emitter ------------------------------------===//

#include "passes/Codegen/Cpu/MatMulEmitter.h"

#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "dialect/Graph/OrielDialect.h"
#include "runtime/core/host_caches.h"

using namespace mlir;

namespace oriel {

/// Columns of a task of one row: what the registers take at once.
constexpr int64_t kRowTaskColumns = 256;

void MatMulEmitter::describe(KernelInfo &info) {
  Dim mc = blocks.mc, nc = blocks.nc, nr = blocks.nr;
  taskRows = Dim::Max(Dim::CeilDiv(spec.m, mc), 1);
  // Small, so that threads get equal shares; whoever runs many in a row merges
  // them.
  Dim oneRow = 1 - Dim::Min(Dim::Max(spec.m - 1, 0), 1);
  taskColumns = Dim::Min(nc, 2 * nr + oneRow * (kRowTaskColumns - 2 * blocks.nr));
  Dim kc = Dim::Min(spec.k, MatMulBlocks::kKC);
  Dim packedColumns = Dim::Min(nc, nr * Dim::CeilDiv(spec.n, nr));
  Dim all = NumElements(spec.batch);
  info.entries = {(symbol + "_0").str()};
  // Without rows there is nothing to do, whatever taskRows says.
  info.tasks = {all * Dim::Min(spec.m, 1) * taskRows *
                Dim::CeilDiv(spec.n, taskColumns)};
  info.scratch = panelA() * bytes() + packedColumns * kc * bytes();
  // Sums of k blocks wait here for the last one.
  info.shared = 0;
  if (!spec.partialsInOutput && !rows)
    info.shared = Dim::Min(Dim::FloorDiv(spec.k, MatMulBlocks::kKC + 1), 1) * all *
                  spec.m * spec.n * bytes();
  int64_t rate = 5 * static_cast<int64_t>(blocks.lanes) / 2;
  info.cost = Dim::FloorDiv(all * spec.m * spec.n * spec.k, rate) +
              Dim::FloorDiv(all * (spec.m * spec.n + spec.k * spec.n), 8) + 50;
  if (rows) {
    taskRows = Dim::Max(Dim::CeilDiv(spec.m, blocks.mr), 1); // a tile's rows, whole
    info.tasks = {all * Dim::Min(spec.m, 1) * taskRows};
    rows->describe(info);
  }
}

void MatMulEmitter::emitFunctions() {
  rowCounts[0] = blocks.mr;
  rowCounts[1] = blocks.mr / 2;
  rowCounts[2] = 1;
  Dim one = 1;
  Type a = spec.a.arg->elementType, b = spec.b.arg->elementType;
  packA = emitPackFunction(module, (symbol + "_pack_a").str(), spec, blocks, spec.a,
                           spec.a.i == one, spec.a.k == one, blocks.mr);
  packB = emitPackFunction(module, (symbol + "_pack_b").str(), spec, blocks, spec.b,
                           spec.b.j == one, spec.b.k == one, blocks.nr);
  mayReadA = a == spec.accumulator && spec.a.casts.empty();
  mayReadB = spec.b.j == one;
  widensB = b != spec.accumulator || !spec.b.casts.empty();
  auto make = [&](bool widens) {
    auto tile = [&](int64_t rows, int64_t vectors) {
      std::string name = (symbol + (widens ? "_widening" : "_tile") + Twine(rows) + "x" +
                          Twine(vectors * blocks.lanes)).str();
      return emitTileFunction(module, name, spec, blocks, rows, vectors, widens);
    };
    TileFunctions made;
    made.wide = tile(blocks.mr, blocks.vectors);
    made.middle = blocks.vectors > 2 ? tile(blocks.mr, 2) : made.wide;
    for (unsigned n = 0; n < 3; ++n)
      made.narrow[n] = tile(rowCounts[n], 1);
    return made;
  };
  tiles = make(false);
  wideningTiles = mayReadB && widensB ? make(true) : tiles;
  isAcross = spec.b.j != one;
  if (!isAcross || spec.b.k == one)
    rowFunction = emitRowFunction(module, (symbol + "_row").str(), spec, blocks, isAcross);
  // Contiguous, over (batch..., i, j).
  Dim stride = spec.m * spec.n;
  sums.batch.assign(spec.batch.size(), Dim(0));
  for (size_t n = spec.batch.size(); n-- > 0;) {
    sums.batch[n] = signature.canonical(stride);
    stride = stride * spec.batch[n];
  }
  sums.i = spec.n;
  sums.j = 1;
}

LogicalResult MatMulEmitter::run(KernelInfo &info) {
  describe(info);
  emitFunctions();
  code.loc = getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoop);
  isOneRow = entry.prologue([&]() -> Value {
    return rowFunction ? code.equal(entry.dim(spec.m), code.i64(1)) : flag(false);
  });
  tile = entry.stack(spec.accumulator, std::max(blocks.mr * blocks.nr, kRowColumns));
  Value perMatrix = entry.dim(taskRows);
  if (!rows)
    perMatrix = code.maximum(code.mul(perMatrix, entry.dim(Dim::CeilDiv(spec.n, taskColumns))),
                             code.i64(1));
  code.loop(code.divUnsigned(entry.begin, perMatrix), code.ceilDiv(entry.end, perMatrix),
            code.i64(1), [&](Value matrix) {
              rows ? emitRowBlocks(matrix, perMatrix) : emitMatrix(matrix, perMatrix);
            });
  entry.finish();
  return status;
}

LogicalResult emitMatMulKernel(ModuleOp module, KernelSignature &signature,
                               const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<MatMulSpec> spec = matchMatMul(signature);
  if (failed(spec))
    return failure();
  if (spec->kind == MatMulKind::kFloat && !hasFusedMultiplyAdd(module))
    spec->kind = MatMulKind::kFloatApart;
  // The preferred width is for loops that wait for memory; a tile's sums gain
  // from every register there is.
  unsigned vectorBits = options.vectorBits;
  auto target = module->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  if (target && target.getFeatures().contains("+avx512vl"))
    vectorBits = 512;
  int64_t l2Bytes = target ? target.getL2Bytes() : kDefaultSecondLevelCacheBytes;
  MatMulBlocks blocks(vectorBits, l2Bytes, spec->accumulator, spec->kind);
  if (!spec->hasRows)
    return MatMulEmitter(module, signature, *spec, blocks, nullptr).run(info);
  FailureOr<MatMulRows> rows =
      MatMulRows::get(signature, *spec, blocks, l2Bytes, options.vectorBits);
  if (failed(rows))
    return failure();
  return MatMulEmitter(module, signature, *spec, blocks, &*rows).run(info);
}

} // namespace oriel
