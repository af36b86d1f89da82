//===- MatMulTile.cpp - register tiles and packing ------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

MatMulBlocks::MatMulBlocks(unsigned vectorBits, Type accumulator) {
  unsigned bits = accumulator.getIntOrFloatBitWidth();
  lanes = vectorBits / bits;
  // Three vectors wide; as many rows as keep all sums in registers with room
  // for the three vectors of B: 24 of 32 registers, or 12 of 16.
  mr = vectorBits >= 512 ? 8 : 4;
  nr = vectors * lanes;
  // A block of A (MC x KC) stays in the second-level cache beside the part of
  // the block of B (KC x NC, about a megabyte) that streams through it.
  mc = 96;
  nc = 3840 / (bits / 8) / nr * nr;
}

Value matmulMulAdd(Code &code, MatMulKind kind, Value a, Value b, Value sum) {
  switch (kind) {
  case MatMulKind::kFloat:
    return math::FmaOp::create(code, code.loc, a, b, sum);
  case MatMulKind::kInteger:
    return arith::AddIOp::create(code, code.loc, sum,
                                 arith::MulIOp::create(code, code.loc, a, b));
  case MatMulKind::kBool:
    return arith::OrIOp::create(code, code.loc, sum,
                                arith::AndIOp::create(code, code.loc, a, b));
  }
  llvm_unreachable("matmul kind");
}

Value matmulAdd(Code &code, MatMulKind kind, Value a, Value b) {
  switch (kind) {
  case MatMulKind::kFloat:
    return arith::AddFOp::create(code, code.loc, a, b);
  case MatMulKind::kInteger:
    return arith::AddIOp::create(code, code.loc, a, b);
  case MatMulKind::kBool:
    return arith::OrIOp::create(code, code.loc, a, b);
  }
  llvm_unreachable("matmul kind");
}

Value matmulWiden(Code &code, const MatMulSpec &spec, Value value) {
  Type to = spec.accumulator;
  if (getElementTypeOrSelf(value.getType()) == to)
    return value;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = VectorType::get(vector.getShape(), to);
  if (spec.kind == MatMulKind::kFloat)
    return arith::ExtFOp::create(code, code.loc, to, value);
  // Sums wrap: the low bits of a product do not depend on the operands' signs.
  return arith::ExtUIOp::create(code, code.loc, to, value);
}

namespace {

/// A private function of the kernel module, `code` inside its body.
func::FuncOp beginFunction(ModuleOp module, Code &code, StringRef symbol,
                           ArrayRef<Type> inputs) {
  code.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(
      code, code.loc, symbol,
      FunctionType::get(module.getContext(), inputs, {}));
  function.setPrivate();
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(module.getContext(),
                                           LLVM::Linkage::Internal));
  code.setInsertionPointToEnd(function.addEntryBlock());
  return function;
}

} // namespace

func::FuncOp emitTileFunction(ModuleOp module, StringRef symbol,
                              const MatMulSpec &spec,
                              const MatMulBlocks &blocks, int64_t rows,
                              int64_t vectors) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kCompute);
  Location loads = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Location stores = getLineLoc(context, spec.ordinal, LineRole::kStore);
  Type pointer = LLVM::LLVMPointerType::get(context);
  func::FuncOp function = beginFunction(
      module, code, symbol, {code.getI64Type(), pointer, pointer, pointer});
  Value kc = function.getArgument(0), a = function.getArgument(1);
  Value b = function.getArgument(2), tile = function.getArgument(3);
  Type element = spec.accumulator;
  Type vector = code.vectorOf(element, blocks.lanes);

  // One step of k from the panels' rows at `at`.
  auto step = [&](Value pa, Value pb, int64_t u, SmallVector<Value> &sums) {
    SmallVector<Value> columns;
    for (int64_t v = 0; v < vectors; ++v) {
      Code::LocScope scope(code, loads);
      columns.push_back(code.load(
          vector, code.gep(element, pb, code.i64(u * blocks.nr + v * blocks.lanes))));
    }
    for (int64_t r = 0; r < rows; ++r) {
      Value row;
      {
        Code::LocScope scope(code, loads);
        row = code.splat(
            code.load(element, code.gep(element, pa, code.i64(u * blocks.mr + r))),
            blocks.lanes);
      }
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[r * vectors + v];
        sum = matmulMulAdd(code, spec.kind, row, columns[v], sum);
      }
    }
  };
  auto run = [&](Value from, Value to, int64_t unroll, ValueRange sums) {
    return code.loop(from, to, code.i64(unroll), sums,
                     [&](Value k, ValueRange carried) {
                       SmallVector<Value> next(carried);
                       Value pa = code.gep(element, a, code.mul(k, code.i64(blocks.mr)));
                       Value pb = code.gep(element, b, code.mul(k, code.i64(blocks.nr)));
                       for (int64_t u = 0; u < unroll; ++u)
                         step(pa, pb, u, next);
                       return next;
                     });
  };
  SmallVector<Value> sums(rows * vectors, code.zero(vector));
  Value most = code.roundDown(kc, MatMulBlocks::kUnroll);
  sums = run(code.i64(0), most, MatMulBlocks::kUnroll, sums);
  sums = run(most, kc, 1, sums);
  Code::LocScope scope(code, stores);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      code.store(sums[r * vectors + v],
                 code.gep(element, tile, code.i64(r * blocks.nr + v * blocks.lanes)));
  func::ReturnOp::create(code, code.loc);
  return function;
}

func::FuncOp emitRowFunction(ModuleOp module, StringRef symbol,
                             const MatMulSpec &spec,
                             const MatMulBlocks &blocks) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kCompute);
  Location loads = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Location stores = getLineLoc(context, spec.ordinal, LineRole::kStore);
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = code.getI64Type();
  func::FuncOp function = beginFunction(
      module, code, symbol, {i64, pointer, i64, pointer, i64, i64, pointer});
  Value kc = function.getArgument(0), a = function.getArgument(1);
  Value aStride = function.getArgument(2), b = function.getArgument(3);
  Value bStride = function.getArgument(4), columns = function.getArgument(5);
  Value tile = function.getArgument(6);
  Type element = spec.accumulator;
  Type aElement = spec.a.arg->elementType, bElement = spec.b.arg->elementType;
  int64_t lanes = blocks.lanes;
  Type vector = code.vectorOf(element, lanes), bVector = code.vectorOf(bElement, lanes);

  // The tile has room for whole vectors; B does not.
  Value padded = code.mul(code.ceilDiv(columns, code.i64(lanes)), code.i64(lanes));
  code.loop(code.i64(0), padded, code.i64(lanes), [&](Value j) {
    Code::LocScope scope(code, stores);
    code.store(code.zero(vector), code.gep(element, tile, j));
  });
  Value whole = code.roundDown(columns, lanes);
  Value mask = code.maskBelow(code.sub(columns, whole), lanes);
  // Several rows of B at once: as many streams as the prefetchers follow, and
  // the sums are read and written once for all of them.
  auto run = [&](Value from, Value to, int64_t unroll) {
    code.loop(from, to, code.i64(unroll), [&](Value k) {
      SmallVector<Value> factors, rows;
      for (int64_t u = 0; u < unroll; ++u) {
        Code::LocScope scope(code, loads);
        Value at = code.add(k, code.i64(u));
        Value scalar = code.load(aElement, code.gep(aElement, a, code.mul(at, aStride)));
        factors.push_back(code.splat(matmulWiden(code, spec, scalar), lanes));
        rows.push_back(code.gep(bElement, b, code.mul(at, bStride)));
      }
      auto columnsAt = [&](Value j, Value mask) {
        Value place = code.gep(element, tile, j);
        Value sum = code.load(vector, place);
        for (int64_t u = 0; u < unroll; ++u) {
          Value x;
          {
            Code::LocScope scope(code, loads);
            Value from = code.gep(bElement, rows[u], j);
            x = mask ? code.maskedLoad(bVector, from, mask) : code.load(bVector, from);
            x = matmulWiden(code, spec, x);
          }
          sum = matmulMulAdd(code, spec.kind, factors[u], x, sum);
        }
        Code::LocScope scope(code, stores);
        code.store(sum, place);
      };
      code.loop(code.i64(0), whole, code.i64(lanes),
                [&](Value j) { columnsAt(j, nullptr); });
      code.ifThen(code.less(whole, columns), [&] { columnsAt(whole, mask); });
    });
  };
  Value most = code.roundDown(kc, 8);
  run(code.i64(0), most, 8);
  run(most, kc, 1);
  func::ReturnOp::create(code, code.loc);
  return function;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {

/// Rows of a 4x4 block to its columns.
SmallVector<Value> transpose4(Code &code, ArrayRef<Value> rows) {
  auto shuffle = [&](Value a, Value b, ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(code, code.loc, a, b, mask);
  };
  Value low01 = shuffle(rows[0], rows[1], {0, 4, 1, 5});
  Value high01 = shuffle(rows[0], rows[1], {2, 6, 3, 7});
  Value low23 = shuffle(rows[2], rows[3], {0, 4, 1, 5});
  Value high23 = shuffle(rows[2], rows[3], {2, 6, 3, 7});
  return {shuffle(low01, low23, {0, 1, 4, 5}), shuffle(low01, low23, {2, 3, 6, 7}),
          shuffle(high01, high23, {0, 1, 4, 5}),
          shuffle(high01, high23, {2, 3, 6, 7})};
}

/// Rows contiguous along k, four by four: `store(vector over q, q, k)` for q in
/// [0, valid), then zeros up to a multiple of `chunk`.
void packColumns(Code &code, Value valid, int64_t chunk, Value kc, Type vector,
                 llvm::function_ref<Value(Value, Value)> at,
                 llvm::function_ref<void(Value, Value, Value)> store) {
  Value zero = code.i64(0), one = code.i64(1), four = code.i64(4);
  Value most = code.roundDown(kc, 4), groups = code.roundDown(valid, 4);
  auto block = [&](Value q, llvm::function_ref<Value(int64_t)> load, Value k,
                   llvm::function_ref<void(int64_t, llvm::function_ref<void()>)> guard) {
    SmallVector<Value> rows;
    for (int64_t r = 0; r < 4; ++r)
      rows.push_back(load(r));
    rows = transpose4(code, rows);
    for (int64_t r = 0; r < 4; ++r)
      guard(r, [&] { store(rows[r], q, code.add(k, code.i64(r))); });
  };
  auto always = [](int64_t, llvm::function_ref<void()> body) { body(); };
  code.loop(zero, groups, four, [&](Value q) {
    code.loop(zero, most, four, [&](Value k) {
      block(q, [&](int64_t r) { return code.load(vector, at(code.add(q, code.i64(r)), k)); }, k,
            always);
    });
  });
  // The edges: the last of k of every group, and a group with less than four
  // rows. Absent rows repeat the last one and are zeroed.
  Value padded = code.mul(code.ceilDiv(valid, code.i64(chunk)), code.i64(chunk));
  code.loop(zero, padded, four, [&](Value q) {
    Value from = code.select(code.less(q, groups), most, zero);
    code.loop(from, kc, four, [&](Value k) {
      Value left = code.sub(kc, k), mask = code.maskBelow(left, 4);
      block(
          q,
          [&](int64_t r) {
            Value row = code.add(q, code.i64(r)), last = code.sub(valid, one);
            Value x = code.maskedLoad(vector, at(code.minimum(row, last), k), mask);
            return code.select(code.less(row, valid), x, code.zero(vector));
          },
          k,
          [&](int64_t r, llvm::function_ref<void()> body) {
            code.ifThen(code.less(code.i64(r), left), body);
          });
    });
  });
}

} // namespace

void emitPack(Code &code, const MatMulSpec &spec, Type element, Value source,
              const Dim &pStride, const Dim &kStride, Value pStrideValue,
              Value kStrideValue, Value count, Value kc, Value target,
              int64_t width, unsigned lanes) {
  Type packed = spec.accumulator;
  Value zero = code.i64(0), one = code.i64(1);
  Value panelWidth = code.i64(width);
  code.loop(zero, count, panelWidth, [&](Value p) {
    Value valid = code.minimum(panelWidth, code.sub(count, p));
    Value from = code.gep(element, source, code.mul(p, pStrideValue));
    Value to = code.gep(packed, target, code.mul(p, kc));
    auto at = [&](Value q, Value k) {
      return code.gep(element, from,
                      code.add(code.mul(q, pStrideValue), code.mul(k, kStrideValue)));
    };
    auto place = [&](Value q, Value k) {
      return code.gep(packed, to, code.add(code.mul(k, panelWidth), q));
    };
    int64_t chunk = std::min<int64_t>(width, lanes);
    Type vector = code.vectorOf(element, chunk);
    // Zeros up to whole vectors: tiles read no further.
    Value whole = code.roundDown(valid, chunk);
    Value mask = code.maskBelow(code.sub(valid, whole), chunk);
    auto store = [&](Value x, Value q, Value k) {
      code.store(matmulWiden(code, spec, x), place(q, k));
    };
    auto overK = [&](llvm::function_ref<void(Value)> body) { code.loop(zero, kc, one, body); };
    if (pStride == Dim(1)) {
      auto copyChunk = [&](Value q, Value k) { store(code.load(vector, at(q, k)), q, k); };
      code.ifThen(code.equal(valid, panelWidth), [&] {
        overK([&](Value k) {
          for (int64_t q = 0; q < width; q += chunk)
            copyChunk(code.i64(q), k);
        });
      });
      code.ifThen(code.less(valid, panelWidth), [&] {
        code.loop(zero, whole, code.i64(chunk),
                  [&](Value q) { overK([&](Value k) { copyChunk(q, k); }); });
        code.ifThen(code.less(whole, valid), [&] {
          overK([&](Value k) { store(code.maskedLoad(vector, at(whole, k), mask), whole, k); });
        });
      });
      return;
    }
    if (kStride == Dim(1)) {
      packColumns(code, valid, chunk, kc, code.vectorOf(element, 4), at, store);
      return;
    }
    // Strided both ways.
    auto loadAt = [&](Value q, Value k, Value mask) {
      return code.loadStrided(vector, at(q, k), pStrideValue, mask);
    };
    code.loop(zero, whole, code.i64(chunk), [&](Value q) {
      overK([&](Value k) { store(loadAt(q, k, nullptr), q, k); });
    });
    code.ifThen(code.less(whole, valid), [&] {
      overK([&](Value k) {
        store(code.select(mask, loadAt(whole, k, mask), code.zero(vector)), whole, k);
      });
    });
  });
}

} // namespace oriel
