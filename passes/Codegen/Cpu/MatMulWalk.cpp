//===- MatMulWalk.cpp - from a matmul's tasks to its blocks ----------------===//

#include "passes/Codegen/Cpu/MatMulEmitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace oriel {

/// An operand is read where it lies when so few rows (columns) of the result
/// read each element of it that packing would not pay.
constexpr int64_t kReadRows = 128, kReadColumns = 192;

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
  Value height = entry.dim(taskHeight), width = entry.dim(taskColumns);
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
  Value m = entry.dim(spec.m), n = entry.dim(spec.n), height = entry.dim(rows->getTaskRows());
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
  Value most = code.i64(blocks.nc), width = code.sub(area.columnsTo, area.columnsFrom);
  if (packsA()) {
    // Blocks of one width: A is packed for each.
    Value count = code.maximum(code.ceilDiv(width, most), code.i64(1)), nr = code.i64(blocks.nr);
    most = code.mul(code.ceilDiv(code.ceilDiv(width, count), nr), nr);
    most = code.maximum(most, nr);
  } else if (rows && mayReadB) {
    // Of a right operand that does not fit the second-level cache some columns do,
    // for all rows of the block.
    Value need = code.mul(width, code.minimum(k, blockK));
    Value isLarge = code.less(code.i64(blocks.nc * MatMulBlocks::kKC / 2), need);
    Value narrow = code.i64(std::max<int64_t>(1, kReadColumns / blocks.nr) * blocks.nr);
    most = code.select(block.packsB, most, code.select(isLarge, narrow, most));
  }
  most = code.select(isOneRow, code.i64(kRowColumns), most);
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

} // namespace oriel
