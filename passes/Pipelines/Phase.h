//===- Phase.h - the phases of a compilation, by name -----------*- C++ -*-===//
#ifndef ORIEL_PASSES_PIPELINES_PHASE_H
#define ORIEL_PASSES_PIPELINES_PHASE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace oriel {

/// In order; docs/architecture.md says what each leaves.
enum class Phase {
  Graph, Simplified, Placed, Fused, Lowered, Codegen, Planned, Program,
};

llvm::ArrayRef<Phase> allPhases();
/// "graph", "simplified", ...
llvm::StringRef getPhaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

} // namespace oriel

#endif // ORIEL_PASSES_PIPELINES_PHASE_H
