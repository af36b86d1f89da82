//===- Sort.cpp - Ops that order the elements along an axis ---------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Sort.cpp.inc"

void oriel::ir::registerSortOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<SortOp>(*dialect);
  RegisteredOperationName::insert<ArgSortOp>(*dialect);
}
