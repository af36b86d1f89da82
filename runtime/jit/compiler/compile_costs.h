// File: compile_costs.h
//
// What a compilation costs, as it goes: laps by phase and pass, kernels and whose
// code is in them.
#ifndef ORIEL_JIT_COMPILER_COMPILE_COSTS_H_
#define ORIEL_JIT_COMPILER_COMPILE_COSTS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "oriel/compile_report.h"
#include "runtime/jit/compiler/compile_kernels.h"

namespace oriel::jit {

// Wall time in laps, without gaps: each goes to a pass, then to its phase.
// Thread-compatible: of the compiling thread.
class CostTimer {
 public:
  // Time since the last lap (or the start) is the pass `name`'s.
  void Pass(const std::string& name);
  // The phase ends: it takes its passes and what is left, "rest".
  void Phase(const std::string& name);
  // Laps at the end of each pass of a pass manager on the root module.
  std::unique_ptr<mlir::PassInstrumentation> Instrument();

  CompileCosts Take() { return std::move(costs_); }

 private:
  using Clock = std::chrono::steady_clock;
  int64_t Lap();

  Clock::time_point last_ = Clock::now();
  CompileCosts costs_;
  size_t first_pass_ = 0;  // of the phase that is open
};

// The kernels of a compilation and the nodes their code is for, as the dispatches
// of `module` say. After code generation, before planning.
std::vector<CompileCosts::Kernel> KernelCosts(mlir::ModuleOp module,
                                              const KernelSet& set);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_COMPILE_COSTS_H_
