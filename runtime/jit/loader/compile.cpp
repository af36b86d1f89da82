// File: compile.cpp
//
// compile() and CompileText(): a program from the cache, or else from the
// compiler library; both load by the same path.
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "oriel/config.h"
#include "oriel/function.h"
#include "runtime/core/hash.h"
#include "runtime/core/state_cell.h"
#include "runtime/core/status.h"
#include "runtime/engine/cache_dir.h"
#include "runtime/engine/cpu_features.h"
#include "runtime/engine/function_impl.h"
#include "runtime/engine/image.h"
#include "runtime/engine/program_io.h"
#include "runtime/graph/graph_export.h"
#include "runtime/jit/compiler_abi.h"
#include "runtime/jit/loader/compiler_library.h"

namespace oriel {
namespace {

using Cells = std::vector<std::shared_ptr<graph::StateCell>>;

constexpr char kCacheKind[] = "program";

class Stopwatch {
 public:
  int64_t Nanoseconds() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() -
                                                                start_)
        .count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// What a compiled program depends on. The text is hashed with its locations: a
// program's reports give the lines of the graph it was made from, so the same
// computation on another line is another program. Kernels carry no location of
// the user's and are shared through the kernel cache.
std::string ProgramKey(const std::string& text, const std::string& name,
                       const std::string& build_id,
                       const CompileOptions& options) {
  return HashBytes128(absl::StrCat(kCompilerAbi, "\n", build_id, "\n",
                                   absl::Hex(HostCpuFeatures()), "\n",
                                   options.fusion ? "fusion" : "no fusion",
                                   "\n", name, "\n",
                                   options.source, "\n", text))
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
                              const Stopwatch& watch,
                              const CompileOptions& options) {
  ORIEL_ASSIGN_OR_RETURN(Program program, ReadProgram(image->program()));
  std::set<std::string> names;
  if (info.source == "program cache") {
    info.kernels = info.kernels_from_cache =
        CountKernels(program.steps, &names);
  }
  for (const auto& [phase, nanoseconds] : program.compile_ns) {
    if (info.source == "compiled") info.phases.emplace_back(phase, nanoseconds);
  }
  info.remarks.insert(info.remarks.end(), program.remarks.begin(),
                      program.remarks.end());
  info.total_ns = watch.Nanoseconds();
  return MakeFunction(std::move(program), std::move(image), cells,
                      std::move(info), options);
}

absl::StatusOr<Function> CompileOrLoad(
    const std::string& text, const std::string& name, const Cells& cells,
    const CompileOptions& options, const Stopwatch& watch, CompileInfo info) {
  const std::string display = name.empty() ? options.name : name;
  ORIEL_ASSIGN_OR_RETURN(jit::CompilerFile compiler, jit::FindCompiler());
  const std::string key = ProgramKey(text, name, compiler.build_id, options);

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
    Stopwatch lookup;
    absl::StatusOr<CacheEntry> entry = cache->Lookup(kCacheKind, key);
    if (entry.ok()) {
      CompileInfo hit = info;
      hit.source = "program cache";
      hit.phases.emplace_back("lookup", lookup.Nanoseconds());
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
  request.cache_dir = cache.ok() ? folder : "";
  request.fusion = options.fusion;
  request.num_threads = static_cast<uint32_t>(
      std::max(0, options.num_threads != 0 ? options.num_threads
                                           : Config::Get().num_threads));
  ORIEL_ASSIGN_OR_RETURN(jit::CompileResult result, jit::RunCompiler(request));
  info.source = "compiled";
  info.kernels = result.kernels;
  info.kernels_from_cache = result.kernels_from_cache;
  const std::string_view bytes(
      reinterpret_cast<const char*>(result.image.data()), result.image.size());
  if (cache.ok()) {
    if (absl::Status stored = cache->Store(kCacheKind, key, bytes);
        stored.ok()) {
      // Mapped from the file, as the next process will.
      if (absl::StatusOr<CacheEntry> entry = cache->Lookup(kCacheKind, key);
          entry.ok()) {
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

}  // namespace

absl::StatusOr<Function> compile(std::vector<Value> inputs,
                                 std::vector<Value> outputs,
                                 std::vector<Update> updates,
                                 const CompileOptions& options) {
  Stopwatch watch;
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  ORIEL_ASSIGN_OR_RETURN(
      graph::ExportedGraph exported,
      graph::ExportGraph(inputs, outputs, updates, options.name));
  Cells cells;
  for (const State& state : exported.states) cells.push_back(state.cell());
  CompileInfo info;
  info.phases.emplace_back("export", watch.Nanoseconds());
  return CompileOrLoad(exported.text, options.name, cells, options, watch,
                       std::move(info));
}

absl::StatusOr<Function> CompileText(const std::string& mlir_text,
                                     const CompileOptions& options) {
  Stopwatch watch;
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  // An unnamed program keeps the name of its function.
  const std::string name =
      options.name == CompileOptions{}.name ? "" : options.name;
  return CompileOrLoad(mlir_text, name, {}, options, watch, CompileInfo{});
}

}  // namespace oriel
