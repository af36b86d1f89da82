//===- LowerMoves.cpp - ops of the engine's library -----------------------===//
//
// These stay graph ops on tensors of memory type. `oriel.unsigned` tells what
// signless elements no longer do.
//
//===----------------------------------------------------------------------===//

#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/PassBody.h"
#include "passes/Lowering/ScalarOps.h"

using namespace mlir;

namespace oriel {

/// What elements were when they are signless integers now.
void KernelLowering::markElements(Operation *op, Operation *lowered) {
  auto integer = dyn_cast<IntegerType>(
      cast<RankedTensorType>(op->getOperand(0).getType()).getElementType());
  if (integer && (integer.isUnsigned() || integer.getWidth() == 1))
    lowered->setAttr("oriel.unsigned", b.getUnitAttr());
  if (integer && integer.getWidth() == 1)
    lowered->setAttr("oriel.bool", b.getUnitAttr());
}

LogicalResult KernelLowering::lowerAlone() {
  Operation *alone = nullptr;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (!isComputed(&op))
      continue;
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
    if (!tensor)
      return alone->emitOpError()
             << "operand " << operand.getOperandNumber()
             << " must be an argument of the kernel";
    operands.push_back(tensor);
  }
  Operation *clone = b.clone(*alone);
  clone->setOperands(operands);
  clone->getResult(0).setType(outputs[0].getType());
  markElements(alone, clone);
  results[0] = clone->getResult(0);
  return success();
}

} // namespace oriel
