// File: reports.h
//
// Profile and MemoryReport of a Function, and its plan as text.
#ifndef ORIEL_ENGINE_REPORTS_H_
#define ORIEL_ENGINE_REPORTS_H_

#include <optional>
#include <string>
#include <vector>

#include "oriel/profile.h"
#include "runtime/engine/function_state.h"

namespace oriel {

// A step in words; `nodes`: its user nodes, each once, in the order of the
// kernel's ordinals.
struct StepNames {
  std::string name, op, op_class;
  std::vector<NodeId> nodes;
};
StepNames NamesOf(const PreparedProgram& p, int32_t step);

// Nullopt: it has not run. `dims`: of the last call.
std::optional<ScatterUse> ScatterUseOf(const PreparedProgram& p, const ResolvedDims* dims, int32_t step, const ScatterCounts& counts);

Profile BuildProfile(const Function::Impl& impl);

CompileReport BuildCompileReport(const Program& program, const CompileInfo& info);

// `measured` -1: not measured; `copies`: bytes of contiguous copies of inputs;
// `planned`: of no call, what steps bind is as large as it can be.
MemoryReport BuildMemoryReport(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, int64_t measured, uint64_t copies,
                               bool planned = false);

std::string PlanText(const PreparedProgram& p);

// "input", "state", ...
const char* KindName(BufferKind kind);

// Prints the profile of every function that was called to stderr when the
// process ends, if Config's `profile` asks for it.
void ReportAtExit(const std::shared_ptr<const Function::Impl>& impl);

}  // namespace oriel

#endif  // ORIEL_ENGINE_REPORTS_H_
