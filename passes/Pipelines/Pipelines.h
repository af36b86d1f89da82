//===- Pipelines.h - the phases as passes -----------------------*- C++ -*-===//
//
//   mlir::PassManager passes(context);
//   buildPipelineUpTo(passes, Phase::Planned, {});
//
// oriel-opt has the same as `--compile-to=planned`, with options after the
// phase: `--compile-to="fused fusion=false"`.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_PIPELINES_PIPELINES_H
#define ORIEL_PASSES_PIPELINES_PIPELINES_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines/Options.h"

namespace oriel {

/// Adds the passes of one phase. `Program` has none: it emits objects from the
/// kernel modules and packs an image, which is the compiler driver's part.
void buildPhasePipeline(mlir::OpPassManager &passes, Phase phase,
                        const PipelineOptions &options);

/// Adds the passes of all phases up to and including `upTo`.
void buildPipelineUpTo(mlir::OpPassManager &passes, Phase upTo,
                       const PipelineOptions &options);

/// Every dialect that IR of some phase is in.
void registerPipelineDialects(mlir::DialectRegistry &registry);

/// All passes by their flags, and `--compile-to`.
void registerOrielPipelines();

} // namespace oriel

#endif // ORIEL_PASSES_PIPELINES_PIPELINES_H
