// File: compile_kernels.h
//
// Kernel modules to objects: equal ones once, different ones concurrently,
// known ones from the cache on disk.
#ifndef ORIEL_JIT_COMPILER_COMPILE_KERNELS_H_
#define ORIEL_JIT_COMPILER_COMPILE_KERNELS_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Codegen/Cpu/EmitObject.h"
#include "runtime/engine/cache_dir.h"
#include "runtime/jit/compiler/diagnostics.h"

namespace oriel::jit {

// A compiled kernel: its object (of no bytes for a library kernel) and the
// attributes code generation leaves on the module, both under the canonical name.
struct CompiledKernel {
  ObjectCode object;
  std::string attributes;  // a printed dictionary
  // What compiling it took; part of its cache entry.
  int64_t codegen_ns = 0, lowering_ns = 0, llvm_ns = 0;
  // Of this compilation: found in the cache; what looking and storing took.
  bool from_cache = false;
  int64_t cache_ns = 0;
};

struct KernelSet {
  std::vector<CompiledKernel> kernels;   // different ones
  std::map<std::string, int> of_module;  // kernel module's name -> index
  int from_cache = 0;
  int64_t wall_ns = 0;  // of the concurrent part
};

struct KernelOptions {
  TargetOptions target;
  std::string build_id;
  const CacheDir* cache = nullptr;  // null: none
  unsigned threads = 1;             // that compile at once
  // Adds the passes of code generation.
  std::function<void(mlir::OpPassManager&)> build_codegen;
  // Called when a part of the work has ended, with its name.
  std::function<void(const std::string&)> lap = [](const std::string&) {};
  // Per kernel module: what its ordinals stand for, for error messages.
  std::map<std::string, std::vector<std::vector<NodeId>>> ordinals;
};

// Kernels are compiled under one name: what an entry of theirs is called in the
// module `module_name`.
std::string EntryOfModule(llvm::StringRef entry, llvm::StringRef module_name);

// Compiles the kernel modules nested in `module`, which must be lowered, and
// copies the attributes of code generation onto them. The context may be
// multi-threaded; its registry must have every dialect of code generation, which
// are loaded when some kernel is not in the cache.
absl::StatusOr<KernelSet> CompileKernels(mlir::ModuleOp module,
                                         const KernelOptions& options,
                                         Diagnostics* diagnostics);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_COMPILE_KERNELS_H_
