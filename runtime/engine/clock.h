// File: clock.h
//
// The profile's clock: one time-stamp-counter read where the counter runs at a
// constant rate, else the monotonic clock.
#ifndef ORIEL_ENGINE_CLOCK_H_
#define ORIEL_ENGINE_CLOCK_H_

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace oriel {

namespace clock_internal {
extern const bool kUseTsc;
uint64_t MonotonicNs();
}  // namespace clock_internal

// Ticks since some fixed moment; compare and subtract, convert with TickNs().
inline uint64_t Ticks() {
#if defined(__x86_64__)
  if (clock_internal::kUseTsc) [[likely]] return __rdtsc();
#endif
  return clock_internal::MonotonicNs();
}

// Ticks() with the choice of the clock, and whether to read one, made before.
enum class CallClock : uint8_t { kNone, kTimeStampCounter, kMonotonic };

inline CallClock ClockOfCalls() { return clock_internal::kUseTsc ? CallClock::kTimeStampCounter : CallClock::kMonotonic; }

inline uint64_t ReadClock(CallClock clock) {
#if defined(__x86_64__)
  if (clock == CallClock::kTimeStampCounter) [[likely]] return __rdtsc();
#endif
  return clock == CallClock::kNone ? 0 : clock_internal::MonotonicNs();
}

// Nanoseconds per tick, measured against the monotonic clock since the program
// began (waits up to 2 ms when asked right after the start).
double TickNs();

}  // namespace oriel

#endif  // ORIEL_ENGINE_CLOCK_H_
