//===- Passes.h - passes that form kernels ----------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_FUSION_PASSES_H
#define ORIEL_PASSES_FUSION_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

#include "dialect/Graph/OrielDialect.h"

namespace oriel {

/// Module attribute: lines for people, why kernels are what they are.
inline constexpr llvm::StringLiteral kRemarksAttr = "oriel.remarks";
/// Module attribute: oriel-fuse-kernels explains itself (oriel-explain-fusion).
inline constexpr llvm::StringLiteral kExplainFusionAttr = "oriel.explain_fusion";
/// Attribute of kernel functions: the class of architecture.md.
inline constexpr llvm::StringLiteral kKernelClassAttr = "oriel.class";

#define GEN_PASS_DECL
#include "passes/Fusion/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Fusion/Passes.h.inc"

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_PASSES_H
