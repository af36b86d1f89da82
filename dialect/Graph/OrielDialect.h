//===- OrielDialect.h - The graph dialect and its attributes ----*- C++ -*-===//
//
// The `oriel` dialect, its attributes and enums. The ops are in OrielOps.h.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECT_GRAPH_ORIELDIALECT_H
#define DIALECT_GRAPH_ORIELDIALECT_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "oriel/dim.h"

namespace oriel::ir {

// Names of the discardable attributes the dialect gives a meaning.
inline constexpr llvm::StringLiteral kNameAttr = "oriel.name";   // arguments, results, states
inline constexpr llvm::StringLiteral kDimsAttr = "oriel.dims";   // arguments
inline constexpr llvm::StringLiteral kNodeAttr = "oriel.node";   // arguments
inline constexpr llvm::StringLiteral kNodesAttr = "oriel.nodes"; // the module
inline constexpr llvm::StringLiteral kOriginsAttr = "oriel.origins"; // the module
inline constexpr llvm::StringLiteral kTargetAttr = "oriel.target"; // the module

// "[3, 4]".
mlir::FailureOr<llvm::SmallVector<int64_t>> parseIdList(mlir::AsmParser &parser);
void printIdList(mlir::AsmPrinter &printer, llvm::ArrayRef<int64_t> ids);

} // namespace oriel::ir

#include "dialect/Graph/OrielDialect.h.inc"

#include "dialect/Graph/OrielEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Graph/OrielAttrs.h.inc"

#endif // DIALECT_GRAPH_ORIELDIALECT_H
