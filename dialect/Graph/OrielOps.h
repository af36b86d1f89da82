//===- OrielOps.h - The ops of the graph dialect ----------------*- C++ -*-===//
#ifndef DIALECT_GRAPH_ORIELOPS_H
#define DIALECT_GRAPH_ORIELOPS_H

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/OrielDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir {
class PatternRewriter;
} // namespace mlir

namespace oriel::ir {
class KernelOp;
} // namespace oriel::ir

#define GET_OP_CLASSES
#include "dialect/Graph/Constant.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Elementwise.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Shape.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Reduce.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Sort.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Contract.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Index.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Control.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/State.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Tap.h.inc"
#define GET_OP_CLASSES
#include "dialect/Graph/Kernel.h.inc"

namespace oriel::ir {

// Each family adds its ops to the dialect, so that no file has to see the
// definitions of all of them.
void registerConstantOps(OrielDialect *dialect);
void registerElementwiseOps(OrielDialect *dialect);
void registerShapeOps(OrielDialect *dialect);
void registerReduceOps(OrielDialect *dialect);
void registerSortOps(OrielDialect *dialect);
void registerContractOps(OrielDialect *dialect);
void registerIndexOps(OrielDialect *dialect);
void registerControlOps(OrielDialect *dialect);
void registerStateOps(OrielDialect *dialect);
void registerTapOps(OrielDialect *dialect);
void registerKernelOps(OrielDialect *dialect);

} // namespace oriel::ir

#endif // DIALECT_GRAPH_ORIELOPS_H
