// From compile() to ready: ten elementwise operations, the digits' training step, a
// perceptron's. Cold (no cache on disk), kernels from the cache but not the program,
// and the program from the cache.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>

#include "benchmarks/common.h"
#include "benchmarks/training.h"

namespace oriel::bench {
namespace {

// The step of examples/digits; `salt` changes a constant of the graph's text
// that no kernel sees (the function's name), so that the program is new and the
// kernels are known.
Function DigitsStep(const std::string& cache_dir, const std::string& name) {
  State w = state("W", Tensor::Zeros({64, 10})), b = state("b", Tensor::Zeros({10}));
  Value images = input("images", DType::u8, {dyn("batch"), 64});
  Value labels = input("labels", DType::i64, {dyn("batch")});
  Value x = cast(images, DType::f32) * (1.0 / 16);
  Value p = softmax(dot(x, w) + b);
  Value cost = -mean(log(p[{arange(labels.dim(0)), labels}]));
  Value onehot = equal(expand_dims(labels, 1), iota({1, 10}, 1, DType::i64));
  Value error = (p - cast(onehot, DType::f32)) / cast(dim_value(labels.dim(0)), DType::f32);
  return Compile({images, labels}, {cost},
                 {{w, w - 0.5 * dot(transpose(x), error)}, {b, b - 0.5 * sum(error, {0})}},
                 {.name = name, .num_threads = 2, .cache_dir = cache_dir});
}

// A cost and an update of two hidden layers, as examples/digits-mlp without its
// random streams; its gradients are grad()'s.
Function MlpStep(const std::string& cache_dir, const std::string& name) {
  return PerceptronStep({.name = name, .num_threads = 2, .cache_dir = cache_dir});
}

// The operations of call/10_ops_100_elements.
Function TenOps(const std::string& cache_dir, const std::string& name) {
  Value x = input("x", DType::f32, {dyn("n")}), y = input("y", DType::f32, {dyn("n")});
  Value v = (x + y) * x - y;
  return Compile({x, y}, {abs(v) + sqrt(abs(x)) * y + maximum(x, y) - x}, {},
                 {.name = name, .num_threads = 2, .cache_dir = cache_dir});
}

using Make = Function (*)(const std::string& cache_dir, const std::string& name);

std::string TemporaryDir() {
  std::string name = (std::filesystem::temp_directory_path() / "oriel-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::exit(1);
  return name;
}

void Expect(const Function& f, const std::string& source) {
  if (f.compile_info().source != source) {
    std::fprintf(stderr, "compile: expected source \"%s\", got \"%s\"\n", source.c_str(),
                 f.compile_info().source.c_str());
    std::exit(1);
  }
}

void Cold(benchmark::State& state, Make make) {
  for (auto _ : state) Expect(make("none", "step"), "compiled");
}

void KernelCache(benchmark::State& state, Make make) {
  const std::string dir = TemporaryDir();
  Expect(make(dir, "step"), "compiled");
  int salt = 0;
  for (auto _ : state) {
    Function f = make(dir, "step_" + std::to_string(++salt));
    Expect(f, "compiled");
    if (f.compile_info().kernels_from_cache != f.compile_info().kernels) {
      state.SkipWithError("a kernel was not in the cache");
      break;
    }
  }
  std::filesystem::remove_all(dir);
}

void ProgramCache(benchmark::State& state, Make make) {
  const std::string dir = TemporaryDir();
  Expect(make(dir, "step"), "compiled");
  for (auto _ : state) Expect(make(dir, "step"), "program cache");
  std::filesystem::remove_all(dir);
}

const bool registered = [] {
  const std::pair<const char*, Make> programs[] = {{"10_ops", TenOps}, {"digits_step", DigitsStep}, {"mlp_step", MlpStep}};
  const std::pair<const char*, void (*)(benchmark::State&, Make)> ways[] = {
      {"cold", Cold}, {"kernel_cache", KernelCache}, {"program_cache", ProgramCache}};
  for (auto [program, make] : programs) {
    for (auto [way, body] : ways) {
      benchmark::RegisterBenchmark((std::string("compile/") + program + "/" + way).c_str(),
                                   [body, make](benchmark::State& state) { body(state, make); })
          ->UseRealTime()->Unit(benchmark::kMillisecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
