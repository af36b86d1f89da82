// File: counters.h
//
// The counters behind a profile: one row a step, one an input (copies made
// because it was strided), one the runtime's own, and the whole. Short loop
// bodies and short calls are timed by samples: every call's whole time is
// measured, its rows share the time of a group of calls as one of them shows.
#ifndef ORIEL_ENGINE_COUNTERS_H_
#define ORIEL_ENGINE_COUNTERS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/engine/kernel_abi.h"

namespace oriel {

// Written by the one thread that runs the call, read by any (the profile).
struct RowCounter {
  std::atomic<uint64_t> ticks{0}, calls{0};
  void AddTicks(uint64_t n) { ticks.store(ticks.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void AddCalls(uint64_t n) { calls.store(calls.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
};

// The counters of one context.
struct Counters {
  Counters(size_t steps, size_t inputs, size_t scatters, size_t workers)
      : rows(new RowCounter[steps + inputs + 1]),
        split(new RowCounter[steps + inputs + 1]),
        scatter(scatters * workers > 0 ? new ScatterCounts[scatters * workers]() : nullptr),
        steps(steps),
        inputs(inputs),
        scatters(scatters),
        workers(workers) {}

  std::unique_ptr<RowCounter[]> rows;   // steps, inputs, the runtime
  std::unique_ptr<RowCounter[]> split;  // of the call that stands for its group
  // Per scatter step and worker: written by kernels, at any time.
  std::unique_ptr<ScatterCounts[]> scatter;
  // Per step, of groups that ran side by side and were timed: ticks of their wall
  // time that the step was charged, and (as calls) ticks that threads spent in it.
  // Null: there were none.
  std::unique_ptr<RowCounter[]> beside;
  size_t steps, inputs, scatters, workers;
  RowCounter wall;                      // wall.calls: calls of the function
  std::atomic<uint64_t> loops_sampled{0}, calls_sampled{0};
  // The profile's resets that `scatter` knows of: a maximum begins anew with each.
  std::atomic<uint64_t> resets{0};

  size_t runtime() const { return steps + inputs; }
  // While no call runs that counts here.
  void Reset(uint64_t now) {
    for (size_t i = 0; i < scatters * workers; ++i) __atomic_store_n(&scatter[i].longest_run, int64_t{0}, __ATOMIC_RELAXED);
    resets.store(now, std::memory_order_relaxed);
  }
  void MakeBeside() { beside.reset(new RowCounter[steps]); }
};

// Plain sums of counters, for snapshots.
struct CounterTotals {
  std::vector<uint64_t> ticks, calls;  // steps, inputs, the runtime
  // Per step that ran side by side with others: see Counters::beside.
  std::vector<uint64_t> beside_wall, beside_threads;
  std::vector<uint64_t> beside_ticks;  // of `ticks`: charged by contexts in which it did
  uint64_t wall = 0, function_calls = 0;
  std::vector<ScatterCounts> scatter;  // per scatter step
  bool loops_sampled = false, calls_sampled = false;
  // `resets` of the profile there were: a maximum of before does not count.
  void Add(const Counters& counters, uint64_t resets);
  void Reserve(const Counters& counters);  // so that Add takes no memory
  void Subtract(const CounterTotals& other);
};

// Adds what the workers of scatter number `number` have counted up to now.
void AddScatter(const Counters& counters, size_t number, ScatterCounts* to);

// Charges `total` ticks times `weight` to the rows [begin, end) of `to`, shared
// as `from` has them; with nothing there `begin` gets all. The sum is exact.
// `from` is zeroed and may be `to`, where `kept` holds what was there before.
void Share(RowCounter* from, RowCounter* to, int32_t begin, int32_t end, uint64_t total, uint64_t weight, const uint64_t* kept = nullptr);

// Something with that many time stamps is short when it takes less ticks than
// this: the stamps, as fast as this machine reads its clock, would cost more
// than one percent of it.
uint64_t ShortTicks(size_t stamps);
// For counting instructions in an emulator, which runs code slower than it reads
// the clock: by this factor. Contexts made from now on use it.
void SetDilationForTesting(double factor);

// Which of many similar things (iterations, calls) are timed: each of the first
// few; when the shortest of these was short, then one of each group, which
// stands for all in it. Groups get larger after kMany.
class Sampling {
 public:
  static constexpr int64_t kGroup = 32, kMany = 256, kLargeGroup = 256;

  explicit Sampling(int64_t first) : start_(first), window_(first), first_(first) {}
  // The size of the group that begins at `i`.
  int64_t Group(int64_t i, uint64_t short_ticks) const {
    if (i < first_ || shortest_ >= short_ticks) return 1;
    return i < kMany ? kGroup : kLargeGroup;
  }
  void Timed(int64_t i, uint64_t ticks) {
    if (i < first_) shortest_ = std::min(shortest_, ticks);
  }
  // The `n`-th of all was not timed and not short: something interrupted it, or
  // they differ. Each is timed again, from `i` on, for some; for twice as many
  // when this happened not long ago.
  void Restart(int64_t i, uint64_t n) {
    window_ = n - restarted_ < kRare ? std::min(2 * window_, int64_t{1} << 40) : start_;
    restarted_ = n;
    first_ = i + window_;
    shortest_ = ~uint64_t{0};
  }

 private:
  static constexpr uint64_t kRare = 500;  // fewer interruptions cost nothing

  int64_t start_, window_, first_;
  uint64_t restarted_ = 0;
  uint64_t shortest_ = ~uint64_t{0};
};

}  // namespace oriel

#endif  // ORIEL_ENGINE_COUNTERS_H_
