//===- LowerOperands.cpp - generics that make what a sole op reads --------===//
//
// A concatenate, a scatter or an argmax (and the maximum beside it) whose kernel
// computes its operands reads the results of linalg.generics. Operands that have ops in common, or the same
// shape and an argument in common, are results of one: what they share is
// computed and read once.
//
//===----------------------------------------------------------------------===//

#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/PassBody.h"
#include "passes/Lowering/ScalarOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace oriel {

namespace {

/// An operand that is no argument, and what its generic computes for it.
struct MadeOperand {
  int number = -1; // of the operand; -1: it is a result of the kernel only
  Value value;     // the operand, or the computed value it is a view of
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<Value> reads; // arguments
};

} // namespace

/// `tensor`, whose axes are those of `view` that are not of extent 1, as `view`.
/// Either type may know an extent that the other has not; the sizes of `tensor` count.
FailureOr<Value> KernelLowering::withUnitAxes(Value tensor, Value view) {
  auto type = cast<RankedTensorType>(tensor.getType()), to = cast<RankedTensorType>(view.getType());
  if (type.getRank() == to.getRank())
    return tensor;
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> extents;
  SmallVector<OpFoldResult> sizes;
  const Dims &shape = dims.getDims(view);
  int64_t axes = 0;
  for (int64_t k = 0; k < to.getRank(); ++k) {
    bool isUnit = to.getDimSize(k) == 1;
    if (groups.empty() || (!isUnit && axes > 0))
      groups.push_back({});
    groups.back().push_back(k);
    extents.push_back(isUnit || axes >= type.getRank() ? 1 : type.getDimSize(axes));
    sizes.push_back(ShapedType::isDynamic(extents.back())
                        ? OpFoldResult(index(shape[k]))
                        : OpFoldResult(b.getIndexAttr(extents.back())));
    axes += !isUnit;
  }
  if (axes == 0)
    groups.clear();
  if (axes != type.getRank())
    return kernel.emitError() << "reads a value of type " << type << " as " << to
                              << ", required axes of extent 1 added alone";
  auto result = RankedTensorType::get(extents, type.getElementType());
  return tensor::ExpandShapeOp::create(b, kernel.getLoc(), result, tensor, groups, sizes).getResult();
}

/// Is `value` an argument with axes of extent 1 added, nothing else? It is the same
/// memory then.
bool KernelLowering::isExpanded(Value value) const {
  Access access = resolve(value);
  if (!arguments.lookup(access.base) || !access.isPlain())
    return false;
  auto type = cast<RankedTensorType>(access.base.getType()), to = cast<RankedTensorType>(value.getType());
  SmallVector<int> axes; // of the value, but for those of extent 1
  SmallVector<int64_t> sizes;
  Dims shape;
  for (auto [axis, size] : llvm::enumerate(dims.getDims(value)))
    if (to.getDimSize(axis) != 1) {
      axes.push_back(axis);
      sizes.push_back(to.getDimSize(axis));
      shape.push_back(size);
    }
  return to.getRank() > type.getRank() && type.getShape() == ArrayRef<int64_t>(sizes) &&
         llvm::equal(access.axes, axes, [](const AxisAccess &axis, int at) { return axis.dim == at; }) &&
         dims.areEqual(dims.getDims(access.base), shape);
}

/// Of a scatter, what lies in no memory: a copy of one value is a fill of the
/// destination, one index for all updates a fill of what nobody makes. Null for
/// others.
Value KernelLowering::lowerFill(OpOperand &operand) {
  if (!isa<ir::ScatterOp>(operand.getOwner()) || operand.getOperandNumber() == 1)
    return nullptr;
  Operation *def = resolve(operand.get()).base.getDefiningOp();
  if (!def || !isSplatConstant(def))
    return nullptr;
  auto dense = cast<DenseElementsAttr>(cast<ir::ConstantOp>(def).getValue());
  Type element = getMemoryType(dense.getElementType());
  TypedAttr value = cast<TypedAttr>(dense.getSplatValue<Attribute>());
  if (auto integer = dyn_cast<IntegerAttr>(value))
    value = b.getIntegerAttr(element, integer.getValue().zextOrTrunc(element.getIntOrFloatBitWidth()));
  return fill(value, operand.getOperandNumber() == 0 ? destination(0)
                                                     : emptyTensor(dims.getDims(operand.get()), element));
}

FailureOr<SmallVector<Value>> KernelLowering::lowerOperands(Operation *op) {
  // A generic of its own writes the columns of a stack faster than a copy of rows of
  // one element, but thousands of them take long to compile.
  constexpr unsigned kMostWithCode = 64;
  bool areMany = isa<ir::ConcatenateOp>(op) && op->getNumOperands() > kMostWithCode;
  SmallVector<Value> tensors;
  SmallVector<MadeOperand> made;
  auto make = [&](int number, Value value) {
    MadeOperand one{number, value, {}, {}};
    SmallVector<Value> work = {value};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      Operation *def = value.getDefiningOp();
      if (!def)
        one.reads.insert(value);
      else if (!isComputed(def))
        work.append(def->operand_begin(), def->operand_end());
      else if (one.ops.insert(def))
        work.append(def->operand_begin(), def->operand_end());
    }
    made.push_back(std::move(one));
  };
  for (OpOperand &operand : op->getOpOperands()) {
    tensors.push_back(arguments.lookup(operand.get()));
    if (!tensors.back())
      tensors.back() = lowerFill(operand);
    if (!tensors.back() && areMany && isExpanded(operand.get())) {
      FailureOr<Value> expanded = withUnitAxes(arguments.lookup(resolve(operand.get()).base), operand.get());
      if (failed(expanded))
        return failure();
      tensors.back() = *expanded;
    }
    if (tensors.back())
      continue;
    // Axes of extent 1 are added to what is computed; a broadcast of it is made whole.
    Value base = resolve(operand.get()).base;
    auto withoutUnits = [&](Value value) {
      Dims shape = dims.getDims(value);
      llvm::erase(shape, Dim(1));
      return shape;
    };
    bool hasAll = isComputed(base.getDefiningOp()) &&
                  dims.areEqual(withoutUnits(base), withoutUnits(operand.get()));
    make(operand.getOperandNumber(), hasAll ? base : operand.get());
  }
  for (Value value : returned)
    if (value != op->getResult(0) && isComputed(value.getDefiningOp()) && !value.getDefiningOp<ir::ReduceOp>())
      make(-1, value);

  llvm::EquivalenceClasses<unsigned> together;
  auto shapeOf = [&](const MadeOperand &one) -> const Dims & {
    return dims.getDims(one.value);
  };
  for (unsigned i = 0; i < made.size(); ++i) {
    together.insert(i);
    for (unsigned j = 0; j < i; ++j) {
      // Scalars are made again for each.
      bool sharesOps = llvm::any_of(made[i].ops, [&](Operation *each) {
        return made[j].ops.contains(each) &&
               (!dims.getDims(each->getResult(0)).empty() || shapeOf(made[i]).empty());
      });
      bool sharesReads = llvm::any_of(made[i].reads, [&](Value read) { return made[j].reads.contains(read); });
      if (sharesOps || (sharesReads && dims.areEqual(shapeOf(made[i]), shapeOf(made[j]))))
        together.unionSets(i, j);
    }
  }

  DenseMap<Value, Value> values; // results of the generics
  llvm::DenseSet<unsigned> done;
  for (unsigned first = 0; first < made.size(); ++first) {
    if (done.contains(first))
      continue;
    SmallVector<unsigned> members;
    llvm::DenseSet<Operation *> needed;
    for (unsigned k = first; k < made.size(); ++k)
      if (together.isEquivalent(first, k)) {
        done.insert(k);
        members.push_back(k);
        needed.insert(made[k].ops.begin(), made[k].ops.end());
      }
    space = shapeOf(made[first]);
    infos.clear();
    for (Operation &each : kernel.getBody().front().without_terminator())
      if (needed.contains(&each))
        scheduleOp(&each);
    PassBody body(*this, /*isRow=*/false);
    SmallVector<std::pair<Value, int>> targets; // value, result of the kernel or -1
    auto store = [&](Value value, int output) -> LogicalResult {
      Value scalar = body.get(value, op);
      if (!scalar)
        return failure();
      Type element = cast<RankedTensorType>(value.getType()).getElementType();
      Value init = output < 0 ? emptyTensor(space, getMemoryType(element)) : destination(output);
      body.addResult(init, body.identityMap(), toMemory(body.body, value.getLoc(), scalar, element));
      targets.push_back({value, output});
      return success();
    };
    for (auto &[each, info] : infos) {
      if (info.level != Level::Full)
        continue;
      if (failed(body.emit(each)))
        return failure();
      for (unsigned output : info.outputs)
        if (failed(store(each->getResult(0), output)))
          return failure();
    }
    for (unsigned k : members)
      if (made[k].number >= 0 &&
          !llvm::is_contained(targets, std::pair<Value, int>(made[k].value, -1)) &&
          failed(store(made[k].value, -1)))
        return failure();
    linalg::GenericOp generic = body.finish();
    for (auto [target, result] : llvm::zip_equal(targets, generic.getResults()))
      (target.second < 0 ? values[target.first] : results[target.second]) = result;
  }
  for (const MadeOperand &one : made) {
    if (one.number < 0)
      continue;
    FailureOr<Value> tensor = withUnitAxes(values[one.value], op->getOperand(one.number));
    if (failed(tensor))
      return failure();
    tensors[one.number] = *tensor;
  }
  return tensors;
}

/// An op by itself, and what makes its operands.
LogicalResult KernelLowering::lowerWithOperands() {
  Operation *last = nullptr;
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (isa<ir::ConcatenateOp, ir::ArgMaxOp, ir::ArgMinOp, ir::ScatterOp>(op)) {
      if (last)
        return op.emitOpError() << "is the second op of a " << toString(kernelClass)
                                << " kernel that is no producer";
      last = &op;
    }
  if (!last)
    return kernel.emitError() << "a " << toString(kernelClass)
                              << " kernel has a concatenate, a scatter, an argmax or an argmin";
  FailureOr<SmallVector<Value>> operands = lowerOperands(last);
  if (failed(operands))
    return failure();
  Operation *clone = b.clone(*last);
  clone->setOperands(*operands);
  auto type = cast<RankedTensorType>(last->getResult(0).getType());
  clone->getResult(0).setType(RankedTensorType::get(type.getShape(), getMemoryType(type.getElementType())));
  markElements(last, clone);
  // The extreme value beside an argmax reads the same.
  Operation *extreme = nullptr;
  for (auto reduce : kernel.getBody().front().getOps<ir::ReduceOp>()) {
    if (extreme || kernelClass != KernelClass::ArgReduce || reduce.getX() != last->getOperand(0))
      return reduce.emitOpError() << "must be the only reduction of the kernel's argmax's or argmin's operand";
    auto reduced = cast<RankedTensorType>(reduce.getResult().getType());
    extreme = b.clone(*reduce);
    extreme->setOperand(0, operands->front());
    extreme->getResult(0).setType(RankedTensorType::get(reduced.getShape(), getMemoryType(reduced.getElementType())));
    markElements(reduce, extreme);
  }
  for (auto [position, value] : llvm::enumerate(returned)) {
    if (value == last->getResult(0))
      results[position] = clone->getResult(0);
    if (value.getDefiningOp<ir::ReduceOp>())
      results[position] = extreme->getResult(0);
    if (!results[position])
      return kernel.emitError() << "result " << position << " of a " << toString(kernelClass)
                                << " kernel is made by none of its ops";
  }
  return success();
}

} // namespace oriel
