// File: compile.cpp
//
// compile() and CompileText(): a program from the cache, or else from the
// compiler library; both load by the same path.
#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "oriel/config.h"
#include "oriel/function.h"
#include "runtime/core/hash.h"
#include "runtime/core/host_caches.h"
#include "runtime/core/state_cell.h"
#include "runtime/core/status.h"
#include "runtime/engine/cache_dir.h"
#include "runtime/engine/cpu_features.h"
#include "runtime/engine/function_impl.h"
#include "runtime/engine/function_state.h"
#include "runtime/engine/guard_check.h"
#include "runtime/engine/image.h"
#include "runtime/engine/program_io.h"
#include "runtime/engine/tap_hub.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/implied_updates.h"
#include "runtime/jit/compiler_abi.h"
#include "runtime/jit/loader/compiler_library.h"
#include "runtime/ops/op_call.h"

namespace oriel {
namespace {

using Cells = std::vector<std::shared_ptr<graph::StateCell>>;

constexpr char kCacheKind[] = "program";

// From compile() on: every nanosecond goes to a phase.
class Stopwatch {
 public:
  // Time since the last lap, or the start, is the phase's.
  void Lap(const char* phase, CompileInfo* info) {
    info->phases.emplace_back(phase, Lap());
    info->total_ns += info->phases.back().second;
  }

 private:
  using Clock = std::chrono::steady_clock;
  int64_t Lap() {
    const Clock::time_point now = Clock::now();
    const int64_t ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_)
            .count();
    last_ = now;
    return ns;
  }
  Clock::time_point last_ = Clock::now();
};

// What the compiler measured inside the phase "compiler": in its place, with
// "finish" for what it did after the program was written: the image, the end of
// its context.
constexpr char kCompilerPhase[] = "compiler";
void UnfoldCompiler(const CompileCosts& costs, CompileInfo* info) {
  auto& phases = info->phases;
  auto whole = std::find_if(phases.begin(), phases.end(), [](const auto& p) {
    return p.first == kCompilerPhase;
  });
  if (whole == phases.end()) return;
  int64_t rest = whole->second;
  for (const auto& [phase, ns] : costs.phases) rest -= ns;
  std::vector<std::pair<std::string, int64_t>> inner = costs.phases;
  inner.emplace_back("finish", std::max<int64_t>(0, rest));
  const size_t at = static_cast<size_t>(whole - phases.begin());
  phases.erase(whole);
  phases.insert(phases.begin() + static_cast<std::ptrdiff_t>(at), inner.begin(),
                inner.end());
}

absl::StatusOr<ReferenceValue> EvaluateReference(
    std::string_view call, absl::Span<const Tensor> inputs,
    const DimBindings& dims) {
  ORIEL_ASSIGN_OR_RETURN(ReferenceResult result,
                         EvaluateOpCall(call, inputs, dims));
  return ReferenceValue{std::move(result.value), std::move(result.tolerance)};
}

// Which program of a graph: with its taps or without, and what is watched.
struct Variant {
  bool observe = false;
  std::vector<NodeId> nodes;

  std::string NodeList() const {
    return absl::StrJoin(nodes, ",");
  }
};

// What a compiled program depends on. The text is hashed with its locations: a
// program's reports give the lines of the graph it was made from, so the same
// computation on another line is another program. Kernels carry no location of
// the user's and are shared through the kernel cache.
std::string ProgramKey(const std::string& text, const std::string& name,
                       const std::string& build_id,
                       const CompileOptions& options, const Variant& variant) {
  const std::string observed =
      variant.observe ? "observed " + variant.NodeList() : "";
  const bool checked =
      options.check.value_or(CheckMode::kOff) != CheckMode::kOff;
  return HashBytes128(absl::StrCat(kCompilerAbi, "\n", build_id, "\n",
                                   absl::Hex(HostCpuFeatures()), "\n",
                                   HostSecondLevelCacheBytes(), "\n",
                                   checked          ? "checked"
                                   : options.fusion ? "fusion"
                                                    : "no fusion",
                                   "\n", observed, "\n", name, "\n",
                                   options.source, "\n",
                                   options.leave_out_phase, "\n", text))
      .Hex();
}

// Kernels of the program, each counted once.
int CountKernels(const std::vector<Step>& steps, std::set<std::string>* names) {
  for (const Step& step : steps) {
    if (const auto* dispatch = std::get_if<DispatchStep>(&step.op)) {
      names->insert(dispatch->kernel);
    } else if (const auto* loop = std::get_if<LoopStep>(&step.op)) {
      CountKernels(loop->body, names);
    } else if (const auto* branch = std::get_if<BranchStep>(&step.op)) {
      CountKernels(branch->then_body, names);
      CountKernels(branch->else_body, names);
    }
  }
  return static_cast<int>(names->size());
}

// The one way from an image to a Function, whatever the image came from.
absl::StatusOr<Function> Load(std::shared_ptr<const LoadedImage> image,
                              const Cells& cells, CompileInfo info,
                              Stopwatch* watch,
                              const CompileOptions& options) {
  ORIEL_ASSIGN_OR_RETURN(Program program, ReadProgram(image->program()));
  std::set<std::string> names;
  if (info.source == "program cache") {
    info.kernels = info.kernels_from_cache =
        CountKernels(program.steps, &names);
  }
  if (info.source == "compiled") UnfoldCompiler(program.costs, &info);
  info.remarks.insert(info.remarks.end(), program.remarks.begin(),
                      program.remarks.end());
  watch->Lap("load", &info);
  return MakeFunction(std::move(program), std::move(image), cells,
                      std::move(info), options);
}

absl::StatusOr<Function> CompileOrLoad(
    const std::string& text, const std::string& name, const Cells& cells,
    const CompileOptions& options, const Variant& variant,
    Stopwatch* watch, CompileInfo info) {
  SetReferenceFunction(EvaluateReference);
  const std::string display = name.empty() ? options.name : name;
  ORIEL_ASSIGN_OR_RETURN(jit::CompilerFile compiler, jit::FindCompiler());
  const std::string key = 
      ProgramKey(text, name, compiler.build_id, options, variant);

  absl::StatusOr<CacheDir> cache = absl::NotFoundError("");
  const std::string folder = CacheDir::Resolve(
      options.cache_dir.empty() ? Config::Get().cache_dir : options.cache_dir);
  if (!folder.empty()) {
    cache = CacheDir::Open(folder);
    if (!cache.ok()) {
      info.remarks.push_back(
          absl::StrCat("nothing is cached: ", cache.status().message()));
    }
  }

  if (cache.ok()) {
    absl::StatusOr<CacheEntry> entry = cache->Lookup(kCacheKind, key);
    watch->Lap("lookup", &info);
    if (entry.ok()) {
      CompileInfo hit = info;
      hit.source = "program cache";
      absl::StatusOr<std::shared_ptr<const LoadedImage>> image =
          LoadedImage::FromFile(entry->fd(), entry->bytes().size(), display);
      absl::StatusOr<Function> function =
          image.ok() ? Load(*image, cells, hit, watch, options)
                     : absl::StatusOr<Function>(image.status());
      if (function.ok()) return function;
      // Whole, but not a program this process can run: made anew, and replaced.
      info.remarks.push_back(absl::StrCat("a cached program was not used: ",
                                          function.status().message()));
      (void)cache->Remove(kCacheKind, key);
    } else if (entry.status().code() != absl::StatusCode::kNotFound) {
      info.remarks.push_back(absl::StrCat("a cached program was not used: ",
                                          entry.status().message()));
    }
  }

  jit::CompileRequest request;
  request.text = text;
  request.name = name;
  request.source = options.source;
  // A cached kernel would hide that a phase was left out.
  request.cache_dir = cache.ok() && options.leave_out_phase.empty() ? folder : "";
  request.check = options.check.value_or(CheckMode::kOff) != CheckMode::kOff;
  request.fusion = options.fusion && !request.check;
  request.leave_out_phase = options.leave_out_phase;
  request.observe = variant.observe;
  request.observe_nodes = variant.NodeList();
  request.num_threads = static_cast<uint32_t>(
      std::max(0, options.num_threads != 0 ? options.num_threads
                                           : Config::Get().num_threads));
  if (absl::Status loaded = jit::LoadCompiler(); !loaded.ok()) return loaded;
  watch->Lap("library", &info);
  ORIEL_ASSIGN_OR_RETURN(jit::CompileResult result, jit::RunCompiler(request));
  watch->Lap(kCompilerPhase, &info);
  info.source = "compiled";
  info.kernels = result.kernels;
  info.kernels_from_cache = result.kernels_from_cache;
  const std::string_view bytes(
      reinterpret_cast<const char*>(result.image.data()), result.image.size());
  if (cache.ok()) {
    if (absl::Status stored = cache->Store(kCacheKind, key, bytes);
        stored.ok()) {
      // What this compilation stored, kernels too, may have been too much.
      if (const uint64_t limit = Config::Get().cache_limit; limit > 0) (void)cache->Trim(limit);
      // Mapped from the file, as the next process will.
      absl::StatusOr<CacheEntry> entry = cache->Lookup(kCacheKind, key);
      watch->Lap("store", &info);
      if (entry.ok()) {
        absl::StatusOr<std::shared_ptr<const LoadedImage>> image =
            LoadedImage::FromFile(entry->fd(), entry->bytes().size(), display);
        if (image.ok())
          return Load(*std::move(image), cells, std::move(info), watch,
                      options);
      }
    } else {
      info.remarks.push_back(
          absl::StrCat("the program was not cached: ", stored.message()));
    }
  }
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedImage> image,
                         LoadedImage::FromBytes(bytes, display));
  return Load(std::move(image), cells, std::move(info), watch, options);
}

// The graph compiled as far as fusion, which says what it decided.
absl::StatusOr<std::string> ExplainFusion(const std::string& text,
                                          const std::string& name,
                                          const CompileOptions& options) {
  jit::CompileRequest request;
  request.text = text;
  request.name = name;
  request.source = options.source;
  request.check = options.check.value_or(CheckMode::kOff) != CheckMode::kOff;
  request.fusion = options.fusion && !request.check;
  request.leave_out_phase = options.leave_out_phase;
  request.explain_fusion = true;
  ORIEL_ASSIGN_OR_RETURN(jit::CompileResult result, jit::RunCompiler(request));
  return std::string(result.image.begin(), result.image.end());
}

// Makes the function able to be compiled again as others look at it.
void BindTaps(const Function& function, std::string text,
              const std::string& name, const CompileOptions& options,
              const std::vector<std::shared_ptr<const WatchCallback>>& taps) {
  auto shared = std::make_shared<const std::string>(std::move(text));
  const Cells cells = function.impl()->cells;
  function.impl()->taps->Bind(
      taps, [shared, name, options, cells](bool graph_taps,
                                           const std::vector<NodeId>& nodes) {
        Stopwatch watch;
        Variant variant{graph_taps || !nodes.empty(), nodes};
        CompileInfo info;
        if (variant.observe) {
          info.remarks.push_back(absl::StrCat(
              "a program that is looked at",
              nodes.empty() ? "" : ": nodes " + variant.NodeList()));
        }
        return CompileOrLoad(*shared, name, cells, options, variant, &watch,
                             std::move(info));
      },
      [shared, name, options] { return ExplainFusion(*shared, name, options); });
}

// Renames inputs as the options say; in the options they are known by name from
// here on, so that a Function keeps no expression alive.
absl::Status ResolveInputs(CompileOptions* options,
                           std::vector<Value>* inputs) {
  for (In& in : options->inputs) {
    ORIEL_RETURN_IF_ERROR(in.variable.status());
    auto input = std::find_if(
        inputs->begin(), inputs->end(),
        [&](const Value& v) { return v.id() == in.variable.id(); });
    if (input == inputs->end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("CompileOptions::inputs has '", in.variable.name(),
                       "', which is not among the inputs"));
    }
    if (in.name.empty()) in.name = input->name();
    *input = graph::Renamed(*input, in.name);
    in.variable = Value();
  }
  return absl::OkStatus();
}

void ReplaceGivens(CompileOptions* options, std::vector<Value>* outputs,
                   std::vector<Update>* updates) {
  if (options->givens.empty()) return;
  std::vector<Value> roots = *outputs;
  for (const Update& update : *updates) roots.push_back(update.second);
  roots = Substitute(roots, options->givens);
  for (size_t i = 0; i < roots.size(); ++i) {
    (i < outputs->size() ? (*outputs)[i]
                         : (*updates)[i - outputs->size()].second) = roots[i];
  }
  options->givens.clear();
}

}  // namespace

absl::StatusOr<Function> compile(std::vector<Value> inputs,
                                 std::vector<Value> outputs,
                                 std::vector<Update> updates,
                                 const CompileOptions& given_options) {
  Stopwatch watch;
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  CompileOptions options = given_options;
  if (!options.check) options.check = Config::Get().check;
  ORIEL_RETURN_IF_ERROR(ResolveInputs(&options, &inputs));
  ReplaceGivens(&options, &outputs, &updates);
  updates = graph::WithImpliedUpdates(outputs, std::move(updates));
  ORIEL_ASSIGN_OR_RETURN(
      graph::ExportedGraph exported,
      graph::ExportGraph(inputs, outputs, updates, options.name));
  Cells cells;
  for (const State& state : exported.states) cells.push_back(state.cell());
  CompileInfo info;
  watch.Lap("export", &info);
  ORIEL_ASSIGN_OR_RETURN(
      Function function,
      CompileOrLoad(exported.text, options.name, cells, options,
                    {!exported.taps.empty(), {}}, &watch, std::move(info)));
  BindTaps(function, std::move(exported.text), options.name, options,
           exported.taps);
  return function;
}

absl::StatusOr<Function> CompileText(const std::string& mlir_text,
                                     const CompileOptions& given_options) {
  CompileOptions options = given_options;
  if (!options.check) options.check = Config::Get().check;
  Stopwatch watch;
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  // An unnamed program keeps the name of its function.
  const std::string name =
      options.name == CompileOptions{}.name ? "" : options.name;
  const bool has_taps = absl::StrContains(mlir_text, "oriel.tap");
  ORIEL_ASSIGN_OR_RETURN(Function function,
                         CompileOrLoad(mlir_text, name, {}, options,
                                       {has_taps, {}}, &watch, CompileInfo{}));
  BindTaps(function, mlir_text, name, options, {});
  return function;
}

}  // namespace oriel
