//===- Regions.h - What ops with regions share ------------------*- C++ -*-===//
#ifndef DIALECT_GRAPH_REGIONS_H
#define DIALECT_GRAPH_REGIONS_H

#include "dialect/Graph/OrielOps.h"

namespace oriel::ir {

// "(%a = %x : type, %b = %y : type)".
mlir::ParseResult
parseBindings(mlir::OpAsmParser &parser,
              llvm::SmallVectorImpl<mlir::OpAsmParser::Argument> &arguments,
              llvm::SmallVectorImpl<mlir::OpAsmParser::UnresolvedOperand> &values);
void printBindings(mlir::OpAsmPrinter &printer,
                   mlir::Block::BlockArgListType arguments,
                   mlir::OperandRange values);

// The yielded types must be those of the results; an extent may be unknown on
// one side.
llvm::LogicalResult verifyYield(mlir::Operation *op, YieldOp yield,
                                mlir::TypeRange required, llvm::StringRef what);

} // namespace oriel::ir

#endif // DIALECT_GRAPH_REGIONS_H
