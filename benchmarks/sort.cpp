// Sorts of a million elements, and of rows, against std::sort of the C++ library.
#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kN = 1'000'000, kRows = 1000, kWidth = 1000;

std::vector<Tensor> Numbers(int64_t rows, int64_t n, DType dtype) {
  return {*Tensor::Normal({rows, n}, 7).Cast(dtype)};
}

template <typename T>
Pair Sorted(DType dtype, int64_t rows, int64_t n) {
  Value x = input("x", dtype, {dyn("r"), dyn("n")});
  Function f = Compile({x}, {sort(x, 1)}, {}, {.name = "sort", .num_threads = 1});
  const std::vector<Tensor> in = Numbers(rows, n, dtype);
  auto copy = std::make_shared<std::vector<T>>(static_cast<size_t>(rows * n));
  const auto peer = [in, copy, rows, n] {
    std::memcpy(copy->data(), in[0].raw(), in[0].bytes());
    for (int64_t row = 0; row < rows; ++row) std::sort(copy->begin() + row * n, copy->begin() + (row + 1) * n);
  };
  peer();
  Check("sort", *Call(f, in)[0].Cast(DType::f32), [&](int64_t i) { return static_cast<double>((*copy)[static_cast<size_t>(i)]); }, 0);
  return {[f, in] { Call(f, in); }, peer};
}

template <typename T>
Pair ArgSorted(DType dtype) {
  Value x = input("x", dtype, {dyn("r"), dyn("n")});
  Function f = Compile({x}, {argsort(x, 1)}, {}, {.name = "argsort", .num_threads = 1});
  const std::vector<Tensor> in = Numbers(1, kN, dtype);
  auto order = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(kN));
  const auto peer = [in, order] {
    const T* p = in[0].data<T>();
    std::iota(order->begin(), order->end(), 0);
    std::sort(order->begin(), order->end(), [p](int64_t a, int64_t b) { return p[a] < p[b] || (p[a] == p[b] && a < b); });
  };
  peer();
  Check("argsort", *Call(f, in)[0].Cast(DType::f32), [&](int64_t i) { return static_cast<double>((*order)[static_cast<size_t>(i)]); }, 0);
  return {[f, in] { Call(f, in); }, peer};
}

const bool registered = [] {
  RegisterPair("sort/f32_1M", "std_sort", [] { return Sorted<float>(DType::f32, 1, kN); });
  RegisterPair("sort/f64_1M", "std_sort", [] { return Sorted<double>(DType::f64, 1, kN); });
  RegisterPair("sort/f32_rows_1000", "std_sort", [] { return Sorted<float>(DType::f32, kRows, kWidth); });
  RegisterPair("sort/argsort_f32_1M", "std_sort", [] { return ArgSorted<float>(DType::f32); });
  RegisterPair("sort/argsort_f64_1M", "std_sort", [] { return ArgSorted<double>(DType::f64); });
  return true;
}();

}  // namespace
}  // namespace oriel::bench
