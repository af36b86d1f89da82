//===- MatMulRow.cpp - products with one row ------------------------------===//
//
// A vector by a matrix waits for the matrix: it is read once, as it lies.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {
namespace {

class RowEmitter {
public:
  RowEmitter(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
             const MatMulBlocks &blocks)
      : spec(spec), lanes(blocks.lanes),
        code(module.getContext(), getNarrowestMask(module)),
        loads(getLineLoc(module.getContext(), spec.ordinal, LineRole::kLoad)),
        stores(getLineLoc(module.getContext(), spec.ordinal, LineRole::kStore)) {
    code.loc = getLineLoc(module.getContext(), spec.ordinal, LineRole::kCompute);
    Type pointer = LLVM::LLVMPointerType::get(module.getContext());
    Type i64 = code.getI64Type();
    function = beginMatMulFunction(module, code, symbol,
                                   {i64, pointer, i64, pointer, i64, i64, pointer});
    kc = function.getArgument(0), a = function.getArgument(1);
    aStride = spec.a.k == Dim(1) ? code.i64(1) : Value(function.getArgument(2));
    b = function.getArgument(3);
    bStride = function.getArgument(4), columns = function.getArgument(5);
    tile = function.getArgument(6);
  }

  func::FuncOp alongColumns();
  func::FuncOp acrossColumns();

private:
  /// Columns from which rows are read as a whole.
  static constexpr int64_t kLongRow = 1024, kRowsAtOnce = 4;

  void rowsAtOnce(Value to);
  Value factorAt(Value k, int64_t width) {
    Code::LocScope scope(code, loads);
    Value scalar = code.load(aElement, code.gep(aElement, a, code.mul(k, aStride)));
    return code.splat(matmulWiden(code, spec, spec.a, scalar), width);
  }

  const MatMulSpec &spec;
  int64_t lanes;
  Code code;
  Location loads, stores;
  func::FuncOp function;
  Value kc, a, aStride, b, bStride, columns, tile;
  Type element = spec.accumulator;
  Type aElement = spec.a.arg->elementType, bElement = spec.b.arg->elementType;
};

/// Sums of many columns stay in registers down the rows of a block of k: rows are
/// read in short pieces a stride apart, and nothing else passes through the
/// first-level cache. Where rows are long their elements are read in order, a few
/// rows at once, past sums that wait in that cache: prefetching follows those better.
func::FuncOp RowEmitter::alongColumns() {
  int64_t many = lanes * element.getIntOrFloatBitWidth() >= 512 ? 16 : 8;
  Type vector = code.vectorOf(element, lanes), bVector = code.vectorOf(bElement, lanes);
  // Columns [from, to), `vectors` at a time.
  auto run = [&](Value from, Value to, int64_t vectors, Value mask) {
    code.loop(from, to, code.i64(vectors * lanes), [&](Value j) {
      SmallVector<Value> sums(1 + vectors, code.zero(vector));
      sums[0] = code.gep(bElement, b, j); // the row's place
      sums = code.loop(code.i64(0), kc, code.i64(1), sums, [&](Value k, ValueRange now) {
        SmallVector<Value> next(now);
        Value factor = factorAt(k, lanes);
        for (int64_t v = 0; v < vectors; ++v) {
          Value x;
          {
            Code::LocScope scope(code, loads);
            Value place = code.gep(bElement, now[0], code.i64(v * lanes));
            x = mask ? code.maskedLoad(bVector, place, mask) : code.load(bVector, place);
            x = matmulWiden(code, spec, spec.b, x);
          }
          next[1 + v] = matmulMulAdd(code, spec.kind, factor, x, now[1 + v]);
        }
        next[0] = code.gep(bElement, now[0], bStride);
        return next;
      });
      Code::LocScope scope(code, stores);
      for (int64_t v = 0; v < vectors; ++v)
        code.store(sums[1 + v], code.gep(element, tile, code.add(j, code.i64(v * lanes))));
    });
  };
  Value isLong = code.less(code.i64(kLongRow - 1), columns);
  Value done = code.select(isLong, code.roundDown(columns, lanes), code.i64(0));
  code.ifThen(isLong, [&] { rowsAtOnce(done); });
  for (int64_t vectors : {many, many / 2, many / 4, int64_t(1)}) {
    Value to = code.add(done, code.roundDown(code.sub(columns, done), vectors * lanes));
    run(done, to, vectors, nullptr);
    done = to;
  }
  // The tile has room for a whole vector; B does not.
  run(done, columns, 1, code.maskBelow(code.sub(columns, done), lanes));
  func::ReturnOp::create(code, code.loc);
  return function;
}

/// Columns [0, to), whole vectors, `kRowsAtOnce` rows at a time.
void RowEmitter::rowsAtOnce(Value to) {
  Type vector = code.vectorOf(element, lanes), bVector = code.vectorOf(bElement, lanes);
  Value zero = code.i64(0), step = code.i64(lanes);
  code.loop(zero, to, step, [&](Value j) {
    code.store(code.zero(vector), code.gep(element, tile, j));
  });
  auto addRows = [&](Value k, int64_t rows) {
    SmallVector<Value> factors, places;
    for (int64_t r = 0; r < rows; ++r) {
      Value row = code.add(k, code.i64(r));
      factors.push_back(factorAt(row, lanes));
      places.push_back(code.gep(bElement, b, code.mul(row, bStride)));
    }
    code.loop(zero, to, step, [&](Value j) {
      Value place = code.gep(element, tile, j), sum = code.load(vector, place);
      for (auto [factor, row] : llvm::zip(factors, places)) {
        Value x;
        {
          Code::LocScope scope(code, loads);
          x = matmulWiden(code, spec, spec.b, code.load(bVector, code.gep(bElement, row, j)));
        }
        sum = matmulMulAdd(code, spec.kind, factor, x, sum);
      }
      code.store(sum, place);
    });
  };
  Value whole = code.roundDown(kc, kRowsAtOnce);
  code.loop(zero, whole, code.i64(kRowsAtOnce), [&](Value k) { addRows(k, kRowsAtOnce); });
  code.loop(whole, kc, code.i64(1), [&](Value k) { addRows(k, 1); });
}

/// A block's sum is one chain, so that two of them at once are needed to keep the
/// machine busy: two blocks of k where there are two, else two groups of columns.
/// More columns at once get in each other's way in the cache when they are a
/// multiple of a page apart.
func::FuncOp RowEmitter::acrossColumns() {
  constexpr int64_t kGroups = 2, block = MatMulBlocks::kKC;
  int64_t side = matmulSquareSide(spec), many = kGroups * side;
  // Whole lines of each column, so that none is read twice.
  int64_t line = std::max<int64_t>(side, 64 * 8 / bElement.getIntOrFloatBitWidth());
  Type vector = code.vectorOf(element, side), quad = code.vectorOf(bElement, 4);
  Value zero = code.i64(0), one = code.i64(1);
  SmallVector<Value> offsets; // of a group's columns
  for (int64_t r = 0; r < side; ++r)
    offsets.push_back(code.mul(code.i64(r), bStride));
  Value nextGroup = code.mul(code.i64(side), bStride);

  // Columns [j, j + groups * side), of which `valid` exist (null: all); the
  // others repeat the last one.
  auto run = [&](Value j, int64_t groups, bool inPairs, Value valid) {
    SmallVector<Value> at = offsets;
    if (valid)
      for (int64_t r = 1; r < side; ++r)
        at[r] = code.mul(code.minimum(code.i64(r), code.sub(valid, one)), bStride);
    Value start = code.gep(bElement, b, code.mul(j, bStride));
    auto step = [&](Value k, int64_t count, Value left, ValueRange sums) {
      SmallVector<Value> next(sums);
      Value place = code.gep(bElement, start, k);
      for (int64_t g = 0; g < groups; ++g) {
        if (g > 0)
          place = code.gep(bElement, place, nextGroup);
        for (int64_t s = 0; s < count; s += side) {
          SmallVector<Value> columns = matmulTransposed(code, side, [&](int64_t r, int64_t h) {
            Code::LocScope scope(code, loads);
            Value from = code.gep(bElement, code.gep(bElement, place, at[r]), code.i64(s + h));
            Value x = left ? code.maskedLoad(quad, from,
                                             code.maskBelow(code.sub(left, code.i64(s + h)), 4))
                           : code.load(quad, from);
            return matmulWiden(code, spec, spec.b, x);
          });
          for (int64_t u = 0; u < side; ++u) {
            Value from = code.add(k, code.i64(s + u));
            if (left)
              from = code.minimum(from, code.sub(kc, one));
            Value sum = matmulMulAdd(code, spec.kind, factorAt(from, side), columns[u], next[g]);
            next[g] = left ? code.select(code.less(code.i64(s + u), left), sum, next[g]) : sum;
          }
        }
      }
      return next;
    };
    SmallVector<Value> none(groups, code.zero(vector));
    auto addTo = [&](ValueRange before, Value pc, ValueRange sums) {
      Value isFirst = code.equal(pc, zero);
      SmallVector<Value> totals;
      for (auto [sum, total] : llvm::zip(sums, before))
        totals.push_back(code.select(isFirst, sum, matmulAdd(code, spec.kind, total, sum)));
      return totals;
    };
    SmallVector<Value> totals = none;
    Value paired = inPairs ? code.roundDown(kc, 2 * block) : zero;
    if (inPairs)
      totals = code.loop(zero, paired, code.i64(2 * block), totals,
                         [&](Value pc, ValueRange before) {
        SmallVector<Value> sums(2 * groups, code.zero(vector));
        sums = code.loop(pc, code.add(pc, code.i64(block)), code.i64(line), sums,
                         [&](Value k, ValueRange now) {
          SmallVector<Value> next = step(k, line, nullptr, now.take_front(groups));
          next.append(step(code.add(k, code.i64(block)), line, nullptr, now.drop_front(groups)));
          return next;
        });
        Value second = code.add(pc, code.i64(block));
        SmallVector<Value> first = addTo(before, pc, ValueRange(sums).take_front(groups));
        return addTo(first, second, ValueRange(sums).drop_front(groups));
      });
    totals = code.loop(paired, kc, code.i64(block), totals, [&](Value pc, ValueRange before) {
      Value end = code.minimum(kc, code.add(pc, code.i64(block)));
      Value lines = code.add(pc, code.roundDown(code.sub(end, pc), line));
      auto sums = code.loop(pc, lines, code.i64(line), none, [&](Value k, ValueRange now) {
        return step(k, line, nullptr, now);
      });
      // The rest of k.
      sums = code.loop(lines, end, code.i64(side), sums, [&](Value k, ValueRange now) {
        return step(k, side, code.sub(end, k), now);
      });
      return addTo(before, pc, sums);
    });
    Code::LocScope scope(code, stores);
    for (auto [n, total] : llvm::enumerate(totals))
      code.store(total, code.gep(element, tile, code.add(j, code.i64(n * side))));
  };
  Value most = code.roundDown(columns, many), whole = code.roundDown(columns, side);
  most = code.select(code.less(kc, code.i64(2 * block)), most, zero);
  code.loop(zero, most, code.i64(many), [&](Value j) { run(j, kGroups, false, nullptr); });
  code.loop(most, whole, code.i64(side), [&](Value j) { run(j, 1, true, nullptr); });
  code.ifThen(code.less(whole, columns), [&] { run(whole, 1, true, code.sub(columns, whole)); });
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace

func::FuncOp emitRowFunction(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                             const MatMulBlocks &blocks, bool across) {
  RowEmitter emitter(module, symbol, spec, blocks);
  return across ? emitter.acrossColumns() : emitter.alongColumns();
}

} // namespace oriel
