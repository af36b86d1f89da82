// Passes that decide which ops form one kernel.
#ifndef ORIEL_PASSES_FUSION_PASSES_TD
#define ORIEL_PASSES_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseKernels : Pass<"oriel-fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Put every computing op into a kernel";
  let description = [{
    Runs after `oriel-place` and leaves every op that computes inside an
    `oriel.kernel`, one dispatch each; states, reshapes, control flow and
    constants stay outside. Elementwise ops, their broadcasts, transposes and
    slices, reductions over the last axis and what follows them over the same
    rows become one kernel; a matmul and a gather take their elementwise
    consumers, a reduction over another axis its producers. Results do not
    change by a bit: each op keeps its operands and its order of evaluation.

    For each pair of neighbours left apart a line is added to the module's
    `oriel.remarks`.

    ```mlir
    %0 = oriel.mul %x, %x : tensor<?xf32>
    %1 = oriel.exp %0 : tensor<?xf32>
    ```
    becomes
    ```mlir
    %1 = oriel.kernel "Elementwise" (%a = %x : tensor<?xf32>) -> tensor<?xf32> {
      %2 = oriel.mul %a, %a : tensor<?xf32>
      %3 = oriel.exp %2 : tensor<?xf32>
      oriel.yield %3 : tensor<?xf32>
    }
    ```
  }];
  let options = [
    Option<"fusion", "fusion", "bool", "true", "false: one op a kernel">,
    Option<"explain", "explain", "bool", "false",
           "a remark: every decision, with the cost model's figures">
  ];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def ExplainFusion : Pass<"oriel-explain-fusion", "::mlir::ModuleOp"> {
  let summary = "Have the fusion that follows explain each of its decisions";
  let description = [{
    Marks the module, so that `oriel-fuse-kernels`, which must come later
    (`oriel-opt graph.mlir --oriel-explain-fusion --compile-to=fused`), gives a
    remark with a line for each pair of neighbours: fused or not, why, and the
    cost model's figures (passes/Fusion/CostModel.h). It changes no decision.
  }];
}

def OutlineKernels : Pass<"oriel-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Move each kernel into a module of its own";
  let description = [{
    Runs after `oriel-fuse-kernels`. A kernel becomes `module @kN { func.func
    @kN }` over its operands, and one index argument for each size its body
    needs that is no operand's; the block keeps an `oriel.dispatch`. Inside,
    dims are named after arguments (`a0_1` is axis 1 of argument 0, `a2` is
    index argument 2) and locations are kernel-local ordinals, so that equal
    kernels are equal text and share one module.
  }];
  let options = [
    Option<"reference", "reference", "bool", "false",
           "note what each kernel of one op computes, for check=reference">
  ];
  let dependentDialects = ["::oriel::ir::OrielDialect", "::mlir::func::FuncDialect"];
}

def ShareKernels : Pass<"oriel-share-kernels", "::mlir::ModuleOp"> {
  let summary = "One kernel for those that differ in extents or constants only";
  let description = [{
    Runs after `oriel-outline-kernels`. Kernels that would be equal text if known
    extents, or scalar constants that only arithmetic reads, were arguments
    become one, and their dispatches give it the extents and constants: two
    products, four kernels of other classes; fewer keep their numbers. The bits
    are those of the kernels apart. `oriel.kernel_types` of a dispatch says which
    extents the kernel is given.
  }];
  let options = [
    Option<"atLeast", "at-least", "unsigned", "0",
           "kernels that are worth a shared one; 0: by their class">
  ];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

#endif // ORIEL_PASSES_FUSION_PASSES_TD
