//===- MatMulTile.cpp - register tiles ------------------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "passes/Codegen/Cpu/MatMulDots.h"
#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "dialect/Graph/OrielDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "runtime/core/host_caches.h"

using namespace mlir;

namespace oriel {

MatMulBlocks::MatMulBlocks(unsigned vectorBits, int64_t l2Bytes, Type accumulator,
                           MatMulKind kind) {
  unsigned bits = accumulator.getIntOrFloatBitWidth();
  lanes = vectorBits / bits;
  // As many sums as stay in registers with room for the vectors of B: 24 of 32,
  // or 12 of 16. A product that is not fused needs one itself: 8 of 16.
  bool isWide = vectorBits >= 512;
  vectors = isWide || kind == MatMulKind::kFloat ? 3 : 2;
  mr = isWide ? 8 : 4;
  nr = vectors * lanes;
  mc = 48;
  // A packed block of B (KC x NC) stays in the second-level cache, beside what
  // passes through: rows of A and sums.
  int64_t column = kKC * bits / 8;
  nc = std::max<int64_t>(1, l2Bytes * 15 / 16 / column / nr) * nr;
}

static ir::TargetAttr getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr))
      return target;
  return {};
}

int64_t getL2Bytes(Operation *module) {
  ir::TargetAttr target = getTarget(module);
  return target ? target.getL2Bytes() : kDefaultSecondLevelCacheBytes;
}

MatMulBlocks fitMatMul(Operation *module, MatMulSpec &spec, unsigned vectorBits) {
  if (spec.kind == MatMulKind::kFloat && !hasFusedMultiplyAdd(module))
    spec.kind = MatMulKind::kFloatApart;
  // The preferred width is for loops that wait for memory; a tile's sums gain
  // from every register there is.
  ir::TargetAttr target = getTarget(module);
  if (target && target.getFeatures().contains("+avx512vl"))
    vectorBits = 512;
  return MatMulBlocks(vectorBits, getL2Bytes(module), spec.accumulator, spec.kind);
}

MatMulPanels::MatMulPanels(Operation *module, const MatMulSpec &spec,
                           const MatMulBlocks &blocks, bool isB)
    : width(isB ? blocks.nr : blocks.mr), element(spec.accumulator), widens(false),
      isDots(isB && getMatMulDots(module, spec, blocks)) {
  if (isDots)
    width *= MatMulDots::kGroup;
  Type narrow = spec.b.arg->elementType;
  widens = isB && narrow.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth();
  if (widens)
    element = narrow;
}

Value matmulMulAdd(Code &code, MatMulKind kind, Value a, Value b, Value sum) {
  switch (kind) {
  case MatMulKind::kFloat:
    return math::FmaOp::create(code, code.loc, a, b, sum);
  case MatMulKind::kFloatApart:
    return arith::AddFOp::create(code, code.loc, sum,
                                 arith::MulFOp::create(code, code.loc, a, b));
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
  case MatMulKind::kFloatApart:
    return arith::AddFOp::create(code, code.loc, a, b);
  case MatMulKind::kInteger:
    return arith::AddIOp::create(code, code.loc, a, b);
  case MatMulKind::kBool:
    return arith::OrIOp::create(code, code.loc, a, b);
  }
  llvm_unreachable("matmul kind");
}

Value matmulWiden(Code &code, const MatMulSpec &spec, const MatMulAccess &operand,
                  Value value) {
  auto like = [&](Type element, Type shape) -> Type {
    auto vector = dyn_cast<VectorType>(shape);
    return vector ? VectorType::get(vector.getShape(), element) : element;
  };
  for (Operation *cast : operand.casts) {
    IRMapping mapping;
    auto vector = dyn_cast<VectorType>(value.getType());
    for (Value operand : cast->getOperands()) {
      Attribute number;
      if (!matchPattern(operand, m_Constant(&number))) {
        mapping.map(operand, value);
        continue;
      }
      Value scalar = arith::ConstantOp::create(code, code.loc, ::mlir::cast<TypedAttr>(number));
      mapping.map(operand, vector ? code.splat(scalar, vector.getNumElements()) : scalar);
    }
    Operation *clone = code.clone(*cast, mapping);
    clone->setLoc(code.loc);
    clone->getResult(0).setType(like(cast->getResult(0).getType(), value.getType()));
    value = clone->getResult(0);
  }
  Type to = spec.accumulator;
  if (getElementTypeOrSelf(value.getType()) == to)
    return value;
  to = like(to, value.getType());
  if (spec.kind == MatMulKind::kFloat || spec.kind == MatMulKind::kFloatApart)
    return arith::ExtFOp::create(code, code.loc, to, value);
  // Sums wrap: the low bits of a product do not depend on the operands' signs.
  return arith::ExtUIOp::create(code, code.loc, to, value);
}

func::FuncOp beginMatMulFunction(ModuleOp module, Code &code, StringRef symbol,
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

func::FuncOp emitTileFunction(ModuleOp module, StringRef symbol,
                              const MatMulSpec &spec,
                              const MatMulBlocks &blocks, int64_t rows,
                              int64_t vectors, bool widensB) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kCompute);
  Location loads = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Location stores = getLineLoc(context, spec.ordinal, LineRole::kStore);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  func::FuncOp function = beginMatMulFunction(
      module, code, symbol,
      {i64, pointer, i64, i64, pointer, i64, pointer, i64, pointer, i64, code.getI1Type()});
  auto argument = [&](TileArg n) { return function.getArgument(static_cast<unsigned>(n)); };
  Value kc = argument(TileArg::kKc);
  Value aK = argument(TileArg::kAK), bK = argument(TileArg::kBK);
  Type element = spec.accumulator;
  Type bElement = widensB ? spec.b.arg->elementType : element;
  Type vector = code.vectorOf(element, blocks.lanes);
  Type bVector = code.vectorOf(bElement, blocks.lanes);
  SmallVector<Value> rowOffsets;
  for (int64_t r = 0; r < rows; ++r)
    rowOffsets.push_back(code.mul(code.i64(r), argument(TileArg::kARow)));

  // One step of k from the operands' rows at `pa` and `pb`.
  auto step = [&](Value pa, Value pb, MutableArrayRef<Value> sums) {
    SmallVector<Value> columns;
    for (int64_t v = 0; v < vectors; ++v) {
      Code::LocScope scope(code, loads);
      Value x = code.load(bVector, code.gep(bElement, pb, code.i64(v * blocks.lanes)));
      columns.push_back(widensB ? matmulWiden(code, spec, spec.b, x) : x);
    }
    for (int64_t r = 0; r < rows; ++r) {
      Value row;
      {
        Code::LocScope scope(code, loads);
        row = code.splat(code.load(element, code.gep(element, pa, rowOffsets[r])),
                         blocks.lanes);
      }
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[r * vectors + v];
        sum = matmulMulAdd(code, spec.kind, row, columns[v], sum);
      }
    }
  };
  // Carried: the operands' places, then the sums.
  auto run = [&](Value from, Value to, int64_t unroll, ValueRange carried) {
    return code.loop(from, to, code.i64(unroll), carried, [&](Value, ValueRange now) {
      SmallVector<Value> next(now);
      for (int64_t u = 0; u < unroll; ++u) {
        step(next[0], next[1], MutableArrayRef<Value>(next).drop_front(2));
        next[0] = code.gep(element, next[0], aK);
        next[1] = code.gep(bElement, next[1], bK);
      }
      return next;
    });
  };
  SmallVector<Value> carried(2 + rows * vectors, code.zero(vector));
  carried[0] = argument(TileArg::kA);
  carried[1] = argument(TileArg::kB);
  Value most = code.roundDown(kc, MatMulBlocks::kUnroll);
  carried = run(code.i64(0), most, MatMulBlocks::kUnroll, carried);
  carried = run(most, kc, 1, carried);
  Code::LocScope scope(code, stores);
  auto finish = [&](bool adds) -> SmallVector<Value> {
    for (int64_t r = 0; r < rows; ++r) {
      auto rowOf = [&](TileArg base, TileArg stride) {
        return code.gep(element, argument(base), code.mul(code.i64(r), argument(stride)));
      };
      Value to = rowOf(TileArg::kTo, TileArg::kToRow);
      Value from = adds ? rowOf(TileArg::kFrom, TileArg::kFromRow) : Value();
      for (int64_t v = 0; v < vectors; ++v) {
        Value sum = carried[2 + r * vectors + v], at = code.i64(v * blocks.lanes);
        if (adds)
          sum = matmulAdd(code, spec.kind, code.load(vector, code.gep(element, from, at)), sum);
        code.store(sum, code.gep(element, to, at));
      }
    }
    return {};
  };
  code.ifElse(argument(TileArg::kAdds), TypeRange(), [&] { return finish(true); },
              [&] { return finish(false); });
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace oriel
