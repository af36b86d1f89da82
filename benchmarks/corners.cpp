// Accesses that are no plain contiguous rows of f32, on about four million
// elements, against plain C++ loops over the same arrays (as the compiler of
// this program makes them): steps, reversal, transposed rows, narrow types.
#include <cmath>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kN = 2048;

// o[i, j] = 2 * x[i, first + j * step].
template <typename T>
__attribute__((noinline)) void Steps(const T* x, T* o, int64_t columns, int64_t first, int64_t step) {
  for (int64_t i = 0; i < kN; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const T v = x[i * kN + first + j * step];
      o[i * columns + j] = static_cast<T>(v + v);
    }
  }
}

template <typename T>
Pair Stepped(DType dtype, int64_t step) {
  Value x = input("x", dtype, {dyn("n"), dyn("m")});
  Value part = x[{all(), slice(std::nullopt, std::nullopt, step)}];
  Function f = Compile({x}, {part + part}, {}, {.name = "stepped", .num_threads = 1});
  std::vector<Tensor> in = {*Tensor::Normal({kN, kN}, 1).Cast(dtype)};
  Tensor out = Call(f, in)[0];
  const int64_t columns = out.shape()[1], first = step > 0 ? 0 : kN - 1;
  const T* p = in[0].data<T>();
  Check("stepped", *out.Cast(DType::f32), [&](int64_t i) { return 2 * double(p[i / columns * kN + first + i % columns * step]); }, 0);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kN, columns}, dtype));
  return {[f, in] { Call(f, in); },
          [in, o, columns, first, step] { Steps(in[0].data<T>(), o->data<T>(), columns, first, step); }};
}

// Sums down the columns as rows of x.T, a block of columns at a time.
__attribute__((noinline)) void ColumnSums(const float* x, float* o) {
  for (int64_t j = 0; j < kN; ++j) o[j] = 0;
  for (int64_t i = 0; i < kN; ++i) {
    for (int64_t j = 0; j < kN; ++j) o[j] += x[i * kN + j];
  }
}

Pair TransposedSums() {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Function f = Compile({x}, {sum(transpose(x), {1})}, {}, {.name = "transposed_sums", .num_threads = 1});
  std::vector<Tensor> in = {Tensor::Normal({kN, kN}, 2)};
  Tensor out = Call(f, in)[0];
  const float* p = in[0].data<float>();
  Check("transposed_sums", out, [&](int64_t j) {
    double s = 0;
    for (int64_t i = 0; i < kN; ++i) s += p[i * kN + j];
    return s;
  }, 1e-4);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kN}));
  return {[f, in] { Call(f, in); }, [in, o] { ColumnSums(in[0].data<float>(), o->data<float>()); }};
}

__attribute__((noinline)) void Add(const int8_t* x, const int8_t* y, int8_t* o, int64_t n) {
  for (int64_t i = 0; i < n; ++i) o[i] = static_cast<int8_t>(x[i] + y[i]);
}

// Rows of 31 bytes and a row of what is added to each: nothing collapses.
Pair ShortBytes() {
  constexpr int64_t kWidth = 31, kRows = 131072;
  Value x = input("x", DType::i8, {dyn("n"), dyn("m")}), b = input("b", DType::i8, {dyn("m")});
  Function f = Compile({x, b}, {x + b}, {}, {.name = "short_bytes", .num_threads = 1});
  std::vector<Tensor> in = {*Tensor::Normal({kRows, kWidth}, 3).Cast(DType::i8),
                            *Tensor::Normal({kWidth}, 4).Cast(DType::i8)};
  Tensor out = Call(f, in)[0];
  const int8_t *p = in[0].data<int8_t>(), *q = in[1].data<int8_t>();
  Check("short_bytes", *out.Cast(DType::f32), [&](int64_t i) { return double(p[i] + q[i % kWidth]); }, 0);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kRows, kWidth}, DType::i8));
  return {[f, in] { Call(f, in); }, [in, o] {
            const int8_t* x = in[0].data<int8_t>();
            for (int64_t i = 0; i < kRows; ++i)
              Add(x + i * kWidth, in[1].data<int8_t>(), o->data<int8_t>() + i * kWidth, kWidth);
          }};
}

const bool registered = [] {
  RegisterPair("corners/step2_f32", "loop", [] { return Stepped<float>(DType::f32, 2); });
  RegisterPair("corners/step3_i8", "loop", [] { return Stepped<int8_t>(DType::i8, 3); });
  RegisterPair("corners/reversed_f32", "loop", [] { return Stepped<float>(DType::f32, -1); });
  RegisterPair("corners/reversed_i8", "loop", [] { return Stepped<int8_t>(DType::i8, -1); });
  RegisterPair("corners/transposed_sums_f32", "column_sums", TransposedSums);
  RegisterPair("corners/short_rows_i8", "loop", ShortBytes);
  return true;
}();

}  // namespace
}  // namespace oriel::bench
