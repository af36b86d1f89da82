//===- Passes.h - passes that decide where ops run --------------*- C++ -*-===//
#ifndef ORIEL_PASSES_PLACEMENT_PASSES_H
#define ORIEL_PASSES_PLACEMENT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include "dialect/Graph/OrielDialect.h"

namespace oriel {

#define GEN_PASS_DECL
#include "passes/Placement/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Placement/Passes.h.inc"

} // namespace oriel

#endif // ORIEL_PASSES_PLACEMENT_PASSES_H
