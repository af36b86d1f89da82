//===- PackConstants.h - constant operands of products, packed once -*- C++ -*-===//
//
// A pass over lowered kernels. The panels of a matmul's operand that is made of
// constants alone are packed by a kernel of their own, which runs once
// (`oriel.once`); the product gets its result as one more argument
// (`oriel.panels`) and reads that instead of packing in each call. The operand
// itself stays an argument: what a vector multiplies is read as it lies.
// docs/decisions/0019.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_PACKCONSTANTS_H
#define ORIEL_PASSES_CODEGEN_CPU_PACKCONSTANTS_H

#include "mlir/Pass/Pass.h"

#include <memory>

namespace oriel {

/// oriel-pack-constants. `explain`: a remark says of each product what is decided
/// of its operands.
std::unique_ptr<mlir::Pass> createPackConstantsPass(bool explain = false);

void registerPackConstantsPass();

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_PACKCONSTANTS_H
