#include "runtime/jit/compiler/compile_kernels.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/core/hash.h"
#include "runtime/jit/compiler/kernel_record.h"

namespace oriel::jit {
namespace {

// The name every kernel is compiled under, so that equal kernels of different
// programs are equal text and equal objects.
constexpr char kCanonicalName[] = "kernel";
constexpr char kCacheKind[] = "kernel";

struct Job {
  mlir::OwningOpRef<mlir::ModuleOp> module;  // a clone under the canonical name
  std::string key;
  std::vector<std::vector<NodeId>> ordinals;
  CompiledKernel kernel;
  absl::Status status;
  bool cached = false;
};

mlir::OwningOpRef<mlir::ModuleOp> CloneCanonical(mlir::ModuleOp kernel) {
  mlir::OwningOpRef<mlir::ModuleOp> clone(
      llvm::cast<mlir::ModuleOp>(kernel->clone()));
  llvm::StringRef name = *kernel.getSymName();
  clone->setSymName(kCanonicalName);
  for (mlir::Operation& op : *clone->getBody()) {
    auto symbol = op.getAttrOfType<mlir::StringAttr>(
        mlir::SymbolTable::getSymbolAttrName());
    if (symbol && symbol.getValue() == name)
      mlir::SymbolTable::setSymbolName(&op, kCanonicalName);
  }
  return clone;
}

// Kernel-local locations are part of the text: they become the line table. No
// location of the user's is left in a kernel.
std::string TextOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module->print(out, mlir::OpPrintingFlags()
                         .enableDebugInfo(true, /*prettyForm=*/false)
                         .useLocalScope());
  return text;
}

std::string AttributesOf(mlir::ModuleOp module) {
  mlir::NamedAttrList ours;
  for (mlir::NamedAttribute attribute : module->getDiscardableAttrs()) {
    if (attribute.getName().getValue().starts_with("oriel."))
      ours.append(attribute);
  }
  std::string text;
  llvm::raw_string_ostream out(text);
  ours.getDictionary(module->getContext()).print(out);
  return text;
}

// Entries named after the canonical name become the kernel's own.
mlir::Attribute WithModuleName(mlir::Attribute entries,
                               llvm::StringRef module_name) {
  auto list = llvm::dyn_cast<mlir::ArrayAttr>(entries);
  if (!list) return entries;
  llvm::SmallVector<mlir::Attribute> renamed;
  for (mlir::Attribute entry : list) {
    auto symbol = llvm::dyn_cast<mlir::FlatSymbolRefAttr>(entry);
    if (!symbol) return entries;
    renamed.push_back(mlir::FlatSymbolRefAttr::get(
        entries.getContext(), EntryOfModule(symbol.getValue(), module_name)));
  }
  return mlir::ArrayAttr::get(entries.getContext(), renamed);
}

absl::Status Compile(const KernelOptions& options, Diagnostics* diagnostics,
                     Job* job) {
  if (options.cache != nullptr) {
    absl::StatusOr<CacheEntry> entry =
        options.cache->Lookup(kCacheKind, job->key);
    if (entry.ok()) {
      absl::StatusOr<CompiledKernel> kernel = ReadKernelRecord(entry->bytes());
      if (kernel.ok()) {
        job->kernel = std::move(*kernel);
        job->cached = true;
        return absl::OkStatus();
      }
      // Whole but not a record: as good as absent.
      (void)options.cache->Remove(kCacheKind, job->key);
    }
  }
  Diagnostics::KernelScope scope(job->ordinals);
  mlir::PassManager passes(job->module.get()->getContext());
  options.build_codegen(passes);
  if (mlir::failed(passes.run(*job->module))) {
    return diagnostics->Error(
        absl::StatusCode::kUnimplemented,
        "a kernel could not be compiled, without a reason");
  }
  job->kernel.attributes = AttributesOf(*job->module);
  // A library kernel is the engine's: there is no code.
  if (!job->module->getBody()->empty()) {
    llvm::Expected<ObjectCode> object =
        emitObject(*job->module, options.target);
    if (!object) {
      return absl::InternalError(
          absl::StrCat("a kernel could not be emitted: ",
                       llvm::toString(object.takeError())));
    }
    job->kernel.object = std::move(*object);
  }
  if (options.cache != nullptr) {
    // A cache that cannot be written costs time later, not this compilation.
    (void)options.cache->Store(kCacheKind, job->key,
                               WriteKernelRecord(job->kernel));
  }
  return absl::OkStatus();
}

}  // namespace

std::string EntryOfModule(llvm::StringRef entry, llvm::StringRef module_name) {
  if (!entry.consume_front(kCanonicalName)) return entry.str();
  return (module_name + entry).str();
}

absl::StatusOr<KernelSet> CompileKernels(mlir::ModuleOp module,
                                         const KernelOptions& options,
                                         Diagnostics* diagnostics) {
  KernelSet set;
  std::vector<Job> jobs;
  std::map<std::string, int> by_key;
  const std::string salt = absl::StrCat(
      options.build_id, "\n", options.target.cpu, "\n", options.target.features,
      "\n", options.target.vectorBits, "\n");
  for (auto kernel : module.getOps<mlir::ModuleOp>()) {
    if (!kernel.getSymName()) continue;
    std::string name = kernel.getSymName()->str();
    Job job;
    job.module = CloneCanonical(kernel);
    job.key = HashBytes128(salt + TextOf(*job.module)).Hex();
    auto [it, is_new] =
        by_key.try_emplace(job.key, static_cast<int>(jobs.size()));
    set.of_module[name] = it->second;
    if (!is_new) continue;
    if (auto known = options.ordinals.find(name);
        known != options.ordinals.end())
      job.ordinals = known->second;
    jobs.push_back(std::move(job));
  }

  mlir::parallelFor(module.getContext(), 0, jobs.size(), [&](size_t i) {
    jobs[i].status = Compile(options, diagnostics, &jobs[i]);
  });

  for (Job& job : jobs) {
    if (!job.status.ok()) return job.status;
    set.from_cache += job.cached ? 1 : 0;
    set.kernels.push_back(std::move(job.kernel));
  }
  for (auto kernel : module.getOps<mlir::ModuleOp>()) {
    if (!kernel.getSymName()) continue;
    const CompiledKernel& compiled =
        set.kernels[set.of_module[kernel.getSymName()->str()]];
    auto attributes = llvm::dyn_cast_or_null<mlir::DictionaryAttr>(
        mlir::parseAttribute(compiled.attributes, module.getContext()));
    if (!attributes) {
      return absl::InternalError(
          absl::StrCat("the attributes of a compiled kernel do not parse: ",
                       compiled.attributes));
    }
    for (mlir::NamedAttribute attribute : attributes) {
      mlir::Attribute value = attribute.getValue();
      if (attribute.getName() == "oriel.entries")
        value = WithModuleName(value, *kernel.getSymName());
      kernel->setAttr(attribute.getName(), value);
    }
  }
  return set;
}

}  // namespace oriel::jit
