// File: counters.cpp
#include "runtime/engine/counters.h"

#include <algorithm>
#include <iterator>

#include "runtime/engine/clock.h"

namespace oriel {
namespace {

// What a stamp takes: the best of some series, as one may be interrupted.
double StampTicks() {
  constexpr int kSeries = 16, kReads = 32;
  uint64_t best = ~uint64_t{0};
  RowCounter row;
  for (int series = 0; series < kSeries; ++series) {
    const uint64_t begin = Ticks();
    uint64_t last = begin;
    for (int i = 0; i < kReads; ++i) {
      const uint64_t now = Ticks();
      row.AddTicks(now - last);
      last = now;
    }
    best = std::min(best, last - begin);
  }
  return static_cast<double>(best) / kReads;
}

std::atomic<double> dilation{1};

}  // namespace

uint64_t ShortTicks(size_t stamps) {
  static const double stamp = StampTicks();
  return static_cast<uint64_t>(100 * stamp * static_cast<double>(stamps) * dilation.load(std::memory_order_relaxed));
}

void AddScatter(const Counters& counters, size_t number, ScatterCounts* to) {
  const auto read = [](const int64_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); };
  for (size_t w = 0; w < counters.workers; ++w) {
    const ScatterCounts& from = counters.scatter[number * counters.workers + w];
    to->updates += read(from.updates);
    to->combined += read(from.combined);
    to->longest_run = std::max(to->longest_run, read(from.longest_run));
    to->sampled += read(from.sampled);
    to->repeated += read(from.repeated);
    for (size_t i = 0; i < std::size(from.sweeps); ++i) to->sweeps[i] += read(from.sweeps[i]);
  }
}

void SetDilationForTesting(double factor) { dilation = factor; }

void Share(RowCounter* from, RowCounter* to, int32_t begin, int32_t end, uint64_t total, uint64_t weight, const uint64_t* kept) {
  uint64_t sampled = 0;
  for (int32_t r = begin; r < end; ++r) sampled += from[r].ticks.load(std::memory_order_relaxed);
  if (sampled == 0) from[begin].AddTicks(sampled = 1);
  const double scale = static_cast<double>(total) / static_cast<double>(sampled);
  uint64_t seen = 0, given = 0;  // rounded sums: the integers add up to `total`
  for (int32_t r = begin; r < end; ++r) {
    const uint64_t ticks = from[r].ticks.load(std::memory_order_relaxed);
    uint64_t mine = 0;
    if (ticks != 0) {
      seen += ticks;
      const uint64_t until = seen == sampled ? total : std::min(total, static_cast<uint64_t>(static_cast<double>(seen) * scale));
      mine = until - std::min(given, until);
      given += mine;
    }
    if (from != to) {
      from[r].ticks.store(0, std::memory_order_relaxed);
      if (ticks != 0) to[r].AddTicks(mine * weight);
    } else {
      to[r].ticks.store((kept != nullptr ? kept[r - begin] : 0) + mine * weight, std::memory_order_relaxed);
    }
  }
}

void CounterTotals::Add(const Counters& c, uint64_t resets) {
  const size_t n = c.runtime() + 1;
  Reserve(c);
  const uint64_t spent = c.wall.ticks.load(std::memory_order_relaxed);
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += c.rows[i].ticks.load(std::memory_order_relaxed);
  // Calls since the last split one have no rows yet: theirs are as the others'.
  const double scale = sum > 0 && sum < spent ? static_cast<double>(spent) / static_cast<double>(sum) : 1;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t mine = c.rows[i].ticks.load(std::memory_order_relaxed);
    ticks[i] += scale == 1 ? mine : static_cast<uint64_t>(static_cast<double>(mine) * scale);
    calls[i] += c.rows[i].calls.load(std::memory_order_relaxed);
  }
  for (size_t i = 0; c.beside != nullptr && i < c.steps; ++i) {
    beside_wall[i] += c.beside[i].ticks.load(std::memory_order_relaxed);
    beside_threads[i] += c.beside[i].calls.load(std::memory_order_relaxed);
    // In a context a step always runs side by side or never does.
    if (c.beside[i].ticks.load(std::memory_order_relaxed) == 0) continue;
    const uint64_t mine = c.rows[i].ticks.load(std::memory_order_relaxed);
    beside_ticks[i] += scale == 1 ? mine : static_cast<uint64_t>(static_cast<double>(mine) * scale);
  }
  const bool now = c.resets.load(std::memory_order_relaxed) == resets;
  for (size_t i = 0; i < c.scatters; ++i) {
    const int64_t longest = scatter[i].longest_run;
    AddScatter(c, i, &scatter[i]);
    if (!now) scatter[i].longest_run = longest;
  }
  wall += spent;
  function_calls += c.wall.calls.load(std::memory_order_relaxed);
  loops_sampled = loops_sampled || c.loops_sampled.load(std::memory_order_relaxed) != 0;
  calls_sampled = calls_sampled || c.calls_sampled.load(std::memory_order_relaxed) != 0;
}

void CounterTotals::Reserve(const Counters& c) {
  const size_t n = c.runtime() + 1;
  ticks.resize(n);
  calls.resize(n);
  scatter.resize(c.scatters);
  if (c.beside == nullptr) return;
  beside_wall.resize(c.steps);
  beside_threads.resize(c.steps);
  beside_ticks.resize(c.steps);
}

void CounterTotals::Subtract(const CounterTotals& other) {
  for (size_t i = 0; i < std::min(ticks.size(), other.ticks.size()); ++i) {
    ticks[i] -= std::min(ticks[i], other.ticks[i]);
    calls[i] -= std::min(calls[i], other.calls[i]);
  }
  for (size_t i = 0; i < std::min(scatter.size(), other.scatter.size()); ++i) {
    ScatterCounts& mine = scatter[i];
    const ScatterCounts& theirs = other.scatter[i];
    mine.updates -= theirs.updates;
    mine.combined -= theirs.combined;
    mine.sampled -= theirs.sampled;
    mine.repeated -= theirs.repeated;
    for (size_t k = 0; k < std::size(mine.sweeps); ++k) mine.sweeps[k] -= theirs.sweeps[k];
    if (mine.combined == 0) mine.longest_run = 0;
  }
  for (size_t i = 0; i < std::min(beside_wall.size(), other.beside_wall.size()); ++i) {
    beside_wall[i] -= std::min(beside_wall[i], other.beside_wall[i]);
    beside_threads[i] -= std::min(beside_threads[i], other.beside_threads[i]);
    beside_ticks[i] -= std::min(beside_ticks[i], other.beside_ticks[i]);
  }
  wall -= std::min(wall, other.wall);
  function_calls -= std::min(function_calls, other.function_calls);
}

}  // namespace oriel
