#include "runtime/jit/compiler/compile_program.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "dialect/Plan/PlanDialect.h"
#include "llvm/Support/ThreadPool.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Codegen/Cpu/EmitObject.h"
#include "passes/Fusion/Passes.h"
#include "passes/Pipelines/Pipelines.h"
#include "passes/Planning/ToProgram.h"
#include "runtime/core/status.h"
#include "runtime/engine/cpu_features.h"
#include "runtime/engine/image.h"
#include "runtime/engine/program_io.h"
#include "runtime/jit/compiler/compile_costs.h"
#include "runtime/jit/compiler/compile_kernels.h"
#include "runtime/jit/compiler/diagnostics.h"
#include "runtime/jit/compiler/pack_objects.h"

namespace oriel::jit {
namespace {

// Deeper text than any program has; MLIR's parser recurses.
constexpr int kMaxNesting = 200;

// A region, list or type nested too deeply would overflow the parser's stack.
absl::Status CheckNesting(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '/' && i + 1 < text.size() && text[i + 1] == '/') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '(' || c == '{' || c == '[') {
      if (++depth > kMaxNesting) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the text is nested more than ", kMaxNesting, " deep at byte ", i));
      }
    } else if (c == ')' || c == '}' || c == ']') {
      --depth;
    }
  }
  return absl::OkStatus();
}

// A program is one public function of one block; said here, where it is the
// caller's text that is wrong.
absl::Status CheckFunction(mlir::ModuleOp module) {
  int functions = 0;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!function.isPublic()) continue;
    ++functions;
    if (function.getBody().getBlocks().size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "@", function.getSymName().str(), " has ",
          function.getBody().getBlocks().size(), " blocks, required 1"));
    }
  }
  if (functions == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the module has ", functions,
                   " public functions (func.func), required 1"));
}

absl::Status RunPhase(mlir::ModuleOp module, Phase phase,
                      const PipelineOptions& options,
                      const Diagnostics& diagnostics, CostTimer* timer) {
  mlir::PassManager passes(module.getContext());
  passes.addInstrumentation(timer->Instrument());
  buildPhasePipeline(passes, phase, options);
  if (mlir::succeeded(passes.run(module))) return absl::OkStatus();
  const absl::StatusCode code =
      phase == Phase::Graph     ? absl::StatusCode::kInvalidArgument
      : phase == Phase::Planned ? absl::StatusCode::kInternal
                                : absl::StatusCode::kUnimplemented;
  return diagnostics.Error(
      code, absl::StrCat("the phase '", std::string(getPhaseName(phase)),
                         "' failed without a reason"));
}

TargetOptions TargetOf(mlir::ModuleOp module) {
  auto attribute = module->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  if (!attribute) return getHostTarget();
  TargetOptions target;
  target.cpu = attribute.getCpu().str();
  target.features = attribute.getFeatures().str();
  target.vectorBits = static_cast<unsigned>(attribute.getVectorBits());
  return target;
}

uint64_t FeatureMask(const TargetOptions& target) {
  llvm::SmallVector<llvm::StringRef> names;
  llvm::StringRef(target.features).split(names, ',', -1, /*KeepEmpty=*/false);
  std::vector<std::string> list(names.begin(), names.end());
  return CpuFeatureMask(list);
}

// What the ordinals of each kernel stand for; kernels that several dispatches
// share are told by the first.
std::map<std::string, std::vector<std::vector<NodeId>>> OrdinalsOf(
    mlir::ModuleOp module) {
  std::map<std::string, std::vector<std::vector<NodeId>>> ordinals;
  module.walk([&](ir::DispatchOp dispatch) {
    std::vector<std::vector<NodeId>> lists;
    for (const auto& ids : dispatch.getNodeLists())
      lists.emplace_back(ids.begin(), ids.end());
    ordinals.try_emplace(dispatch.getKernel().getRootReference().str(),
                         std::move(lists));
  });
  return ordinals;
}

// Symbols and line table of the image from packed objects: every kernel module
// has its entries, at the place of the object it shares with equal ones.
void NameKernels(const KernelSet& set, const PackedCode& code,
                 ImageParts* parts) {
  std::vector<std::string> first_module(set.kernels.size());
  std::vector<std::vector<const PackedSymbol*>> entries(set.kernels.size());
  for (const PackedSymbol& symbol : code.symbols) {
    if (symbol.is_global) entries[symbol.object].push_back(&symbol);
  }
  for (const auto& [module, index] : set.of_module) {
    if (first_module[index].empty()) first_module[index] = module;
    for (const PackedSymbol* symbol : entries[index]) {
      parts->symbols.push_back(
          {getImageSymbol(module, EntryOfModule(symbol->name, module)),
           symbol->offset, symbol->size, true});
    }
  }
  for (const PackedSymbol& symbol : code.symbols) {
    if (!symbol.is_global) {
      parts->symbols.push_back(
          {getImageSymbol(
               first_module[symbol.object],
               EntryOfModule(symbol.name, first_module[symbol.object])),
           symbol.offset, symbol.size, false});
    }
    const auto& known = set.kernels[symbol.object].object.symbols;
    auto it = std::find_if(
        known.begin(), known.end(),
        [&](const ObjectSymbol& each) { return each.name == symbol.name; });
    if (it == known.end()) continue;
    for (const LineRow& row : it->lines) {
      parts->lines.push_back(
          {static_cast<uint32_t>(symbol.offset + row.offset), row.line});
    }
    // What lies between functions belongs to no line.
    parts->lines.push_back(
        {static_cast<uint32_t>(symbol.offset + symbol.size), 0});
  }
  std::stable_sort(parts->lines.begin(), parts->lines.end(),
                   [](const ImageLine& a, const ImageLine& b) {
                     return a.text_offset < b.text_offset;
                   });
}

std::vector<std::string> RemarksOf(mlir::ModuleOp module,
                                   Diagnostics* diagnostics) {
  std::vector<std::string> remarks;
  if (auto list = module->getAttrOfType<mlir::ArrayAttr>(kRemarksAttr)) {
    for (mlir::Attribute remark : list) {
      if (auto text = llvm::dyn_cast<mlir::StringAttr>(remark))
        remarks.push_back(text.str());
    }
  }
  for (std::string& remark : diagnostics->TakeRemarks())
    remarks.push_back(std::move(remark));
  return remarks;
}

}  // namespace

namespace {

absl::StatusOr<ProgramImage> Compile(const ProgramRequest& request,
                                     std::optional<Phase> left_out) {
  CostTimer timer;
  if (absl::Status status = CheckNesting(request.text); !status.ok())
    return status;

  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  registerEmitObjectTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  // Dialects are loaded as the text names them and as passes ask for them; those
  // of code generation when there is a kernel to compile (compile_kernels.h).
  context.printOpOnDiagnostic(false);
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const unsigned threads =
      request.num_threads == 0 ? cores : std::min(request.num_threads, cores);
  // Declared after the context: gone before it.
  std::optional<llvm::DefaultThreadPool> pool;
  struct Detach {
    mlir::MLIRContext* context;
    ~Detach() { context->disableMultithreading(); }
  } detach{&context};
  if (threads > 1) {
    pool.emplace(llvm::hardware_concurrency(threads));
    context.setThreadPool(*pool);
  }
  Diagnostics diagnostics(&context);
  timer.Phase("setup");

  mlir::ParserConfig config(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(
          llvm::StringRef(request.text.data(), request.text.size()), config,
          request.source.empty() ? llvm::StringRef("graph")
                                 : llvm::StringRef(request.source));
  if (!module)
    return diagnostics.Error(absl::StatusCode::kInvalidArgument,
                             "the text does not parse");
  if (absl::Status status = CheckFunction(*module); !status.ok()) return status;
  timer.Phase("parse");

  PipelineOptions options;
  options.fusion = request.fusion;
  options.observe = request.observe;
  options.check = request.check;
  options.explainFusion = request.explain_fusion;
  options.skip = left_out;
  llvm::SmallVector<llvm::StringRef> ids;
  llvm::StringRef(request.observe_nodes.data(), request.observe_nodes.size())
      .split(ids, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef id : ids) {
    int64_t node = 0;
    if (id.getAsInteger(10, node)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", id.str(), "' is no node id"));
    }
    options.observeNodes.push_back(node);
  }
  for (Phase phase : {Phase::Graph, Phase::Simplified, Phase::Placed,
                      Phase::Fused, Phase::Lowered}) {
    if (absl::Status status = RunPhase(*module, phase, options, diagnostics, &timer);
        !status.ok())
      return status;
    diagnostics.SetModule(*module);
    timer.Phase(std::string(getPhaseName(phase)));
    if (phase == Phase::Lowered && request.explain_fusion) {
      ProgramImage explained;
      for (const std::string& line : diagnostics.TakeRemarks())
        absl::StrAppend(&explained.image, line, "\n");
      return explained;
    }
  }

  KernelOptions kernel_options;
  kernel_options.target = TargetOf(*module);
  kernel_options.build_id = std::string(request.build_id);
  kernel_options.threads = threads;
  kernel_options.ordinals = OrdinalsOf(*module);
  kernel_options.build_codegen = [&](mlir::OpPassManager& passes) {
    buildPhasePipeline(passes, Phase::Codegen, options);
  };
  kernel_options.lap = [&](const std::string& part) { timer.Pass(part); };
  absl::StatusOr<CacheDir> cache = absl::NotFoundError("no cache");
  if (!request.cache_dir.empty())
    cache = CacheDir::Open(std::string(request.cache_dir));
  if (cache.ok()) kernel_options.cache = &*cache;
  ORIEL_ASSIGN_OR_RETURN(KernelSet kernels,
                         CompileKernels(*module, kernel_options, &diagnostics));
  std::vector<CompileCosts::Kernel> kernel_costs =
      KernelCosts(*module, kernels);
  timer.Phase(std::string(getPhaseName(Phase::Codegen)));

  if (absl::Status status =
          RunPhase(*module, Phase::Planned, options, diagnostics, &timer);
      !status.ok())
    return status;
  auto programs = module->getOps<plan::ProgramOp>();
  if (std::distance(programs.begin(), programs.end()) != 1) {
    return absl::InternalError(absl::StrCat(
        "planning left ", std::distance(programs.begin(), programs.end()),
        " programs, required 1"));
  }
  mlir::FailureOr<Program> program = toProgram(*programs.begin());
  if (mlir::failed(program)) {
    return diagnostics.Error(absl::StatusCode::kInternal,
                             "the plan could not be read");
  }
  if (!request.name.empty()) program->name = std::string(request.name);
  program->remarks = RemarksOf(*module, &diagnostics);
  timer.Phase(std::string(getPhaseName(Phase::Planned)));

  std::vector<PackInput> inputs;
  std::vector<std::string> names(kernels.kernels.size());
  for (const auto& [name, index] : kernels.of_module) {
    if (names[index].empty()) names[index] = name;
  }
  std::vector<int> kernel_of;  // per input
  for (size_t i = 0; i < kernels.kernels.size(); ++i) {
    if (kernels.kernels[i].object.elf.empty()) continue;
    inputs.push_back({names[i], kernels.kernels[i].object.elf});
    kernel_of.push_back(static_cast<int>(i));
  }
  ORIEL_ASSIGN_OR_RETURN(PackedCode code, PackObjects(inputs));
  for (PackedSymbol& symbol : code.symbols)
    symbol.object = kernel_of[symbol.object];
  ImageParts parts;
  NameKernels(kernels, code, &parts);
  parts.text = std::move(code.text);
  parts.rodata = std::move(code.rodata);
  parts.eh_frame = std::move(code.eh_frame);
  parts.cpu_features = FeatureMask(kernel_options.target);
  parts.cpu_name = kernel_options.target.cpu;
  parts.build_id = std::string(request.build_id);
  timer.Phase("pack");
  program->costs = timer.Take();
  program->costs.kernels = std::move(kernel_costs);
  program->costs.kernels_ns = kernels.wall_ns;
  program->costs.threads = static_cast<int32_t>(threads);
  // A program that breaks its rules is our fault, and must not reach a cache.
  if (absl::Status status = ValidateProgram(*program); !status.ok()) {
    return absl::InternalError(
        absl::StrCat("the planned program is malformed: ", status.message()));
  }
  parts.program = WriteProgram(*program);
  ProgramImage result;
  ORIEL_ASSIGN_OR_RETURN(result.image, WriteImage(parts));
  result.kernels = static_cast<int>(kernels.kernels.size());
  result.kernels_from_cache = kernels.from_cache;
  return result;
}

}  // namespace

absl::StatusOr<ProgramImage> CompileProgram(const ProgramRequest& request) {
  if (request.leave_out_phase.empty()) return Compile(request, std::nullopt);
  const std::optional<Phase> phase = parsePhase(llvm::StringRef(
      request.leave_out_phase.data(), request.leave_out_phase.size()));
  if (!phase || *phase == Phase::Program) {
    return absl::InvalidArgumentError(
        absl::StrCat("leave_out_phase '",
                     std::string(request.leave_out_phase),
                     "' is no phase that can be left out"));
  }
  absl::StatusOr<ProgramImage> image = Compile(request, phase);
  if (image.ok()) return image;
  return absl::Status(image.status().code(),
                      absl::StrCat("(compiled without the phase '",
                                   std::string(request.leave_out_phase), "') ",
                                   image.status().message()));
}

}  // namespace oriel::jit
