// Softmax rows and row sums of 4096x4096 float32 against memory: softmax against
// a copy of the same array, sums against one read of it.
#include <cmath>
#include <cstring>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kN = 4096;

Pair Softmax(int threads) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Function f = Compile({x}, {softmax(x)}, {}, {.name = "softmax", .num_threads = threads});
  std::vector<Tensor> in = {Tensor::Normal({kN, kN}, 5)};
  Tensor out = Call(f, in)[0];
  const float* p = in[0].data<float>();
  std::vector<double> sums(kN, 0);
  for (int64_t i = 0; i < kN * kN; ++i) sums[i / kN] += std::exp(double(p[i]));
  Check("softmax", out, [&](int64_t i) { return std::exp(double(p[i])) / sums[i / kN]; }, 1e-6);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kN, kN}));
  return {[f, in] { Call(f, in); },
          [in, o] { std::memcpy(o->raw(), in[0].raw(), in[0].bytes()); }};
}

// A read of the array: eight independent vector sums, no order to keep.
__attribute__((noinline)) float Read(const float* p, int64_t n) {
  typedef float V __attribute__((vector_size(32)));
  V s[8] = {};
  for (int64_t i = 0; i + 64 <= n; i += 64) {
    for (int k = 0; k < 8; ++k) {
      V v;
      std::memcpy(&v, p + i + 8 * k, sizeof v);
      s[k] += v;
    }
  }
  float total = 0;
  for (const V& v : s) for (int l = 0; l < 8; ++l) total += v[l];
  return total;
}

Pair RowSums(int threads) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Function f = Compile({x}, {sum(x, {1})}, {}, {.name = "row_sums", .num_threads = threads});
  std::vector<Tensor> in = {Tensor::Normal({kN, kN}, 6)};
  Tensor out = Call(f, in)[0];
  const float* p = in[0].data<float>();
  Check("row_sums", out, [&](int64_t i) {
    double s = 0;
    for (int64_t j = 0; j < kN; ++j) s += p[i * kN + j];
    return s;
  }, 1e-4);
  auto sink = std::make_shared<float>(0);
  return {[f, in] { Call(f, in); },
          [in, sink] { *sink = Read(in[0].data<float>(), kN * kN); }};
}

const bool registered = [] {
  for (int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    RegisterPair("rows/softmax_4096" + suffix, "copy_1_thread", [threads] { return Softmax(threads); });
    RegisterPair("rows/sum_4096" + suffix, "read_1_thread", [threads] { return RowSums(threads); });
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
