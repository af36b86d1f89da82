// File: clock.cpp
#include "runtime/engine/clock.h"

#include <time.h>

#include <mutex>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace oriel {
namespace clock_internal {

uint64_t MonotonicNs() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

namespace {
bool InvariantTsc() {
#if defined(__x86_64__)
  uint32_t a, b, c, d;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & (1u << 8)) != 0;
#else
  return false;
#endif
}

// Both clocks read close together: the pair with the shortest gap of several.
struct Anchor {
  uint64_t ticks = 0, ns = 0;
};
Anchor ReadBoth() {
  Anchor best;
  uint64_t best_gap = ~uint64_t{0};
  for (int i = 0; i < 8; ++i) {
    const uint64_t before = Ticks();
    const uint64_t ns = MonotonicNs();
    const uint64_t after = Ticks();
    if (after - before < best_gap) {
      best_gap = after - before;
      best = {before + (after - before) / 2, ns};
    }
  }
  return best;
}
}  // namespace

const bool kUseTsc = InvariantTsc();
namespace {
const Anchor start = ReadBoth();
}

double Calibrate() {
  if (!kUseTsc) return 1.0;
  static std::mutex mutex;
  static double ns_per_tick = 0;
  static uint64_t measured_over = 0;
  std::lock_guard<std::mutex> lock(mutex);
  constexpr uint64_t kEnough = 1'000'000'000;  // a second: 1e-7 or better
  if (measured_over >= kEnough) return ns_per_tick;
  Anchor now = ReadBoth();
  while (now.ns - start.ns < 2'000'000) now = ReadBoth();
  measured_over = now.ns - start.ns;
  ns_per_tick = static_cast<double>(measured_over) / static_cast<double>(now.ticks - start.ticks);
  return ns_per_tick;
}

}  // namespace clock_internal

double TickNs() { return clock_internal::Calibrate(); }

}  // namespace oriel
