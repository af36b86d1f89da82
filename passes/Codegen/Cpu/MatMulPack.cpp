//===- MatMulPack.cpp - packing operands into panels ----------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

int64_t matmulSquareSide(const MatMulSpec &spec) {
  return spec.accumulator.getIntOrFloatBitWidth() <= 32 ? 8 : 4;
}

SmallVector<Value> matmulTransposed(Code &code, int64_t side,
                                    llvm::function_ref<Value(int64_t, int64_t)> quad) {
  if (side == 2) {
    Value a = quad(0, 0), b = quad(1, 0);
    return {vector::ShuffleOp::create(code, code.loc, a, b, ArrayRef<int64_t>{0, 2}),
            vector::ShuffleOp::create(code, code.loc, a, b, ArrayRef<int64_t>{1, 3})};
  }
  auto shuffle = [&](Value a, Value b, ArrayRef<int64_t> mask) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t part = 0; part < side; part += 4)
      for (int64_t lane : mask)
        lanes.push_back(part + (lane < 4 ? lane : lane - 4 + side));
    return vector::ShuffleOp::create(code, code.loc, a, b, lanes);
  };
  // Rows r and r + 4 side by side from the start: what is left are shuffles
  // within 128 bits, the fast ones.
  SmallVector<Value> columns;
  for (int64_t h = 0; h < side; h += 4) {
    SmallVector<Value> rows;
    for (int64_t r = 0; r < 4; ++r) {
      Value row = quad(r, h);
      if (side == 8)
        row = vector::ShuffleOp::create(code, code.loc, row, quad(r + 4, h),
                                        ArrayRef<int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
      rows.push_back(row);
    }
    Value low01 = shuffle(rows[0], rows[1], {0, 4, 1, 5});
    Value high01 = shuffle(rows[0], rows[1], {2, 6, 3, 7});
    Value low23 = shuffle(rows[2], rows[3], {0, 4, 1, 5});
    Value high23 = shuffle(rows[2], rows[3], {2, 6, 3, 7});
    columns.push_back(shuffle(low01, low23, {0, 1, 4, 5}));
    columns.push_back(shuffle(low01, low23, {2, 3, 6, 7}));
    columns.push_back(shuffle(high01, high23, {0, 1, 4, 5}));
    columns.push_back(shuffle(high01, high23, {2, 3, 6, 7}));
  }
  return columns;
}

namespace {

class Packer {
public:
  Packer(Code &code, const MatMulSpec &spec, const MatMulBlocks &blocks,
         const MatMulAccess &operand, int64_t width)
      : code(code), spec(spec), operand(operand), element(operand.arg->elementType),
        width(width),
        chunk(std::min<int64_t>(width, blocks.lanes)),
        side(std::min(chunk, matmulSquareSide(spec))) {}

  Value source, pStride, kStride, count, kc, target;

  /// `body` per panel, with from, to and valid set.
  void forEachPanel(llvm::function_ref<void()> body);
  void packContiguous();  // p runs along memory
  void packAcross();      // k does
  void packStrided();

private:
  Value at(Value q, Value k) {
    return code.gep(element, from, code.add(code.mul(q, pStride), code.mul(k, kStride)));
  }
  Value widen(Value x) { return matmulWiden(code, spec, operand, x); }
  void store(Value x, Value q, Value k) {
    code.store(x, code.gep(spec.accumulator, to, code.add(code.mul(k, code.i64(width)), q)));
  }
  void overK(llvm::function_ref<void(Value)> body) {
    code.loop(code.i64(0), kc, code.i64(1), body);
  }
  Code &code;
  const MatMulSpec &spec;
  const MatMulAccess &operand;
  Type element;
  int64_t width, chunk; // zeros up to whole chunks: tiles read no further
  int64_t side;         // of the squares that are transposed in registers
  Value from, to, valid;
};

void Packer::forEachPanel(llvm::function_ref<void()> body) {
  code.loop(code.i64(0), count, code.i64(width), [&](Value p) {
    valid = code.minimum(code.i64(width), code.sub(count, p));
    from = code.gep(element, source, code.mul(p, pStride));
    to = code.gep(spec.accumulator, target, code.mul(p, kc));
    body();
  });
}

void Packer::packContiguous() {
  Value zero = code.i64(0), whole = code.roundDown(valid, chunk);
  Type vector = code.vectorOf(element, chunk);
  auto copy = [&](Value q, Value k) { store(widen(code.load(vector, at(q, k))), q, k); };
  code.ifThen(code.equal(valid, code.i64(width)), [&] {
    overK([&](Value k) {
      for (int64_t q = 0; q < width; q += chunk)
        copy(code.i64(q), k);
    });
  });
  code.ifThen(code.less(valid, code.i64(width)), [&] {
    code.loop(zero, whole, code.i64(chunk),
              [&](Value q) { overK([&](Value k) { copy(q, k); }); });
    code.ifThen(code.less(whole, valid), [&] {
      Value mask = code.maskBelow(code.sub(valid, whole), chunk);
      overK([&](Value k) { store(widen(code.maskedLoad(vector, at(whole, k), mask)), whole, k); });
    });
  });
}

/// Squares of rows along k, transposed in registers.
void Packer::packAcross() {
  Value zero = code.i64(0), one = code.i64(1), step = code.i64(side);
  Value most = code.roundDown(kc, side), groups = code.roundDown(valid, side);
  int64_t piece = std::min<int64_t>(side, 4);
  Type quad = code.vectorOf(element, piece);
  code.loop(zero, groups, step, [&](Value q) {
    code.loop(zero, most, step, [&](Value k) {
      SmallVector<Value> columns = matmulTransposed(code, side, [&](int64_t r, int64_t h) {
        Value from = at(code.add(q, code.i64(r)), code.add(k, code.i64(h)));
        return widen(code.load(quad, from));
      });
      for (int64_t u = 0; u < side; ++u)
        store(columns[u], q, code.add(k, code.i64(u)));
    });
  });
  // The edges: the last of k of every group, and a group with fewer rows.
  // Absent rows repeat the last one and are zeroed.
  Value padded = code.mul(code.ceilDiv(valid, code.i64(chunk)), code.i64(chunk));
  code.loop(zero, padded, step, [&](Value q) {
    Value first = code.select(code.less(q, groups), most, zero);
    code.loop(first, kc, step, [&](Value k) {
      Value left = code.sub(kc, k);
      SmallVector<Value> columns = matmulTransposed(code, side, [&](int64_t r, int64_t h) {
        Value row = code.add(q, code.i64(r)), last = code.sub(valid, one);
        Value from = at(code.minimum(row, last), code.add(k, code.i64(h)));
        Value mask = code.maskBelow(code.sub(left, code.i64(h)), piece);
        Value x = code.maskedLoad(quad, from, mask);
        return widen(code.select(code.less(row, valid), x, code.zero(quad)));
      });
      for (int64_t u = 0; u < side; ++u)
        code.ifThen(code.less(code.i64(u), left),
                    [&] { store(columns[u], q, code.add(k, code.i64(u))); });
    });
  });
}

void Packer::packStrided() {
  Value zero = code.i64(0), whole = code.roundDown(valid, chunk);
  Type vector = code.vectorOf(element, chunk);
  auto loadAt = [&](Value q, Value k, Value mask) {
    return code.loadStrided(vector, at(q, k), pStride, mask);
  };
  code.loop(zero, whole, code.i64(chunk), [&](Value q) {
    overK([&](Value k) { store(widen(loadAt(q, k, nullptr)), q, k); });
  });
  code.ifThen(code.less(whole, valid), [&] {
    Value mask = code.maskBelow(code.sub(valid, whole), chunk);
    overK([&](Value k) {
      store(widen(code.select(mask, loadAt(whole, k, mask), code.zero(vector))), whole, k);
    });
  });
}

} // namespace

func::FuncOp emitPackFunction(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                              const MatMulBlocks &blocks, const MatMulAccess &operand,
                              bool unitP, bool unitK, int64_t width) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  func::FuncOp function =
      beginMatMulFunction(module, code, symbol, {pointer, i64, i64, i64, i64, pointer});
  Packer packer(code, spec, blocks, operand, width);
  packer.source = function.getArgument(0);
  packer.pStride = unitP ? code.i64(1) : function.getArgument(1);
  packer.kStride = unitK ? code.i64(1) : function.getArgument(2);
  packer.count = function.getArgument(3);
  packer.kc = function.getArgument(4);
  packer.target = function.getArgument(5);
  packer.forEachPanel([&] {
    if (unitP)
      packer.packContiguous();
    else if (unitK)
      packer.packAcross();
    else
      packer.packStrided();
  });
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace oriel
