// File: executor.h
//
// CallContext: everything one running call needs, made once per set of dim
// values and reused by later calls. Executor: walks the steps.
#ifndef ORIEL_ENGINE_EXECUTOR_H_
#define ORIEL_ENGINE_EXECUTOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/tensor.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/prepared.h"

namespace oriel {

// Written by the one thread that runs the call, read by any (the profile).
struct RowCounter {
  std::atomic<uint64_t> ticks{0}, calls{0};
  void AddTicks(uint64_t n) { ticks.store(ticks.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void AddCalls(uint64_t n) { calls.store(calls.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
};

// The counters of one context: one row a step, one an input (copies made
// because it was strided), the runtime's own, and the whole.
struct Counters {
  explicit Counters(size_t steps, size_t inputs) : rows(new RowCounter[steps + inputs]), steps(steps), inputs(inputs) {}
  std::unique_ptr<RowCounter[]> rows;
  size_t steps, inputs;
  RowCounter runtime, wall;  // wall.calls: calls of the function
  std::atomic<uint64_t> sampled{0};  // some loop was sampled
};

// Buffers in pages of their own (guard mode, or a limit too tight for an arena).
struct ApartStorage {
  MemoryCounter counter;                 // first: buffers leave it as they go
  bool guard = false;                    // inputs, states and outputs too
  std::vector<GuardedBuffer> of_root;    // reserved where the root needs one
  std::vector<GuardedBuffer> scratch, shared;  // per step
};

struct CallContext {
  CallContext(std::shared_ptr<const PreparedProgram> p, std::shared_ptr<const ResolvedDims> d)
      : program(std::move(p)), dims(std::move(d)), counters(program->steps.size(), program->program.inputs.size()) {}

  std::shared_ptr<const PreparedProgram> program;
  std::shared_ptr<const ResolvedDims> dims;
  std::vector<int64_t> words;
  std::vector<Launch> launches;
  std::vector<char*> address;      // per root
  Block arena, errors;
  std::vector<Tensor> shadows;     // per state, where it has one
  std::unique_ptr<ApartStorage> apart;
  Counters counters;
  std::vector<double> loop_ticks;  // per step, while a loop runs
  uint64_t last_used = 0;

  // Of the running call.
  uint64_t last_tick = 0;
  int loop_depth = 0;
  double weight = 1;
  int64_t fail_at = -1;
  int32_t failed_step = -1;
  ErrorRecord error{};
  absl::Status failure;            // other than an error record

  // Makes `root` live at `data` in every argument that mentions it.
  void SetAddress(int32_t root, char* data) {
    address[root] = data;
    const Patch* patch = dims->patches.data() + dims->patch_begin[root];
    const Patch* end = dims->patches.data() + dims->patch_begin[root + 1];
    for (; patch != end; ++patch) words[patch->word] = reinterpret_cast<int64_t>(data) + patch->offset;
  }
};

// `apart`: no arena; `guard`: guard pages too. ResourceExhausted when the system
// has no memory.
absl::StatusOr<std::unique_ptr<CallContext>> MakeContext(std::shared_ptr<const PreparedProgram> program,
                                                         std::shared_ptr<const ResolvedDims> dims, bool apart, bool guard);

// Runs all steps. False: context->failed_step, and `failure` or `error`, say why.
bool RunSteps(CallContext* context, bool timed);

}  // namespace oriel

#endif  // ORIEL_ENGINE_EXECUTOR_H_
