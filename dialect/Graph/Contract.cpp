//===- Contract.cpp - Contractions ----------------------------------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Contract.cpp.inc"

void oriel::ir::registerContractOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<MatMulOp>(*dialect);
}
