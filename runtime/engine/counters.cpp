// File: counters.cpp
#include "runtime/engine/counters.h"

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

}  // namespace oriel
