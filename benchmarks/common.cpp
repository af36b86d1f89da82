#include "benchmarks/common.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace oriel::bench {
namespace {

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "benchmark: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

Function Compile(std::vector<Value> inputs, std::vector<Value> outputs,
                 std::vector<Update> updates, CompileOptions options) {
  auto f = compile(std::move(inputs), std::move(outputs), std::move(updates), options);
  if (!f.ok()) Fail(f.status().ToString());
  return *f;
}

std::vector<Tensor> Call(const Function& f, const std::vector<Tensor>& inputs) {
  auto out = f(absl::MakeConstSpan(inputs));
  if (!out.ok()) Fail(out.status().ToString());
  return *std::move(out);
}

void Check(const std::string& what, const Tensor& actual,
           const std::function<double(int64_t)>& expected, double tolerance) {
  if (actual.dtype() != DType::f32) Fail(what + ": expected a float32 result");
  const float* data = actual.data<float>();
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double want = expected(i);
    if (!(std::fabs(data[i] - want) <= tolerance * std::fmax(1.0, std::fabs(want)))) {
      Fail(what + ": element " + std::to_string(i) + " is " + std::to_string(data[i]) +
           ", expected " + std::to_string(want));
    }
  }
}

void RegisterPair(const std::string& name, const std::string& peer,
                  std::function<Pair()> setup) {
  // The pair is made on first use, so that a filter skips the others' cost.
  auto pair = std::make_shared<std::unique_ptr<Pair>>();
  auto body = [pair, setup](benchmark::State& state, bool ours) {
    if (!*pair) *pair = std::make_unique<Pair>(setup());
    const std::function<void()>& run = ours ? (*pair)->oriel : (*pair)->peer;
    for (auto _ : state) run();
  };
  benchmark::RegisterBenchmark((name + "/oriel").c_str(),
                               [body](benchmark::State& s) { body(s, true); })
      ->UseRealTime()->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark((name + "/" + peer).c_str(),
                               [body](benchmark::State& s) { body(s, false); })
      ->UseRealTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace oriel::bench

BENCHMARK_MAIN();
