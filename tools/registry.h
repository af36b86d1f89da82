// File: registry.h
//
// What the compiler's tools know: the dialects a program passes through on its
// way, and the passes by their flags.
#ifndef ORIEL_TOOLS_REGISTRY_H_
#define ORIEL_TOOLS_REGISTRY_H_

#include "mlir/IR/DialectRegistry.h"

namespace oriel {

// Only the dialects some phase leaves: a context with all of MLIR starts slower.
void RegisterDialects(mlir::DialectRegistry* registry);

// Our passes, `--compile-to`, and the upstream passes they are debugged with.
void RegisterPasses();

}  // namespace oriel

#endif  // ORIEL_TOOLS_REGISTRY_H_
