//===- PassBody.cpp - the body of one pass --------------------------------===//

#include "passes/Lowering/PassBody.h"

#include "dialect/Graph/NodeId.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Lowering/ScalarOps.h"
#include "runtime/engine/kernel_abi.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace oriel {

/// The location of another role of the same ordinal.
static Location withRole(Location loc, LineRole role) {
  auto line = ir::getKernelLine(loc);
  return line ? ir::getKernelLoc(loc.getContext(), LineOf(*line / 8, role)) : loc;
}

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

PassBody::PassBody(KernelLowering &kernel, bool isRow)
    : body(kernel.kernel.getContext()), kernel(kernel), isRow(isRow),
      block(new Block) {
  body.setInsertionPointToEnd(block);
}

unsigned PassBody::loops() const { return kernel.space.size() - (isRow ? 1 : 0); }

int PassBody::loopOf(int dim) const {
  if (dim < 0 || !isRow)
    return dim;
  if (dim == kernel.reducedAxis)
    return -1;
  return dim > kernel.reducedAxis ? dim - 1 : dim;
}

AffineMap PassBody::identityMap() const {
  return AffineMap::getMultiDimIdentityMap(loops(), body.getContext());
}

AffineMap PassBody::rowMap(int unitAxis) const {
  SmallVector<AffineExpr> exprs;
  Builder b(body.getContext());
  for (int dim = 0, rank = kernel.space.size(); dim < rank; ++dim) {
    if (dim == unitAxis)
      exprs.push_back(b.getAffineConstantExpr(0));
    if (dim != kernel.reducedAxis)
      exprs.push_back(b.getAffineDimExpr(loopOf(dim)));
  }
  return AffineMap::get(loops(), 0, exprs, body.getContext());
}

Location PassBody::loadLoc(Operation *user) const {
  return withRole(user->getLoc(), LineRole::kLoad);
}

Value PassBody::addInput(Value tensor, AffineMap map, Operation *user) {
  Value &element = loads[{tensor, map}];
  if (!element) {
    inputs.push_back(tensor);
    inputMaps.push_back(map);
    element = block->addArgument(elementOf(tensor), loadLoc(user));
  }
  return element;
}

Value PassBody::loopIndex(int dim, Location loc) {
  Value &index = loopIndices[dim];
  if (!index)
    index = linalg::IndexOp::create(body, loc, loopOf(dim));
  return index;
}

/// start + step * c[dim].
Value PassBody::coordinate(const AxisAccess &axis, Location loc) {
  if (axis.dim < 0 || loopOf(axis.dim) < 0)
    return kernel.index(axis.start);
  Value index = loopIndex(axis.dim, loc);
  if (axis.step != 1)
    index = arith::MulIOp::create(body, loc, index, kernel.index(Dim(axis.step)));
  if (axis.start != Dim(0))
    index = arith::AddIOp::create(body, loc, index, kernel.index(axis.start));
  return index;
}

/// The element of a tensor of memory type, as bodies have it. Axes of `access`
/// name dims of the iteration space.
Value PassBody::load(Value tensor, const Access &access, Type element,
                     Operation *user) {
  Location loc = loadLoc(user);
  auto hasLoop = [&](const AxisAccess &axis) {
    return axis.dim >= 0 && loopOf(axis.dim) >= 0;
  };
  bool isReversed = llvm::any_of(access.axes, [&](const AxisAccess &axis) {
    return hasLoop(axis) && axis.step < 0;
  });
  // A dim may index one axis only to be an operand of a generic.
  SmallVector<int> seen;
  for (const AxisAccess &axis : access.axes) {
    if (!hasLoop(axis))
      continue;
    isReversed |= llvm::is_contained(seen, axis.dim);
    seen.push_back(axis.dim);
  }
  SmallVector<AffineExpr> exprs;
  bool isPlain = true, isEmpty = false;
  const Dims &shape = kernel.dims.getDims(access.base);
  for (auto [k, axis] : llvm::enumerate(access.axes)) {
    isPlain &= axis.start == Dim(0) && (axis.step == 1 || !hasLoop(axis));
    // The first few of an axis are a slice too: a loop has one extent.
    isPlain &= !hasLoop(axis) || kernel.dims.areEqual(shape[k], kernel.space[axis.dim]);
    isPlain &= hasLoop(axis) || shape[k] != Dim(0);
    isEmpty |= shape[k] == Dim(0) ||
               (shape[k].is_static() && axis.start.is_static() &&
                axis.start.value() >= shape[k].value());
    exprs.push_back(hasLoop(axis) ? body.getAffineDimExpr(loopOf(axis.dim))
                                  : body.getAffineConstantExpr(0));
  }
  Value value;
  // Past the end of an axis, which may have no elements, no slice can start.
  if (isReversed || (isEmpty && !isPlain)) {
    SmallVector<Value> indices;
    for (const AxisAccess &axis : access.axes)
      indices.push_back(coordinate(axis, loc));
    value = tensor::ExtractOp::create(body, loc, tensor, indices);
  } else {
    if (!isPlain) {
      SmallVector<OpFoldResult> offsets, sizes, strides;
      for (const AxisAccess &axis : access.axes) {
        offsets.push_back(kernel.indexOrConstant(axis.start));
        sizes.push_back(hasLoop(axis)
                            ? kernel.indexOrConstant(kernel.space[axis.dim])
                            : OpFoldResult(body.getIndexAttr(1)));
        strides.push_back(body.getIndexAttr(hasLoop(axis) ? axis.step : 1));
      }
      // Equal slices are one operand.
      Location at = user->getLoc();
      Value slice;
      for (Value input : inputs)
        if (auto known = input.getDefiningOp<tensor::ExtractSliceOp>())
          if (known.getSource() == tensor && known.getMixedOffsets() == offsets &&
              known.getMixedSizes() == sizes && known.getMixedStrides() == strides)
            slice = input;
      if (!slice)
        slice = tensor::ExtractSliceOp::create(kernel.b, withRole(at, LineRole::kLoad),
                                               tensor, offsets, sizes, strides);
      tensor = slice;
    }
    AffineMap map = AffineMap::get(loops(), 0, exprs, body.getContext());
    value = addInput(tensor, map, user);
  }
  return fromMemory(body, loc, value, element);
}

/// A computed value of another pass. 16-bit floats that were accumulated in f32
/// round here.
Value PassBody::loadStored(Value value, Operation *user) {
  auto it = kernel.stored.find(value);
  if (it == kernel.stored.end()) {
    user->emitOpError() << "reads a value no pass has stored";
    return Value();
  }
  auto info = kernel.infos.find(value.getDefiningOp());
  bool isRowValue = info != kernel.infos.end() &&
                    info->second.level == KernelLowering::Level::Row;
  AffineMap map = isRowValue ? rowMap(it->second.unitAxis) : identityMap();
  Value element = addInput(it->second.tensor, map, user);
  Type graphElement = elementOf(value);
  if (isa<FloatType>(graphElement) && element.getType() != graphElement)
    return castScalar(body, loadLoc(user), element, element.getType(), graphElement);
  return fromMemory(body, loadLoc(user), element, graphElement);
}

Value PassBody::get(Value value, Operation *user, ArrayRef<int> axes) {
  if (axes.empty())
    if (auto it = scalars.find(value); it != scalars.end())
      return it->second;
  Access access = kernel.resolve(value);
  if (!axes.empty())
    for (AxisAccess &axis : access.axes)
      if (axis.dim >= 0)
        axis.dim = axes[axis.dim];
  Value base = access.base;
  Operation *def = base.getDefiningOp();
  Location loc = def ? def->getLoc() : user->getLoc();
  Type element = elementOf(base);
  Value result;
  // Row values of shape (n, ...) without the reduced axis run over the loops.
  auto type = cast<RankedTensorType>(value.getType());
  if (isRow && axes.empty() &&
      type.getRank() + 1 == static_cast<int64_t>(kernel.space.size()))
    for (AxisAccess &axis : access.axes)
      if (axis.dim >= kernel.reducedAxis)
        ++axis.dim;
  if (!def) {
    result = load(kernel.arguments.lookup(base), access, element, user);
  } else if (isSplatConstant(def)) {
    auto dense = cast<DenseElementsAttr>(cast<ir::ConstantOp>(def).getValue());
    result = scalarConstant(body, loc, element, dense.getSplatValue<Attribute>());
  } else if (auto iota = dyn_cast<ir::IotaOp>(def)) {
    result = indexToElement(body, loc, coordinate(access.axes[iota.getAxis()], loc),
                            element);
  } else if (auto dim = dyn_cast<ir::DimValueOp>(def)) {
    result = indexToElement(body, loc, kernel.index(dim.getDim().getDim(0)), element);
  } else if (auto it = scalars.find(base); it != scalars.end()) {
    return it->second;
  } else if (kernel.infos[def].level == KernelLowering::Level::Scalar) {
    if (failed(emit(def)))
      return Value();
    return scalars.lookup(base);
  } else {
    result = loadStored(base, user);
    if (result)
      scalars[base] = result;
    return result;
  }
  if (result && axes.empty())
    scalars[value] = result;
  return result;
}

LogicalResult PassBody::emit(Operation *op) {
  lastUser = op;
  Value result;
  if (auto gather = dyn_cast<ir::GatherOp>(op)) {
    result = emitGather(gather);
  } else if (auto slice = dyn_cast<ir::DynamicSliceOp>(op)) {
    result = emitDynamicSlice(slice);
  } else if (isScalarOp(op)) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(get(operand, op));
      if (!operands.back())
        return failure();
    }
    FailureOr<Value> scalar = emitScalar(body, op->getLoc(), op, operands);
    if (failed(scalar))
      return failure();
    result = *scalar;
  } else {
    return op->emitOpError() << "has no place in a "
                             << toString(kernel.kernelClass) << " kernel";
  }
  if (!result)
    return failure();
  scalars[op->getResult(0)] = result;
  return success();
}

/// x[..., i0, i1, ...]: each index is checked, then the element is read.
Value PassBody::emitGather(ir::GatherOp op) {
  Location loc = op.getLoc();
  int axis = op.getAxis(), count = op.getIndices().size();
  auto indexType = cast<RankedTensorType>(op.getIndices()[0].getType());
  int indexRank = indexType.getRank();
  SmallVector<int> axes;
  SmallVector<int64_t> position;
  for (int k = 0; k < indexRank; ++k) {
    axes.push_back(axis + k);
    position.push_back(axis + k);
  }
  // Of a broadcast all indices are checked, some of them name an element.
  Access read = kernel.resolve(op.getX());
  Value x = kernel.arguments.lookup(read.base);
  if (!x || !read.isPlain()) {
    op.emitOpError() << "must read an argument of the kernel, or its broadcast";
    return Value();
  }
  const Dims &shape = kernel.dims.getDims(op.getX());
  SmallVector<Value> coordinates;
  for (int k = 0, rank = shape.size(); k < rank; ++k) {
    if (k < axis || k >= axis + count) {
      int dim = k < axis ? k : k - count + indexRank;
      coordinates.push_back(loopIndex(dim, loc));
      continue;
    }
    Value index = op.getIndices()[k - axis];
    // A ramp over the very axis it indexes needs no check.
    Access access = kernel.resolve(index);
    if (auto iota = access.base.getDefiningOp<ir::IotaOp>();
        iota && access.isPlain()) {
      int dim = access.axes[iota.getAxis()].dim;
      if (dim >= 0 && kernel.dims.areEqual(kernel.dims.getDims(index)[dim], shape[k])) {
        coordinates.push_back(loopIndex(axes[dim], loc));
        continue;
      }
    }
    Value element = indexRank == 0 ? get(index, op) : get(index, op, axes);
    if (!element)
      return Value();
    auto check = ir::CheckIndexOp::create(
        body, loc, body.getIndexType(), element, kernel.index(shape[k]),
        body.getI64IntegerAttr(k - axis), body.getI64IntegerAttr(k),
        body.getUnitAttr());
    check->setAttr("oriel.position", body.getDenseI64ArrayAttr(position));
    coordinates.push_back(check.getResult());
  }
  auto at = llvm::map_to_vector(read.axes, [&](const AxisAccess &each) {
    return each.dim < 0 ? kernel.index(Dim(0)) : coordinates[each.dim];
  });
  Value value = tensor::ExtractOp::create(body, loadLoc(op), x, at);
  return fromMemory(body, loadLoc(op), value, elementOf(op.getX()));
}

Value PassBody::emitDynamicSlice(ir::DynamicSliceOp op) {
  Location loc = op.getLoc();
  Value x = kernel.arguments.lookup(op.getX());
  if (!x) {
    op.emitOpError() << "must read an argument of the kernel";
    return Value();
  }
  const Dims &shape = kernel.dims.getDims(op.getX());
  const Dims &sizes = kernel.dims.getDims(op.getResult());
  SmallVector<Value> coordinates;
  for (int k = 0, rank = shape.size(); k < rank; ++k) {
    Value start = get(op.getStarts()[k], op);
    if (!start)
      return Value();
    // The largest start leaves room for the block.
    Value bound = kernel.index(shape[k] - sizes[k] + 1);
    auto check = ir::CheckIndexOp::create(
        body, loc, body.getIndexType(), start, bound, body.getI64IntegerAttr(k),
        body.getI64IntegerAttr(k), UnitAttr());
    check->setAttr("oriel.position", body.getDenseI64ArrayAttr({}));
    coordinates.push_back(arith::AddIOp::create(body, loc, check.getResult(),
                                                loopIndex(k, loc)));
  }
  Value value = tensor::ExtractOp::create(body, loadLoc(op), x, coordinates);
  return fromMemory(body, loadLoc(op), value, elementOf(op.getX()));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void PassBody::addResult(Value init, AffineMap map, Value scalar) {
  inits.push_back(init);
  initMaps.push_back(map);
  yields.push_back(scalar);
}

void PassBody::addReduction(Value init, AffineMap map, Value scalar,
                            ir::ReduceOp op) {
  reductions.push_back({static_cast<unsigned>(inits.size()), scalar, op});
  addResult(init, map, Value());
}

Operation *PassBody::lastUserOrReduction() const {
  if (lastUser || reductions.empty())
    return lastUser;
  ir::ReduceOp reduce = reductions.back().op;
  return reduce;
}

linalg::GenericOp PassBody::finish() {
  // A loop no operand has (a sum of one value repeated) takes its size from an
  // operand that nothing reads.
  llvm::SmallBitVector given(loops());
  for (ArrayRef<AffineMap> maps : {ArrayRef(inputMaps), ArrayRef(initMaps)})
    for (AffineMap map : maps)
      for (AffineExpr expr : map.getResults())
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          given.set(dim.getPosition());
  if (!given.all() && lastUserOrReduction())
    addInput(kernel.emptyTensor(kernel.space, body.getI8Type()), identityMap(),
             lastUserOrReduction());

  SmallVector<Attribute> kinds(inits.size(), body.getStringAttr(""));
  SmallVector<Value> accumulators;
  for (Value init : inits)
    accumulators.push_back(block->addArgument(
        elementOf(init), kernel.kernel.getBody().front().getTerminator()->getLoc()));
  for (Reduction &reduction : reductions) {
    Type element = getAccumulatorElement(elementOf(reduction.op.getX()));
    yields[reduction.result] =
        combine(body, reduction.op.getLoc(), reduction.op.getKind(), element,
                accumulators[reduction.result], reduction.scalar);
    kinds[reduction.result] =
        body.getStringAttr(ir::stringifyReduceKind(reduction.op.getKind()));
    lastUser = reduction.op;
  }
  Location at = lastUser ? lastUser->getLoc() : kernel.kernel.getLoc();
  linalg::YieldOp::create(body, withRole(at, LineRole::kStore), yields);
  SmallVector<utils::IteratorType> iterators(loops(),
                                             utils::IteratorType::parallel);
  if (!reductions.empty())
    iterators[kernel.reducedAxis] = utils::IteratorType::reduction;
  SmallVector<AffineMap> maps(inputMaps);
  maps.append(initMaps);
  SmallVector<Type> types;
  for (Value init : inits)
    types.push_back(init.getType());
  auto generic = linalg::GenericOp::create(
      kernel.b, withRole(at, LineRole::kLoop), types, inputs, inits, maps,
      iterators);
  generic.getRegion().getBlocks().clear();
  generic.getRegion().push_back(block);
  block = nullptr;
  if (!reductions.empty())
    generic->setAttr("oriel.reduce", body.getArrayAttr(kinds));
  return generic;
}

} // namespace oriel
