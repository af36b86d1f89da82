// File: arena.cpp
#include "runtime/memory/arena.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace oriel {

uint64_t LivePeak(const std::vector<ArenaBuffer>& buffers, int32_t* when) {
  // Changes of the sum: + at begin, - just after end.
  std::map<int64_t, int64_t> changes;
  for (const ArenaBuffer& b : buffers) {
    if (b.bytes == 0 || b.end < b.begin) continue;
    changes[b.begin] += static_cast<int64_t>(RoundToAlignment(b.bytes));
    changes[int64_t{b.end} + 1] -= static_cast<int64_t>(RoundToAlignment(b.bytes));
  }
  int64_t live = 0, peak = 0;
  int64_t at = 0;
  for (const auto& [time, change] : changes) {
    live += change;
    if (live > peak) {
      peak = live;
      at = time;
    }
  }
  if (when != nullptr) *when = static_cast<int32_t>(at);
  return static_cast<uint64_t>(peak);
}

ArenaPlan PlanArena(const std::vector<ArenaBuffer>& buffers) {
  ArenaPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  plan.peak = LivePeak(buffers);
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (buffers[a].bytes != buffers[b].bytes) return buffers[a].bytes > buffers[b].bytes;
    if (buffers[a].begin != buffers[b].begin) return buffers[a].begin < buffers[b].begin;
    return a < b;
  });
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const ArenaBuffer& buffer = buffers[i];
    const uint64_t size = RoundToAlignment(buffer.bytes);
    if (size == 0 || buffer.end < buffer.begin) continue;
    uint64_t best = std::numeric_limits<uint64_t>::max(), best_gap = best;
    uint64_t free_from = 0;  // everything live before this offset is taken
    for (size_t j : placed) {
      const ArenaBuffer& other = buffers[j];
      if (other.end < buffer.begin || other.begin > buffer.end) continue;
      const uint64_t begin = plan.offsets[j];
      if (begin > free_from && begin - free_from >= size && begin - free_from < best_gap) {
        best = free_from;
        best_gap = begin - free_from;
      }
      free_from = std::max(free_from, begin + RoundToAlignment(other.bytes));
    }
    if (best == std::numeric_limits<uint64_t>::max()) best = free_from;
    plan.offsets[i] = best;
    plan.bytes = std::max(plan.bytes, best + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  i);
  }
  return plan;
}

}  // namespace oriel
