// oriel-opt: runs passes over a graph in MLIR text or bytecode, and prints what
// they leave.
#include "llvm/Support/CommandLine.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tools/registry.h"

int main(int argc, char** argv) {
  // LLVM's libraries register hundreds of switches of their own; --help-hidden
  // still lists them. What is registered from here on is ours and MLIR's.
  for (auto& [name, option] : llvm::cl::getRegisteredOptions()) {
    if (!name.starts_with("help") && name != "version") option->setHiddenFlag(llvm::cl::Hidden);
  }
  oriel::RegisterPasses();
  mlir::DialectRegistry registry;
  oriel::RegisterDialects(&registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "oriel-opt: compile a graph part of the way and print the IR\n\n"
      "  oriel-opt graph.mlir --compile-to=PHASE    run all phases up to PHASE:\n"
      "      graph simplified placed fused lowered codegen planned program\n"
      "  oriel-opt graph.mlir --oriel-simplify      run single passes, in order\n"
      "  oriel-opt graph.mlir --mlir-print-debuginfo    show the locations, which are node ids\n",
      registry));
}
