// Chains of reductions over the rows of 4096x4096 float32 against a copy of the
// same array by as many threads, and sums against a read of it.
#include <cmath>

#include "benchmarks/common.h"
#include "benchmarks/limits.h"

namespace oriel::bench {
namespace {

constexpr int64_t kN = 4096;

using Rows = std::function<Value(const Value& x, const Value& gain, const Value& bias)>;
// The expected element (i, j) of a row with that maximum, sum of exp(x - max), mean
// and variance.
struct Row {
  double max, exp_sum, mean, variance;
};
using Expected = std::function<double(const Row& row, double x, double gain, double bias)>;

std::vector<std::function<void()>> Chain(const std::string& name, int operands, const Rows& make, const Expected& expected, bool reduced, int threads) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Value gain = input("gain", DType::f32, {dyn("m")}), bias = input("bias", DType::f32, {dyn("m")});
  std::vector<Value> inputs = {x, gain, bias};
  inputs.resize(operands);
  Function f = Compile(inputs, {make(x, gain, bias)}, {}, {.name = name, .num_threads = threads});
  std::vector<Tensor> all = {Tensor::Normal({kN, kN}, 5), Tensor::Normal({kN}, 6), Tensor::Normal({kN}, 7)};
  std::vector<Tensor> in(all.begin(), all.begin() + operands);
  Tensor out = Call(f, in)[0];
  const float* p = in[0].data<float>();
  std::vector<Row> rows(kN);
  for (int64_t i = 0; i < kN; ++i) {
    const float* r = p + i * kN;
    Row& row = rows[i];
    row = {r[0], 0, 0, 0};
    for (int64_t j = 0; j < kN; ++j) row.max = std::max(row.max, double(r[j])), row.mean += r[j];
    row.mean /= kN;
    for (int64_t j = 0; j < kN; ++j) {
      row.exp_sum += std::exp(r[j] - row.max);
      row.variance += (r[j] - row.mean) * (r[j] - row.mean);
    }
    row.variance /= kN;
  }
  Check(name, out, [&](int64_t i) {
    if (reduced) return expected(rows[i], 0, 0, 0);
    return expected(rows[i / kN], p[i], all[1].data<float>()[i % kN], all[2].data<float>()[i % kN]);
  }, 5e-6);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kN, kN}));
  return {[f, in] { Call(f, in); },
          [in, o, threads] { Copy(in[0].raw(), o->raw(), in[0].bytes(), threads); },
          [in, o, threads] { CopyStreaming(in[0].raw(), o->raw(), in[0].bytes(), threads); }};
}

Value LayerNorm(const Value& x, const Value& gain, const Value& bias) {
  Value d = x - mean(x, {1}, /*keepdims=*/true);
  return d / sqrt(mean(d * d, {1}, /*keepdims=*/true) + 1e-5) * gain + bias;
}

// Sums over `axes`, all of them when empty.
Pair Sums(const Axes& axes, int threads) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  Function f = Compile({x}, {sum(x, axes)}, {}, {.name = "sums", .num_threads = threads});
  // Between 0 and 1: sums far from zero, whose error is relative.
  std::vector<Tensor> in = {Tensor::Uniform({kN, kN}, 6)};
  Tensor out = Call(f, in)[0];
  const float* p = in[0].data<float>();
  std::vector<double> sums(axes.empty() ? 1 : kN, 0);
  for (int64_t i = 0; i < kN * kN; ++i) sums[axes.empty() ? 0 : axes[0] == 0 ? i % kN : i / kN] += p[i];
  Check("sums", out, [&](int64_t i) { return sums[i]; }, 2e-6);
  auto sink = std::make_shared<float>(0);
  return {[f, in] { Call(f, in); },
          [in, sink, threads] { *sink = Read(in[0].data<float>(), kN * kN, threads); }};
}

const bool registered = [] {
  struct Case {
    std::string name;
    int operands;
    Rows make;
    Expected expected;
    bool reduced;
  };
  const std::vector<Case> cases = {
      {"softmax", 1, [](const Value& x, const Value&, const Value&) { return softmax(x); },
       [](const Row& r, double x, double, double) { return std::exp(x - r.max) / r.exp_sum; }, false},
      {"log_softmax", 1, [](const Value& x, const Value&, const Value&) { return log_softmax(x); },
       [](const Row& r, double x, double, double) { return x - r.max - std::log(r.exp_sum); }, false},
      {"layer_norm", 3, LayerNorm,
       [](const Row& r, double x, double gain, double bias) {
         return (x - r.mean) / std::sqrt(r.variance + 1e-5) * gain + bias;
       }, false},
      {"logsumexp", 1, [](const Value& x, const Value&, const Value&) { return logsumexp(x, {1}); },
       [](const Row& r, double, double, double) { return r.max + std::log(r.exp_sum); }, true},
  };
  for (int threads : {1, 2}) {
    const std::string suffix = "_4096/threads:" + std::to_string(threads);
    for (const Case& c : cases) {
      RegisterCase("rows/" + c.name + suffix, {"oriel", "copy", "copy_streaming"},
                   [c, threads] { return Chain(c.name, c.operands, c.make, c.expected, c.reduced, threads); });
    }
    RegisterPair("reduce/all" + suffix, "read", [threads] { return Sums({}, threads); });
    RegisterPair("reduce/axis0" + suffix, "read", [threads] { return Sums({0}, threads); });
    RegisterPair("reduce/axis1" + suffix, "read", [threads] { return Sums({1}, threads); });
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
