//===- MatMulBlock.cpp - the tiles of a block ------------------------------===//

#include "passes/Codegen/Cpu/MatMulEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace oriel {

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

/// Of a packing function: `count` rows from i on, or columns from j on, of a block
/// of k.
SmallVector<Value> MatMulEmitter::packArguments(const MatMulAccess &operand, ArrayRef<Value> batch,
                                                Value i, Value j, const Block &block,
                                                Value count, Value target) {
  auto along = [&](const MatMulAccess &access) { return entry.dim(i ? access.i : access.j); };
  if (!operand.isMade())
    return {pointerAt(operand, batch, i, j, block.pc), along(operand), entry.dim(operand.k), count,
            block.kc, target};
  SmallVector<Value> arguments{count, block.kc, target};
  for (const MatMulAccess &leaf : operand.leaves)
    arguments.append({pointerAt(leaf, batch, i, j, block.pc), along(leaf), entry.dim(leaf.k)});
  return arguments;
}

void MatMulEmitter::emitBlock(const Area &area, const Block &block) {
  Value zero = code.i64(0), whole = code.roundDown(block.columns, blocks.lanes);
  if (!spec.b.panels) {
    // Of columns read where they lie only those that do not fill a vector are
    // packed.
    Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
    Value from = code.select(block.packsB, zero, whole);
    code.ifThen(code.less(from, block.columns), [&] {
      func::CallOp::create(
          code, code.loc, packB,
          packArguments(spec.b, area.batch, nullptr, code.add(block.column, from), block,
                        code.sub(block.columns, from), packedB()));
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
  Value panelA = spec.a.panels ? panelPlace(spec.a, area.batch, row, block.pc) : entry.scratch();
  if (!spec.a.panels)
    code.ifThen(isPackedA, [&] {
      Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
      func::CallOp::create(code, code.loc, packA,
                           packArguments(spec.a, area.batch, row, nullptr, block, rows, panelA));
    });
  Value a = code.select(isPackedA, panelA, placeA);
  Value aRow = code.select(isPackedA, one, entry.dim(spec.a.i));
  Value aK = code.select(isPackedA, mr, entry.dim(spec.a.k));
  overColumns(block, rows, [&](Value jt, Value width) {
    Value columns = code.minimum(width, code.sub(block.columns, jt));
    Value j = code.add(block.column, jt);
    Value isPackedB = either(block.packsB, code.less(columns, lanes));
    // In a panel, or alone where only the columns of the last vector are packed.
    Value inPanel = code.remUnsigned(jt, nr);
    Value b, bK = nr;
    if (spec.b.panels) {
      Value panel = panelPlace(spec.b, area.batch, code.sub(j, inPanel), block.pc);
      b = code.gep(dots ? code.getI32Type() : spec.b.panels->elementType, panel, inPanel);
    } else {
      Value inPanels = code.add(code.mul(code.sub(jt, inPanel), block.kc), inPanel);
      b = code.gep(spec.accumulator, packedB(), code.select(block.packsB, inPanels, zero));
    }
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
    Value first = code.select(isDone, place, tile), firstStride = code.select(isDone, stride, nr);
    Value adds = both(isDone, negate(block.isFirst));
    if (dots) {
      Value groups = code.ceilDiv(block.kc, code.i64(MatMulDots::kGroup));
      Value start = panelPlace(spec.b, area.batch, code.sub(j, inPanel), nullptr);
      start = code.gep(code.getI32Type(), start, inPanel);
      SmallVector<Value> args{groups,      panelA, b,      start, block.isFirst, first,
                              firstStride, place,  stride, adds};
      callTile(tiles, args, rows, width);
    } else {
      SmallVector<Value> args{block.kc,    a,     aRow,   aK,  b, bK, first,
                              firstStride, place, stride, adds};
      if (mayReadB && widensB)
        code.ifElse(
            isPackedB, TypeRange(),
            [&] { return callTile(tiles, args, rows, width), SmallVector<Value>(); },
            [&] { return callTile(wideningTiles, args, rows, width), SmallVector<Value>(); });
      else
        callTile(tiles, args, rows, width);
    }
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

/// The panel that starts with row (column) `line` of an operand that is packed
/// already, from `k` on; null: from the panel's start.
Value MatMulEmitter::panelPlace(const MatMulAccess &operand, ArrayRef<Value> batch, Value line,
                                Value k) {
  const KernelArg &panels = *operand.panels;
  int64_t width = &operand == &spec.b ? blocks.nr : blocks.mr;
  Dim depth = panels.shape[panels.shape.size() - 2];
  // Lines of all matrices before, each filled up to whole panels.
  Dim lines = panels.shape[panels.shape.size() - 3] * Dim(width);
  for (size_t d = batch.size(), axis = panels.shape.size() - 3; d-- > 0;)
    if (operand.batch[d] != Dim(0)) {
      line = code.add(line, code.mul(batch[d], entry.dim(lines)));
      lines = lines * panels.shape[--axis];
    }
  Value at = code.mul(line, entry.dim(depth));
  if (dots && k) // the sums in front, then groups of k
    k = code.add(code.divUnsigned(k, code.i64(MatMulDots::kGroup)), code.i64(1));
  if (k)
    at = code.add(at, code.mul(k, code.i64(width)));
  Type element = dots ? Type(code.getI32Type()) : panels.elementType;
  return code.gep(element, entry.pointer(panels), at);
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

} // namespace oriel
