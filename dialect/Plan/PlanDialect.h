// The `plan` dialect: a compiled program as steps over buffers.
#ifndef ORIEL_DIALECT_PLAN_PLANDIALECT_H
#define ORIEL_DIALECT_PLAN_PLANDIALECT_H

#include <string>

#include "dialect/Graph/OrielDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "dialect/Plan/PlanDialect.h.inc"
#include "dialect/Plan/PlanEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Plan/PlanTypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/Plan/PlanOps.h.inc"

#endif // ORIEL_DIALECT_PLAN_PLANDIALECT_H
