// oriel-reduce: makes a graph smaller while a test script still says it is
// interesting (exit code 1), to find what a failure needs.
#include "mlir/IR/MLIRContext.h"
#include "mlir/Reducer/Passes.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "tools/registry.h"

int main(int argc, char** argv) {
  oriel::RegisterPasses();
  mlir::DialectRegistry registry;
  oriel::RegisterDialects(&registry);
  mlir::MLIRContext context(registry);
  return mlir::asMainReturnCode(mlir::mlirReduceMain(argc, argv, context));
}
