// oriel-reduce: makes a graph smaller while a script still says that it is
// interesting.
//
// The tree search of upstream's mlir-reduce crashes in LLVM 22.1.8, so the
// search is our own: take away one thing at a time, keep what stays interesting,
// until nothing can go.
#include <cstdio>
#include <string>
#include <tuple>

#include "dialect/Graph/OrielDialect.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "passes/Fusion/DimAnalysis.h"
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

// Something to take away from an op; false when there is nothing to take.
using Change = bool (*)(mlir::Operation*);

// What nothing uses goes along with every change: one run of the script for all
// of it. Functions, states and what writes to them stay.
void EraseUnused(mlir::ModuleOp module) {
  llvm::SmallVector<mlir::Operation*> ops;
  module.walk([&](mlir::Operation* op) { ops.push_back(op); });
  llvm::SmallPtrSet<mlir::Operation*, 32> gone;
  // Backwards: uses come after what they use, bodies before what holds them.
  for (mlir::Operation* op : llvm::reverse(ops)) {
    if (gone.contains(op) || op->getNumResults() == 0 || !op->use_empty()) continue;
    op->walk([&](mlir::Operation* inside) { gone.insert(inside); });
    op->erase();
  }
}

bool Erase(mlir::Operation* op) {
  if (!op->use_empty() || op->hasTrait<mlir::OpTrait::IsTerminator>() || !op->getParentOp()) return false;
  op->erase();
  return true;
}

mlir::func::FuncOp FunctionOf(mlir::Operation* op) { return op->getParentOfType<mlir::func::FuncOp>(); }

// A new argument in place of a value; of its extents those that analysis finds.
bool ToArgument(mlir::Value value, mlir::func::FuncOp function) {
  mlir::NamedAttrList attributes;
  if (mlir::FailureOr<oriel::DimAnalysis> dims = oriel::DimAnalysis::get(function); mlir::succeeded(dims)) {
    attributes.set(oriel::ir::kDimsAttr, oriel::ir::DimsAttr::get(function.getContext(), dims->getDims(value)));
  }
  const unsigned index = function.getNumArguments();
  if (mlir::failed(function.insertArgument(index, value.getType(), attributes.getDictionary(function.getContext()), value.getLoc()))) return false;
  value.replaceAllUsesWith(function.getArgument(index));
  return true;
}

// The result becomes an operand of the same type.
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
  mlir::func::FuncOp function = FunctionOf(op);
  if (!function || op->getNumResults() == 0 || mlir::isa<oriel::ir::ConstantOp>(op)) return false;
  for (mlir::Value result : op->getResults()) {
    if (!result.use_empty() && !ToArgument(result, function)) return false;
  }
  op->erase();
  return true;
}

// The function returns the op's results and nothing else.
bool ReturnInstead(mlir::Operation* op) {
  auto function = mlir::dyn_cast_or_null<mlir::func::FuncOp>(op->getParentOp());
  if (!function || op->getNumResults() == 0 || mlir::isa<oriel::ir::ConstantOp>(op)) return false;
  mlir::Operation* terminator = function.getBody().back().getTerminator();
  if (llvm::equal(terminator->getOperands(), op->getResults())) return false;
  for (unsigned i = function.getNumResults(); i-- > 0;) {
    if (mlir::failed(function.eraseResult(i))) return false;
  }
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    if (mlir::failed(function.insertResult(i, op->getResult(i).getType(), {}))) return false;
  }
  terminator->setOperands(op->getResults());
  return true;
}

// The same, and no state is written: what was kept for a state goes too.
bool ReturnAlone(mlir::Operation* op) {
  mlir::func::FuncOp function = FunctionOf(op);
  if (!function || !ReturnInstead(op)) return false;
  llvm::SmallVector<mlir::Operation*> updates(function.getOps<oriel::ir::StateUpdateOp>());
  for (mlir::Operation* update : updates) update->erase();
  return !updates.empty();
}

// A function without the result number `index`.
bool DropResult(mlir::func::FuncOp function, unsigned index) {
  if (mlir::failed(function.eraseResult(index))) return false;
  for (mlir::Block& block : function.getBody()) block.getTerminator()->eraseOperand(index);
  return true;
}
// Half of them, the first, the last.
bool DropResults(mlir::Operation* op, bool first) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function || function.isExternal() || function.getNumResults() < 2) return false;
  const unsigned results = function.getNumResults();
  for (unsigned k = 0; k < results / 2; ++k) {
    if (!DropResult(function, first ? 0 : results - 1 - k)) return false;
  }
  return true;
}
bool DropFirstHalf(mlir::Operation* op) { return DropResults(op, true); }
bool DropLastHalf(mlir::Operation* op) { return DropResults(op, false); }
bool DropFirstResult(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  return function && !function.isExternal() && function.getNumResults() > 0 && DropResult(function, 0);
}
bool DropLastResult(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  return function && !function.isExternal() && function.getNumResults() > 0 && DropResult(function, function.getNumResults() - 1);
}

// Together: one that binds the dims of another may only go with it.
bool DropUnusedArguments(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function || function.isExternal()) return false;
  bool changed = false;
  for (unsigned i = function.getNumArguments(); i-- > 0;) {
    if (function.getArgument(i).use_empty()) changed |= mlir::succeeded(function.eraseArgument(i));
  }
  return changed;
}
bool DropOneUnusedArgument(mlir::Operation* op) {
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function || function.isExternal()) return false;
  for (unsigned i = function.getNumArguments(); i-- > 0;) {
    if (function.getArgument(i).use_empty()) return mlir::succeeded(function.eraseArgument(i));
  }
  return false;
}

// The ops of a body come before `op`, whose first results are what it yields.
void MoveOut(mlir::Block& body, mlir::Operation* op) {
  mlir::Operation* yield = body.getTerminator();
  for (mlir::Operation& inner : llvm::make_early_inc_range(body.without_terminator())) inner.moveBefore(op);
  for (mlir::OpResult result : op->getResults()) {
    if (result.getResultNumber() < yield->getNumOperands()) result.replaceAllUsesWith(yield->getOperand(result.getResultNumber()));
  }
}

// A branch becomes one of its sides.
bool TakeSide(mlir::Operation* op, unsigned side) {
  auto branch = mlir::dyn_cast<oriel::ir::BranchOp>(op);
  if (!branch) return false;
  MoveOut(branch->getRegion(side).front(), op);
  op->erase();
  return true;
}
bool TakeThen(mlir::Operation* op) { return TakeSide(op, 0); }
bool TakeElse(mlir::Operation* op) { return TakeSide(op, 1); }

// A loop becomes its body, once: carried values are the initial ones; the index,
// rows of sequences and the count become arguments; where the function returns a
// stack it returns the row, elsewhere a stack becomes an argument.
bool RunOnce(mlir::Operation* op) {
  auto loop = mlir::dyn_cast<oriel::ir::LoopOp>(op);
  mlir::func::FuncOp function = FunctionOf(op);
  if (!loop || !function) return false;
  mlir::Block& body = loop->getRegion(0).front();
  for (auto [argument, initial] : llvm::zip(loop.getCarried(), loop.getInitial())) argument.replaceAllUsesWith(initial);
  for (mlir::BlockArgument argument : body.getArguments()) {
    if (!argument.use_empty() && !ToArgument(argument, function)) return false;
  }
  mlir::Operation* terminator = function.getBody().back().getTerminator();
  for (auto [stack, row] : llvm::zip(loop.getStacks(), loop.getCollected())) {
    stack.replaceUsesWithIf(row, [&](mlir::OpOperand& use) { return use.getOwner() == terminator; });
  }
  function.setType(mlir::FunctionType::get(op->getContext(), function.getArgumentTypes(), terminator->getOperandTypes()));
  for (mlir::Value result : op->getResults().drop_front(loop.getNumCarried())) {
    if (!result.use_empty() && !ToArgument(result, function)) return false;
  }
  MoveOut(body, op);
  op->erase();
  return true;
}

// What a node is derived from is told by numbers of nodes, which change as ops
// go: locations keep their lines and lose it.
void ForgetDerivations(mlir::ModuleOp module) {
  const auto plain = [](mlir::Location loc) -> mlir::Location {
    auto fused = mlir::dyn_cast<mlir::FusedLoc>(loc);
    return fused && !fused.getLocations().empty() ? fused.getLocations().front() : loc;
  };
  module->removeAttr("oriel.origins");
  module.walk([&](mlir::Operation* op) {
    op->setLoc(plain(op->getLoc()));
    for (mlir::Region& region : op->getRegions()) {
      for (mlir::BlockArgument argument : region.getArguments()) argument.setLoc(plain(argument.getLoc()));
    }
  });
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

// How large a module is: ops, then results of functions, then arguments. Only
// what makes it smaller is tried, so that the search ends.
std::tuple<int, unsigned, unsigned> SizeOf(mlir::ModuleOp module) {
  unsigned results = 0, arguments = 0;
  for (auto function : module.getOps<mlir::func::FuncOp>()) results += function.getNumResults(), arguments += function.getNumArguments();
  return {CountOps(module), results, arguments};
}

// Tries a change at an op; keeps what stays interesting.
bool Try(mlir::OwningOpRef<mlir::ModuleOp>& module, int index, Change change, Tester& tester) {
  mlir::OwningOpRef<mlir::ModuleOp> candidate = module->clone();
  mlir::Operation* op = OpAt(*candidate, index);
  if (!op || !change(op)) return false;
  EraseUnused(*candidate);
  if (SizeOf(*candidate) >= SizeOf(*module)) return false;
  if (mlir::failed(mlir::verify(*candidate)) || !tester.IsInteresting(*candidate)) return false;
  module = std::move(candidate);
  return true;
}

// Coarse first: a prefix of a function, few results; then op by op, the last
// first, so that what uses an op goes before it.
bool ReduceOnce(mlir::OwningOpRef<mlir::ModuleOp>& module, Tester& tester) {
  bool changed = false;
  for (Change change : {DropFirstHalf, DropLastHalf, DropFirstResult, DropLastResult, DropUnusedArguments}) {
    for (int index = 0; index < CountOps(*module); ++index) {
      while (Try(module, index, change, tester)) changed = true;
    }
  }
  for (Change change : {ReturnAlone, ReturnInstead}) {
    for (int index = 0; index < CountOps(*module); ++index) changed |= Try(module, index, change, tester);
  }
  for (int index = CountOps(*module) - 1; index > 0; --index) {
    for (Change change : {ReplaceByArgument, TakeThen, TakeElse, RunOnce, Erase, ReplaceByOperand, DropOneUnusedArgument}) {
      if (index < CountOps(*module)) changed |= Try(module, index, change, tester);
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
  if (mlir::OwningOpRef<mlir::ModuleOp> candidate = module->clone(); ForgetDerivations(*candidate), tester.IsInteresting(*candidate)) {
    module = std::move(candidate);
  }
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
