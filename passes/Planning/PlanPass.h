//===- PlanPass.h - oriel-plan and oriel-mark-in-place ----------*- C++ -*-===//
#ifndef ORIEL_PASSES_PLANNING_PLANPASS_H
#define ORIEL_PASSES_PLANNING_PLANPASS_H

#include "mlir/Pass/Pass.h"

#include <memory>

namespace oriel {

/// oriel-mark-in-place: notes on each lowered kernel module which operands the
/// kernel reads only at the element it writes (`oriel.in_place_operands`), and
/// its class. Runs before code generation, which erases what this can be seen
/// from.
std::unique_ptr<mlir::Pass> createMarkInPlacePass();

/// oriel-plan: replaces the main function by a `plan.program`. Needs kernel
/// modules that code generation has been through; they stay. `check`: nothing is written
/// over, since every value is looked at after its step.
std::unique_ptr<mlir::Pass> createPlanPass(bool check = false);

void registerPlanningPasses();

} // namespace oriel

#endif // ORIEL_PASSES_PLANNING_PLANPASS_H
