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
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/profile.h"
#include "oriel/value.h"

namespace oriel {

struct CompileOptions {
  std::string name = "function";
  // 0: the process default (Config num_threads, else the machine's cores).
  int num_threads = 0;
  // Bytes a call and its states may hold; 0: Config memory_limit, else the
  // control group's or the machine's memory.
  uint64_t memory_limit = 0;
  // "": Config cache_dir, else $XDG_CACHE_HOME/oriel or ~/.cache/oriel;
  // "none": no cache on disk.
  std::string cache_dir = {};
  bool profile = true;        // time per step; off saves one counter read a step
  // CompileText: what reports call the file of lines without a location.
  std::string source = "graph";
  bool fusion = true;         // false: one kernel per node (same bits)
  // Testing: every buffer apart, guard pages around each, an independent count
  // of bytes compared with the plan at every call.
  bool guard_buffers = false;
  // Testing: fail at this plan step (0-based, in execution order) of each call.
  int64_t fail_at_step = -1;
};

using Update = std::pair<State, Value>;

// How a Function came to be (N8: a reason for every decision).
struct CompileInfo {
  std::string source;  // "compiled", "program cache", "file"
  int64_t total_ns = 0;
  int kernels = 0, kernels_from_cache = 0;
  std::vector<std::pair<std::string, int64_t>> phases;  // name, nanoseconds
  std::vector<std::string> remarks;                     // refused fusions, shadows
};

// A handle; copies share program, states and profile. Several threads may call
// one Function at once: calls that update a state exclude each other for it,
// readers share it. A failed call changes no state.
class Function {
 public:
  Function();  // every call returns FailedPrecondition

  // Inputs in the order given to compile(). Wrong number, dtype, rank or shape:
  // InvalidArgument; an index outside its axis: OutOfRange; over the limit:
  // ResourceExhausted. Outputs are new, contiguous tensors.
  absl::StatusOr<std::vector<Tensor>> operator()(absl::Span<const Tensor> inputs) const;
  absl::StatusOr<std::vector<Tensor>> operator()(std::initializer_list<Tensor> inputs) const;
  // By name: NotFound for a missing or unknown name.
  absl::StatusOr<std::vector<Tensor>> Call(const std::map<std::string, Tensor>& inputs) const;

  const std::string& name() const;
  std::vector<std::string> input_names() const;
  std::vector<std::string> output_names() const;
  std::vector<State> states() const;

  Profile profile() const;         // a snapshot since the last reset
  void reset_profile() const;
  MemoryReport memory() const;     // of the last call
  // Planned peak and live set for given dim values, without running.
  absl::StatusOr<MemoryReport> PlanMemory(const DimBindings& dims) const;
  // The plan as text: steps, kernels, user nodes with their lines.
  std::string plan_text() const;
  const CompileInfo& compile_info() const;
  const NodeTable& nodes() const;

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
