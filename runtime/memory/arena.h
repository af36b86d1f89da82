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

// Near linear in the number of buffers. First in the order of time, each into
// the smallest free gap that holds it. When that leaves fragmentation and few
// enough pairs of buffers live together (64 a buffer), also largest buffers
// first, each into the smallest gap that its contemporaries leave; the smaller
// result is taken. bytes >= peak; the difference is fragmentation. Sizes must
// sum to less than 2^63.
ArenaPlan PlanArena(const std::vector<ArenaBuffer>& buffers);

// The largest sum of rounded sizes live at one time, and the first time of it.
uint64_t LivePeak(const std::vector<ArenaBuffer>& buffers, int32_t* when = nullptr);

}  // namespace oriel

#endif  // ORIEL_MEMORY_ARENA_H_
