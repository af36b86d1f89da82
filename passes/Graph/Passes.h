//===- Passes.h - Passes over the graph -------------------------*- C++ -*-===//
#ifndef PASSES_GRAPH_PASSES_H
#define PASSES_GRAPH_PASSES_H

#include "dialect/Graph/OrielDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace oriel {

#define GEN_PASS_DECL
#include "passes/Graph/Passes.h.inc"

// registerOrielGraphPasses() makes the passes available by their flags.
#define GEN_PASS_REGISTRATION
#include "passes/Graph/Passes.h.inc"

} // namespace oriel

#endif // PASSES_GRAPH_PASSES_H
