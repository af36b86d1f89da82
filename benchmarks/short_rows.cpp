// Sums, maxima and softmax of a million short rows against loops that LLVM's
// vectoriser is free to reorder, with the length known to it or not (this file is
// compiled with -O3 for this machine).
#include <cmath>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kElements = 16 << 20;

__attribute__((noinline)) void SumRows(const float* x, float* o, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < rows; ++i) {
    float s = 0;
    for (int64_t j = 0; j < n; ++j) {
#ifdef __clang__
#pragma clang fp reassociate(on)
#endif
      s += x[i * n + j];
    }
    o[i] = s;
  }
}

template <int64_t kLength>
__attribute__((noinline)) void SumKnownRows(const float* x, float* o, int64_t rows, int64_t) {
  for (int64_t i = 0; i < rows; ++i) {
    float s = 0;
    for (int64_t j = 0; j < kLength; ++j) {
#ifdef __clang__
#pragma clang fp reassociate(on)
#endif
      s += x[i * kLength + j];
    }
    o[i] = s;
  }
}

__attribute__((noinline)) void MaxRows(const float* x, float* o, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < rows; ++i) {
    float m = x[i * n];
    for (int64_t j = 1; j < n; ++j) m = x[i * n + j] > m ? x[i * n + j] : m;
    o[i] = m;
  }
}

// Its exponentials are the C library's, one at a time.
__attribute__((noinline)) void SoftmaxRows(const float* x, float* o, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* r = x + i * n;
    float m = r[0], s = 0;
    for (int64_t j = 1; j < n; ++j) m = r[j] > m ? r[j] : m;
    for (int64_t j = 0; j < n; ++j) s += o[i * n + j] = std::exp(r[j] - m);
    for (int64_t j = 0; j < n; ++j) o[i * n + j] /= s;
  }
}

using Make = std::function<Value(const Value&)>;
using Loop = void (*)(const float*, float*, int64_t, int64_t);

Pair ShortRows(const std::string& name, int64_t n, bool known, const Make& make, Loop loop) {
  const int64_t rows = kElements / n;
  Value x = input("x", DType::f32, {dyn("n"), known ? Dim(n) : dyn("m")});
  Function f = Compile({x}, {make(x)}, {}, {.name = name, .num_threads = 1});
  std::vector<Tensor> in = {Tensor::Normal({rows, n}, 5)};
  Tensor out = Call(f, in)[0];
  auto o = std::make_shared<Tensor>(Tensor::Zeros({out.size()}));
  loop(in[0].data<float>(), o->data<float>(), rows, n);
  const float* want = o->data<float>();
  Check(name, out, [want](int64_t i) { return want[i]; }, 3e-6);
  return {[f, in] { Call(f, in); }, [in, o, rows, n, loop] { loop(in[0].data<float>(), o->data<float>(), rows, n); }};
}

const bool registered = [] {
  auto sums = [](const Value& x) { return sum(x, {1}); };
  auto maxima = [](const Value& x) { return reduce_max(x, {1}); };
  auto softmaxes = [](const Value& x) { return softmax(x); };
  auto add = [](const std::string& what, int64_t n, bool known, const Make& make, Loop loop) {
    const std::string name = "short_rows/" + what + "_" + std::to_string(n) + (known ? "_known" : "");
    RegisterPair(name, "llvm_vectoriser", [=] { return ShortRows(name, n, known, make, loop); });
  };
  for (int64_t n : {10, 16, 20, 30}) add("sum", n, false, sums, SumRows);
  add("sum", 10, true, sums, SumKnownRows<10>);
  add("sum", 16, true, sums, SumKnownRows<16>);
  add("sum", 30, true, sums, SumKnownRows<30>);
  for (int64_t n : {10, 30}) {
    add("max", n, false, maxima, MaxRows);
    add("softmax", n, false, softmaxes, SoftmaxRows);
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
