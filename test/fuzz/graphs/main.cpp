// fuzz_graphs: see kHelp.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "test/fuzz/graphs/graph.h"
#include "test/fuzz/graphs/options.h"
#include "test/fuzz/graphs/reference.h"
#include "test/fuzz/graphs/statistics.h"
#include "test/fuzz/graphs/text_subject.h"
#include "test/fuzz/graphs/variants.h"

namespace oriel::fuzz {
namespace {

// Removed at the end. Kernels are shared within it, so it is made anew now and
// then: what a long run compiles is to be compiled, not found.
class ScratchFolder {
 public:
  ScratchFolder() { Make(); }
  ~ScratchFolder() { Remove(); }
  const std::string& path() const { return path_; }
  void Renew() { Remove(), Make(); }

 private:
  void Make() {
    path_ = (std::filesystem::temp_directory_path() / "oriel-fuzz-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  void Remove() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string path_;
};

std::string Line(const Finding& finding) { return absl::StrCat("variant '", finding.variant, "': ", finding.what); }

Finding RunText(const TextGraph& text, const VariantOptions& options) {
  Run base;
  return CompareVariants(SubjectOf(text), options, &base);
}

struct SeedResult {
  Finding finding;
  Run base;
  ReferenceResult reference;
};

Run WithError(Run run, double error) {
  if (run.calls.empty()) return run;
  for (size_t k = 0; k < run.outputs; ++k) {
    Tensor& t = run.calls[0][k];
    if ((t.dtype() != DType::f32 && t.dtype() != DType::f64) || t.size() == 0) continue;
    Tensor wide = t.Cast(DType::f64)->Clone();
    for (int64_t i = 0; i < wide.size(); ++i) wide.data<double>()[i] *= 1 + error;
    t = *wide.Cast(t.dtype());
    break;
  }
  return run;
}

SeedResult RunSeed(const Graph& graph, const Options& options, const VariantOptions& variants) {
  SeedResult result;
  const absl::StatusOr<TextGraph> text = ToText(graph);
  if (!text.ok()) return {{"text", text.status().ToString()}, {}, {}};
  if (!options.planted.first.empty()) {
    TextGraph planted = *text;
    planted.planted = options.planted;
    result.finding = RunText(planted, variants);
    return result;
  }
  const Graph known = WithKnownExtents(graph);
  Subject subject;
  subject.compile = [&](const CompileOptions& o) { return compile(graph.inputs, graph.outputs, graph.updates, o); };
  subject.compile_known = [&](const CompileOptions& o) { return compile(known.inputs, known.outputs, known.updates, o); };
  subject.initial = [&](const std::vector<State>& states) {
    std::vector<Tensor> values;
    for (const State& state : states) values.push_back(text->data.at("state." + state.name()));
    return values;
  };
  subject.calls = [&](const Function&) { return graph.calls; };
  result.finding = CompareVariants(subject, variants, &result.base);
  if (!result.finding.variant.empty() || !options.only.empty()) return result;
  // Graphs from text have states of their own, in an order of their own.
  const Subject from_text = SubjectOf(*text);
  absl::StatusOr<Function> f = from_text.compile({.num_threads = 1, .cache_dir = variants.cache_dir});
  const std::string found = f.ok() ? DifferenceInBits(RunCalls(from_text, *f), result.base) : f.status().ToString();
  if (!found.empty()) return {{"from text", found}, {}, {}};
  result.finding = CompareLookedAt(graph.seed, options.ops, subject, variants, result.base);
  if (!result.finding.variant.empty()) return result;
  result.reference = CompareWithReference(graph, options.planted_error == 0 ? result.base : WithError(result.base, options.planted_error));
  if (!result.reference.difference.empty()) result.finding = {"reference", result.reference.difference};
  return result;
}

// The program as the sanitizers' run_programs reads it; only graphs without
// bfloat16, which .npy lacks.
absl::Status Export(const Graph& graph, const std::string& folder, const Run& base) {
  const std::string stem = absl::StrCat(folder, "/graph_", graph.seed);
  for (const std::vector<Tensor>* tensors : {&graph.calls[0], &base.calls[0], &graph.initial}) {
    for (const Tensor& t : *tensors) {
      if (t.dtype() == DType::bf16) return absl::OkStatus();
    }
  }
  for (size_t s = 0; s < graph.states.size(); ++s) {
    State state = graph.states[s];
    if (absl::Status status = state.set_value(graph.initial[s]); !status.ok()) return status;
  }
  absl::StatusOr<Function> f = compile(graph.inputs, graph.outputs, graph.updates, {.name = absl::StrCat("graph_", graph.seed), .num_threads = 2, .cache_dir = "none"});
  if (!f.ok()) return f.status();
  if (absl::Status status = f->Export(stem + ".oriel"); !status.ok()) return status;
  for (size_t k = 0; k < graph.calls[0].size(); ++k) {
    if (absl::Status status = graph.calls[0][k].Contiguous().Save(absl::StrCat(stem, ".in", k, ".npy")); !status.ok()) return status;
  }
  for (size_t k = 0; k < base.calls[0].size(); ++k) {
    const std::string name = k < base.outputs ? absl::StrCat(".out", k) : absl::StrCat(".state", k - base.outputs);
    if (absl::Status status = base.calls[0][k].Save(stem + name + ".npy"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string Range(OpRange ops) { return absl::StrCat(ops.least, "..", ops.most); }

void Report(const Graph& graph, const Options& options, const Finding& finding) {
  const std::string folder = absl::StrCat(options.out, "/finding-", graph.seed);
  std::cout << "FINDING seed " << graph.seed << ", " << Line(finding) << "\n";
  std::cout << "  again:  fuzz_graphs --seed " << graph.seed << " --count 1 --ops " << Range(options.ops) << "\n";
  absl::StatusOr<TextGraph> text = ToText(graph);
  const absl::Status saved = text.ok() ? Save(*text, folder) : text.status();
  if (!saved.ok()) {
    std::cout << "  not written: " << saved.message() << "\n";
  } else {
    std::cout << "  from its text:  fuzz_graphs --graph " << folder << "/graph.mlir --known " << folder << "/known.mlir --data "
              << folder << "/data.safetensors\n  smaller:  test/fuzz/shrink.sh " << folder << "\n";
  }
  std::cout << std::flush;
}

int RunFile(const Options& options) {
  absl::StatusOr<TextGraph> text = Load(options.graph, options.known, options.data);
  if (!text.ok()) {
    std::cerr << "fuzz_graphs: " << text.status().message() << "\n";
    return 2;
  }
  text->planted = options.planted;
  ScratchFolder cache;
  const Finding finding = RunText(*text, {.cache_dir = cache.path(), .leave_out_phase = options.leave_out_phase, .only = options.only});
  if (finding.variant.empty()) {
    std::cout << options.graph << ": clean\n";
    return 0;
  }
  std::cout << options.graph << ": " << Line(finding) << "\n";
  return absl::StrContains(Line(finding), options.expect) ? 1 : 0;
}

int RunSeeds(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const uint64_t first = options.seed ? *options.seed : static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count() / 1000000) % 1000000000;
  std::cout << "fuzz_graphs: seeds from " << first << ", ops " << Range(options.ops) << std::endl;
  Statistics statistics;
  ScratchFolder cache;
  uint64_t seed = first;
  for (;; ++seed) {
    const auto made = static_cast<int64_t>(seed - first);
    if ((options.count > 0 && made >= options.count) || (options.seconds > 0 && elapsed() >= options.seconds)) break;
    if (made % 100 == 99) cache.Renew();
    const Graph graph = MakeGraph(seed, options.ops);
    statistics.Count(graph);
    // A crash leaves its cause behind.
    const std::string last = options.out + "/fuzz_graphs_last_seed";
    if (FILE* file = std::fopen(last.c_str(), "w")) std::fprintf(file, "%llu\n", static_cast<unsigned long long>(seed)), std::fclose(file);
    if (options.write) {
      Report(graph, options, {"none", "written without a run"});
      continue;
    }
    const SeedResult result = RunSeed(graph, options, {.cache_dir = cache.path(), .leave_out_phase = options.leave_out_phase, .only = options.only});
    std::error_code ignored;
    std::filesystem::remove(last, ignored);
    if (result.finding.variant.empty() || !absl::StrContains(Line(result.finding), options.expect)) {
      statistics.Clean(result.reference, result.base);
      if (!options.export_to.empty() && result.base.status.ok()) {
        if (absl::Status status = Export(graph, options.export_to, result.base); !status.ok()) {
          std::cerr << "fuzz_graphs: seed " << seed << " is not exported: " << status << "\n";
          return 1;
        }
      }
      continue;
    }
    statistics.Finding();
    Report(graph, options, result.finding);
    if (!options.keep_going) {
      ++seed;
      break;
    }
  }
  std::cout << statistics.Text(first, seed - 1, elapsed()) << std::flush;
  if (options.all_ops && !statistics.Missing().empty()) {
    std::cout << "fuzz_graphs: no graph has " << absl::StrJoin(statistics.Missing(), ", ") << ": steps_*.cpp lacks them, or too few graphs were made\n";
    return 1;
  }
  return statistics.findings() == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions({argv + 1, argv + argc});
  if (!options.ok()) {
    std::cerr << "fuzz_graphs: " << options.status().message() << "\n";
    return 2;
  }
  if (options->help) {
    std::cout << kHelp;
    return 0;
  }
  return options->graph.empty() ? RunSeeds(*options) : RunFile(*options);
}

}  // namespace
}  // namespace oriel::fuzz

int main(int argc, char** argv) { return oriel::fuzz::Main(argc, argv); }
