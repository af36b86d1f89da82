// From compile() to ready, the digits' training step: cold (no cache on disk),
// kernels from the cache but not the program, and the program from the cache.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>

#include "benchmarks/common.h"

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

void Cold(benchmark::State& state) {
  for (auto _ : state) Expect(DigitsStep("none", "step"), "compiled");
}
BENCHMARK(Cold)->Name("compile/digits_step/cold")->UseRealTime()->Unit(benchmark::kMillisecond);

void KernelCache(benchmark::State& state) {
  const std::string dir = TemporaryDir();
  Expect(DigitsStep(dir, "step"), "compiled");
  int salt = 0;
  for (auto _ : state) {
    Function f = DigitsStep(dir, "step_" + std::to_string(++salt));
    Expect(f, "compiled");
    if (f.compile_info().kernels_from_cache != f.compile_info().kernels) {
      state.SkipWithError("a kernel was not in the cache");
      break;
    }
  }
  std::filesystem::remove_all(dir);
}
BENCHMARK(KernelCache)->Name("compile/digits_step/kernel_cache")->UseRealTime()->Unit(benchmark::kMillisecond);

void ProgramCache(benchmark::State& state) {
  const std::string dir = TemporaryDir();
  Expect(DigitsStep(dir, "step"), "compiled");
  for (auto _ : state) Expect(DigitsStep(dir, "step"), "program cache");
  std::filesystem::remove_all(dir);
}
BENCHMARK(ProgramCache)->Name("compile/digits_step/program_cache")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace oriel::bench
