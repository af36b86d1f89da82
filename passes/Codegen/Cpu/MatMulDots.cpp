//===- MatMulDots.cpp - products of bytes, four of k at once --------------===//

#include "passes/Codegen/Cpu/MatMulDots.h"

#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

/// Is the operand bytes that one extension makes 32 bits of? `isUnsigned`: which.
static bool isBytes(const MatMulAccess &operand, std::optional<bool> &isUnsigned) {
  if (operand.isMade() || !operand.arg->elementType.isInteger(8) || operand.casts.size() > 1)
    return false;
  if (operand.casts.empty())
    return true; // of a product of bytes in bytes: either will do
  Operation *cast = operand.casts.front();
  if (!isa<arith::ExtSIOp, arith::ExtUIOp>(cast) || cast->getOperand(0).getType() != operand.arg->elementType)
    return false;
  isUnsigned = isa<arith::ExtUIOp>(cast);
  return true;
}

std::optional<MatMulDots> getMatMulDots(Operation *module, const MatMulSpec &spec,
                                        const MatMulBlocks &blocks) {
  std::optional<bool> unsignedA, unsignedB;
  if (spec.kind != MatMulKind::kInteger || !spec.accumulator.isInteger(32) || blocks.lanes != 16 ||
      blocks.mr != 8 || !hasByteDotProducts(module) || spec.a.panels || spec.a.k != Dim(1) ||
      !isBytes(spec.a, unsignedA) || !isBytes(spec.b, unsignedB))
    return std::nullopt;
  MatMulDots dots;
  dots.unsignedB = unsignedB.value_or(false);
  // The instruction's left side is unsigned, its right one signed.
  // Where nothing widens A the result has the low bits only, and no signs.
  dots.flips = unsignedA && *unsignedA == dots.unsignedB;
  return dots;
}

func::FuncOp emitDotTileFunction(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                                 const MatMulBlocks &blocks, const MatMulDots &dots,
                                 int64_t rows, int64_t vectors) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kCompute);
  Location loads = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Location stores = getLineLoc(context, spec.ordinal, LineRole::kStore);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  Type flag = code.getI1Type(), word = code.getI32Type();
  func::FuncOp function =
      beginMatMulFunction(module, code, symbol,
                          {i64, pointer, pointer, pointer, flag, pointer, i64, pointer, i64, flag});
  auto argument = [&](DotArg n) { return function.getArgument(static_cast<unsigned>(n)); };
  Type vector = code.vectorOf(word, blocks.lanes);
  Type bytes = code.vectorOf(code.getI8Type(), MatMulDots::kGroup * blocks.lanes);
  auto asBytes = [&](Value x) { return vector::BitCastOp::create(code, code.loc, bytes, x); };
  auto step = [&](Value a, Value b, MutableArrayRef<Value> sums) {
    SmallVector<Value> columns;
    for (int64_t v = 0; v < vectors; ++v) {
      Code::LocScope scope(code, loads);
      columns.push_back(asBytes(code.load(vector, code.gep(word, b, code.i64(v * blocks.lanes)))));
    }
    for (int64_t r = 0; r < rows; ++r) {
      Value row;
      {
        Code::LocScope scope(code, loads);
        row = asBytes(code.splat(code.load(word, code.gep(word, a, code.i64(r))), blocks.lanes));
      }
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[r * vectors + v];
        Value left = dots.unsignedB ? columns[v] : row, right = dots.unsignedB ? row : columns[v];
        sum = LLVM::CallIntrinsicOp::create(code, code.loc, vector,
                                            code.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
                                            ValueRange{sum, left, right})
                  .getResult(0);
      }
    }
  };
  auto run = [&](Value from, Value to, int64_t unroll, ValueRange carried) {
    return code.loop(from, to, code.i64(unroll), carried, [&](Value, ValueRange now) {
      SmallVector<Value> next(now);
      for (int64_t u = 0; u < unroll; ++u) {
        step(next[0], next[1], MutableArrayRef<Value>(next).drop_front(2));
        next[0] = code.gep(word, next[0], code.i64(blocks.mr));
        next[1] = code.gep(word, next[1], code.i64(blocks.nr));
      }
      return next;
    });
  };
  SmallVector<Value> carried(2 + rows * vectors);
  carried[0] = argument(DotArg::kA);
  carried[1] = argument(DotArg::kB);
  for (int64_t v = 0; v < vectors; ++v) {
    Value start = code.load(vector, code.gep(word, argument(DotArg::kStart), code.i64(v * blocks.lanes)));
    start = code.select(argument(DotArg::kIsFirst), start, code.zero(vector));
    for (int64_t r = 0; r < rows; ++r)
      carried[2 + r * vectors + v] = start;
  }
  constexpr int64_t kUnrolled = 2;
  Value groups = argument(DotArg::kGroups), most = code.roundDown(groups, kUnrolled);
  carried = run(code.i64(0), most, kUnrolled, carried);
  carried = run(most, groups, 1, carried);
  Code::LocScope scope(code, stores);
  auto finish = [&](bool adds) -> SmallVector<Value> {
    for (int64_t r = 0; r < rows; ++r) {
      auto rowOf = [&](DotArg base, DotArg stride) {
        return code.gep(word, argument(base), code.mul(code.i64(r), argument(stride)));
      };
      Value to = rowOf(DotArg::kTo, DotArg::kToRow);
      Value from = adds ? rowOf(DotArg::kFrom, DotArg::kFromRow) : Value();
      for (int64_t v = 0; v < vectors; ++v) {
        Value sum = carried[2 + r * vectors + v], at = code.i64(v * blocks.lanes);
        if (adds)
          sum = matmulAdd(code, spec.kind, code.load(vector, code.gep(word, from, at)), sum);
        code.store(sum, code.gep(word, to, at));
      }
    }
    return {};
  };
  code.ifElse(argument(DotArg::kAdds), TypeRange(), [&] { return finish(true); },
              [&] { return finish(false); });
  func::ReturnOp::create(code, code.loc);
  return function;
}

func::FuncOp emitDotPackFunction(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                                 const MatMulBlocks &blocks, const MatMulDots &dots) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  Type byte = code.getI8Type(), word = code.getI32Type();
  func::FuncOp function =
      beginMatMulFunction(module, code, symbol, {pointer, i64, i64, i64, i64, pointer});
  Value source = function.getArgument(0), stride = function.getArgument(1);
  Value rows = function.getArgument(3), kc = function.getArgument(4), target = function.getArgument(5);
  Value zero = code.i64(0), one = code.i64(1), mr = code.i64(blocks.mr);
  auto at = [&](Value r, Value k) { return code.gep(byte, source, code.add(code.mul(r, stride), k)); };
  auto place = [&](Value r, Value group) {
    return code.gep(word, target, code.add(code.mul(group, mr), r));
  };
  auto flip = [&](Value x) -> Value {
    if (!dots.flips)
      return x;
    Value bits = arith::ConstantIntOp::create(code, code.loc, static_cast<int32_t>(0x80808080), 32);
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      bits = code.splat(bits, vector.getNumElements());
    return arith::XOrIOp::create(code, code.loc, x, bits);
  };
  // Eight rows: squares of eight groups, transposed in registers.
  constexpr int64_t kSide = 8;
  Value groups = code.divUnsigned(kc, code.i64(MatMulDots::kGroup));
  Value squares = code.select(code.equal(rows, mr), code.roundDown(groups, kSide), zero);
  code.loop(zero, squares, code.i64(kSide), [&](Value g) {
    SmallVector<Value> columns = matmulTransposed(code, kSide, [&](int64_t r, int64_t h) {
      Value k = code.mul(code.add(g, code.i64(h)), code.i64(MatMulDots::kGroup));
      return code.load(code.vectorOf(word, 4), at(code.i64(r), k));
    });
    for (int64_t u = 0; u < kSide; ++u)
      code.store(flip(columns[u]), place(zero, code.add(g, code.i64(u))));
  });
  Value rest = code.mul(groups, code.i64(MatMulDots::kGroup));
  code.loop(zero, rows, one, [&](Value r) {
    code.loop(squares, groups, one, [&](Value g) {
      Value x = code.load(word, at(r, code.mul(g, code.i64(MatMulDots::kGroup))), 1);
      code.store(flip(x), place(r, g));
    });
    // What does not fill a group; B is zero there.
    code.ifThen(code.less(rest, kc), [&] {
      SmallVector<Value> x{arith::ConstantIntOp::create(code, code.loc, 0, 32),
                           arith::ConstantIntOp::create(code, code.loc, 0, 32)};
      Value eight = arith::ConstantIntOp::create(code, code.loc, 8, 32);
      x = code.loop(rest, kc, one, x, [&](Value k, ValueRange now) {
        Value bits = arith::ExtUIOp::create(code, code.loc, word, code.load(byte, at(r, k)));
        bits = arith::ShLIOp::create(code, code.loc, bits, now[1]);
        return SmallVector<Value>{arith::OrIOp::create(code, code.loc, now[0], bits),
                                  arith::AddIOp::create(code, code.loc, now[1], eight)};
      });
      code.store(flip(x[0]), place(r, groups));
    });
  });
  func::ReturnOp::create(code, code.loc);
  return function;
}

func::FuncOp emitDotPanelFunction(ModuleOp module, StringRef symbol, unsigned ordinal,
                                  int64_t width, bool isUnsigned) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, ordinal, LineRole::kLoad);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  Type byte = code.getI8Type(), word = code.getI32Type();
  func::FuncOp function =
      beginMatMulFunction(module, code, symbol, {pointer, i64, i64, i64, i64, pointer, word});
  Value source = function.getArgument(0), qStride = function.getArgument(1);
  Value kStride = function.getArgument(2), columns = function.getArgument(3);
  Value depth = function.getArgument(4), target = function.getArgument(5);
  Value factor = function.getArgument(6);
  Value zero = code.i64(0), one = code.i64(1), four = code.i64(MatMulDots::kGroup);
  // All zeros first: columns and groups that are not filled.
  Value words = code.mul(code.add(code.ceilDiv(depth, four), one), code.i64(width));
  Value none = arith::ConstantIntOp::create(code, code.loc, 0, 32);
  code.loop(zero, words, one, [&](Value n) { code.store(none, code.gep(word, target, n)); });
  code.loop(zero, depth, one, [&](Value k) {
    Value group = code.add(code.divUnsigned(k, four), one);
    Value row = code.add(code.mul(group, code.i64(width * MatMulDots::kGroup)), code.remUnsigned(k, four));
    code.loop(zero, columns, one, [&](Value q) {
      Value x = code.load(byte, code.gep(byte, source, code.add(code.mul(q, qStride), code.mul(k, kStride))));
      code.store(x, code.gep(byte, target, code.add(row, code.mul(q, four))));
      Value wide = isUnsigned ? arith::ExtUIOp::create(code, code.loc, word, x).getResult()
                              : arith::ExtSIOp::create(code, code.loc, word, x).getResult();
      Value sum = code.gep(word, target, q);
      wide = arith::MulIOp::create(code, code.loc, wide, factor);
      code.store(arith::AddIOp::create(code, code.loc, code.load(word, sum), wide), sum);
    });
  });
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace oriel
