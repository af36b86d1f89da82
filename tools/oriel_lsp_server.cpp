// oriel-lsp-server: the language server for graphs in MLIR text; an editor
// starts it.
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "mlir/Support/LLVM.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tools/registry.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  oriel::RegisterDialects(&registry);
  return mlir::asMainReturnCode(mlir::MlirLspServerMain(argc, argv, registry));
}
