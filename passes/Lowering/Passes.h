//===- Passes.h - passes that lower kernels ---------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_LOWERING_PASSES_H
#define ORIEL_PASSES_LOWERING_PASSES_H

#include "dialect/Graph/OrielDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace oriel {

#define GEN_PASS_DECL
#include "passes/Lowering/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Lowering/Passes.h.inc"

} // namespace oriel

#endif // ORIEL_PASSES_LOWERING_PASSES_H
