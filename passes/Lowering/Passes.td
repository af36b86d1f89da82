// Passes that lower kernels to linalg.
#ifndef ORIEL_PASSES_LOWERING_PASSES_TD
#define ORIEL_PASSES_LOWERING_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToLinalg : Pass<"oriel-lower-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Turn kernels of graph ops into passes of linalg";
  let description = [{
    Runs on a kernel's module, or on a module that holds kernel modules, after
    `oriel-outline-kernels`. The function gets its outputs as destination
    arguments, and its ops become one `linalg.generic` a pass over the iteration
    space, with scalar arithmetic in the body (docs/architecture.md, "Lowered
    kernels"). Functions without `oriel.class` are left alone.

    ```mlir
    func.func @k(%x: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<?xf32>
        attributes {oriel.class = "Elementwise"} {
      %0 = oriel.exp %x : tensor<?xf32>
      return %0 : tensor<?xf32>
    }
    ```
    becomes a function of `%x` and `%out: tensor<?xf32> {oriel.output}` with
    ```mlir
    %0 = linalg.generic {...} ins(%x : tensor<?xf32>) outs(%out : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = math.exp %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect", "::oriel::ir::OrielDialect"
  ];
}

#endif // ORIEL_PASSES_LOWERING_PASSES_TD
