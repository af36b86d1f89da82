#include "test/fuzz/graphs/variants.h"

#include "absl/strings/str_cat.h"
#include "runtime/engine/function_state.h"

namespace oriel::fuzz {
namespace {

struct Variant {
  const char* name;
  void (*set)(CompileOptions*);
  bool known = false;   // extents known
  bool cached = false;  // compiled once before
  // Steps count for longer than they take: they are split, and run side by side.
  bool busy = false;
};

// In twos and threes where they meet in the compiler.
const std::vector<Variant>& Variants() {
  static const std::vector<Variant> all = {
      {"no fusion", [](CompileOptions* o) { o->fusion = false; }},
      {"known extents", [](CompileOptions*) {}, true},
      {"2 threads", [](CompileOptions* o) { o->num_threads = 2; }},
      {"3 threads, kept busy", [](CompileOptions* o) { o->num_threads = 3; }, false, false, true},
      {"from cache", [](CompileOptions*) {}, false, true},
      {"no fusion, known extents, 2 threads, from cache", [](CompileOptions* o) { o->fusion = false, o->num_threads = 2; }, true, true},
      {"guarded, no profile", [](CompileOptions* o) { o->guard_buffers = true, o->profile = false; }},
      {"check=reference", [](CompileOptions* o) { o->check = CheckMode::kReference; }},
  };
  return all;
}

CompileOptions Base(const VariantOptions& options) {
  CompileOptions o;
  o.num_threads = 1;
  o.cache_dir = options.cache_dir;
  o.leave_out_phase = options.leave_out_phase;
  return o;
}

Run Failed(const absl::Status& status) {
  Run run;
  run.status = absl::Status(status.code(), absl::StrCat("compile: ", status.message()));
  return run;
}

// Temporaries lie in little more than the most of them that live at once.
std::string ArenaFinding(const Function& f) {
  const MemoryReport memory = f.memory();
  constexpr int64_t kFew = 128;  // of tiny ones some bytes cannot be avoided
  if (memory.arena_bytes <= memory.arena_live + std::max(kFew, memory.arena_live / 20)) return "";
  return absl::StrCat("an arena of ", memory.arena_bytes, " bytes for at most ", memory.arena_live, " at once");
}

bool MayTakeLess(const Function& f) {
  for (const Step& step : f.impl()->program().steps) {
    if (std::holds_alternative<LoopStep>(step.op) || std::holds_alternative<BranchStep>(step.op)) return true;
  }
  return false;
}

}  // namespace

const std::vector<std::string>& VariantNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"plain"};
    for (const Variant& v : Variants()) all.push_back(v.name);
    return all;
  }();
  return names;
}

Run RunCalls(const Subject& subject, const Function& function) {
  Run run;
  run.outputs = function.output_names().size();
  const std::vector<State> states = function.states();
  const std::vector<Tensor> initial = subject.initial(states);
  for (size_t s = 0; s < states.size(); ++s) {
    State state = states[s];
    if (absl::Status status = state.set_value(initial[s]); !status.ok()) return run.status = status, run;
  }
  for (const std::vector<Tensor>& arguments : subject.calls(function)) {
    absl::StatusOr<std::vector<Tensor>> results = function(absl::MakeConstSpan(arguments));
    if (!results.ok()) {
      run.status = results.status();
      break;
    }
    for (const State& state : states) results->push_back(state.value());
    run.calls.push_back(*std::move(results));
  }
  return run;
}

Finding CompareVariants(const Subject& subject, const VariantOptions& options, Run* base) {
  // The first from nothing: no cache at all.
  CompileOptions first = Base(options);
  first.cache_dir = "none";
  absl::StatusOr<Function> plain = subject.compile(first);
  if (!plain.ok()) return {"plain", absl::StrCat("does not compile: ", plain.status().ToString())};
  *base = RunCalls(subject, *plain);
  for (const Variant& v : Variants()) {
    if (!options.only.empty() && options.only != v.name) continue;
    if (v.known && !subject.compile_known) continue;
    CompileOptions o = Base(options);
    v.set(&o);
    const auto& compile = v.known ? subject.compile_known : subject.compile;
    absl::StatusOr<Function> f = compile(o);
    if (f.ok() && v.cached) {
      f = compile(o);
      if (f.ok() && f->compile_info().source != "program cache") {
        return {v.name, absl::StrCat("compiled again it comes from '", f->compile_info().source, "', expected the program cache")};
      }
    }
    if (v.busy) ScaleCostsForTesting(1e4);
    const Run run = f.ok() ? RunCalls(subject, *f) : Failed(f.status());
    ScaleCostsForTesting(1);
    std::string found = DifferenceInBits(run, *base);
    if (found.empty() && run.status.ok()) found = ArenaFinding(*f);
    if (!found.empty()) return {v.name, found};
    if (!o.guard_buffers || !run.status.ok()) continue;
    const MemoryReport memory = f->memory();
    // What is planned is the most there can be: a side of a branch that is not
    // taken and a loop that makes no step need less.
    const bool all = memory.measured_peak == memory.planned_peak;
    if (!all && (memory.measured_peak > memory.planned_peak || !MayTakeLess(*f))) {
      return {v.name, absl::StrCat("measured peak ", memory.measured_peak, " bytes, planned ", memory.planned_peak)};
    }
  }
  return {};
}

}  // namespace oriel::fuzz
