#include "benchmarks/limits.h"

#include <immintrin.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

// A thread that sleeps until it is given something. It parks rather than spins:
// what is measured between two calls must find the core free.
class Helper {
 public:
  Helper() : thread_([this] { Loop(); }) {}
  ~Helper() {
    Give([] {}, /*last=*/true);
    thread_.join();
  }
  void Give(std::function<void()> work, bool last = false) {
    std::lock_guard<std::mutex> lock(mutex_);
    work_ = std::move(work), done_ = false, last_ = last;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  void Loop() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !done_; });
      const bool last = last_;
      lock.unlock();
      work_();
      lock.lock();
      done_ = true;
      changed_.notify_all();
      if (last) return;
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  bool done_ = true, last_ = false;
  std::thread thread_;
};

// Equal parts of n elements, at multiples of 64.
std::pair<int64_t, int64_t> Part(int64_t n, int t, int threads) {
  auto at = [=](int i) { return i == threads ? n : n / threads * i / 64 * 64; };
  return {at(t), at(t + 1)};
}

// The loops in the widest vectors of the processor, as what they are compared with.
#define WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))

WIDEST void TriadLoop(const float* __restrict x, const float* __restrict y, float* __restrict o,
                                         int64_t n) {
  for (int64_t i = 0; i < n; ++i) o[i] = x[i] + 3.0f * y[i];
}

// Eight independent vector sums: no order to keep.
WIDEST float ReadLoop(const float* p, int64_t n) {
  typedef float V __attribute__((vector_size(64)));
  V s[8] = {};
  int64_t i = 0;
  for (; i + 128 <= n; i += 128) {
    for (int k = 0; k < 8; ++k) {
      V v;
      std::memcpy(&v, p + i + 16 * k, sizeof v);
      s[k] += v;
    }
  }
  float total = 0;
  for (; i < n; ++i) total += p[i];
  for (const V& v : s) {
    for (int l = 0; l < 16; ++l) total += v[l];
  }
  return total;
}

WIDEST void CopyLoop(const char* __restrict from, char* __restrict to, int64_t n) {
  // Vectors by hand: the compiler would make a loop of bytes a call of memcpy.
  typedef float V __attribute__((vector_size(64)));
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    V v;
    std::memcpy(&v, from + i, sizeof v);
    std::memcpy(to + i, &v, sizeof v);
  }
  std::memcpy(to + i, from + i, n - i);
}

__attribute__((target("avx"), noinline)) void CopyPastCaches(const char* from, char* to, int64_t n) {
  constexpr int64_t kStep = 256, kAhead = 2048;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    for (int64_t k = 0; k < kStep; k += 64) _mm_prefetch(from + i + kAhead + k, _MM_HINT_T0);
    for (int64_t k = 0; k < kStep; k += 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i + k),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + k)));
    }
  }
  _mm_sfence();
  std::memcpy(to + i, from + i, n - i);
}

constexpr int64_t kFmaRounds = 1 << 20;
constexpr int kChains = 16;  // more than latency times throughput of the units

// The empty asm holds each chain in its register and in its order.
__attribute__((target("avx512f"), noinline)) double Fma512() {
  __m512 chain[kChains];
  for (__m512& c : chain) c = _mm512_set1_ps(1.0f);
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int64_t i = 0; i < kFmaRounds; ++i) {
    for (int k = 0; k < kChains; ++k) {
      chain[k] = _mm512_fmadd_ps(chain[k], a, b);
      asm volatile("" : "+v"(chain[k]));
    }
  }
  return 2.0 * 16 * kChains * kFmaRounds;
}

__attribute__((target("avx2,fma"), noinline)) double Fma256() {
  constexpr int kFew = 12;  // sixteen registers hold no more beside a and b
  __m256 chain[kFew];
  for (__m256& c : chain) c = _mm256_set1_ps(1.0f);
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (int64_t i = 0; i < kFmaRounds; ++i) {
    for (int k = 0; k < kFew; ++k) {
      chain[k] = _mm256_fmadd_ps(chain[k], a, b);
      asm volatile("" : "+x"(chain[k]));
    }
  }
  return 2.0 * 8 * kFew * kFmaRounds;
}

}  // namespace

void OnThreads(int threads, const std::function<void(int)>& part) {
  static auto& helpers = *new std::vector<std::unique_ptr<Helper>>;  // one caller: the benchmarks' main thread
  while (static_cast<int>(helpers.size()) < threads - 1) helpers.push_back(std::make_unique<Helper>());
  for (int t = 1; t < threads; ++t) helpers[t - 1]->Give([&part, t] { part(t); });
  part(0);
  for (int t = 1; t < threads; ++t) helpers[t - 1]->Wait();
}

void Triad(const float* x, const float* y, float* o, int64_t n, int threads) {
  OnThreads(threads, [=](int t) {
    auto [a, e] = Part(n, t, threads);
    TriadLoop(x + a, y + a, o + a, e - a);
  });
}

void Copy(const void* from, void* to, size_t bytes, int threads) {
  OnThreads(threads, [=](int t) {
    auto [a, e] = Part(static_cast<int64_t>(bytes), t, threads);
    std::memcpy(static_cast<char*>(to) + a, static_cast<const char*>(from) + a, e - a);
  });
}

void CopyOrdinary(const void* from, void* to, size_t bytes, int threads) {
  OnThreads(threads, [=](int t) {
    auto [a, e] = Part(static_cast<int64_t>(bytes), t, threads);
    CopyLoop(static_cast<const char*>(from) + a, static_cast<char*>(to) + a, e - a);
  });
}

void CopyStreaming(const void* from, void* to, size_t bytes, int threads) {
  if (!__builtin_cpu_supports("avx")) return Copy(from, to, bytes, threads);
  OnThreads(threads, [=](int t) {
    auto [a, e] = Part(static_cast<int64_t>(bytes), t, threads);
    CopyPastCaches(static_cast<const char*>(from) + a, static_cast<char*>(to) + a, e - a);
  });
}

float Read(const float* x, int64_t n, int threads) {
  std::vector<float> sums(threads);
  OnThreads(threads, [&, x, n, threads](int t) {
    auto [a, e] = Part(n, t, threads);
    sums[t] = ReadLoop(x + a, e - a);
  });
  float total = 0;
  for (float s : sums) total += s;
  return total;
}

double FusedMultiplyAdds(int threads) {
  std::vector<double> done(threads);
  const bool wide = __builtin_cpu_supports("avx512f");
  OnThreads(threads, [&](int t) { done[t] = wide ? Fma512() : Fma256(); });
  double total = 0;
  for (double d : done) total += d;
  return total;
}

namespace {

const bool registered = [] {
  constexpr int64_t kElements = 4096 * 4096;
  struct Arrays {
    Tensor x = Tensor::Normal({kElements}, 1), y = Tensor::Normal({kElements}, 2), o = Tensor::Zeros({kElements});
  };
  auto arrays = std::make_shared<std::unique_ptr<Arrays>>();
  auto get = [arrays] {
    if (!*arrays) *arrays = std::make_unique<Arrays>();
    return arrays->get();
  };
  constexpr double kBytes = kElements * 4.0;
  for (int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    RegisterLimit("limit/triad" + suffix, 3 * kBytes, [=] {
      Arrays* a = get();
      return [=] { Triad(a->x.data<float>(), a->y.data<float>(), a->o.data<float>(), kElements, threads); };
    });
    RegisterLimit("limit/copy" + suffix, 2 * kBytes, [=] {
      Arrays* a = get();
      return [=] { Copy(a->x.raw(), a->o.raw(), a->x.bytes(), threads); };
    });
    RegisterLimit("limit/copy_ordinary_stores" + suffix, 2 * kBytes, [=] {
      Arrays* a = get();
      return [=] { CopyOrdinary(a->x.raw(), a->o.raw(), a->x.bytes(), threads); };
    });
    RegisterLimit("limit/copy_streaming" + suffix, 2 * kBytes, [=] {
      Arrays* a = get();
      return [=] { CopyStreaming(a->x.raw(), a->o.raw(), a->x.bytes(), threads); };
    });
    RegisterLimit("limit/read" + suffix, kBytes, [=] {
      Arrays* a = get();
      auto sink = std::make_shared<float>(0);
      return [=] { *sink = Read(a->x.data<float>(), kElements, threads); };
    });
    const double flops = 2.0 * threads * (__builtin_cpu_supports("avx512f") ? 16 * kChains : 8 * 12) * kFmaRounds;
    RegisterLimit("limit/fma" + suffix, flops, [=] { return [=] { FusedMultiplyAdds(threads); }; });
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
