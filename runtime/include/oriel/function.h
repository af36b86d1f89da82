// File: function.h
//
// compile() turns expressions into a Function; a Function runs.
//
//   absl::StatusOr<Function> f = compile({x, t}, {cost}, {{W, W - 0.1 * g}});
//   absl::StatusOr<std::vector<Tensor>> out = (*f)({images, labels});
//   std::cout << f->profile().text() << f->memory().text();
#ifndef ORIEL_FUNCTION_H_
#define ORIEL_FUNCTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/compile_report.h"
#include "oriel/config.h"
#include "oriel/profile.h"
#include "oriel/taps.h"
#include "oriel/substitute.h"
#include "oriel/value.h"

namespace oriel {

// An input that a call may leave out, or that callers know by another name.
//
//   compile({x, rate}, {y}, {}, {.inputs = {In(rate, Tensor::Scalar(0.1f))}});
struct In {
  // A value to use when a call gives none; checked when the function is made.
  In(Value variable, Tensor value, std::string name = {})
      : variable(std::move(variable)), value(std::move(value)), name(std::move(name)) {}
  // The value that the state has at the call.
  In(Value variable, State state, std::string name = {})
      : variable(std::move(variable)), state(std::move(state)), name(std::move(name)) {}
  // Another name only.
  In(Value variable, std::string name) : variable(std::move(variable)), name(std::move(name)) {}

  Value variable;
  std::optional<Tensor> value;
  State state;       // empty: none
  std::string name;  // "": the variable's own
};

struct CompileOptions {
  std::string name = "function";
  // 0: the process default (Config num_threads, else the machine's cores).
  int num_threads = 0;
  // Bytes a call and its states may hold; 0: Config memory_limit as it is at the
  // call, else the control group's or the machine's memory.
  uint64_t memory_limit = 0;
  // "": Config cache_dir, else $XDG_CACHE_HOME/oriel or ~/.cache/oriel;
  // "none": no cache on disk.
  std::string cache_dir = {};
  bool profile = true;        // time per step; off saves one counter read a step
  // CompileText: what reports call the file of lines without a location.
  std::string source = "graph";
  bool fusion = true;         // false: one kernel per node (same bits)
  // Looks at every value as it is made; unset: Config check. kNan (kInf: also
  // infinities) fails a call at the first node, in program order, whose result
  // holds one, with the element and the operands there, and names an input or a
  // state that already did: FailedPrecondition. kReference compares every result
  // with the reference kernel's: Internal. States stay as they were. Costs: one
  // kernel a node, every result read again (kReference: computed again, slowly),
  // no values in place. The bits are the same.
  std::optional<CheckMode> check = {};
  // Testing: every buffer apart, guard pages around each, an independent count
  // of bytes compared with the plan at every call.
  bool guard_buffers = false;
  // Testing: fail at this plan step (0-based, in execution order) of each call.
  int64_t fail_at_step = -1;
  // Testing: compile without this phase ("fused", see --compile-to of oriel-opt);
  // what needs it is refused. InvalidArgument for a name that is no phase's.
  std::string leave_out_phase = {};
  // Replacements made in outputs and updates first, all at once (substitute.h);
  // compile() alone takes them.
  std::vector<Given> givens = {};
  // Defaults and names of some of the inputs; of a program that is loaded or
  // stated as text by its names alone (In::name, an empty variable).
  std::vector<In> inputs = {};
};

using Update = std::pair<State, Value>;

// How a Function came to be (N8: a reason for every decision).
struct CompileInfo {
  std::string source;  // "compiled", "program cache", "file"
  int64_t total_ns = 0;  // until it is ready to be called
  int kernels = 0, kernels_from_cache = 0;
  // Name, nanoseconds; they add up to total_ns.
  std::vector<std::pair<std::string, int64_t>> phases;
  std::vector<std::string> remarks;                     // refused fusions, shadows
};

// A handle; copies share program, states and profile. Several threads may call
// one Function at once: calls that update a state exclude each other for it,
// readers share it. A failed call changes no state.
class Function {
 public:
  Function();  // every call returns FailedPrecondition

  // Inputs in the order given to compile(); those at the end may be left out
  // when they have defaults (In). Wrong number, dtype, rank or shape:
  // InvalidArgument; an index outside its axis: OutOfRange; over the limit:
  // ResourceExhausted. Outputs are new, contiguous tensors.
  absl::StatusOr<std::vector<Tensor>> operator()(absl::Span<const Tensor> inputs) const;
  absl::StatusOr<std::vector<Tensor>> operator()(std::initializer_list<Tensor> inputs) const;
  // By name: NotFound for an unknown name, or a missing one without a default.
  absl::StatusOr<std::vector<Tensor>> Call(const std::map<std::string, Tensor>& inputs) const;

  const std::string& name() const;
  std::vector<std::string> input_names() const;
  std::vector<DType> input_dtypes() const;  // in the same order
  std::vector<std::string> output_names() const;
  std::vector<State> states() const;

  Profile profile() const;         // a snapshot since the last reset
  void reset_profile() const;
  MemoryReport memory() const;     // of the last call
  // Planned peak and live set for given dim values, without running.
  absl::StatusOr<MemoryReport> PlanMemory(const DimBindings& dims) const;
  // Gives the memory that is kept for calls to come (MemoryReport::kept_bytes)
  // back to the system and returns how much it was; states and what is computed
  // once from constants stay. The next call makes it anew. Safe beside running
  // calls, which keep what they use.
  uint64_t Trim() const;
  // The largest value of `dim` (and of dims that must equal it) with which a call
  // stays within `limit` bytes (0: the limit of now), the other dims as in
  // `others`. OutOfRange when not even 0 fits; INT64_MAX >> 1 when memory is no
  // bound.
  absl::StatusOr<int64_t> LargestThatFits(const std::string& dim, const DimBindings& others = {}, uint64_t limit = 0) const;
  // The plan as text: steps, kernels, user nodes with their lines.
  std::string plan_text() const;
  const CompileInfo& compile_info() const;
  // What compiling cost, by phase, pass, kernel and node; of a program from a
  // cache or a file also what it cost when it was compiled.
  CompileReport compile_report() const;
  // What fusion decided for each pair of neighbours, and why, with the cost
  // model's figures; the same lines as `oriel-opt --oriel-explain-fusion`. The
  // graph is compiled again as far as that. FailedPrecondition: the function was
  // loaded from a file.
  absl::StatusOr<std::string> ExplainFusion() const;
  const NodeTable& nodes() const;

  // ---- looking inside (oriel/taps.h) ----
  // Any node of nodes() that the graph states, also one that is fused away,
  // merged, folded or removed, in a loop or a branch: `callback` gets its value
  // each time it is computed, from the next call on; calls under way are not
  // affected. Node ids, or the name of one node ("scope/name" or "name"; a
  // state's is its value before the call). NotFound: no such name;
  // InvalidArgument: several have it, or the id is not of the graph;
  // FailedPrecondition: the function was loaded from a file. The first time a
  // node is looked at the function is compiled again (or found in the cache);
  // without taps calls run the main program. Safe beside running calls.
  absl::StatusOr<TapHandle> Watch(NodeId node, WatchCallback callback) const;
  absl::StatusOr<TapHandle> Watch(const std::string& name, WatchCallback callback) const;
  absl::StatusOr<TapHandle> Print(NodeId node, PrintOptions options) const;
  // Without a message the name is it.
  absl::StatusOr<TapHandle> Print(const std::string& name, PrintOptions options) const;
  // Takes a tap off again, also one that came with the graph. NotFound: it is
  // not on.
  absl::Status Remove(TapHandle handle) const;
  // Those that are on, the graph's first.
  std::vector<TapInfo> taps() const;

  // Writes the program image; Function::Load runs it without the compiler. A
  // program file is CODE: load only files you trust as you would a library.
  absl::Status Export(const std::string& path) const;
  static absl::StatusOr<Function> Load(const std::string& path,
                                       const CompileOptions& options = {});

  struct Impl;
  explicit Function(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// Compiles `outputs` and `updates` as functions of `inputs`. Returns the first
// poisoned value's status; InvalidArgument for an output that needs an input
// not listed, AlreadyExists for a duplicate input name, Unimplemented with op,
// dtype and reason when no lowering handles something.
absl::StatusOr<Function> compile(std::vector<Value> inputs, std::vector<Value> outputs,
                                 std::vector<Update> updates = {},
                                 const CompileOptions& options = {});

// The same for MLIR text in the `oriel` dialect (one public func.func, see
// docs/graph-text.md). States start from their declared initial value.
absl::StatusOr<Function> CompileText(const std::string& mlir_text, const CompileOptions& options = {});

// Function::Trim() of every function of the process.
uint64_t TrimMemory();

// The graph as MLIR text, as compile() hands it to the compiler.
absl::StatusOr<std::string> ToMlirText(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                       const std::vector<Update>& updates = {},
                                       const std::string& name = "function");

// Reference result by the evaluator (no compiler, slow, for tests): outputs,
// then new state values in the order of `updates`.
absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                             const std::vector<Update>& updates,
                                             absl::Span<const Tensor> arguments);

}  // namespace oriel

#endif  // ORIEL_FUNCTION_H_
