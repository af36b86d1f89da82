// File: diagnostics.h
//
// What the passes say, as a status for the caller: nothing is printed.
#ifndef ORIEL_JIT_COMPILER_DIAGNOSTICS_H_
#define ORIEL_JIT_COMPILER_DIAGNOSTICS_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "oriel/node_table.h"

namespace oriel::jit {

// Collects a context's diagnostics while it lives. Thread-safe: kernels are
// compiled on several threads.
class Diagnostics {
 public:
  explicit Diagnostics(mlir::MLIRContext* context);

  // Locations that are node ids are told by the table of `module` from now on:
  // as it is when something is said. Null: by none.
  void SetModule(mlir::ModuleOp module);

  // While one lives, lines of kernel-local locations on this thread belong to a
  // kernel whose ordinal k stands for nodes[k], and errors said on it are the
  // kernel's.
  class KernelScope {
   public:
    explicit KernelScope(std::vector<std::vector<NodeId>> nodes);
    ~KernelScope();
    KernelScope(const KernelScope&) = delete;
    KernelScope& operator=(const KernelScope&) = delete;

    // The first error said while it lives; `otherwise` when there was none.
    absl::Status Error(absl::StatusCode code,
                       const std::string& otherwise) const;

   private:
    friend class Diagnostics;
    std::vector<std::vector<NodeId>> nodes_;
    std::string error_;
    KernelScope* outer_;
  };

  // The first error, as "file.cpp:42: message", with its notes on lines of
  // their own; `otherwise` when no pass said anything.
  absl::Status Error(absl::StatusCode code, const std::string& otherwise) const;
  std::vector<std::string> TakeRemarks();

 private:
  void Handle(mlir::Diagnostic& diagnostic);
  std::string Describe(mlir::Location location);
  const NodeTable& Nodes();

  mutable std::mutex mutex_;
  mlir::ModuleOp module_;
  mlir::Attribute read_from_;  // what nodes_ was read from
  NodeTable nodes_;
  std::vector<std::string> errors_;
  std::vector<std::string> remarks_;
  mlir::ScopedDiagnosticHandler handler_;
};

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_DIAGNOSTICS_H_
