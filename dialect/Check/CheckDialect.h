//===- CheckDialect.h - Expectations about tensors, for tests ---*- C++ -*-===//
#ifndef DIALECT_CHECK_CHECKDIALECT_H
#define DIALECT_CHECK_CHECKDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "oriel/tensor.h"

#include "dialect/Check/CheckDialect.h.inc"

#define GET_OP_CLASSES
#include "dialect/Check/CheckOps.h.inc"

namespace oriel::check {

// What a check op expects of two tensors of one type: "" when it holds, else
// the first element where it does not ("element (0, 3): 1.5, expected 1.25
// (8388608 ulps apart)") and how many do not.
std::string explainMismatch(const oriel::Tensor &actual,
                            const oriel::Tensor &expected, int64_t ulps = 0,
                            double absolute = 0);

// The same for an op.
std::string explainMismatch(mlir::Operation *checkOp, const oriel::Tensor &actual,
                            const oriel::Tensor &expected);

} // namespace oriel::check

#endif // DIALECT_CHECK_CHECKDIALECT_H
