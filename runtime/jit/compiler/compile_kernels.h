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
};

struct KernelSet {
  std::vector<CompiledKernel> kernels;   // different ones
  std::map<std::string, int> of_module;  // kernel module's name -> index
  int from_cache = 0;
};

struct KernelOptions {
  TargetOptions target;
  std::string build_id;
  const CacheDir* cache = nullptr;  // null: none
  // Adds the passes of code generation.
  std::function<void(mlir::OpPassManager&)> build_codegen;
  // Per kernel module: what its ordinals stand for, for error messages.
  std::map<std::string, std::vector<std::vector<NodeId>>> ordinals;
};

// Kernels are compiled under one name: what an entry of theirs is called in the
// module `module_name`.
std::string EntryOfModule(llvm::StringRef entry, llvm::StringRef module_name);

// Compiles the kernel modules nested in `module`, which must be lowered, and
// copies the attributes of code generation onto them. The context may be
// multi-threaded; its dialects and pass registry must be complete.
absl::StatusOr<KernelSet> CompileKernels(mlir::ModuleOp module,
                                         const KernelOptions& options,
                                         Diagnostics* diagnostics);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_COMPILE_KERNELS_H_
