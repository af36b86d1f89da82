//===- MatMul.cpp - the matmul emitter ------------------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/MatMulRows.h"
#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "dialect/Graph/OrielDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "runtime/core/host_caches.h"

using namespace mlir;

namespace oriel {
namespace {

/// An operand is read where it lies when so few rows (columns) of the result
/// read each element of it that packing would not pay.
constexpr int64_t kReadRows = 128, kReadColumns = 192;

/// Columns of one row at once: their sums stay in the first-level cache, and
/// rows of B are read in runs that prefetching follows.
constexpr int64_t kRowColumns = 2048;
/// Columns of a task of one row: what the registers take at once.
constexpr int64_t kRowTaskColumns = 256;

class MatMulEmitter {
public:
  MatMulEmitter(ModuleOp module, KernelSignature &signature,
                const MatMulSpec &spec, const MatMulBlocks &blocks, MatMulRows *rows)
      : module(module), signature(signature), spec(spec), blocks(blocks), rows(rows),
        symbol(signature.getFunction().getSymName()),
        entry(module, signature, (symbol + "_0").str()), code(entry.code) {}

  LogicalResult run(KernelInfo &info);

private:
  /// Rows and columns of one matrix of the batch.
  struct Area {
    SmallVector<Value> batch;
    Value rowsFrom, rowsTo, columnsFrom, columnsTo;
  };
  /// A block of k of some columns.
  struct Block {
    Value pc, kc, isFirst, isLast;
    Value column, columns;
    Value packsA, packsB; // i1; else read where it lies
  };
  struct TileFunctions {
    func::FuncOp wide, middle, narrow[3]; // narrow ones of mr, mr / 2 and 1 rows
  };
  struct Tile {
    Value rows, columns; // how many count
    Value i, j;          // of its first element
    Value isFirst, isLast; // block of k
  };

  void describe(KernelInfo &info);
  void emitFunctions();
  std::pair<Value, Value> tasksOf(Value matrix, Value perMatrix);
  Area areaOf(Value matrix);
  void emitMatrix(Value matrix, Value perMatrix);
  void emitRowBlocks(Value matrix, Value perMatrix);
  void emitArea(const Area &area);
  void emitBlock(const Area &area, const Block &block);
  void emitRow(const Area &area, const Block &block);
  void emitTiles(const Area &area, const Block &block, Value row);
  void overColumns(const Block &block, Value rows,
                   llvm::function_ref<void(Value, Value)> body);
  void callTile(const TileFunctions &from, ValueRange args, Value rows, Value width);
  Value sumsPlace(ArrayRef<Value> batch, Value i, Value j);
  LogicalResult emitTileResult(ArrayRef<Value> batch, const Tile &tile);

  int64_t bytes() const { return spec.accumulator.getIntOrFloatBitWidth() / 8; }
  Value flag(bool value) { return arith::ConstantIntOp::create(code, code.loc, value, 1); }
  Value both(Value a, Value b) { return arith::AndIOp::create(code, code.loc, a, b); }
  Value negate(Value a) { return arith::XOrIOp::create(code, code.loc, a, flag(true)); }
  Value either(Value a, Value b) { return arith::OrIOp::create(code, code.loc, a, b); }
  Value packedB() {
    return code.gep(spec.accumulator, entry.scratch(), code.i64(panelA()));
  }
  /// Elements of a packed panel of A.
  int64_t panelA() const { return blocks.mr * MatMulBlocks::kKC; }
  Value pointerAt(const MatMulAccess &access, ArrayRef<Value> batch, Value i, Value j, Value k) {
    return code.gep(access.arg->elementType, entry.pointer(*access.arg),
                    matmulOffset(entry, access, batch, i, j, k));
  }
  /// Sums of k blocks lie like the result, in it, in the block of rows or in the
  /// shared workspace.
  bool isPlain() const { return rows || (spec.partialsInOutput && !spec.epilogue); }

  ModuleOp module;
  KernelSignature &signature;
  const MatMulSpec &spec;
  MatMulBlocks blocks;
  MatMulRows *rows; // null: a task is a part of the result
  Value rowsBase;   // of the block: where row 0 would lie
  StringRef symbol;
  EntryBuilder entry;
  Code &code;
  TileFunctions tiles, wideningTiles; // of B as packed; where it lies and must be widened
  func::FuncOp rowFunction, packA, packB;
  int64_t rowCounts[3];
  bool mayReadA = false, mayReadB = false; // where they lie
  bool widensB = false;                    // tiles do, then
  bool isAcross = false; // of the row function
  Dim taskRows, taskColumns;               // tasks per column, columns per task
  MatMulAccess sums;
  Value tile;    // on the stack
  Value isOneRow;
  LogicalResult status = success();
};

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

/// Which of the tasks of one matrix, counted from its first, are to be done here.
std::pair<Value, Value> MatMulEmitter::tasksOf(Value matrix, Value perMatrix) {
  Value start = code.mul(matrix, perMatrix);
  Value low = code.sub(code.maximum(entry.begin, start), start);
  Value high = code.sub(code.minimum(entry.end, code.add(start, perMatrix)), start);
  return {low, high};
}

/// A matrix of the batch, its rows and columns still open.
MatMulEmitter::Area MatMulEmitter::areaOf(Value matrix) {
  SmallVector<Value> sizes;
  for (const Dim &size : spec.batch)
    sizes.push_back(entry.dim(size));
  Area area;
  if (!sizes.empty())
    area.batch = entry.decompose(matrix, sizes);
  return area;
}

/// The tasks of one matrix, which go down its columns: the rest of a column of
/// tasks, whole columns at once, the beginning of another.
void MatMulEmitter::emitMatrix(Value matrix, Value perMatrix) {
  Value zero = code.i64(0), one = code.i64(1);
  Value m = entry.dim(spec.m), n = entry.dim(spec.n);
  Value height = code.i64(blocks.mc), width = entry.dim(taskColumns);
  Value column = entry.dim(taskRows); // tasks of one
  std::pair<Value, Value> tasks = tasksOf(matrix, perMatrix);
  Value low = tasks.first, high = tasks.second;
  Value lowColumn = code.divUnsigned(code.add(low, code.sub(column, one)), column);
  Value highColumn = code.divUnsigned(high, column);
  Value up = code.minimum(high, code.mul(lowColumn, column));
  Value down = code.maximum(up, code.mul(highColumn, column));
  Area area = areaOf(matrix);
  code.loop(zero, code.i64(3), one, [&](Value part) {
    Value isHead = code.equal(part, zero), isWhole = code.equal(part, one);
    Value from = code.select(isHead, low, code.select(isWhole, up, down));
    Value to = code.select(isHead, up, code.select(isWhole, down, high));
    code.ifThen(code.less(from, to), [&] {
      Value first = code.divUnsigned(from, column);
      Value last = code.select(isWhole, highColumn, code.add(first, one));
      Value above = code.mul(first, column);
      area.rowsFrom = code.select(isWhole, zero, code.mul(code.sub(from, above), height));
      area.rowsTo = code.minimum(
          m, code.select(isWhole, m, code.mul(code.sub(to, above), height)));
      area.columnsFrom = code.mul(first, width);
      area.columnsTo = code.minimum(n, code.mul(last, width));
      emitArea(area);
    });
  });
}

/// The tasks of one matrix, some rows each: the product of a block of them, then
/// the passes over each row.
void MatMulEmitter::emitRowBlocks(Value matrix, Value perMatrix) {
  Value m = entry.dim(spec.m), n = entry.dim(spec.n), height = code.i64(blocks.mr);
  std::pair<Value, Value> tasks = tasksOf(matrix, perMatrix);
  Value low = tasks.first, high = tasks.second;
  Area area = areaOf(matrix);
  area.columnsFrom = code.i64(0);
  area.columnsTo = n;
  Value end = code.minimum(m, code.mul(high, height)), step = entry.dim(rows->getRows());
  code.loop(code.mul(low, height), end, step, [&](Value row) {
    area.rowsFrom = row;
    area.rowsTo = code.minimum(end, code.add(row, step));
    rowsBase = code.gep(spec.accumulator, rows->block(entry),
                        code.sub(code.i64(0), code.mul(row, n)));
    emitArea(area);
    rows->emit(entry, area.batch, area.rowsFrom, area.rowsTo);
  });
}

void MatMulEmitter::emitArea(const Area &area) {
  Value zero = code.i64(0), k = entry.dim(spec.k), blockK = code.i64(MatMulBlocks::kKC);
  Value height = code.sub(area.rowsTo, area.rowsFrom);
  Block block;
  // Packing pays where what is packed is read often; else it lies well enough.
  block.packsB = mayReadB ? code.less(code.i64(kReadRows), height) : flag(true);
  Value most = code.select(isOneRow, code.i64(kRowColumns), code.i64(blocks.nc));
  code.loop(area.columnsFrom, area.columnsTo, most, [&](Value column) {
    block.column = column;
    block.columns = code.minimum(most, code.sub(area.columnsTo, column));
    block.packsA = mayReadA ? code.less(code.i64(kReadColumns), block.columns) : flag(true);
    // K = 0 still stores its zeros: one block, of nothing.
    auto blocksOfK = [&](llvm::function_ref<void(const Area &, const Block &)> emit) {
      code.loop(zero, code.maximum(k, code.i64(1)), blockK, [&](Value pc) {
        block.pc = pc;
        block.kc = code.minimum(blockK, code.sub(k, pc));
        block.isFirst = code.equal(pc, zero);
        block.isLast = code.less(k, code.add(pc, code.i64(MatMulBlocks::kKC + 1)));
        emit(area, block);
      });
      return SmallVector<Value>();
    };
    auto tiles = [&] {
      return blocksOfK([&](const Area &a, const Block &b) { emitBlock(a, b); });
    };
    auto row = [&]() -> SmallVector<Value> {
      if (!isAcross)
        return blocksOfK([&](const Area &a, const Block &b) { emitRow(a, b); });
      block.pc = zero;
      block.kc = k;
      block.isFirst = block.isLast = flag(true);
      emitRow(area, block);
      return {};
    };
    if (rowFunction)
      code.ifElse(isOneRow, TypeRange(), row, tiles);
    else
      tiles();
  });
}

void MatMulEmitter::emitRow(const Area &area, const Block &block) {
  Value zero = code.i64(0);
  func::CallOp::create(code, code.loc, rowFunction,
                       ValueRange{block.kc, pointerAt(spec.a, area.batch, zero, nullptr, block.pc),
                                  entry.dim(spec.a.k),
                                  pointerAt(spec.b, area.batch, nullptr, block.column, block.pc),
                                  entry.dim(isAcross ? spec.b.j : spec.b.k), block.columns, tile});
  if (failed(emitTileResult(area.batch, {code.i64(1), block.columns, zero, block.column,
                                         block.isFirst, block.isLast})))
    status = failure();
}

void MatMulEmitter::emitBlock(const Area &area, const Block &block) {
  Value zero = code.i64(0), whole = code.roundDown(block.columns, blocks.lanes);
  {
    // Of columns read where they lie only those that do not fill a vector are
    // packed.
    Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
    Value from = code.select(block.packsB, zero, whole);
    code.ifThen(code.less(from, block.columns), [&] {
      func::CallOp::create(
          code, code.loc, packB,
          ValueRange{pointerAt(spec.b, area.batch, nullptr, code.add(block.column, from), block.pc),
                     entry.dim(spec.b.j), entry.dim(spec.b.k), code.sub(block.columns, from),
                     block.kc, packedB()});
    });
  }
  code.loop(area.rowsFrom, area.rowsTo, code.i64(blocks.mr),
            [&](Value row) { emitTiles(area, block, row); });
}

/// A row of tiles: its panel of A stays in the first-level cache while B's
/// panels stream past.
void MatMulEmitter::emitTiles(const Area &area, const Block &block, Value row) {
  Value zero = code.i64(0), one = code.i64(1), lanes = code.i64(blocks.lanes);
  Value mr = code.i64(blocks.mr), nr = code.i64(blocks.nr);
  Value rows = code.minimum(mr, code.sub(area.rowsTo, row));
  // Tiles of a few rows read whole ones: absent rows are packed, as zeros.
  Value isPackedA = either(block.packsA, code.less(rows, mr));
  Value placeA = pointerAt(spec.a, area.batch, row, nullptr, block.pc);
  code.ifThen(isPackedA, [&] {
    Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
    func::CallOp::create(code, code.loc, packA,
                         ValueRange{placeA, entry.dim(spec.a.i), entry.dim(spec.a.k), rows,
                                    block.kc, entry.scratch()});
  });
  Value a = code.select(isPackedA, entry.scratch(), placeA);
  Value aRow = code.select(isPackedA, one, entry.dim(spec.a.i));
  Value aK = code.select(isPackedA, mr, entry.dim(spec.a.k));
  overColumns(block, rows, [&](Value jt, Value width) {
    Value columns = code.minimum(width, code.sub(block.columns, jt));
    Value j = code.add(block.column, jt);
    Value isPackedB = either(block.packsB, code.less(columns, lanes));
    // In a panel, or alone where only the columns of the last vector are packed.
    Value inPanel = code.remUnsigned(jt, nr);
    Value inPanels = code.add(code.mul(code.sub(jt, inPanel), block.kc), inPanel);
    Value b = code.gep(spec.accumulator, packedB(), code.select(block.packsB, inPanels, zero));
    Value bK = nr;
    if (mayReadB) {
      b = code.select(isPackedB, b, pointerAt(spec.b, area.batch, nullptr, j, block.pc));
      bK = code.select(isPackedB, nr, entry.dim(spec.b.k));
    }
    Value isFull = both(code.equal(columns, width), // and as many rows as the tile has
                        either(code.equal(rows, mr),
                               either(code.equal(rows, code.i64(rowCounts[1])),
                                      code.equal(rows, code.i64(rowCounts[2])))));
    Value isDone = isPlain() ? isFull : both(isFull, negate(block.isLast));
    Value place = sumsPlace(area.batch, row, j);
    Value stride = entry.dim(spec.partialsInOutput ? spec.outputs[0].i : sums.i);
    SmallVector<Value> args{block.kc, a, aRow, aK, b, bK, code.select(isDone, place, tile),
                            code.select(isDone, stride, nr), place, stride,
                            both(isDone, negate(block.isFirst))};
    if (mayReadB && widensB)
      code.ifElse(
          isPackedB, TypeRange(),
          [&] { return callTile(tiles, args, rows, width), SmallVector<Value>(); },
          [&] { return callTile(wideningTiles, args, rows, width), SmallVector<Value>(); });
    else
      callTile(tiles, args, rows, width);
    code.ifThen(negate(isDone), [&] {
      if (failed(emitTileResult(area.batch, {rows, columns, row, j, block.isFirst,
                                             block.isLast})))
        status = failure();
    });
  });
}

/// Tiles of three, two and one vectors over the columns of a block. Where B is
/// packed, tiles do not cross panels and may read their padding.
void MatMulEmitter::overColumns(const Block &block, Value rows,
                                llvm::function_ref<void(Value, Value)> body) {
  Value one = code.i64(1), lanes = code.i64(blocks.lanes), wide = code.i64(blocks.nr);
  Value middle = code.i64(2 * blocks.lanes);
  Value isTall = code.less(code.i64(rowCounts[1]), rows); // others have one width
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange(code.getI64Type()),
                                   ValueRange(code.i64(0)));
  OpBuilder::InsertionGuard guard(code);
  code.createBlock(&loop.getBefore(), {}, code.getI64Type(), code.loc);
  Value at = loop.getBeforeArguments()[0];
  scf::ConditionOp::create(code, code.loc, code.less(at, block.columns), at);
  code.createBlock(&loop.getAfter(), {}, code.getI64Type(), code.loc);
  at = loop.getAfterArguments()[0];
  Value left = code.sub(block.columns, at);
  // Four vectors are two and two: a tile of one waits for its loads.
  Value isFour = both(code.less(wide, left), code.less(left, code.i64(4 * blocks.lanes + 1)));
  Value leastWide = code.select(block.packsB, code.add(middle, one), wide);
  Value leastMiddle = code.select(block.packsB, code.add(lanes, one), middle);
  Value isWide = both(code.less(code.sub(leastWide, one), left),
                      either(block.packsB, negate(isFour)));
  Value isMiddle = code.less(code.sub(leastMiddle, one), left);
  Value width = code.select(isTall, code.select(isWide, wide, code.select(isMiddle, middle, lanes)),
                            lanes);
  body(at, width);
  scf::YieldOp::create(code, code.loc, ValueRange(code.add(at, width)));
}

/// Where the sums of the blocks of k so far lie.
Value MatMulEmitter::sumsPlace(ArrayRef<Value> batch, Value i, Value j) {
  if (rows)
    return code.gep(spec.accumulator, rowsBase,
                    code.add(code.mul(i, entry.dim(spec.n)), j));
  const MatMulAccess &access = spec.partialsInOutput ? spec.outputs[0] : sums;
  Value base = spec.partialsInOutput ? entry.pointer(*spec.outputs[0].arg) : entry.shared();
  return code.gep(spec.accumulator, base, matmulOffset(entry, access, batch, i, j, nullptr));
}

void MatMulEmitter::callTile(const TileFunctions &from, ValueRange args, Value rows, Value width) {
  auto choose = [&](Value condition, llvm::function_ref<void()> then,
                    llvm::function_ref<void()> otherwise) {
    code.ifElse(
        condition, TypeRange(), [&] { return then(), SmallVector<Value>(); },
        [&] { return otherwise(), SmallVector<Value>(); });
  };
  auto call = [&](func::FuncOp function) {
    func::CallOp::create(code, code.loc, function, args);
  };
  auto byRows = [&] {
    choose(code.less(code.i64(rowCounts[1]), rows), [&] { call(from.narrow[0]); }, [&] {
      choose(code.less(code.i64(rowCounts[2]), rows), [&] { call(from.narrow[1]); },
             [&] { call(from.narrow[2]); });
    });
  };
  choose(code.equal(width, code.i64(blocks.nr)), [&] { call(from.wide); }, [&] {
    choose(code.equal(width, code.i64(2 * blocks.lanes)), [&] { call(from.middle); }, byRows);
  });
}

/// Quotients and functions.
static bool hasLongChains(linalg::GenericOp op) {
  return llvm::any_of(*op.getBody(), [](Operation &inner) {
    return isa<arith::DivFOp>(inner) ||
           (isa<math::MathDialect>(inner.getDialect()) && !isa<math::AbsFOp, math::FmaOp>(inner));
  });
}

/// Adds the tile to the sums of the blocks of k before, and stores it: as a sum
/// while blocks are to come, then through the epilogue.
LogicalResult MatMulEmitter::emitTileResult(ArrayRef<Value> batch, const Tile &at) {
  Type element = spec.accumulator;
  Location compute = getLineLoc(code.getContext(), spec.ordinal, LineRole::kCompute);
  LogicalResult result = success();
  auto columnsAt = [&](Value r, Value c, Value mask, unsigned lanes) {
    Type vector = code.vectorOf(element, lanes);
    Value i = code.add(at.i, r), j = code.add(at.j, c);
    Value value = code.load(
        vector, code.gep(element, tile, code.add(code.mul(r, code.i64(blocks.nr)), c)));
    auto addSums = [&]() -> SmallVector<Value> {
      Value place = sumsPlace(batch, i, j);
      Value before = mask ? code.maskedLoad(vector, place, mask)
                          : code.load(vector, place);
      Code::LocScope scope(code, compute);
      return {matmulAdd(code, spec.kind, before, value)};
    };
    value = code.ifElse(
        at.isFirst, TypeRange(vector), [&]() -> SmallVector<Value> { return {value}; },
        addSums)[0];
    auto finish = [&]() -> SmallVector<Value> {
      if (failed(emitMatMulStore(entry, signature, spec, value, batch, i, j, mask,
                                 lanes)))
        result = failure();
      return {};
    };
    auto keep = [&]() -> SmallVector<Value> {
      Value place = sumsPlace(batch, i, j);
      if (mask)
        code.maskedStore(value, place, mask);
      else
        code.store(value, place);
      return {};
    };
    if (rows)
      keep();
    else if (isPlain())
      finish();
    else
      code.ifElse(at.isLast, TypeRange(), finish, keep);
  };
  Value zero = code.i64(0), one = code.i64(1);
  unsigned lanes = blocks.lanes;
  Value whole = code.roundDown(at.columns, lanes), pairs = zero;
  // Two vectors hide each other's chains of operations and share constants.
  if (spec.epilogue && hasLongChains(spec.epilogue))
    pairs = code.roundDown(at.columns, 2 * lanes);
  Value mask = code.maskBelow(code.sub(at.columns, whole), lanes);
  Value hasRest = code.less(whole, at.columns);
  code.loop(zero, at.rows, one, [&](Value r) {
    if (pairs != zero)
      code.loop(zero, pairs, code.i64(2 * lanes),
                [&](Value c) { columnsAt(r, c, nullptr, 2 * lanes); });
    code.loop(pairs, whole, code.i64(lanes), [&](Value c) { columnsAt(r, c, nullptr, lanes); });
    code.ifThen(hasRest, [&] { columnsAt(r, whole, mask, lanes); });
  });
  return result;
}

} // namespace

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
