//===- Match.h - What folders recognise -------------------------*- C++ -*-===//
#ifndef DIALECT_GRAPH_MATCH_H
#define DIALECT_GRAPH_MATCH_H

#include "llvm/ADT/APFloat.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace oriel::ir {

// The one value every element of `value` has, seen through ops that only move
// elements; null when it is not known to be a splat.
mlir::Attribute getSplat(mlir::Value value);

// Is every element exactly this number? Of floats +0.0 and -0.0 are told apart.
bool isSplat(mlir::Value value, double number);

// Does a conversion keep every value, NaN and infinities included?
bool isValuePreserving(mlir::Type from, mlir::Type to);

} // namespace oriel::ir

#endif // DIALECT_GRAPH_MATCH_H
