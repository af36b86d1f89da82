//===- MatMul.cpp - the matmul emitter ------------------------------------===//

#include "passes/Codegen/Cpu/MatMulEmitter.h"
#include "passes/Codegen/Cpu/MatMulLanes.h"


using namespace mlir;

namespace oriel {

/// Tasks of two tiles' columns that let some threads share the work evenly, and how
/// many of them one may be where the left operand is packed for it.
constexpr int64_t kTasksEnough = 64, kWidestTask = 4;

/// Tasks of fewer rows than mc where a column would have fewer of them than this.
constexpr int64_t kFewTasks = 4;

/// Columns of a task of one row: few, so that threads which start late get less; a
/// run of them is taken as a whole.
constexpr int64_t kRowTaskColumns = 64;

void MatMulEmitter::describe(KernelInfo &info) {
  Dim nc = blocks.nc, nr = blocks.nr;
  // Of few rows, too, there are some tasks.
  taskHeight = Dim(blocks.mr) * Dim::Max(Dim::Min(Dim::FloorDiv(spec.m, kFewTasks * blocks.mr), blocks.mc / blocks.mr), 1);
  taskRows = Dim::Max(Dim::CeilDiv(spec.m, taskHeight), 1);
  // Small, so that threads get equal shares; whoever runs many in a row merges
  // them.
  // A function for one row, which reads the operands as they lie.
  bool hasRow = (spec.b.j == Dim(1) || spec.b.k == Dim(1)) && !spec.a.isMade() && !spec.b.isMade();
  Dim oneRow = hasRow ? 1 - Dim::Min(Dim::Max(spec.m - 1, 0), 1) : Dim(0);
  Dim wide = 1;
  if (!spec.a.panels && (spec.a.isMade() || !spec.a.casts.empty())) {
    // A is packed for each task's columns: where there are tasks enough they are wider.
    Dim columns = Dim::CeilDiv(spec.n, 2 * nr);
    Dim most = Dim::Max(Dim::Min(Dim::FloorDiv(columns * taskRows, kTasksEnough), kWidestTask), 1);
    wide = Dim::Max(Dim::CeilDiv(columns, Dim::Max(Dim::CeilDiv(columns, most), 1)), 1);
  }
  taskColumns = Dim::Min(nc, 2 * nr * wide + oneRow * (kRowTaskColumns - 2 * blocks.nr));
  Dim kc = Dim::Min(spec.k, MatMulBlocks::kKC);
  Dim packedColumns = Dim::Min(nc, nr * Dim::CeilDiv(spec.n, nr));
  Dim all = NumElements(spec.batch);
  info.entries = {(symbol + "_0").str()};
  // Without rows there is nothing to do, whatever taskRows says.
  info.tasks = {all * Dim::Min(spec.m, 1) * taskRows *
                Dim::CeilDiv(spec.n, taskColumns)};
  info.scratch = panelA() * bytes();
  if (!spec.b.panels)
    info.scratch = info.scratch + packedColumns * kc * bytes();
  // Sums of k blocks wait here for the last one.
  info.shared = 0;
  if (!spec.partialsInOutput && !rows)
    info.shared = Dim::Min(Dim::FloorDiv(spec.k, MatMulBlocks::kKC + 1), 1) * all *
                  spec.m * spec.n * bytes();
  int64_t rate = 5 * static_cast<int64_t>(blocks.lanes) / 2;
  info.cost = Dim::FloorDiv(all * spec.m * spec.n * spec.k, rate) +
              Dim::FloorDiv(all * (spec.m * spec.n + spec.k * spec.n), 8) + 50;
  if (rows) {
    taskRows = Dim::Max(Dim::CeilDiv(spec.m, rows->getTaskRows()), 1);
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
  auto emitPack = [&](const MatMulAccess &operand, bool isB, int64_t width) {
    std::string name = (symbol + (isB ? "_pack_b" : "_pack_a")).str();
    if (operand.isMade())
      return emitMadePackFunction(module, name, spec, blocks, operand, isB, width);
    return emitPackFunction(module, name, spec, blocks, operand, (isB ? operand.j : operand.i) == one,
                            operand.k == one, width);
  };
  if (spec.b.panels)
    dots = getMatMulDots(module, spec, blocks);
  if (dots)
    packA = emitDotPackFunction(module, (symbol + "_pack_a").str(), spec, blocks, *dots);
  else if (!spec.a.panels)
    packA = emitPack(spec.a, false, blocks.mr);
  if (!spec.b.panels)
    packB = emitPack(spec.b, true, blocks.nr);
  mayReadA = !spec.a.panels && !spec.a.isMade() && a == spec.accumulator && spec.a.casts.empty();
  mayReadB = !spec.b.panels && !spec.b.isMade() && spec.b.j == one;
  widensB = b != spec.accumulator || !spec.b.casts.empty();
  auto make = [&](bool widens) {
    auto tile = [&](int64_t rows, int64_t vectors) {
      std::string name = (symbol + (widens ? "_widening" : "_tile") + Twine(rows) + "x" +
                          Twine(vectors * blocks.lanes)).str();
      if (dots)
        return emitDotTileFunction(module, name, spec, blocks, *dots, rows, vectors);
      return emitTileFunction(module, name, spec, blocks, rows, vectors, widens);
    };
    TileFunctions made;
    made.wide = tile(blocks.mr, blocks.vectors);
    made.middle = blocks.vectors > 2 ? tile(blocks.mr, 2) : made.wide;
    for (unsigned n = 0; n < 3; ++n)
      made.narrow[n] = tile(rowCounts[n], 1);
    return made;
  };
  tiles = make(spec.b.panels && MatMulPanels(module, spec, blocks, /*isB=*/true).widens);
  wideningTiles = mayReadB && widensB ? make(true) : tiles;
  isAcross = spec.b.j != one;
  if ((!isAcross || spec.b.k == one) && !spec.a.isMade() && !spec.b.isMade())
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

/// The arguments that hold an operand's panels.
static LogicalResult findPanels(KernelSignature &signature, MatMulSpec &spec,
                                const MatMulBlocks &blocks) {
  for (const KernelArg &arg : signature.getArgs()) {
    func::FuncOp function = signature.getFunction();
    auto of = function.getArgAttrOfType<IntegerAttr>(arg.number, kPanelsAttr);
    if (!of)
      continue;
    bool isB = of.getInt() == spec.b.arg->number;
    MatMulAccess &operand = isB ? spec.b : spec.a;
    MatMulPanels panels(function->getParentOp(), spec, blocks, isB);
    if (of.getInt() != operand.arg->number || !arg.isTensor || arg.shape.size() < 3 ||
        arg.shape.back() != Dim(panels.width) || arg.elementType != panels.element)
      return function.emitError("argument ")
             << arg.number << " is " << arg.value.getType() << " with " << kPanelsAttr << " = "
             << of.getInt() << "; required: panels of an operand, " << panels.width
             << " wide, of " << panels.element;
    operand.panels = &arg;
  }
  return success();
}

LogicalResult emitMatMulKernel(ModuleOp module, KernelSignature &signature,
                               const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<MatMulSpec> spec = matchMatMul(signature);
  if (failed(spec))
    return failure();
  MatMulBlocks blocks = fitMatMul(module, *spec, options.vectorBits);
  if (failed(findPanels(signature, *spec, blocks)))
    return failure();
  if (isSummedInLanes(*spec))
    return emitMatMulLanes(module, signature, *spec, blocks, info);
  if (!spec->hasRows)
    return MatMulEmitter(module, signature, *spec, blocks, nullptr).run(info);
  FailureOr<MatMulRows> rows =
      MatMulRows::get(signature, *spec, blocks, getL2Bytes(module), options.vectorBits);
  if (failed(rows))
    return failure();
  return MatMulEmitter(module, signature, *spec, blocks, &*rows).run(info);
}

} // namespace oriel
