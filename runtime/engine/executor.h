// File: executor.h
//
// CallContext: everything one running call needs, made once per set of dim
// values and reused by later calls. Executor: walks the steps.
#ifndef ORIEL_ENGINE_EXECUTOR_H_
#define ORIEL_ENGINE_EXECUTOR_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/config.h"
#include "oriel/tensor.h"
#include "runtime/core/new_tensors.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/counters.h"
#include "runtime/engine/prepared.h"

namespace oriel {

// Buffers in pages of their own (guard mode, or a limit too tight for an arena).
struct ApartStorage {
  MemoryCounter counter;                 // first: buffers leave it as they go
  bool guard = false;                    // inputs, states and outputs too
  std::vector<GuardedBuffer> of_root;    // reserved where the root needs one
  std::vector<GuardedBuffer> scratch, shared;  // per step
};

struct TapRun;
class BlockPool;

// Can kernels read it where it lies? They need C order and the element type's
// alignment.
inline bool UsableAsIs(const Tensor& t) {
  return t.contiguous() && reinterpret_cast<uintptr_t>(t.raw()) % SizeOf(t.dtype()) == 0;
}

// Somewhere valid for empty tensors to point to.
char* EmptyStorage();
// A new tensor. The memory of a large one goes back to `pool` with its last
// sharer.
absl::StatusOr<Tensor> NewOutput(const Extents& shape, DType dtype, uint64_t bytes, const std::shared_ptr<BlockPool>& pool);

// What bind steps need: made for programs that have some.
struct BindRun {
  std::shared_ptr<const ResolvedDims> start;    // of the inputs alone
  // Per stage: what the last call found, so that the same count costs little, and
  // the arena.
  std::vector<std::shared_ptr<const ResolvedDims>> known;
  std::vector<Block> arenas;
  std::vector<uint64_t> arena_bytes;
  // Of the running call.
  uint64_t limit = 0, copies = 0;
  // Given what the call is to hold: gives back what is kept for others where it
  // would pass the limit with that.
  std::function<void(uint64_t)> make_room;
  std::vector<Tensor>* outputs = nullptr;
  const std::shared_ptr<BlockPool>* pool = nullptr;
};

// A loop that runs: kept between entries, so that none allocates.
struct LoopRun {
  std::vector<char*> rows;             // of iteration 0, as PreparedStep::rows
  std::vector<char*> current, next;    // carried values' own storage
  std::vector<uint64_t> kept;          // what the loop around it has counted so far
  int64_t trips = 0;                   // iterations, fewer once stopped
};

// Steps side by side: the time that each worker spent in each member of the group
// that runs. A worker's counts have cache lines of their own.
struct BesideRun {
  BesideRun(size_t workers, size_t members) : lines((members + kOfLine - 1) / kOfLine), ticks(workers * lines) {}

  uint64_t& At(size_t worker, size_t member) { return ticks[worker * lines + member / kOfLine].of[member % kOfLine]; }
  uint64_t Sum(size_t member) const {
    uint64_t sum = 0;
    for (size_t at = member / kOfLine; at < ticks.size(); at += lines) sum += ticks[at].of[member % kOfLine];
    return sum;
  }
  void Clear() { std::fill(ticks.begin(), ticks.end(), Line()); }

 private:
  static constexpr size_t kOfLine = 8;
  struct alignas(64) Line {
    std::array<uint64_t, kOfLine> of{};
  };
  size_t lines;  // of a worker
  std::vector<Line> ticks;
};

struct CallContext {
  CallContext(std::shared_ptr<const PreparedProgram> p, std::shared_ptr<const ResolvedDims> d)
      : program(std::move(p)), dims(std::move(d)), counters(program->steps.size(), program->program.inputs.size(), static_cast<size_t>(program->scatters), static_cast<size_t>(program->workers)) {
    loop_rows.reset(new RowCounter[program->steps.size()]);
    short_ticks = ShortTicks(program->steps.size() + 3);
    sink = counters.rows.get();
    loops.resize(static_cast<size_t>(program->loops));
  }

  std::shared_ptr<const PreparedProgram> program;
  std::shared_ptr<const ResolvedDims> dims;
  std::vector<int64_t> words;
  std::vector<Launch> launches;
  std::vector<char*> address;      // per root
  Block arena, errors;
  std::vector<Tensor> shadows;     // per state, where it has one
  std::unique_ptr<ApartStorage> apart;
  Counters counters;
  std::unique_ptr<RowCounter[]> loop_rows;  // per step, while a loop runs
  std::vector<LoopRun> loops;      // per loop of the program

  // Calls timed by samples: calls to come that are not split into rows, and
  // whether the running one is.
  uint64_t short_ticks = 0;        // a shorter call is not worth splitting each time
  uint64_t wall_split = 0;         // counters.wall at the last split call
  int64_t unsplit = 0, calls = 0;
  Sampling sampling{/*first=*/16};
  bool split = false;

  // The limit from which on another context would run calls of this shape faster
  // (in an arena, steps side by side): this one is used below it alone.
  uint64_t used_below = UINT64_MAX;
  std::vector<NewTensors> outputs;  // per output of stage 0

  // Of the running call.
  uint64_t last_tick = 0;
  RowCounter* sink = nullptr;      // where steps charge their time
  uint64_t weight = 1;             // iterations that the running one stands for
  std::vector<int64_t> iterations; // of the loops around, outermost first
  const TapRun* taps = nullptr;    // who looks at values; null: nobody
  int64_t call_number = 0;
  CheckMode check = CheckMode::kOff;
  NodeId failed_node = kNoNode;    // without a step that failed
  int threads = 1;                 // that it may use, at most the program's workers
  int64_t fail_at = -1;
  int32_t failed_step = -1;
  ErrorRecord error{};
  absl::Status failure;            // other than an error record
  bool told = false;               // the failure is a whole report
  std::unique_ptr<BindRun> binds;  // null: no step binds a dim
  std::unique_ptr<BesideRun> beside;  // null: no steps run side by side

  // What it holds between calls.
  uint64_t OwnBytes() const;

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

// The bind step `s`: reads its count, settles what depends on it and makes its
// storage. InvalidArgument: the count, or what must equal it; ResourceExhausted:
// the report of a call that does not fit.
absl::Status BindDim(CallContext* context, int32_t s);

// Runs all steps; `split`: charging the time to their rows. False:
// context->failed_step, and `failure` or `error`, say why.
bool RunSteps(CallContext* context, bool split);

}  // namespace oriel

#endif  // ORIEL_ENGINE_EXECUTOR_H_
