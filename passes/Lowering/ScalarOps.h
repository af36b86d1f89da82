//===- ScalarOps.h - elementwise ops on scalars ----------------*- C++ -*-===//
//
// What an elementwise op does to one element, as arith and math ops: the
// semantics of NumPy, well defined for every operand. In bodies integers are
// signless (the op knows the sign) and truth values are i1; at memory truth
// values are i8.
//
// f16 and bf16 compute in f32 and round after each op, so that a fused chain
// gives the bits of the ops one by one.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_LOWERING_SCALAROPS_H
#define ORIEL_PASSES_LOWERING_SCALAROPS_H

#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/Builders.h"

namespace oriel {

/// The type of an element in a body (ui8 -> i8) and at memory (i1 -> i8 too).
mlir::Type getBodyType(mlir::Type element);
mlir::Type getMemoryType(mlir::Type element);

/// A value of memory type as it is in bodies (i8 -> i1 for truth values), and
/// back. `element` is the graph's element type.
mlir::Value fromMemory(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value value, mlir::Type element);
mlir::Value toMemory(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                     mlir::Type element);

/// A constant of the body type of `element`, from a graph constant's element.
mlir::Value scalarConstant(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Type element, mlir::Attribute value);

/// An index as a value of `element` (what oriel.iota and oriel.dim_value give).
mlir::Value indexToElement(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value index, mlir::Type element);

/// The i64 bits of an i64 key and counter (oriel.random_bits).
mlir::Value emitThreefry(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value key, mlir::Value counter);

/// Conversion between graph element types.
mlir::Value castScalar(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value value, mlir::Type from, mlir::Type to);

/// Is `op` an elementwise op emitScalar() takes?
bool isScalarOp(mlir::Operation *op);

/// The result of elementwise `op` on one element. An error names the op and
/// element type that have no lowering.
mlir::FailureOr<mlir::Value> emitScalar(mlir::OpBuilder &b, mlir::Location loc,
                                        mlir::Operation *op,
                                        mlir::ValueRange operands);

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// The graph element type a reduction accumulates in (f32 for 16-bit floats),
/// also that of a matmul.
mlir::Type getAccumulatorElement(mlir::Type element);

/// The neutral element of a reduction, of the memory type of its accumulator.
mlir::TypedAttr getNeutral(ir::ReduceKind kind, mlir::Type accumulatorElement);

/// accumulator (op) value, both of the accumulator's memory type.
mlir::Value combine(mlir::OpBuilder &b, mlir::Location loc, ir::ReduceKind kind,
                    mlir::Type accumulatorElement, mlir::Value accumulator,
                    mlir::Value value);

} // namespace oriel

#endif // ORIEL_PASSES_LOWERING_SCALAROPS_H
