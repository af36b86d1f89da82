// File: arena.cpp
#include "runtime/memory/arena.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <utility>

namespace oriel {

uint64_t LivePeak(const std::vector<ArenaBuffer>& buffers, int32_t* when) {
  // Changes of the sum: + at begin, - just after end.
  std::vector<std::pair<int64_t, int64_t>> changes;
  changes.reserve(2 * buffers.size());
  for (const ArenaBuffer& b : buffers) {
    if (b.bytes == 0 || b.end < b.begin) continue;
    const int64_t bytes = static_cast<int64_t>(RoundToAlignment(b.bytes));
    changes.emplace_back(b.begin, bytes);
    changes.emplace_back(int64_t{b.end} + 1, -bytes);
  }
  std::sort(changes.begin(), changes.end());  // at one time what goes before what comes
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

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
// Looking at every pair of buffers that live together: up to this many a buffer.
constexpr uint64_t kMaxPairs = 256;
// What is spent on finding a better plan, in buffers and gaps looked at: this,
// and so many times the number of buffers.
constexpr uint64_t kFewSteps = 1'000'000, kStepsPerBuffer = 300;
// Orders are tried until the plan is within one part in 64 of the largest live
// set; they are changed at random until it is within one in 32.
constexpr uint64_t kClose = 64, kNear = 32;

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

// The highest offset taken so far over a range of times.
class Skyline {
 public:
  explicit Skyline(size_t times) {
    while (size_ < times) size_ *= 2;
    top_.assign(2 * size_, 0);
    all_.assign(2 * size_, 0);
  }
  uint64_t Top(size_t from, size_t to) const { return Top(1, 0, size_ - 1, from, to); }
  void Raise(size_t from, size_t to, uint64_t top) { Raise(1, 0, size_ - 1, from, to, top); }

 private:
  uint64_t Top(size_t node, size_t left, size_t right, size_t from, size_t to) const {
    if (to < left || right < from) return 0;
    if (from <= left && right <= to) return top_[node];
    const size_t middle = (left + right) / 2;
    return std::max({all_[node], Top(2 * node, left, middle, from, to), Top(2 * node + 1, middle + 1, right, from, to)});
  }
  // A place is taken above everything in its range, so that the new top is the
  // highest there.
  void Raise(size_t node, size_t left, size_t right, size_t from, size_t to, uint64_t top) {
    if (to < left || right < from) return;
    top_[node] = std::max(top_[node], top);
    if (from <= left && right <= to) {
      all_[node] = std::max(all_[node], top);
      return;
    }
    const size_t middle = (left + right) / 2;
    Raise(2 * node, left, middle, from, to, top);
    Raise(2 * node + 1, middle + 1, right, from, to, top);
  }

  size_t size_ = 1;
  std::vector<uint64_t> top_, all_;  // of a part of the times: the highest, and what holds for all of it
};

class Packer {
 public:
  explicit Packer(const std::vector<ArenaBuffer>& buffers) {
    std::vector<int32_t> times;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].bytes == 0 || buffers[i].end < buffers[i].begin) continue;
      items_.push_back({RoundToAlignment(buffers[i].bytes), 0, 0, i});
      times.push_back(buffers[i].begin);
    }
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    times_ = times.size();
    // Nothing is lost when times are counted by what begins.
    for (Item& item : items_) {
      item.begin = static_cast<size_t>(std::lower_bound(times.begin(), times.end(), buffers[item.buffer].begin) - times.begin());
      item.end = static_cast<size_t>(std::upper_bound(times.begin(), times.end(), buffers[item.buffer].end) - times.begin()) - 1;
    }
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
      if (a.begin != b.begin) return a.begin < b.begin;
      return a.bytes != b.bytes ? a.bytes > b.bytes : a.buffer < b.buffer;
    });
    offset_.resize(items_.size());
    taken_.resize(items_.size());
  }

  ArenaPlan Run(size_t buffers, uint64_t peak) {
    plan_.offsets.assign(buffers, 0);
    plan_.peak = peak;
    best_ = kNone;
    if (items_.empty()) return std::move(plan_);
    const uint64_t pairs = ByTime();
    if (!Within(kClose)) ByTimeBackwards();
    using Key = uint64_t (*)(const Item&);
    const Key keys[] = {[](const Item& i) { return uint64_t{i.end - i.begin}; }, [](const Item& i) { return i.bytes; },
                        [](const Item& i) {
                          const __uint128_t area = static_cast<__uint128_t>(i.bytes) * (i.end - i.begin + 1);
                          return area > kNone ? kNone : static_cast<uint64_t>(area);
                        }};
    for (const Key key : keys) {
      if (!Within(kClose)) OnTop(Order(key));
    }
    if (Within(kClose) || pairs > kMaxPairs * items_.size()) return std::move(plan_);
    Together();
    std::vector<size_t> best = Order(keys[1]);
    bool lowest = false;
    uint64_t fewest = kNone;
    for (const Key key : keys) {
      const std::vector<size_t> order = Order(key);
      for (const bool low : {false, true}) {
        if (Within(kClose) || !HasSteps()) break;
        const uint64_t bytes = Gaps(order, low);
        if (bytes < fewest) {
          fewest = bytes;
          best = order;
          lowest = low;
        }
      }
    }
    Rearrange(std::move(best), fewest, lowest);
    return std::move(plan_);
  }

 private:
  struct Item {
    uint64_t bytes;
    size_t begin, end;
    size_t buffer;
  };

  bool Within(uint64_t part) const { return best_ - plan_.peak <= plan_.peak / part; }
  bool HasSteps() const { return plan_.steps < kFewSteps + kStepsPerBuffer * items_.size(); }

  // Keeps the offsets when they are the best so far.
  void Keep(uint64_t bytes) {
    if (bytes >= best_) return;
    plan_.bytes = best_ = bytes;
    for (size_t i = 0; i < items_.size(); ++i) plan_.offsets[items_[i].buffer] = offset_[i];
  }

  template <typename Key>
  std::vector<size_t> Order(Key key) const {
    std::vector<size_t> order(items_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(items_[a]) > key(items_[b]); });
    return order;
  }

  // In the order of time, each into the smallest part that is free. Returns how
  // many pairs live together.
  uint64_t ByTime() {
    FreeList free;
    std::priority_queue<std::pair<size_t, size_t>, std::vector<std::pair<size_t, size_t>>, std::greater<>> live;  // end, item
    uint64_t pairs = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      ++plan_.steps;
      while (!live.empty() && live.top().first < items_[i].begin) {
        const size_t gone = live.top().second;
        live.pop();
        free.Give(offset_[gone], items_[gone].bytes);
      }
      pairs += live.size();
      offset_[i] = free.Take(items_[i].bytes);
      live.push({items_[i].end, i});
    }
    Keep(free.end());
    return pairs;
  }

  // The same with time running backwards.
  void ByTimeBackwards() {
    FreeList free;
    std::priority_queue<std::pair<size_t, size_t>> live;  // begin, item
    std::vector<size_t> order(items_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return items_[a].end != items_[b].end ? items_[a].end > items_[b].end : items_[a].bytes > items_[b].bytes;
    });
    for (size_t i : order) {
      ++plan_.steps;
      while (!live.empty() && live.top().first > items_[i].end) {
        const size_t gone = live.top().second;
        live.pop();
        free.Give(offset_[gone], items_[gone].bytes);
      }
      offset_[i] = free.Take(items_[i].bytes);
      live.push({items_[i].begin, i});
    }
    Keep(free.end());
  }

  // Each on top of all that is there during its life. Perfect where lives are
  // nested, longest first.
  void OnTop(const std::vector<size_t>& order) {
    Skyline skyline(times_);
    uint64_t bytes = 0;
    for (size_t i : order) {
      ++plan_.steps;
      const Item& item = items_[i];
      offset_[i] = skyline.Top(item.begin, item.end);
      skyline.Raise(item.begin, item.end, offset_[i] + item.bytes);
      bytes = std::max(bytes, offset_[i] + item.bytes);
    }
    Keep(bytes);
  }

  // For each item those that live with it.
  void Together() {
    together_.assign(items_.size(), {});
    std::vector<size_t> live;
    for (size_t i = 0; i < items_.size(); ++i) {
      std::erase_if(live, [&](size_t other) { return items_[other].end < items_[i].begin; });
      for (size_t other : live) {
        together_[i].push_back(other);
        together_[other].push_back(i);
        ++plan_.steps;
      }
      live.push_back(i);
    }
  }

  // Each into the smallest gap (the lowest) that those placed before it leave.
  uint64_t Gaps(const std::vector<size_t>& order, bool lowest) {
    std::fill(taken_.begin(), taken_.end(), false);
    uint64_t end = 0;
    std::vector<std::pair<uint64_t, uint64_t>> others;  // offset, bytes
    for (size_t i : order) {
      others.clear();
      for (size_t other : together_[i]) {
        if (taken_[other]) others.emplace_back(offset_[other], items_[other].bytes);
      }
      std::sort(others.begin(), others.end());
      const uint64_t size = items_[i].bytes;
      uint64_t best = kNone, best_gap = kNone;
      uint64_t free_from = 0;  // everything live before this offset is taken
      plan_.steps += others.size() + 1;
      for (const auto& [begin, bytes] : others) {
        if (begin > free_from && begin - free_from >= size && begin - free_from < best_gap) {
          best = free_from;
          best_gap = begin - free_from;
          if (lowest) break;
        }
        free_from = std::max(free_from, begin + bytes);
      }
      offset_[i] = best == kNone ? free_from : best;
      end = std::max(end, offset_[i] + size);
      taken_[i] = true;
    }
    Keep(end);
    return end;
  }

  // What ends at the top is what did not fit well: it is placed earlier, at the
  // front or by chance, as long as that helps or steps are left.
  void Rearrange(std::vector<size_t> best, uint64_t fewest, bool lowest) {
    constexpr int kAllAtOnce = 4, kFromBest = 8, kFromAfar = 64;
    uint64_t random = 1;
    std::vector<size_t> order = best;
    if (!Within(kNear) && HasSteps()) (void)Gaps(order, lowest);
    for (int round = 0; !Within(kNear) && HasSteps(); ++round) {
      if (round < kAllAtOnce) {
        std::stable_partition(order.begin(), order.end(), [&](size_t i) { return offset_[i] + items_[i].bytes > plan_.peak; });
      } else {
        const auto top = std::max_element(order.begin(), order.end(), [&](size_t a, size_t b) { return offset_[a] + items_[a].bytes < offset_[b] + items_[b].bytes; });
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t before = static_cast<size_t>(top - order.begin());
        const size_t to = round % 2 == 0 || before == 0 ? 0 : (random >> 33) % before;
        std::rotate(order.begin() + static_cast<std::ptrdiff_t>(to), top, top + 1);
      }
      const uint64_t bytes = Gaps(order, lowest);
      if (bytes < fewest) {
        fewest = bytes;
        best = order;
      } else if (round % kFromBest == kFromBest - 1) {
        order = best;
        // Now and then from some way off, and the other way round.
        if (round % kFromAfar == kFromAfar - 1) {
          for (size_t swaps = order.size() / 8 + 2; swaps > 0; --swaps) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            std::swap(order[(random >> 33) % order.size()], order[(random >> 13) % order.size()]);
          }
          lowest = !lowest;
        }
        (void)Gaps(order, lowest);
      }
    }
  }

  std::vector<Item> items_;  // by begin
  size_t times_ = 0;
  std::vector<uint64_t> offset_;
  std::vector<bool> taken_;
  std::vector<std::vector<size_t>> together_;
  ArenaPlan plan_;
  uint64_t best_ = kNone;
};

}  // namespace

ArenaPlan PlanArena(const std::vector<ArenaBuffer>& buffers) { return Packer(buffers).Run(buffers.size(), LivePeak(buffers)); }

}  // namespace oriel
