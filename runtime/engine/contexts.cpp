// File: contexts.cpp
//
// Which context a call gets, and what becomes of it afterwards: one that fits
// without a lock, an idle one, a new one.
#include <algorithm>
#include <limits>

#include "runtime/core/status.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/function_state.h"
#include "runtime/engine/trim.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

// Kept between calls: idle contexts (each holds an arena) and dim values.
// Contexts of other dims than the last call's are kept while they are small.
constexpr size_t kMaxIdle = 8;
constexpr uint64_t kMaxIdleBytes = uint64_t{64} << 20;
constexpr size_t kMaxResolved = 16;

bool Matches(const PreparedProgram& p, const ResolvedDims& d, absl::Span<const Tensor> inputs) {
  if (inputs.size() != d.input_shapes.size()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != p.program.buffers[p.program.inputs[i].buffer].dtype) return false;
    if (inputs[i].shape() != d.input_shapes[i]) return false;
  }
  return true;
}

}  // namespace

CounterTotals Function::Impl::Totals() const {
  std::lock_guard<std::mutex> lock(mutex);
  CounterTotals totals = retired;
  totals.ticks.resize(prepared->steps.size() + program().inputs.size() + 1);
  totals.calls.resize(totals.ticks.size());
  totals.scatter.resize(static_cast<size_t>(prepared->scatters));
  for (const CallContext* context : contexts) totals.Add(context->counters, resets.load(std::memory_order_relaxed));
  totals.Subtract(baseline);
  return totals;
}

std::shared_ptr<const ResolvedDims> Function::Impl::Last() const {
  std::lock_guard<std::mutex> lock(mutex);
  return last;
}

void Function::Impl::ParkHot() const {
  if (CallContext* context = hot.exchange(nullptr, std::memory_order_acquire)) idle.emplace_back(context);
}

void Function::Impl::Retire(const CallContext& context) const {
  retired.Add(context.counters, resets.load(std::memory_order_relaxed));
  contexts.erase(std::find(contexts.begin(), contexts.end(), &context));
}

std::unique_ptr<CallContext> Function::Impl::AcquireHot(absl::Span<const Tensor> inputs) const {
  std::unique_ptr<CallContext> context(hot.exchange(nullptr, std::memory_order_acquire));
  if (context == nullptr) return nullptr;
  const ResolvedDims& d = *context->dims;
  const uint64_t limit = Limit();
  const bool fits = (context->apart != nullptr ? d.planned_peak : d.held_bytes) <= limit && context->used_below > limit;
  if (fits && Matches(*prepared, d, inputs) && std::all_of(inputs.begin(), inputs.end(), UsableAsIs)) [[likely]] {
    const uint64_t now = resets.load(std::memory_order_relaxed);
    if (context->counters.resets.load(std::memory_order_relaxed) != now) [[unlikely]] context->counters.Reset(now);
    return context;
  }
  std::lock_guard<std::mutex> lock(mutex);
  idle.push_back(std::move(context));
  return nullptr;
}

absl::StatusOr<std::unique_ptr<CallContext>> Function::Impl::Acquire(absl::Span<const Tensor> inputs) const {
  const uint64_t limit = Limit();
  uint64_t extra = 0;  // contiguous copies this call will make
  for (const Tensor& input : inputs) {
    if (!UsableAsIs(input)) extra += RoundToAlignment(input.bytes());
  }
  std::vector<std::unique_ptr<CallContext>> slow;  // freed outside the lock
  {
    std::lock_guard<std::mutex> lock(mutex);
    ParkHot();
    for (size_t i = idle.size(); i-- > 0;) {
      const ResolvedDims& d = *idle[i]->dims;
      if (!Matches(*prepared, d, inputs)) continue;
      // With the copies an arena may be too much, or everything; or the limit is
      // another than it was.
      if ((idle[i]->apart != nullptr ? d.planned_peak : d.held_bytes) + extra > limit) continue;
      if (idle[i]->used_below <= limit - extra) [[unlikely]] {
        slow.push_back(std::move(idle[i]));
        Retire(*slow.back());
        idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
        continue;
      }
      std::unique_ptr<CallContext> context = std::move(idle[i]);
      idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
      const uint64_t now = resets.load(std::memory_order_relaxed);
      if (context->counters.resets.load(std::memory_order_relaxed) != now) context->counters.Reset(now);
      return context;
    }
  }
  return NewContext(inputs, extra);
}

absl::StatusOr<std::shared_ptr<const ResolvedDims>> Function::Impl::Resolved(const std::vector<int64_t>& symbols, bool one_by_one) const {
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (const auto& known : resolved) {
      if (known->symbols == symbols && known->one_by_one == one_by_one) return known;
    }
  }
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const ResolvedDims> dims, Resolve(*prepared, symbols, one_by_one));
  std::lock_guard<std::mutex> lock(mutex);
  if (resolved.size() >= kMaxResolved) resolved.erase(resolved.begin());
  resolved.push_back(dims);
  return dims;
}

absl::StatusOr<std::unique_ptr<CallContext>> Function::Impl::NewContext(absl::Span<const Tensor> inputs, uint64_t extra) const {
  const uint64_t limit = Limit();
  ORIEL_ASSIGN_OR_RETURN(std::vector<int64_t> symbols, BindSymbols(*prepared, inputs));
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const ResolvedDims> dims, Resolved(symbols, /*one_by_one=*/false));
  if (dims->planned_peak + extra > limit) {
    return MemoryError(*prepared, *dims, limit, extra, "'" + program().name + "' does not fit into the memory limit");
  }
  uint64_t held = dims->held_bytes;
  if (!prepared->binds.empty()) {
    // What steps bind may grow as large as it can: then each buffer has storage
    // of its own, of the size it turns out to have.
    const absl::StatusOr<std::shared_ptr<const ResolvedDims>> most = Resolve(*prepared, WithLimits(*prepared, symbols));
    held = most.ok() ? (*most)->held_bytes : std::numeric_limits<uint64_t>::max() - extra;
  }
  uint64_t used_below = std::numeric_limits<uint64_t>::max();
  if (!options.guard_buffers && held + extra > limit && dims->side != nullptr) {
    // One step after another it may fit into an arena.
    used_below = held;
    ORIEL_ASSIGN_OR_RETURN(dims, Resolved(symbols, /*one_by_one=*/true));
    held = dims->held_bytes;
  }
  const bool apart = options.guard_buffers || held + extra > limit;
  if (apart && !options.guard_buffers) used_below = held;
  // What is kept for other calls goes before this one makes do with less.
  if (held + extra + KeptBytes() > limit) (void)Trim();
  absl::StatusOr<std::unique_ptr<CallContext>> context = TrimAndRetry([&] { return MakeContext(prepared, dims, apart, options.guard_buffers); });
  if (!context.ok()) {
    if (context.status().code() != absl::StatusCode::kResourceExhausted) return context.status();
    return MemoryError(*prepared, *dims, limit, extra, std::string(context.status().message()));
  }
  (*context)->used_below = used_below;
  if (clock == CallClock::kNone) (*context)->unsplit = std::numeric_limits<int64_t>::max();
  // Asked for past the last step: never.
  (*context)->check = options.check.value_or(CheckMode::kOff);
  if (options.fail_at_step < static_cast<int64_t>(prepared->steps.size())) (*context)->fail_at = options.fail_at_step;
  std::lock_guard<std::mutex> lock(mutex);
  // Release() and ParkHot() must find room: after a commit nothing may fail.
  idle.reserve(contexts.size() + 1);
  retired.Reserve((*context)->counters);
  contexts.push_back(context->get());
  (*context)->counters.resets.store(resets.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return context;
}

void Function::Impl::Release(std::unique_ptr<CallContext> context, bool reusable, int64_t measured, uint64_t copies) const {
  if (reusable && measured < 0 && copies == 0 && told.load(std::memory_order_relaxed) == context->dims.get()) [[likely]] {
    CallContext* none = nullptr;
    if (hot.compare_exchange_strong(none, context.get(), std::memory_order_release, std::memory_order_relaxed)) {
      (void)context.release();
      return;
    }
  }
  ReleaseLocked(std::move(context), reusable, measured, copies);
}

void Function::Impl::ReleaseLocked(std::unique_ptr<CallContext> context, bool reusable, int64_t measured, uint64_t copies) const {
  std::unique_ptr<CallContext> dropped;  // freed outside the lock
  std::lock_guard<std::mutex> lock(mutex);
  if (last != context->dims) {
    last = context->dims;
    outputs->SetCapacity(last->large_output_bytes);
  }
  last_measured = measured;
  last_copies = copies;
  told.store(measured < 0 && copies == 0 ? last.get() : nullptr, std::memory_order_relaxed);
  if (!reusable) {
    Retire(*context);
    dropped = std::move(context);
    return;
  }
  idle.push_back(std::move(context));
  const ResolvedDims& recent = *idle.back()->dims;
  uint64_t others = 0;
  for (size_t i = idle.size() - 1; i-- > 0;) {
    others += idle[i]->dims->held_bytes - idle[i]->dims->fixed_bytes;
    const bool same = idle[i]->dims.get() == &recent;
    if (idle.size() - i > kMaxIdle || (!same && others > kMaxIdleBytes)) {
      Retire(*idle[i]);
      dropped = std::move(idle[i]);
      idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
      break;  // at most one more came than went
    }
  }
}

}  // namespace oriel
