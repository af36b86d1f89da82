#include "runtime/jit/compiler/compile_kernels.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
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
  size_t work = 0;  // bytes of its text: about what compiling it takes
  std::vector<std::vector<NodeId>> ordinals;
  CompiledKernel kernel;
  absl::Status status;
};

class Stopwatch {
 public:
  // Since the last lap, or the start.
  int64_t Lap() {
    const auto now = std::chrono::steady_clock::now();
    const int64_t ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_)
            .count();
    last_ = now;
    return ns;
  }

 private:
  std::chrono::steady_clock::time_point last_ =
      std::chrono::steady_clock::now();
};

// The two passes of a kernel: vector code, then the LLVM dialect.
class CodegenTimes : public mlir::PassInstrumentation {
 public:
  explicit CodegenTimes(CompiledKernel* kernel) : kernel_(kernel) {}
  void runBeforePass(mlir::Pass*, mlir::Operation*) override {
    if (depth_++ == 0) watch_.Lap();
  }
  void runAfterPass(mlir::Pass* pass, mlir::Operation*) override {
    Ends(pass);
  }
  void runAfterPassFailed(mlir::Pass* pass, mlir::Operation*) override {
    Ends(pass);
  }

 private:
  void Ends(mlir::Pass* pass) {
    if (--depth_ > 0) return;  // a pipeline within a pass
    (pass->getArgument() == "oriel-lower-to-llvm" ? kernel_->lowering_ns
                                                  : kernel_->codegen_ns) +=
        watch_.Lap();
  }
  CompiledKernel* kernel_;
  Stopwatch watch_;
  int depth_ = 0;
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

// Products are tiles of hundreds of instructions whatever their text.
size_t Weight(mlir::ModuleOp kernel) {
  size_t weight = 0;
  for (auto function : kernel.getOps<mlir::func::FuncOp>()) {
    auto name = function->getAttrOfType<mlir::StringAttr>("oriel.class");
    if (name && name.getValue() == "MatMul") weight += 100000;
  }
  return weight;
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

// Takes the kernel from the cache when it is there.
void LookUp(const KernelOptions& options, Job* job) {
  if (options.cache == nullptr) return;
  Stopwatch watch;
  absl::StatusOr<CacheEntry> entry =
      options.cache->Lookup(kCacheKind, job->key);
  if (entry.ok()) {
    absl::StatusOr<CompiledKernel> kernel = ReadKernelRecord(entry->bytes());
    if (kernel.ok()) {
      job->kernel = std::move(*kernel);
      job->kernel.from_cache = true;
    } else {
      // Whole but not a record: as good as absent.
      (void)options.cache->Remove(kCacheKind, job->key);
    }
  }
  job->kernel.cache_ns = watch.Lap();
}

absl::Status Compile(const KernelOptions& options, Job* job) {
  Stopwatch watch;
  Diagnostics::KernelScope scope(job->ordinals);
  mlir::PassManager passes(job->module.get()->getContext());
  passes.addInstrumentation(std::make_unique<CodegenTimes>(&job->kernel));
#ifdef NDEBUG
  // Looks at every operation once more, after each pass.
  passes.enableVerifier(false);
#endif
  options.build_codegen(passes);
  if (mlir::failed(passes.run(*job->module))) {
    return scope.Error(absl::StatusCode::kUnimplemented,
                       "a kernel could not be compiled, without a reason");
  }
  job->kernel.attributes = AttributesOf(*job->module);
  watch.Lap();
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
    job->kernel.llvm_ns = watch.Lap();
  }
  if (options.cache != nullptr) {
    // A cache that cannot be written costs time later, not this compilation.
    (void)options.cache->Store(kCacheKind, job->key,
                               WriteKernelRecord(job->kernel));
    job->kernel.cache_ns += watch.Lap();
  }
  return absl::OkStatus();
}

// body(0) to body(n - 1) in this order, several at once. Not MLIR's parallelFor: a
// kernel is compiled by code that itself shares work in the context's pool, and
// a thread of a pool that waits for its share takes whatever is queued there,
// such as the whole loop that another thread was to start with.
template <typename Body>
void ForEach(unsigned threads, size_t n, Body body) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < n; i = next++) body(i);
  };
  threads = static_cast<unsigned>(std::min<size_t>(threads, n));
  if (threads <= 1) return work();
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(threads));
  for (unsigned i = 0; i < threads; ++i) pool.async(work);
  pool.wait();
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
    const std::string text = TextOf(*job.module);
    job.work = Weight(*job.module) + text.size();
    job.key = HashBytes128(salt + text).Hex();
    auto [it, is_new] =
        by_key.try_emplace(job.key, static_cast<int>(jobs.size()));
    set.of_module[name] = it->second;
    if (!is_new) continue;
    if (auto known = options.ordinals.find(name);
        known != options.ordinals.end())
      job.ordinals = known->second;
    jobs.push_back(std::move(job));
  }

  options.lap("kernel-keys");

  Stopwatch watch;
  mlir::MLIRContext* context = module.getContext();
  mlir::parallelFor(context, 0, jobs.size(),
                    [&](size_t i) { LookUp(options, &jobs[i]); });
  std::vector<Job*> todo;
  for (Job& job : jobs) {
    if (!job.kernel.from_cache) todo.push_back(&job);
  }
  if (!todo.empty()) {
    // Here, where one thread runs. A program of known kernels needs none.
    context->loadAllAvailableDialects();
    // The largest first, so that no thread is left with one at the end.
    std::stable_sort(todo.begin(), todo.end(), [](const Job* a, const Job* b) {
      return a->work > b->work;
    });
    ForEach(options.threads, todo.size(), [&](size_t i) {
      todo[i]->status = Compile(options, todo[i]);
    });
  }
  set.wall_ns = watch.Lap();
  options.lap("kernels");

  // Of several that fail the same one each time.
  for (Job* job : todo) {
    if (!job->status.ok()) return job->status;
  }
  for (Job& job : jobs) {
    set.from_cache += job.kernel.from_cache ? 1 : 0;
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
