// File: arena.h
//
// ArenaPlan: where in one block of memory buffers with known lifetimes lie.
//
//   ArenaPlan plan = PlanArena({{4096, 0, 2}, {8192, 1, 1}});
//   plan.offsets[1], plan.bytes, plan.peak
#ifndef ORIEL_MEMORY_ARENA_H_
#define ORIEL_MEMORY_ARENA_H_

#include <cstdint>
#include <vector>

namespace oriel {

inline constexpr uint64_t kMemoryAlignment = 64;

inline uint64_t RoundToAlignment(uint64_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

// A buffer live at every time in [begin, end].
struct ArenaBuffer {
  uint64_t bytes = 0;
  int32_t begin = 0, end = 0;
};

struct ArenaPlan {
  std::vector<uint64_t> offsets;  // multiples of 64, one per buffer
  uint64_t bytes = 0;             // the block's size
  uint64_t peak = 0;              // the largest sum of live, rounded buffers
  uint64_t steps = 0;             // buffers and gaps looked at, for tests
};

// The best of several ways, tried until one is close to `peak`, below which none
// can be: in the order of time (and of time backwards), each into the smallest
// part that is free; the longest lived, the largest and those with the largest
// product of both first, each on top of its contemporaries, or into the gaps
// that they leave; then orders in which what ended at the top goes earlier. The
// last two look at pairs of buffers that live together and are left out above
// 256 of them a buffer. Near linear in the number of buffers: a bounded number of
// steps each. bytes >= peak; the difference is fragmentation. The same buffers
// give the same plan. Sizes must sum to less than 2^63.
ArenaPlan PlanArena(const std::vector<ArenaBuffer>& buffers);

// The largest sum of rounded sizes live at one time, and the first time of it.
uint64_t LivePeak(const std::vector<ArenaBuffer>& buffers, int32_t* when = nullptr);

}  // namespace oriel

#endif  // ORIEL_MEMORY_ARENA_H_
