// Loads programs written by make_programs and runs them under a sanitizer with
// guard pages around every buffer; answers must be equal to the bit.
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "oriel/oriel.h"

namespace {

using namespace oriel;

int g_failures = 0;

void Fail(const std::string& name, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), why.c_str());
  ++g_failures;
}

std::vector<Tensor> LoadAll(const std::string& stem, const char* what) {
  std::vector<Tensor> all;
  for (int i = 0;; ++i) {
    const std::string path = stem + "." + what + std::to_string(i) + ".npy";
    if (!std::filesystem::exists(path)) return all;
    absl::StatusOr<Tensor> t = Tensor::Load(path);
    if (!t.ok()) {
      Fail(path, t.status().ToString());
      return all;
    }
    all.push_back(*t);
  }
}

void Compare(const std::string& name, const char* what, const std::vector<Tensor>& actual, const std::vector<Tensor>& expected) {
  if (actual.size() != expected.size()) return Fail(name, "wrong number of results");
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!BitEqual(actual[i], expected[i])) Fail(name, std::string(what) + " " + std::to_string(i) + " differs");
  }
}

void Run(const std::string& stem, const std::string& name, int threads, bool guard) {
  CompileOptions options;
  options.num_threads = threads;
  options.guard_buffers = guard;
  absl::StatusOr<Function> f = Function::Load(stem + ".oriel", options);
  if (!f.ok()) return Fail(name, f.status().ToString());
  const std::vector<Tensor> in = LoadAll(stem, "in"), expected = LoadAll(stem, "out");
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(in));
  if (!out.ok()) return Fail(name, out.status().ToString());
  Compare(name, "output", *out, expected);
  std::vector<Tensor> states;
  for (const State& s : f->states()) states.push_back(s.value());
  Compare(name, "state", states, LoadAll(stem, "state"));
  const MemoryReport memory = f->memory();
  if (guard && memory.measured_peak != memory.planned_peak) {
    Fail(name, "planned peak " + std::to_string(memory.planned_peak) + ", measured " + std::to_string(memory.measured_peak));
  }
  if (!states.empty()) return;
  // Several callers at once.
  std::vector<std::thread> callers;
  std::vector<absl::StatusOr<std::vector<Tensor>>> results(3, absl::UnknownError("not run"));
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&, t] { for (int i = 0; i < 3; ++i) results[t] = (*f)(absl::MakeConstSpan(in)); });
  }
  for (auto& t : callers) t.join();
  for (auto& r : results) {
    if (!r.ok()) Fail(name, r.status().ToString());
    else Compare(name, "concurrent output", *r, expected);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "Usage: run_programs DIR\n");
    return 2;
  }
  int programs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".oriel") continue;
    ++programs;
    const std::string stem = (entry.path().parent_path() / entry.path().stem()).string();
    for (int threads : {1, 3}) {
      for (bool guard : {true, false}) Run(stem, entry.path().stem().string(), threads, guard);
    }
  }
  std::printf("%d programs, %d failures\n", programs, g_failures);
  return programs > 0 && g_failures == 0 ? 0 : 1;
}
