// File: random.h
//
// The fuzzer's own numbers: the same from a seed on every machine (the
// distributions of <random> are not).
#ifndef ORIEL_TEST_FUZZ_GRAPHS_RANDOM_H_
#define ORIEL_TEST_FUZZ_GRAPHS_RANDOM_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace oriel::fuzz {

class Random {  // SplitMix64
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  }
  // In [0, n); 0 for n <= 0.
  int64_t Below(int64_t n) { return n <= 0 ? 0 : static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  // True `of` times in a hundred.
  bool Percent(int of) { return Below(100) < of; }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }  // [0, 1)
  // Between the two, each order of magnitude equally often.
  int64_t LogBetween(int64_t low, int64_t high) {
    const double l = std::log(static_cast<double>(low)), h = std::log(static_cast<double>(high) + 1);
    return std::min(high, static_cast<int64_t>(std::exp(l + Unit() * (h - l))));
  }
  template <typename T>
  const T& Of(const std::vector<T>& all) {
    return all[static_cast<size_t>(Below(static_cast<int64_t>(all.size())))];
  }

 private:
  uint64_t state_;
};

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_RANDOM_H_
