// oriel-reduce: makes a graph smaller while a script still says that it is
// interesting.
//
// The tree search of upstream's mlir-reduce crashes in LLVM 22.1.8, so the
// search is our own: take away one thing at a time, keep what stays interesting,
// until nothing can go.
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/ToolOutputFile.h"
#include "tools/registry.h"

namespace {

namespace cl = llvm::cl;

cl::OptionCategory category("oriel-reduce");
cl::opt<std::string> input(cl::Positional, cl::desc("<graph.mlir>"), cl::Required, cl::cat(category));
cl::opt<std::string> test("test",
                          cl::desc("script that gets a file's name and exits with 1 when the file is interesting"),
                          cl::value_desc("script"), cl::Required, cl::cat(category));
cl::opt<std::string> output("o", cl::desc("where the smallest graph goes"), cl::value_desc("file"), cl::init("-"),
                            cl::cat(category));

// Says whether the script finds a module interesting.
class Tester {
 public:
  explicit Tester(std::string script) : script_(std::move(script)) {}

  bool IsInteresting(mlir::ModuleOp module) {
    llvm::SmallString<128> path;
    int file = -1;
    if (llvm::sys::fs::createTemporaryFile("oriel-reduce", "mlir", file, path)) return false;
    {
      llvm::raw_fd_ostream out(file, /*shouldClose=*/true);
      module.print(out, mlir::OpPrintingFlags().enableDebugInfo());
    }
    ++runs_;
    const int code = llvm::sys::ExecuteAndWait(script_, {script_, path});
    llvm::sys::fs::remove(path);
    return code == 1;
  }
  int runs() const { return runs_; }

 private:
  std::string script_;
  int runs_ = 0;
};

// Something to take away from the op number `index` of a module in walk order.
using Change = std::function<bool(mlir::Operation*)>;

bool Erase(mlir::Operation* op) {
  if (!op->use_empty() || op->hasTrait<mlir::OpTrait::IsTerminator>() || !op->getParentOp()) return false;
  op->erase();
  return true;
}

// The results become an operand of the same type.
bool ReplaceByOperand(mlir::Operation* op) {
  if (op->getNumResults() != 1) return false;
  for (mlir::Value operand : op->getOperands()) {
    if (operand.getType() != op->getResult(0).getType()) continue;
    op->getResult(0).replaceAllUsesWith(operand);
    op->erase();
    return true;
  }
  return false;
}

// The results become arguments of the function.
bool ReplaceByArgument(mlir::Operation* op) {
  auto function = mlir::dyn_cast_or_null<mlir::func::FuncOp>(op->getParentOp());
  if (!function || op->getNumResults() == 0 || mlir::isa<oriel::ir::ConstantOp>(op)) return false;
  for (mlir::Value result : op->getResults()) {
    const unsigned index = function.getNumArguments();
    if (mlir::failed(function.insertArgument(index, result.getType(), {}, op->getLoc()))) return false;
    result.replaceAllUsesWith(function.getArgument(index));
  }
  op->erase();
  return true;
}

// A function without its last result.
bool DropResult(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function || function.isExternal() || function.getNumResults() == 0) return false;
  const unsigned last = function.getNumResults() - 1;
  if (mlir::failed(function.eraseResult(last))) return false;
  for (mlir::Block& block : function.getBody()) block.getTerminator()->eraseOperand(last);
  return true;
}

bool DropUnusedArgument(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function || function.isExternal()) return false;
  for (unsigned i = function.getNumArguments(); i-- > 0;) {
    if (function.getArgument(i).use_empty()) return mlir::succeeded(function.eraseArgument(i));
  }
  return false;
}

mlir::Operation* OpAt(mlir::ModuleOp module, int index) {
  mlir::Operation* found = nullptr;
  int next = 0;
  module.walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (next++ == index) found = op;
  });
  return found;
}

int CountOps(mlir::ModuleOp module) {
  int count = 0;
  module.walk([&](mlir::Operation*) { ++count; });
  return count;
}

// One pass over all ops, the last first: what uses an op goes before it.
bool ReduceOnce(mlir::OwningOpRef<mlir::ModuleOp>& module, Tester& tester) {
  const std::vector<Change> changes = {Erase, ReplaceByOperand, DropResult, DropUnusedArgument, ReplaceByArgument};
  bool changed = false;
  for (int index = CountOps(*module) - 1; index > 0; --index) {
    for (const Change& change : changes) {
      if (index >= CountOps(*module)) break;
      mlir::OwningOpRef<mlir::ModuleOp> candidate = module->clone();
      if (!change(OpAt(*candidate, index)) || mlir::failed(mlir::verify(*candidate))) continue;
      if (!tester.IsInteresting(*candidate)) continue;
      module = std::move(candidate);
      changed = true;
    }
  }
  return changed;
}

}  // namespace

int main(int argc, char** argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "oriel-reduce: make a graph smaller while a script finds it interesting\n\n"
                              "The script gets the name of a file and exits with 1 when the file still shows\n"
                              "what is looked for, for example: oriel-opt $1 --compile-to=planned 2>&1 |\n"
                              "grep -q 'message' && exit 1; exit 0\n");
  mlir::DialectRegistry registry;
  oriel::RegisterDialects(&registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(input, &context);
  if (!module) return 1;
  // A candidate that does not verify is none; nobody needs to read why.
  context.getDiagEngine().registerHandler([](mlir::Diagnostic&) { return mlir::success(); });

  Tester tester(test);
  if (!tester.IsInteresting(*module)) {
    std::fprintf(stderr, "oriel-reduce: %s exits with another code than 1 for %s itself\n", test.c_str(),
                 input.c_str());
    return 1;
  }
  const int before = CountOps(*module);
  while (ReduceOnce(module, tester)) {
  }
  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> file = mlir::openOutputFile(output, &error);
  if (!file) {
    std::fprintf(stderr, "oriel-reduce: %s\n", error.c_str());
    return 1;
  }
  module->print(file->os());
  file->keep();
  std::fprintf(stderr, "oriel-reduce: %d ops, of %d, after %d runs of the script\n", CountOps(*module), before,
               tester.runs());
  return 0;
}
