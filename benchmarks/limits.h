// The machine's limits over the arrays that a benchmark has: what a kernel that
// reads and writes them cannot beat. `threads` share the work in equal parts;
// the threads beside the caller are kept between calls, asleep.
#ifndef ORIEL_BENCHMARKS_LIMITS_H_
#define ORIEL_BENCHMARKS_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace oriel::bench {

// part(t) for t in [0, threads), part(0) on the caller's thread.
void OnThreads(int threads, const std::function<void(int)>& part);

// o[i] = x[i] + 3 y[i] with ordinary stores: the line of `o` is read before it is
// written, as by any loop that a compiler makes.
void Triad(const float* x, const float* y, float* o, int64_t n, int threads);

// The C library's copy.
void Copy(const void* from, void* to, size_t bytes, int threads);

// The same by a loop with ordinary stores.
void CopyOrdinary(const void* from, void* to, size_t bytes, int threads);

// The fastest copy of large blocks that we know: stores past the caches, so that
// the lines of `to` are not read, and prefetches. `to` at a multiple of 64 bytes.
void CopyStreaming(const void* from, void* to, size_t bytes, int threads);

// Reads all of x; returns a sum in no particular order.
float Read(const float* x, int64_t n, int threads);

// Fused multiply-adds of float32 in registers alone, the widest vectors that the
// processor has; returns the floating point operations done (two each).
double FusedMultiplyAdds(int threads);

}  // namespace oriel::bench

#endif  // ORIEL_BENCHMARKS_LIMITS_H_
