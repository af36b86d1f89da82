//===- Planner.h - From the outlined graph to steps and buffers -*- C++ -*-===//
//
// What the pass oriel-plan decides: the order of the steps, the buffers, which
// of them share storage, where states are written. The result is a Program
// (runtime/engine/program.h) that keeps its rules; PlanPass.cpp turns it into
// the plan dialect.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_PLANNING_PLANNER_H
#define ORIEL_PASSES_PLANNING_PLANNER_H

#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include "runtime/engine/program.h"

namespace oriel {

/// Attributes that oriel-mark-in-place leaves on a kernel module.
inline constexpr llvm::StringLiteral kInPlaceOperandsAttr =
    "oriel.in_place_operands";
/// On a kernel whose first phase makes all its checks: the operand (the one
/// above) that only the later phases read.
inline constexpr llvm::StringLiteral kCheckedBaseAttr = "oriel.checked_base";
inline constexpr llvm::StringLiteral kClassAttr = "oriel.class";
/// On a kernel that is worth running once when all it reads are constants,
/// whatever the size of what it makes (packed operands).
inline constexpr llvm::StringLiteral kOnceAttr = "oriel.once";

/// A program whose constants are still attributes: Program::constants is empty,
/// Buffer::constant and StateDecl::initial index `constants`.
struct PlannedProgram {
  Program program;
  llvm::SmallVector<mlir::ElementsAttr> constants;
};

/// Plans the module's one public function. Every kernel module must carry the
/// attributes that code generation leaves. Errors are emitted at the op.
/// `check`: every value is looked at after its step, so that no step writes over
/// an operand or a state.
mlir::FailureOr<PlannedProgram> planProgram(mlir::ModuleOp module,
                                            bool check = false);

/// Fills Step::alloc and Step::release: a buffer is allocated before the first
/// step that touches it and released after the last, in the innermost body that
/// holds all of these. Outputs and shadows of states are never released.
void assignLifetimes(Program &program);

/// The name an entry of a kernel module has in the program image: entries of
/// different modules may be called the same.
std::string getImageSymbol(llvm::StringRef kernelModule, llvm::StringRef entry);

} // namespace oriel

#endif // ORIEL_PASSES_PLANNING_PLANNER_H
