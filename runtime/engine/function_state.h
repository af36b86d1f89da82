// File: function_state.h
//
// Function::Impl: a prepared program with its states, its contexts and its
// profile. Internal to the engine.
#ifndef ORIEL_ENGINE_FUNCTION_STATE_H_
#define ORIEL_ENGINE_FUNCTION_STATE_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oriel/function.h"
#include "runtime/core/held_states.h"
#include "runtime/core/state_cell.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/prepared.h"
#include "runtime/engine/tap_hub.h"
#include "runtime/memory/block_pool.h"

namespace oriel {

struct Function::Impl {
  Impl() = default;
  ~Impl() { delete hot.load(std::memory_order_acquire); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::shared_ptr<const PreparedProgram> prepared;
  CompileOptions options;
  CompileInfo info;
  std::vector<std::shared_ptr<graph::StateCell>> cells;  // as Program::states
  std::vector<graph::HeldState> locks;  // by cell id, each cell once
  uint64_t limit = 0;  // of the options, else the machine's
  std::string out_of_memory;  // a message that can be copied when there is none
  // Per input: what a call that leaves it out gets.
  std::vector<std::optional<Tensor>> default_values;
  std::vector<std::shared_ptr<graph::StateCell>> default_states;
  CallClock clock = CallClock::kNone;  // of calls; none: profile = false

  // Of the last call that ended, and owned, or null: the next call of the same
  // shapes takes it without the mutex.
  mutable std::atomic<CallContext*> hot{nullptr};
  // `last` while the last call has nothing else to tell, so that the next like it
  // needs no mutex either.
  mutable std::atomic<const ResolvedDims*> told{nullptr};
  // All contexts, those of them that are idle but the hot one, resolved dims,
  // totals of retired contexts.
  mutable std::mutex mutex;
  mutable std::vector<CallContext*> contexts;
  mutable std::vector<std::unique_ptr<CallContext>> idle;  // last used at the back; room for all
  mutable std::vector<std::shared_ptr<const ResolvedDims>> resolved;
  mutable CounterTotals retired, baseline;
  mutable std::atomic<uint64_t> resets{0};  // of the profile; written under the mutex
  // Memory of large outputs that the user has dropped; outputs share it.
  std::shared_ptr<BlockPool> outputs = std::make_shared<BlockPool>();
  // Of the last call, for reports.
  mutable std::shared_ptr<const ResolvedDims> last;
  mutable int64_t last_measured = -1;
  mutable uint64_t last_copies = 0;

  // Who looks at values; decides whose program a call runs.
  std::shared_ptr<TapHub> taps;

  absl::StatusOr<std::vector<Tensor>> Call(absl::Span<const Tensor> inputs) const;

  CounterTotals Totals() const;  // since the last reset; takes the mutex
  // Puts the hot context to the idle ones. Needs the mutex.
  void ParkHot() const;
  // Of an idle context that goes. Needs the mutex.
  void Retire(const CallContext& context) const;
  std::shared_ptr<const ResolvedDims> Last() const;
  // Frees what idle contexts and dropped outputs hold; the bytes. Of this very
  // program; All...: of those that run while someone looks too.
  uint64_t Trim() const;
  uint64_t KeptBytes() const;
  uint64_t AllKeptBytes() const;

  const Program& program() const { return prepared->program; }
  // The bytes a call may hold now: Config memory_limit may change.
  uint64_t Limit() const;
  bool HasDefault(size_t input) const;
  // The value of an input that a call leaves out. NotFound: it has none.
  absl::StatusOr<Tensor> Default(size_t input) const;

  // The error of a call whose own bookkeeping found no memory, at the dims it
  // had; null: it had none yet.
  absl::Status NoMemory(const std::shared_ptr<const ResolvedDims>& dims) const;

 private:
  // One call of this very program.
  absl::StatusOr<std::vector<Tensor>> CallProgram(absl::Span<const Tensor> inputs, const TapRun* run, int64_t number) const;
  // The hot context, if it is one for these inputs: all of them usable as they are.
  std::unique_ptr<CallContext> AcquireHot(absl::Span<const Tensor> inputs) const;
  absl::StatusOr<std::unique_ptr<CallContext>> Acquire(absl::Span<const Tensor> inputs) const;
  void Release(std::unique_ptr<CallContext> context, bool reusable, int64_t measured, uint64_t copies) const;
  void ReleaseLocked(std::unique_ptr<CallContext> context, bool reusable, int64_t measured, uint64_t copies) const;
  absl::StatusOr<std::unique_ptr<CallContext>> NewContext(absl::Span<const Tensor> inputs, uint64_t extra) const;
  absl::StatusOr<std::shared_ptr<const ResolvedDims>> Resolved(const std::vector<int64_t>& symbols, bool one_by_one) const;
  absl::Status Run(CallContext* context, absl::Span<const Tensor> inputs, uint64_t entry, std::vector<Tensor>* outputs,
                   uint64_t* copies) const;
  absl::Status OpenGuards(CallContext* context) const;
  absl::Status CloseGuards(CallContext* context, const std::vector<Tensor>& outputs, uint64_t copies) const;
};

// TrimMemory() reaches it from now on.
void RememberFunction(const std::shared_ptr<const Function::Impl>& impl);

}  // namespace oriel

#endif  // ORIEL_ENGINE_FUNCTION_STATE_H_
