//===- Reduce.cpp - Ops that combine the elements along axes --------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Reduce.cpp.inc"

void oriel::ir::registerReduceOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<ReduceOp>(*dialect);
  RegisteredOperationName::insert<ArgMaxOp>(*dialect);
  RegisteredOperationName::insert<ArgMinOp>(*dialect);
}

OpFoldResult ReduceOp::fold(FoldAdaptor) {
  // Not for an axis of extent 1: a sum starts at +0.0 and turns -0.0 into it.
  if (getAxes().empty() && getX().getType() == getType())
    return getX();
  return {};
}
