// Loops and branches.
#ifndef ORIEL_DIALECT_GRAPH_CONTROL_TD
#define ORIEL_DIALECT_GRAPH_CONTROL_TD

include "dialect/Graph/OrielBase.td"
include "mlir/IR/OpAsmInterface.td"

def Oriel_YieldOp : Oriel_Op<"yield", [Pure, Terminator,
    ParentOneOf<["LoopOp", "BranchOp", "KernelOp"]>]> {
  let summary = "Ends a region with its results";
  let description = [{
    The values become the carried values of a loop's next iteration, or the
    results of a branch or kernel.

    ```mlir
    func.func @example(%c: tensor<i1>, %a: tensor<f32>, %b: tensor<f32>) -> tensor<f32> {
      %0 = oriel.branch %c -> tensor<f32> {
        oriel.yield %a : tensor<f32>
      } else {
        oriel.yield %b : tensor<f32>
      }
      return %0 : tensor<f32>
    }
    ```
  }];
  let arguments = (ins Variadic<Oriel_Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins)>];
}

def Oriel_LoopOp : Oriel_Op<"loop", [RecursiveMemoryEffects, RecursivelySpeculatable,
    SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "Runs a region a number of times over carried values";
  let description = [{
    `carried = initial; for i in range(trips): carried = region(i, carried)`,
    and the results are the last carried values. A negative `trips` counts as
    zero. The region may use values from above. Types of carried values do not
    change from one iteration to the next.

    ```mlir
    func.func @example(%n: tensor<i64>, %x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = oriel.loop %i to %n with (%c = %x : tensor<4xf32>) {
        %1 = oriel.add %c, %x : tensor<4xf32>
        oriel.yield %1 : tensor<4xf32>
      }
      return %0 : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_I64Scalar:$trips, Variadic<Oriel_Tensor>:$initial);
  let results = (outs Variadic<Oriel_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [
    // Makes the region with its block and arguments (locations: `bodyLoc`'s or
    // the op's), without a terminator.
    OpBuilder<(ins "::mlir::Value":$trips, "::mlir::ValueRange":$initial)>
  ];
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getInduction() { return getBody().getArgument(0); }
    ::mlir::Block::BlockArgListType getCarried() { return getBody().getArguments().drop_front(); }
    YieldOp getYield();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def Oriel_BranchOp : Oriel_Op<"branch", [RecursiveMemoryEffects, RecursivelySpeculatable,
    SingleBlockImplicitTerminator<"YieldOp">, NoRegionArguments]> {
  let summary = "Runs one of two regions";
  let description = [{
    Only the region chosen by the condition is executed; both may use values
    from above. NumPy: Python's `if`.

    ```mlir
    func.func @example(%c: tensor<i1>, %x: tensor<?xf32>) -> tensor<?xf32> {
      %0 = oriel.branch %c -> tensor<?xf32> {
        %1 = oriel.exp %x : tensor<?xf32>
        oriel.yield %1 : tensor<?xf32>
      } else {
        oriel.yield %x : tensor<?xf32>
      }
      return %0 : tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_BoolScalar:$condition);
  let results = (outs Variadic<Oriel_Tensor>:$results);
  let regions = (region SizedRegion<1>:$thenBody, SizedRegion<1>:$elseBody);
  let builders = [
    // Makes both blocks, without terminators.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$condition)>
  ];
  let skipDefaultBuilders = 1;
  let extraClassDeclaration = [{
    YieldOp getThenYield();
    YieldOp getElseYield();
  }];
  let assemblyFormat = [{
    $condition (`->` type($results)^)? $thenBody `else` $elseBody attr-dict
  }];
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // ORIEL_DIALECT_GRAPH_CONTROL_TD
