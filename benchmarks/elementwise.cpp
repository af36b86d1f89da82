// sigmoid(x*w+b)*tanh(y) on 16M float32 against a plain triad o = x + 3*y over
// the same arrays (two reads and one write of 64 MB: the memory's limit).
#include <cmath>
#include <thread>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

// The triad on `threads` threads; kept out of line so that it stays the plain
// loop it is (ordinary stores).
__attribute__((noinline)) void Triad(const float* x, const float* y, float* o, int64_t n) {
  for (int64_t i = 0; i < n; ++i) o[i] = x[i] + 3.0f * y[i];
}

Pair MakePair(int threads) {
  constexpr int64_t kRows = 4096, kColumns = 4096;
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Value y = input("y", DType::f32, {dyn("n"), dyn("m")});
  Value w = input("w", DType::f32, {dyn("m")}), b = input("b", DType::f32, {dyn("m")});
  Function f = Compile({x, y, w, b}, {sigmoid(x * w + b) * tanh(y)}, {},
                       {.name = "gate", .num_threads = threads});
  std::vector<Tensor> in = {Tensor::Normal({kRows, kColumns}, 1), Tensor::Normal({kRows, kColumns}, 2),
                            Tensor::Normal({kColumns}, 3), Tensor::Normal({kColumns}, 4)};
  Tensor out = Call(f, in)[0];
  const float *px = in[0].data<float>(), *py = in[1].data<float>();
  const float *pw = in[2].data<float>(), *pb = in[3].data<float>();
  Check("gate", out, [&](int64_t i) {
    const int64_t j = i % kColumns;
    return std::tanh(double(py[i])) / (1 + std::exp(-(double(px[i]) * pw[j] + pb[j])));
  }, 1e-6);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kRows, kColumns}));
  return {[f, in] { Call(f, in); },
          [in, o, threads] {
            const int64_t n = kRows * kColumns;
            std::vector<std::thread> others;
            for (int t = 1; t < threads; ++t) {
              others.emplace_back([=] {
                const int64_t a = n * t / threads, e = n * (t + 1) / threads;
                Triad(in[0].data<float>() + a, in[1].data<float>() + a, o->data<float>() + a, e - a);
              });
            }
            Triad(in[0].data<float>(), in[1].data<float>(), o->data<float>(), n / threads);
            for (auto& t : others) t.join();
          }};
}

const bool registered = [] {
  for (int threads : {1, 2}) {
    RegisterPair("elementwise/gate_16M/threads:" + std::to_string(threads), "triad",
                 [threads] { return MakePair(threads); });
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
