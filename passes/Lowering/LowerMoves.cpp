//===- LowerMoves.cpp - scatter, concatenate, argmax and argmin -----------===//
//
// These stay graph ops on tensors of memory type; their emitters bind the
// result to the destination. `oriel.unsigned` tells what signless elements no
// longer do.
//
//===----------------------------------------------------------------------===//

#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/PassBody.h"
#include "passes/Lowering/ScalarOps.h"

using namespace mlir;

namespace oriel {

/// One generic over the updates' shape makes them, from cheap elementwise ops and
/// views of the kernel's arguments.
FailureOr<Value> KernelLowering::lowerUpdates(ir::ScatterOp scatter) {
  Value updates = scatter.getUpdates();
  space = dims.getDims(updates);
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (isComputed(&op) && &op != scatter.getOperation())
      scheduleOp(&op);
  PassBody body(*this, /*isRow=*/false);
  for (auto &[op, info] : infos)
    if (info.level == Level::Full && failed(body.emit(op)))
      return failure();
  Value scalar = body.get(updates, scatter);
  if (!scalar)
    return failure();
  Type element = cast<RankedTensorType>(updates.getType()).getElementType();
  body.addResult(emptyTensor(space, getMemoryType(element)), body.identityMap(),
                 toMemory(body.body, updates.getLoc(), scalar, element));
  return body.finish().getResult(0);
}

LogicalResult KernelLowering::lowerAlone() {
  Operation *alone = nullptr;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (!isComputed(&op))
      continue;
    if (kernelClass == KernelClass::Scatter && !isa<ir::ScatterOp>(op))
      continue; // of its updates
    if (alone)
      return op.emitOpError() << "is the second op of a "
                              << toString(kernelClass) << " kernel";
    alone = &op;
  }
  if (!alone || returned.size() != 1 || returned[0] != alone->getResult(0))
    return kernel.emitError() << "a " << toString(kernelClass)
                              << " kernel has one op and returns its result";
  SmallVector<Value> operands;
  for (OpOperand &operand : alone->getOpOperands()) {
    Value tensor = arguments.lookup(operand.get());
    auto scatter = dyn_cast<ir::ScatterOp>(alone);
    if (!tensor && scatter && operand.getOperandNumber() == 1) {
      FailureOr<Value> updates = lowerUpdates(scatter);
      if (failed(updates))
        return failure();
      tensor = *updates;
    } else if (!tensor) {
      Operation *def = resolve(operand.get()).base.getDefiningOp();
      if (!scatter || !def || !isSplatConstant(def))
        return alone->emitOpError()
               << "operand " << operand.getOperandNumber()
               << " must be an argument of the kernel";
      // A copy of one value is a fill of the destination; one index for all
      // updates is a fill of what nobody makes.
      auto dense = cast<DenseElementsAttr>(cast<ir::ConstantOp>(def).getValue());
      Type element = dense.getElementType();
      Attribute splat = dense.getSplatValue<Attribute>();
      TypedAttr value = cast<TypedAttr>(splat);
      if (auto integer = dyn_cast<IntegerAttr>(splat)) {
        unsigned width = getMemoryType(element).getIntOrFloatBitWidth();
        value = b.getIntegerAttr(getMemoryType(element),
                                 integer.getValue().zextOrTrunc(width));
      }
      tensor = fill(value, operand.getOperandNumber() == 0
                               ? destination(0)
                               : emptyTensor(dims.getDims(operand.get()), getMemoryType(element)));
    }
    operands.push_back(tensor);
  }
  Type element =
      cast<RankedTensorType>(alone->getOperand(0).getType()).getElementType();
  Operation *clone = b.clone(*alone);
  clone->setOperands(operands);
  clone->getResult(0).setType(outputs[0].getType());
  auto integer = dyn_cast<IntegerType>(element);
  if (integer && (integer.isUnsigned() || integer.getWidth() == 1))
    clone->setAttr("oriel.unsigned", b.getUnitAttr());
  if (integer && integer.getWidth() == 1)
    clone->setAttr("oriel.bool", b.getUnitAttr());
  results[0] = clone->getResult(0);
  return success();
}

} // namespace oriel
