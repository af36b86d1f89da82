// File: arena.cpp
#include "runtime/memory/arena.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <utility>

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

namespace {

// The largest-first order looks at every pair of buffers that live together; it
// is tried up to this many a buffer.
constexpr uint64_t kMaxPairs = 64;

// The buffers that need a place, by begin, larger ones first.
std::vector<size_t> ByTime(const std::vector<ArenaBuffer>& buffers) {
  std::vector<size_t> order;
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].bytes > 0 && buffers[i].end >= buffers[i].begin) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (buffers[a].begin != buffers[b].begin) return buffers[a].begin < buffers[b].begin;
    if (buffers[a].bytes != buffers[b].bytes) return buffers[a].bytes > buffers[b].bytes;
    return a < b;
  });
  return order;
}

// Free parts of a block that grows at its end, adjacent ones joined.
class FreeList {
 public:
  uint64_t Take(uint64_t size) {
    auto fit = by_size_.lower_bound({size, 0});
    if (fit != by_size_.end()) {
      const auto [bytes, offset] = *fit;
      Erase(offset, bytes);
      if (bytes > size) Insert(offset + size, bytes - size);
      return offset;
    }
    uint64_t offset = end_;
    if (!by_offset_.empty()) {
      const auto [last, bytes] = *by_offset_.rbegin();
      if (last + bytes == end_) {
        offset = last;
        Erase(last, bytes);
      }
    }
    end_ = offset + size;
    return offset;
  }
  void Give(uint64_t offset, uint64_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      const uint64_t more = next->second;
      Erase(offset + bytes, more);
      bytes += more;
    }
    auto before = by_offset_.lower_bound(offset);
    if (before != by_offset_.begin() && (--before)->first + before->second == offset) {
      const auto [start, less] = *before;
      Erase(start, less);
      offset = start;
      bytes += less;
    }
    Insert(offset, bytes);
  }
  uint64_t end() const { return end_; }

 private:
  void Insert(uint64_t offset, uint64_t bytes) {
    by_offset_[offset] = bytes;
    by_size_.insert({bytes, offset});
  }
  void Erase(uint64_t offset, uint64_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }

  std::map<uint64_t, uint64_t> by_offset_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;  // lower offsets first
  uint64_t end_ = 0;
};

// In the order of time. Returns how many pairs of buffers live together.
uint64_t PlaceByTime(const std::vector<ArenaBuffer>& buffers, const std::vector<size_t>& order, ArenaPlan* plan) {
  FreeList free;
  std::priority_queue<std::pair<int32_t, size_t>, std::vector<std::pair<int32_t, size_t>>, std::greater<>> live;  // end, buffer
  uint64_t pairs = 0;
  for (size_t i : order) {
    ++plan->steps;
    while (!live.empty() && live.top().first < buffers[i].begin) {
      const size_t gone = live.top().second;
      live.pop();
      free.Give(plan->offsets[gone], RoundToAlignment(buffers[gone].bytes));
    }
    pairs += live.size();
    plan->offsets[i] = free.Take(RoundToAlignment(buffers[i].bytes));
    live.push({buffers[i].end, i});
  }
  plan->bytes = free.end();
  return pairs;
}

// Largest first; `order` is that of time.
void PlaceBySize(const std::vector<ArenaBuffer>& buffers, std::vector<size_t> order, ArenaPlan* plan) {
  std::vector<std::vector<size_t>> together(buffers.size());
  std::vector<size_t> live;
  for (size_t i : order) {
    live.erase(std::remove_if(live.begin(), live.end(), [&](size_t other) { return buffers[other].end < buffers[i].begin; }), live.end());
    for (size_t other : live) {
      together[i].push_back(other);
      together[other].push_back(i);
      ++plan->steps;
    }
    live.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<bool> placed(buffers.size(), false);
  for (size_t i : order) {
    std::vector<size_t>& others = together[i];
    others.erase(std::remove_if(others.begin(), others.end(), [&](size_t other) { return !placed[other]; }), others.end());
    std::sort(others.begin(), others.end(), [&](size_t a, size_t b) { return plan->offsets[a] < plan->offsets[b]; });
    const uint64_t size = RoundToAlignment(buffers[i].bytes);
    constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
    uint64_t best = kNone, best_gap = kNone;
    uint64_t free_from = 0;  // everything live before this offset is taken
    for (size_t j : others) {
      ++plan->steps;
      const uint64_t begin = plan->offsets[j];
      if (begin > free_from && begin - free_from >= size && begin - free_from < best_gap) {
        best = free_from;
        best_gap = begin - free_from;
      }
      free_from = std::max(free_from, begin + RoundToAlignment(buffers[j].bytes));
    }
    if (best == kNone) best = free_from;
    plan->offsets[i] = best;
    plan->bytes = std::max(plan->bytes, best + size);
    placed[i] = true;
  }
}

}  // namespace

ArenaPlan PlanArena(const std::vector<ArenaBuffer>& buffers) {
  ArenaPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  plan.peak = LivePeak(buffers);
  const std::vector<size_t> order = ByTime(buffers);
  const uint64_t pairs = PlaceByTime(buffers, order, &plan);
  if (plan.bytes == plan.peak || pairs > kMaxPairs * buffers.size()) return plan;
  ArenaPlan other;
  other.offsets.assign(buffers.size(), 0);
  other.peak = plan.peak;
  other.steps = plan.steps;
  PlaceBySize(buffers, order, &other);
  if (other.bytes < plan.bytes) return other;
  plan.steps = other.steps;
  return plan;
}

}  // namespace oriel
