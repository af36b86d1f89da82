//===- ToProgram.h - plan.program and Program, both ways --------*- C++ -*-===//
//
// The plan dialect and runtime/engine/program.h say the same thing; these
// translate and decide nothing.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_PLANNING_TOPROGRAM_H
#define ORIEL_PASSES_PLANNING_TOPROGRAM_H

#include "dialect/Plan/PlanDialect.h"
#include "mlir/IR/Builders.h"
#include "passes/Planning/Planner.h"

namespace oriel {

/// Writes the program as a plan.program at the builder's insertion point. The
/// node table is not part of it: it stays the module's `oriel.nodes`.
plan::ProgramOp createProgramOp(mlir::OpBuilder &builder, mlir::Location loc,
                                const PlannedProgram &planned);

/// Reads a verified plan.program; the node table comes from the module around
/// it. Compile times are left empty.
mlir::FailureOr<Program> toProgram(plan::ProgramOp op);

/// The step of a tap over the buffers `values`.
ObserveStep observeStep(ir::TapInfoAttr info, std::vector<int32_t> values);

/// The elements in C order, little endian, booleans as bytes. Fails for
/// attributes whose elements cannot be had, without a message.
mlir::FailureOr<std::vector<uint8_t>> elementBytes(mlir::ElementsAttr elements);

} // namespace oriel

#endif // ORIEL_PASSES_PLANNING_TOPROGRAM_H
