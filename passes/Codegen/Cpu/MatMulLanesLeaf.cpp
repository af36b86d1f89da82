//===- MatMulLanesLeaf.cpp - a leaf of a product summed in lanes ------------===//

#include "passes/Codegen/Cpu/MatMulLanes.h"

#include "passes/Codegen/Cpu/RowsTogether.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {

namespace {

/// @symbol(count, A, A's k stride, B, B's k and column strides, columns, tile): the
/// sums of one leaf. A strided walk is the same sum.
class LeafEmitter {
public:
  LeafEmitter(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
              const MatMulBlocks &blocks, int64_t width)
      : spec(spec), wide(blocks.lanes), width(width),
        lanes(128 * 8 / spec.accumulator.getIntOrFloatBitWidth()),
        code(module.getContext(), getNarrowestMask(module)),
        loads(getLineLoc(module.getContext(), spec.ordinal, LineRole::kLoad)),
        stores(getLineLoc(module.getContext(), spec.ordinal, LineRole::kStore)) {
    code.loc = getLineLoc(module.getContext(), spec.ordinal, LineRole::kCompute);
    Type pointer = LLVM::LLVMPointerType::get(module.getContext()), i64 = code.getI64Type();
    function = beginMatMulFunction(module, code, symbol,
                                   {i64, pointer, i64, pointer, i64, i64, i64, pointer});
    count = function.getArgument(0), a = function.getArgument(1), aK = function.getArgument(2);
    b = function.getArgument(3), bK = function.getArgument(4), bJ = function.getArgument(5);
    columns = function.getArgument(6), tile = function.getArgument(7);
    // Sums in registers beside what is loaded: two columns read together halve
    // the loads of the vector.
    together = lanes / wide <= 4 ? 2 : 1;
  }

  func::FuncOp along();
  func::FuncOp across();

private:
  /// At the function's start: a fixed amount.
  void makeMemory(int64_t elements) {
    memory = LLVM::AllocaOp::create(code, code.loc,
                                    LLVM::LLVMPointerType::get(code.getContext()),
                                    spec.accumulator, code.i64(elements), 64);
  }
  Type vectorOf(Type type) { return code.vectorOf(type, wide); }

  /// Elements [k, k + wide) of an operand as accumulators.
  Value load(const MatMulAccess &operand, Value base, Value stride, Value k, Value mask) {
    Code::LocScope scope(code, loads);
    Type type = operand.arg->elementType, vector = vectorOf(type);
    Value x;
    if (operand.k == Dim(1)) {
      Value place = code.gep(type, base, k);
      x = mask ? code.maskedLoad(vector, place, mask) : code.load(vector, place);
    } else {
      x = code.loadStrided(vector, code.gep(type, base, code.mul(k, stride)), stride, mask);
    }
    return matmulWiden(code, spec, operand, x);
  }

  void columnsAlong(Value j, int64_t many, bool areTogether);
  SmallVector<Value> stepAlong(ArrayRef<Value> bases, Value k, Value left, ValueRange sums);
  void columnsAcross(Value from, Value to, int64_t vectors, Value mask);

  const MatMulSpec &spec;
  int64_t wide, width, lanes, together = 1;
  Code code;
  Location loads, stores;
  func::FuncOp function;
  Value count, a, aK, b, bK, bJ, columns, tile;
  Value memory; // lanes of columns
};

/// One element of each lane. `left` (null: all) lanes have one; the others keep
/// their sums.
SmallVector<Value> LeafEmitter::stepAlong(ArrayRef<Value> bases, Value k, Value left,
                                          ValueRange sums) {
  int64_t parts = lanes / wide;
  SmallVector<Value> next(sums);
  auto part = [&](int64_t p, Value mask) {
    Value at = code.add(k, code.i64(p * wide));
    Value x = load(spec.a, a, aK, at, mask);
    SmallVector<Value> made;
    for (auto [r, base] : llvm::enumerate(bases)) {
      Value before = next[r * parts + p];
      Value sum = matmulMulAdd(code, spec.kind, x, load(spec.b, base, bK, at, mask), before);
      made.push_back(mask ? code.select(mask, sum, before) : sum);
    }
    return made;
  };
  for (int64_t p = 0; p < parts; ++p) {
    SmallVector<Value> made;
    if (!left) {
      made = part(p, nullptr);
    } else {
      // Strided loads need an element.
      Value rest = code.sub(left, code.i64(p * wide));
      SmallVector<Value> before;
      for (size_t r = 0; r < bases.size(); ++r)
        before.push_back(next[r * parts + p]);
      made = code.ifElse(
          code.less(code.i64(0), rest), ValueRange(before).getTypes(),
          [&] { return part(p, code.maskBelow(rest, wide)); }, [&] { return before; });
    }
    for (size_t r = 0; r < bases.size(); ++r)
      next[r * parts + p] = made[r];
  }
  return next;
}

void LeafEmitter::columnsAlong(Value j, int64_t many, bool areTogether) {
  int64_t parts = lanes / wide;
  SmallVector<Value> bases;
  for (int64_t r = 0; r < many; ++r)
    bases.push_back(code.gep(spec.b.arg->elementType, b,
                             code.mul(code.add(j, code.i64(r)), bJ)));
  SmallVector<Value> sums(many * parts, code.zero(vectorOf(spec.accumulator)));
  Value zero = code.i64(0), whole = code.roundDown(count, lanes);
  sums = code.loop(zero, whole, code.i64(lanes), sums, [&](Value k, ValueRange now) {
    return stepAlong(bases, k, nullptr, now);
  });
  sums = code.ifElse(
      code.less(whole, count), ValueRange(sums).getTypes(),
      [&] { return stepAlong(bases, whole, code.sub(count, whole), sums); },
      [&] { return sums; });
  for (int64_t r = 0; r < many; ++r) {
    MutableArrayRef<Value> row = MutableArrayRef(sums).slice(r * parts, parts);
    int64_t left = parts;
    auto halve = [&](int64_t to) {
      for (; left > to; left /= 2)
        for (int64_t p = 0; p < left / 2; ++p)
          row[p] = matmulAdd(code, spec.kind, row[p], row[p + left / 2]);
    };
    Value at = code.add(j, code.i64(r));
    if (areTogether) {
      halve(std::max<int64_t>(1, kRowsTogether / wide));
      for (int64_t p = 0; p < left; ++p)
        code.store(row[p], code.gep(spec.accumulator, memory,
                                    code.add(code.mul(at, code.i64(kRowsTogether)),
                                             code.i64(p * wide))));
      continue;
    }
    halve(1);
    Value sum = row[0];
    for (int64_t half = wide / 2; half > 0; half /= 2)
      sum = matmulAdd(code, spec.kind, code.slice(sum, 0, half), code.slice(sum, half, half));
    Code::LocScope scope(code, stores);
    code.store(code.lane(sum, 0), code.gep(spec.accumulator, tile, at));
  }
}

/// All columns of a task leave 16 lanes each, which are combined together; fewer
/// columns are each combined alone.
func::FuncOp LeafEmitter::along() {
  Value zero = code.i64(0), whole = code.roundDown(columns, together);
  makeMemory(kRowsTogether * kRowsTogether);
  auto all = [&]() -> SmallVector<Value> {
    code.loop(zero, code.i64(kRowsTogether), code.i64(together),
              [&](Value j) { columnsAlong(j, together, /*areTogether=*/true); });
    Type vector = code.vectorOf(spec.accumulator, kRowsTogether);
    Value sums = combineRowsTogether(
        code, [&](Value older, Value newer) { return matmulAdd(code, spec.kind, older, newer); },
        [&](unsigned r) {
          return code.load(vector, code.gep(spec.accumulator, memory, code.i64(r * kRowsTogether)), 64);
        });
    Code::LocScope scope(code, stores);
    code.store(sums, tile, 64);
    return {};
  };
  auto some = [&]() -> SmallVector<Value> {
    code.loop(zero, whole, code.i64(together), [&](Value j) { columnsAlong(j, together, false); });
    if (together > 1)
      code.loop(whole, columns, code.i64(1), [&](Value j) { columnsAlong(j, 1, false); });
    return {};
  };
  code.ifElse(code.equal(columns, code.i64(kRowsTogether)), TypeRange(), all, some);
  func::ReturnOp::create(code, code.loc);
  return function;
}

/// Sums of some lanes of the columns stay in registers down the rows of those lanes;
/// then those of the next.
void LeafEmitter::columnsAcross(Value from, Value to, int64_t vectors, Value mask) {
  int64_t some = wide * spec.accumulator.getIntOrFloatBitWidth() >= 512 ? 4 : 2;
  Type vector = vectorOf(spec.accumulator), bElement = spec.b.arg->elementType;
  Type aElement = spec.a.arg->elementType;
  auto addRow = [&](Value k, Value column, MutableArrayRef<Value> sums) {
    Value factor, row;
    {
      Code::LocScope scope(code, loads);
      Value scalar = code.load(aElement, code.gep(aElement, a, code.mul(k, aK)));
      factor = code.splat(matmulWiden(code, spec, spec.a, scalar), wide);
      row = code.gep(bElement, b, code.add(code.mul(k, bK), column));
    }
    for (int64_t v = 0; v < vectors; ++v) {
      Code::LocScope scope(code, loads);
      Value place = code.gep(bElement, row, code.i64(v * wide));
      Value x = mask ? code.maskedLoad(vectorOf(bElement), place, mask)
                     : code.load(vectorOf(bElement), place);
      x = matmulWiden(code, spec, spec.b, x);
      sums[v] = matmulMulAdd(code, spec.kind, factor, x, sums[v]);
    }
  };
  code.loop(from, to, code.i64(vectors * wide), [&](Value j) {
    code.loop(code.i64(0), code.i64(lanes), code.i64(some), [&](Value lane) {
      SmallVector<Value> sums(some * vectors, code.zero(vector));
      // The last row of the last lane must exist.
      Value end = code.maximum(code.sub(count, code.i64(some - 1)), lane);
      sums = code.loop(lane, end, code.i64(lanes), sums, [&](Value k, ValueRange now) {
        SmallVector<Value> next(now);
        for (int64_t q = 0; q < some; ++q)
          addRow(code.add(k, code.i64(q)), j,
                 MutableArrayRef(next).slice(q * vectors, vectors));
        return next;
      });
      Value steps = code.ceilDiv(code.sub(end, lane), code.i64(lanes));
      Value rest = code.add(lane, code.mul(steps, code.i64(lanes)));
      for (int64_t q = 0; q < some; ++q) {
        Value k = code.add(rest, code.i64(q));
        MutableArrayRef<Value> row = MutableArrayRef(sums).slice(q * vectors, vectors);
        SmallVector<Value> before(row);
        SmallVector<Value> added = code.ifElse(
            code.less(k, count), ValueRange(before).getTypes(),
            [&] {
              SmallVector<Value> next(before);
              addRow(k, j, next);
              return next;
            },
            [&] { return before; });
        llvm::copy(added, row.begin());
      }
      for (int64_t q = 0; q < some; ++q)
        for (int64_t v = 0; v < vectors; ++v) {
          Value at = code.mul(code.add(lane, code.i64(q)), code.i64(width));
          code.store(sums[q * vectors + v],
                     code.gep(spec.accumulator, memory,
                              code.add(code.add(at, j), code.i64(v * wide))));
        }
    });
  });
}

func::FuncOp LeafEmitter::across() {
  makeMemory(lanes * width);
  Value zero = code.i64(0), done = zero;
  for (int64_t vectors : {kLanesVectorsAcross, int64_t(1)}) {
    Value to = code.add(done, code.roundDown(code.sub(columns, done), vectors * wide));
    columnsAcross(done, to, vectors, nullptr);
    done = to;
  }
  code.ifThen(code.less(done, columns), [&] {
    columnsAcross(done, columns, 1, code.maskBelow(code.sub(columns, done), wide));
  });
  Type vector = vectorOf(spec.accumulator);
  code.loop(zero, columns, code.i64(wide), [&](Value j) {
    auto place = [&](Value lane) {
      return code.gep(spec.accumulator, memory, code.add(code.mul(lane, code.i64(width)), j));
    };
    for (int64_t half = lanes / 2; half > 0; half /= 2)
      code.loop(zero, code.i64(half), code.i64(1), [&](Value lane) {
        Value sum = matmulAdd(code, spec.kind, code.load(vector, place(lane)),
                              code.load(vector, place(code.add(lane, code.i64(half)))));
        code.store(sum, place(lane));
      });
    Code::LocScope scope(code, stores);
    code.store(code.load(vector, place(zero)), code.gep(spec.accumulator, tile, j));
  });
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace

func::FuncOp emitLanesLeaf(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                           const MatMulBlocks &blocks, bool isAcross, int64_t width) {
  LeafEmitter emitter(module, symbol, spec, blocks, width);
  return isAcross ? emitter.across() : emitter.along();
}

} // namespace oriel
