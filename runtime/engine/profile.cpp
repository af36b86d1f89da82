// File: profile.cpp
//
// Counters into a Profile, and the plan as text.
#include <algorithm>
#include <set>

#include "runtime/engine/clock.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/report_text.h"
#include "runtime/engine/reports.h"

namespace oriel {

StepNames NamesOf(const PreparedProgram& p, int32_t s) {
  const Step& step = *p.flat[s].step;
  StepNames out;
  const NodeId id = NodeOf(step);
  const NodeInfo* node = p.program.nodes.Find(id);
  if (const auto* d = std::get_if<DispatchStep>(&step.op)) {
    out.op = node != nullptr ? node->op : d->kernel;
    out.op_class = d->op_class.empty() ? "Kernel" : d->op_class;
    out.name = d->kernel;
    std::set<NodeId> seen;
    for (const OrdinalNodes& ordinal : d->ordinals) {
      for (NodeId n : ordinal.nodes) {
        if (p.program.nodes.Find(n) != nullptr && seen.insert(n).second) out.nodes.push_back(n);
      }
    }
  } else if (std::holds_alternative<CopyStep>(step.op)) {
    out.op = "copy";
    out.op_class = "Copy";
    const auto& copy = std::get<CopyStep>(step.op);
    out.name = "copy " + p.buffer(copy.src).name + " to " + p.buffer(copy.dst).name;
  } else if (std::holds_alternative<DimValueStep>(step.op)) {
    out.op = "dim_value";
    out.op_class = "Scalar";
    out.name = "dim " + std::get<DimValueStep>(step.op).value.ToString();
  } else if (std::holds_alternative<LoopStep>(step.op)) {
    out.op = "loop";
    out.op_class = "Loop";
  } else if (const auto* bind = std::get_if<BindStep>(&step.op)) {
    out.op = "bind";
    out.op_class = "Scalar";
    out.name = "bind " + p.program.symbols[static_cast<size_t>(bind->symbol)] + " to " + p.buffer(bind->count).name;
  } else if (const auto* o = std::get_if<ObserveStep>(&step.op)) {
    out.op = o->kind == TapKind::kPrint ? "print" : o->kind == TapKind::kAssert ? "assert" : "watch";
    out.op_class = "Tap";
  } else {
    out.op = "branch";
    out.op_class = "Branch";
  }
  if (out.nodes.empty() && node != nullptr) out.nodes.push_back(id);
  if (out.name.empty()) out.name = NodeCall(p, id, s);
  return out;
}

namespace {

TensorInfo Info(const PreparedProgram& p, const ResolvedDims* d, int32_t b) {
  TensorInfo info;
  info.name = p.buffer(b).name;
  info.dtype = p.buffer(b).dtype;
  if (d != nullptr) info.shape = d->shapes[b];
  return info;
}

void Bodies(const PreparedProgram& p, int32_t s, int32_t end, int indent, std::string* text) {
  while (s < end) {
    const PreparedStep& step = p.steps[s];
    const StepNames names = NamesOf(p, s);
    const StepAccess access = AccessOf(*p.flat[s].step);
    const std::string pad(static_cast<size_t>(indent) * 2, ' ');
    *text += Format("%5d  ", s) + pad + names.op_class + " " + names.name + "  (";
    for (size_t i = 0; i < access.reads.size(); ++i) *text += (i ? ", " : "") + p.buffer(access.reads[i]).name;
    *text += ") -> (";
    for (size_t i = 0; i < access.writes.size(); ++i) {
      const int32_t b = access.writes[i];
      *text += (i ? ", " : "") + p.buffer(b).name + " " + std::string(ShortName(p.buffer(b).dtype)) + ToString(p.buffer(b).shape);
      const int32_t root = p.root(b);
      if (root != b) *text += " in place of " + p.buffer(root).name;
      else if (p.buffer(b).kind == BufferKind::kState) *text += " in place";
    }
    *text += ")";
    if (step.fallible) *text += " may fail";
    if (!step.begins.empty() || !step.ends.empty()) {
      *text += " ;";
      for (int32_t b : step.begins) *text += " +" + p.buffer(b).name;
      for (int32_t b : step.ends) {
        if (p.buffer(b).kind != BufferKind::kOutput && !IsShadow(p.program, b)) *text += " -" + p.buffer(b).name;
      }
    }
    *text += "\n";
    if (const auto* dispatch = std::get_if<DispatchStep>(&p.flat[s].step->op)) {
      for (const KernelPhase& phase : dispatch->phases) {
        *text += "       " + pad + "  phase " + phase.symbol + " over " + phase.tasks.ToString() + " tasks\n";
      }
    }
    for (NodeId id : names.nodes) {
      const NodeInfo* node = p.program.nodes.Find(id);
      *text += "       " + pad + "  n" + std::to_string(id) + " " + node->Label() + ": " + node->op;
      if (!node->scope.empty()) *text += " in " + node->scope;
      if (const std::string where = node->Where(); !where.empty()) *text += " at " + where;
      *text += "\n";
    }
    if (step.kind == StepKind::kLoop) Bodies(p, s + 1, step.end, indent + 1, text);
    if (step.kind == StepKind::kBranch) {
      *text += "       " + pad + "  then:\n";
      Bodies(p, s + 1, step.else_begin, indent + 1, text);
      *text += "       " + pad + "  else:\n";
      Bodies(p, step.else_begin, step.end, indent + 1, text);
    }
    s = step.end;
  }
}

}  // namespace

Profile BuildProfile(const Function::Impl& impl) {
  const PreparedProgram& p = *impl.prepared;
  const CounterTotals totals = impl.Totals();
  const std::shared_ptr<const ResolvedDims> dims = impl.Last();
  const double second = impl.clock != CallClock::kNone && totals.wall > 0 ? TickNs() * 1e-9 : 0;
  Profile profile;
  profile.function = p.program.name;
  profile.calls = static_cast<int64_t>(totals.function_calls);
  profile.wall_seconds = static_cast<double>(totals.wall) * second;
  profile.compile_seconds = static_cast<double>(impl.info.total_ns) * 1e-9;
  for (const auto& [phase, ns] : impl.info.phases) profile.compile_phases.emplace_back(phase, static_cast<double>(ns) * 1e-9);
  profile.enabled = impl.clock != CallClock::kNone;
  const size_t steps = p.steps.size();
  for (size_t s = 0; s < steps; ++s) {
    const StepNames names = NamesOf(p, static_cast<int32_t>(s));
    ApplyRow row;
    row.id = static_cast<int64_t>(s);
    row.name = names.name;
    row.op = names.op;
    row.op_class = names.op_class;
    row.seconds = static_cast<double>(totals.ticks[s]) * second;
    row.calls = static_cast<int64_t>(totals.calls[s]);
    row.sampled = totals.calls_sampled;
    if (s < totals.beside_wall.size() && totals.beside_wall[s] > 0) {
      const double ratio = static_cast<double>(totals.beside_threads[s]) / static_cast<double>(totals.beside_wall[s]);
      row.thread_seconds = static_cast<double>(totals.beside_ticks[s]) * second * ratio;
    }
    if (const int32_t scatter = p.steps[s].scatter; scatter >= 0) {
      row.scatter = ScatterUseOf(p, dims.get(), static_cast<int32_t>(s), totals.scatter[static_cast<size_t>(scatter)]);
    }
    for (int32_t q = p.flat[s].parent; q >= 0; q = p.flat[q].parent) {
      row.sampled = row.sampled || (totals.loops_sampled && p.steps[q].kind == StepKind::kLoop);
    }
    row.node = NodeOf(*p.flat[s].step);
    for (NodeId id : names.nodes) row.nodes.push_back(*p.program.nodes.Find(id));
    const StepAccess access = AccessOf(*p.flat[s].step);
    for (int32_t b : access.reads) row.inputs.push_back(Info(p, dims.get(), b));
    for (int32_t b : access.writes) row.outputs.push_back(Info(p, dims.get(), b));
    profile.kernel_seconds += row.seconds;
    profile.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < p.program.inputs.size(); ++i) {
    if (totals.calls[steps + i] == 0) continue;
    const InputDecl& input = p.program.inputs[i];
    ApplyRow row;
    row.sampled = totals.calls_sampled;
    row.name = "contiguous copy of input " + input.name;
    row.op = "copy";
    row.op_class = "InputCopy";
    row.seconds = static_cast<double>(totals.ticks[steps + i]) * second;
    row.calls = static_cast<int64_t>(totals.calls[steps + i]);
    row.node = input.node;
    if (const NodeInfo* node = p.program.nodes.Find(input.node)) row.nodes.push_back(*node);
    row.inputs.push_back(Info(p, dims.get(), input.buffer));
    profile.kernel_seconds += row.seconds;
    profile.rows.push_back(std::move(row));
  }
  ApplyRow runtime;
  runtime.name = "runtime: inputs, states, outputs";
  runtime.op = "runtime";
  runtime.op_class = "Runtime";
  runtime.seconds = static_cast<double>(totals.ticks[steps + p.program.inputs.size()]) * second;
  runtime.sampled = totals.calls_sampled;
  runtime.calls = profile.calls;
  profile.rows.push_back(std::move(runtime));
  return profile;
}

std::string PlanText(const PreparedProgram& p) {
  std::set<std::string> kernels;
  for (const FlatStep& flat : p.flat) {
    if (const auto* d = std::get_if<DispatchStep>(&flat.step->op)) {
      for (const KernelPhase& phase : d->phases) kernels.insert(phase.symbol);
    }
  }
  std::string text = "plan of '" + p.program.name + "': " + std::to_string(p.steps.size()) + " steps, " + std::to_string(kernels.size()) +
                     " kernel entries, " + std::to_string(p.program.buffers.size()) + " buffers\n";
  for (const InputDecl& input : p.program.inputs) {
    const Buffer& b = p.buffer(input.buffer);
    text += "input  " + input.name + " " + std::string(ShortName(b.dtype)) + ToString(b.shape) + "\n";
  }
  for (const StateDecl& state : p.program.states) {
    const Buffer& b = p.buffer(state.buffer);
    text += "state  " + state.name + " " + std::string(ShortName(b.dtype)) + ToString(b.shape);
    if (state.updated) text += p.root(state.new_value) == state.buffer ? ", updated in place" : ", updated through a shadow" + (state.remark.empty() ? "" : ": " + state.remark);
    text += "\n";
  }
  for (const OutputDecl& output : p.program.outputs) {
    const Buffer& b = p.buffer(output.buffer);
    text += "output " + output.name + " " + std::string(ShortName(b.dtype)) + ToString(b.shape) + "\n";
  }
  Bodies(p, 0, static_cast<int32_t>(p.steps.size()), 0, &text);
  for (const std::string& remark : p.program.remarks) text += "remark: " + remark + "\n";
  return text;
}

}  // namespace oriel
