//===- LowerMatMul.cpp - contractions -------------------------------------===//
//
// A matmul is one linalg.generic over (batch..., m, n, k). Transposed operands
// are maps, a vector is a matrix with an axis of extent 1. 16-bit floats
// accumulate in f32 and round once, in the pass that reads the product. Ops that
// make an operand of several tensors are in the body, which then has more inputs.
//
//===----------------------------------------------------------------------===//

#include "dialect/Graph/NodeId.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Lowering/KernelLowering.h"
#include "passes/Graph/ProductOrder.h"
#include "passes/Lowering/ScalarOps.h"
#include "runtime/engine/kernel_abi.h"

using namespace mlir;

namespace oriel {

/// The location of another role of the same ordinal.
static Location withRole(Location loc, LineRole role) {
  auto line = ir::getKernelLine(loc);
  return line ? ir::getKernelLoc(loc.getContext(), LineOf(*line / 8, role)) : loc;
}

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

  // The tensors an operand is made of, with the loops their axes run with: as a rule
  // one, which is the operand or a view of it.
  struct Operand {
    Value root;                         // the view's base
    SmallVector<Operation *> ops;       // that make it, in order
    llvm::MapVector<Value, unsigned> inputs; // what they read, as the generic's
  };
  SmallVector<Value> tensors;
  SmallVector<AffineMap> maps;
  SmallVector<std::pair<Type, Operation *>> elements; // and who reads it
  auto operand = [&](Value value, bool isLeft, Operand &made) -> LogicalResult {
    Access whole = resolve(value);
    made.root = whole.base;
    int rank = rankOf(value);
    SmallVector<int> loops; // of each axis of `value`
    if (rank == 1) {
      loops = {k};
    } else {
      for (int axis = 0; axis + 2 < rank; ++axis)
        loops.push_back(batch - (rank - 2) + axis);
      loops.push_back(isLeft ? m : k);
      loops.push_back(isLeft ? k : n);
    }
    auto read = [&](Value each, Operation *reader) -> LogicalResult {
      Access access = resolve(each);
      Value tensor = arguments.lookup(access.base);
      if (!tensor || !access.isPlain())
        return matmul.emitOpError()
               << "operand " << (isLeft ? 0 : 1)
               << " must be made of arguments of the kernel, transposed or repeated";
      SmallVector<AffineExpr> exprs;
      for (const AxisAccess &axis : access.axes) {
        int dim = axis.dim < 0 || each == value ? axis.dim : whole.axes[axis.dim].dim;
        exprs.push_back(dim < 0 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(loops[dim]));
      }
      if (rank == 1) {
        auto type = cast<RankedTensorType>(tensor.getType());
        if (type.getRank() != 1)
          return matmul.emitOpError() << "must read a vector as it lies";
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
      AffineMap map = AffineMap::get(batch + 3, 0, exprs, context);
      // What several ops read of one tensor is one operand.
      for (auto [known, input] : made.inputs)
        if (resolve(known).base == access.base && maps[input] == map) {
          made.inputs[each] = input;
          return success();
        }
      made.inputs[each] = tensors.size();
      tensors.push_back(tensor);
      maps.push_back(map);
      elements.push_back({cast<RankedTensorType>(access.base.getType()).getElementType(), reader});
      return success();
    };
    auto isMade = [](Value v) {
      Operation *def = v.getDefiningOp();
      return def && getRole(def) == OpRole::Operand;
    };
    if (!isMade(made.root))
      return read(value, matmul);
    made.ops.push_back(made.root.getDefiningOp());
    for (unsigned at = 0; at < made.ops.size(); ++at)
      for (Value each : made.ops[at]->getOperands())
        if (isMade(each) && !llvm::is_contained(made.ops, each.getDefiningOp()))
          made.ops.push_back(each.getDefiningOp());
    llvm::sort(made.ops, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
    for (Operation *op : made.ops)
      for (Value each : op->getOperands())
        if (!isMade(each) && !getNumber(each) && failed(read(each, op)))
          return failure();
    return success();
  };
  Operand left, right;
  if (failed(operand(matmul.getA(), true, left)) || failed(operand(matmul.getB(), false, right)))
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
  // Where no operand runs over the contracted dim (it is of extent 1, or repeated
  // in both), one that is not read states its extent, as of a pooling window.
  if (llvm::none_of(maps, [&](AffineMap map) { return map.isFunctionOfDim(k); })) {
    tensors.push_back(emptyTensor({dims.getDims(matmul.getA()).back()}, getBodyType(accumulator)));
    maps.push_back(AffineMap::get(batch + 3, 0, b.getAffineDimExpr(k), context));
  }
  SmallVector<utils::IteratorType> iterators(batch + 3,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  bool isBad = false;
  maps.push_back(mapOut);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, tensors, ValueRange{init}, maps, iterators,
      [&](OpBuilder &body, Location, ValueRange args) {
        SmallVector<Value> loaded;
        for (auto [arg, element] : llvm::zip(args, elements))
          loaded.push_back(fromMemory(body, withRole(element.second->getLoc(), LineRole::kLoad),
                                      arg, element.first));
        auto factor = [&](const Operand &made) {
          DenseMap<Value, Value> scalars;
          for (Operation *op : made.ops) {
            SmallVector<Value> operands;
            for (Value each : op->getOperands()) {
              auto type = cast<RankedTensorType>(each.getType());
              if (Value known = scalars.lookup(each))
                operands.push_back(known);
              else if (auto it = made.inputs.find(each); it != made.inputs.end())
                operands.push_back(loaded[it->second]);
              else
                operands.push_back(scalarConstant(body, op->getLoc(), type.getElementType(),
                                                  getNumber(each)));
            }
            FailureOr<Value> scalar = emitScalar(body, op->getLoc(), op, operands);
            if (failed(scalar)) {
              isBad = true;
              return operands[0];
            }
            scalars[op->getResult(0)] = *scalar;
          }
          Value x = made.ops.empty() ? loaded[made.inputs.front().second] : scalars[made.root];
          return castScalar(body, loc, x, element, accumulator);
        };
        Value x = factor(left), y = factor(right);
        if (isBad) {
          linalg::YieldOp::create(body, loc, args.back());
          return;
        }
        Value product, sum;
        if (isa<FloatType>(accumulator)) {
          product = arith::MulFOp::create(body, loc, x, y);
          sum = arith::AddFOp::create(body, loc, args.back(), product);
        } else {
          product = arith::MulIOp::create(body, loc, x, y);
          sum = arith::AddIOp::create(body, loc, args.back(), product);
        }
        linalg::YieldOp::create(body, loc, sum);
      });
  if (isBad)
    return failure();
  generic->setAttr("oriel.matmul", b.getUnitAttr());
  if (matmul->hasAttr(kLanesAttr))
    generic->setAttr(kLanesAttr, b.getUnitAttr());
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
