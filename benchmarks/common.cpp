#include "benchmarks/common.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

namespace oriel::bench {
namespace {

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "benchmark: %s\n", why.c_str());
  std::exit(1);
}

// Before another contender is timed: calls that are not, for 20 ms, after a pause in
// which the threads of the last one go to sleep. OpenBLAS's wait awake for some
// 30 ms, on cores that the next contender needs; woken, they need a few calls.
void TakeTurn(const std::string& name, size_t contender, const std::function<void()>& run) {
  static std::pair<std::string, size_t> last;
  if (last == std::pair(name, contender)) return;
  last = {name, contender};
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto begin = std::chrono::steady_clock::now();
  do {
    run();
  } while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(20));
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

void RegisterCase(const std::string& name, const std::vector<std::string>& contenders,
                  std::function<std::vector<std::function<void()>>()> setup) {
  // The case is made on first use, so that a filter skips the others' cost.
  auto bodies = std::make_shared<std::vector<std::function<void()>>>();
  for (size_t i = 0; i < contenders.size(); ++i) {
    benchmark::RegisterBenchmark((name + "/" + contenders[i]).c_str(),
                                 [bodies, setup, name, n = contenders.size(), i](benchmark::State& state) {
                                   if (bodies->empty()) *bodies = setup();
                                   if (bodies->size() != n) Fail(name + ": a body for each contender is needed");
                                   const std::function<void()>& run = (*bodies)[i];
                                   TakeTurn(name, i, run);
                                   for (auto _ : state) run();
                                 })
        ->UseRealTime()->Unit(benchmark::kMicrosecond);
  }
}

void RegisterPair(const std::string& name, const std::string& peer,
                  std::function<Pair()> setup) {
  RegisterCase(name, {"oriel", peer}, [setup] {
    Pair pair = setup();
    return std::vector<std::function<void()>>{pair.oriel, pair.peer};
  });
}

void RegisterLimit(const std::string& name, double amount,
                   std::function<std::function<void()>()> setup) {
  auto body = std::make_shared<std::function<void()>>();
  benchmark::RegisterBenchmark(name.c_str(), [body, setup, amount](benchmark::State& state) {
    if (!*body) *body = setup();
    for (auto _ : state) (*body)();
    state.counters["amount"] = amount;
  })->UseRealTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace oriel::bench

BENCHMARK_MAIN();
