//===- LowerMatMul.cpp - contractions -------------------------------------===//
//
// A matmul is one linalg.generic over (batch..., m, n, k). Transposed operands
// are maps, a vector is a matrix with an axis of extent 1. 16-bit floats
// accumulate in f32 and round once, in the pass that reads the product. Casts of
// operands, and what scales, shifts or bounds them by a number, are in the body.
//
//===----------------------------------------------------------------------===//

#include "dialect/Graph/NodeId.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/ScalarOps.h"
#include "runtime/engine/kernel_abi.h"

using namespace mlir;

namespace oriel {

LogicalResult KernelLowering::lowerMatMul() {
  ir::MatMulOp matmul;
  for (auto &[op, info] : infos) {
    if (auto found = dyn_cast<ir::MatMulOp>(op)) {
      if (matmul)
        return found.emitOpError() << "is the second matmul of a kernel";
      matmul = found;
    }
  }
  if (!matmul)
    return kernel.emitError() << "a MatMul kernel needs a matmul";
  Location loc = matmul.getLoc();
  MLIRContext *context = b.getContext();
  auto rankOf = [](Value value) {
    return static_cast<int>(cast<RankedTensorType>(value.getType()).getRank());
  };
  int rankA = rankOf(matmul.getA()), rankB = rankOf(matmul.getB());
  int batch = std::max({rankA, rankB, 2}) - 2;
  int m = batch, n = batch + 1, k = batch + 2;

  // An operand with the loops its axes run with.
  auto operand = [&](Value value, bool isLeft, Value &tensor, AffineMap &map,
                     Type &stored) -> LogicalResult {
    Access access = resolve(value);
    tensor = arguments.lookup(access.base);
    stored = cast<RankedTensorType>(access.base.getType()).getElementType();
    int rank = rankOf(value);
    if (!tensor || !access.isPlain())
      return matmul.emitOpError()
             << "operand " << (isLeft ? 0 : 1)
             << " must be an argument of the kernel, transposed, widened or "
                "repeated over a batch";
    SmallVector<int> loops; // of each axis of `value`
    if (rank == 1) {
      loops = {k};
    } else {
      for (int axis = 0; axis + 2 < rank; ++axis)
        loops.push_back(batch - (rank - 2) + axis);
      loops.push_back(isLeft ? m : k);
      loops.push_back(isLeft ? k : n);
    }
    SmallVector<AffineExpr> exprs;
    for (const AxisAccess &axis : access.axes)
      exprs.push_back(axis.dim < 0
                          ? b.getAffineConstantExpr(0)
                          : b.getAffineDimExpr(loops[axis.dim]));
    if (rank == 1) {
      auto type = cast<RankedTensorType>(tensor.getType());
      int64_t extent = type.getDimSize(0);
      Dim size = dims.getDims(value)[0];
      SmallVector<int64_t> shape{1, extent};
      SmallVector<OpFoldResult> sizes{b.getIndexAttr(1), OpFoldResult()};
      sizes[1] = ShapedType::isDynamic(extent)
                     ? OpFoldResult(index(size))
                     : OpFoldResult(b.getIndexAttr(extent));
      exprs = {b.getAffineDimExpr(m), b.getAffineDimExpr(k)};
      if (!isLeft) {
        std::swap(shape[0], shape[1]);
        std::swap(sizes[0], sizes[1]);
        exprs = {b.getAffineDimExpr(k), b.getAffineDimExpr(n)};
      }
      tensor = tensor::ExpandShapeOp::create(
          b, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
          SmallVector<ReassociationIndices>{{0, 1}}, sizes);
    }
    map = AffineMap::get(batch + 3, 0, exprs, context);
    return success();
  };
  Value a, c;
  AffineMap mapA, mapC;
  Type storedA, storedC; // narrower where a cast is absorbed
  if (failed(operand(matmul.getA(), true, a, mapA, storedA)) ||
      failed(operand(matmul.getB(), false, c, mapC, storedC)))
    return failure();

  auto resultType = cast<RankedTensorType>(matmul.getResult().getType());
  Type element = resultType.getElementType();
  Type accumulator = getAccumulatorElement(element);
  const OpInfo &info = infos[matmul];
  bool isVector = rankA == 1 || rankB == 1;
  // Straight into the destination when nothing else is to be done.
  bool isDirect = infos.size() == 1 && !isVector && accumulator == element &&
                  info.outputs.size() == 1;
  const Dims &shape = dims.getDims(matmul.getResult());
  Value init;
  if (isDirect) {
    init = destination(info.outputs[0]);
  } else {
    Dims full(shape.begin(), shape.begin() + batch);
    full.push_back(rankA == 1 ? Dim(1) : shape[batch]);
    full.push_back(rankB == 1 ? Dim(1) : shape.back());
    init = emptyTensor(full, getBodyType(accumulator));
  }
  init = fill(cast<TypedAttr>(b.getZeroAttr(getBodyType(accumulator))), init);
  SmallVector<AffineExpr> exprs;
  for (int loop = 0; loop < batch + 2; ++loop)
    exprs.push_back(b.getAffineDimExpr(loop));
  AffineMap mapOut = AffineMap::get(batch + 3, 0, exprs, context);
  SmallVector<utils::IteratorType> iterators(batch + 3,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  bool isBad = false;
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, ValueRange{a, c}, ValueRange{init},
      ArrayRef<AffineMap>{mapA, mapC, mapOut}, iterators,
      [&](OpBuilder &body, Location, ValueRange args) {
        auto widen = [&](Value x, Type stored, Value factor) {
          if (stored != element)
            x = castScalar(body, loc, x, stored, element);
          Operation *op = factor.getDefiningOp();
          int tensor = op ? getMatMulPrologue(op) : -1;
          if (tensor >= 0) {
            SmallVector<Value> operands;
            for (OpOperand &operand : op->getOpOperands())
              operands.push_back(static_cast<int>(operand.getOperandNumber()) == tensor
                                     ? x
                                     : scalarConstant(body, op->getLoc(), element,
                                                      getNumber(operand.get())));
            FailureOr<Value> made = emitScalar(body, op->getLoc(), op, operands);
            failed(made) ? void(isBad = true) : void(x = *made);
          }
          return castScalar(body, loc, x, element, accumulator);
        };
        Value x = widen(args[0], storedA, matmul.getA());
        Value y = widen(args[1], storedC, matmul.getB());
        Value product, sum;
        if (isa<FloatType>(accumulator)) {
          product = arith::MulFOp::create(body, loc, x, y);
          sum = arith::AddFOp::create(body, loc, args[2], product);
        } else {
          product = arith::MulIOp::create(body, loc, x, y);
          sum = arith::AddIOp::create(body, loc, args[2], product);
        }
        linalg::YieldOp::create(body, loc, sum);
      });
  if (isBad)
    return failure();
  generic->setAttr("oriel.matmul", b.getUnitAttr());
  Value result = generic.getResult(0);
  if (isDirect) {
    results[info.outputs[0]] = result;
    return success();
  }
  if (isVector) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> kept;
    SmallVector<ReassociationIndices> groups;
    // The axes of vectors fold into a neighbour.
    for (int axis = 0; axis < batch + 2; ++axis) {
      bool dropped = (axis == m && rankA == 1) || (axis == n && rankB == 1);
      if (dropped && !groups.empty()) {
        groups.back().push_back(axis);
        continue;
      }
      if (!groups.empty() && groups.back().size() == 1 && kept.empty()) {
        groups.back().push_back(axis);
        kept.push_back(type.getDimSize(axis));
        continue;
      }
      groups.push_back({axis});
      if (!dropped)
        kept.push_back(type.getDimSize(axis));
    }
    if (kept.empty())
      groups.clear();
    result = tensor::CollapseShapeOp::create(
        b, loc, RankedTensorType::get(kept, type.getElementType()), result, groups);
  }
  stored[matmul.getResult()] = {result, -1};
  return success();
}

} // namespace oriel
