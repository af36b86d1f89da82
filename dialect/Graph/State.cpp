//===- State.cpp - Values that outlive calls ------------------------------===//

#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/State.cpp.inc"

void oriel::ir::registerStateOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<StateOp>(*dialect);
  RegisteredOperationName::insert<StateReadOp>(*dialect);
  RegisteredOperationName::insert<StateUpdateOp>(*dialect);
}

LogicalResult StateOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError() << "type must be static, got " << type;
  if (getInitial() && getInitial()->getType() != type)
    return emitOpError() << "initial value is " << getInitial()->getType()
                         << ", required " << type;
  return success();
}

static LogicalResult verifyUse(Operation *op, FlatSymbolRefAttr name, Type type,
                               SymbolTableCollection &symbolTable) {
  auto state = symbolTable.lookupNearestSymbolFrom<StateOp>(op, name);
  if (!state)
    return op->emitOpError()
           << "names " << name << ", which is not an oriel.state";
  if (state.getType() != type)
    return op->emitOpError()
           << "type is " << type << ", required " << state.getType() << " as "
           << name << " declares";
  return success();
}

LogicalResult
StateReadOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  return verifyUse(*this, getStateAttr(), getType(), symbolTable);
}

LogicalResult
StateUpdateOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  if (failed(
          verifyUse(*this, getStateAttr(), getValue().getType(), symbolTable)))
    return failure();
  if (!isa<FunctionOpInterface>((*this)->getParentOp()))
    return emitOpError()
           << "must be at the top level of the function, got it in '"
           << (*this)->getParentOp()->getName() << "'";
  // The last of a row of updates looks for all of its block, so that thousands
  // of them are not each compared with all.
  if (isa_and_nonnull<StateUpdateOp>((*this)->getNextNode()))
    return success();
  llvm::DenseSet<Attribute> seen;
  for (auto update : (*this)->getBlock()->getOps<StateUpdateOp>())
    if (!seen.insert(update.getStateAttr()).second)
      return update.emitOpError()
             << "updates " << update.getStateAttr()
             << " a second time, at most one update is allowed";
  return success();
}
