// Passes over the graph, before placement.
#ifndef ORIEL_PASSES_GRAPH_PASSES_TD
#define ORIEL_PASSES_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignNodes : Pass<"oriel-assign-nodes", "::mlir::ModuleOp"> {
  let summary = "Give every op of the graph a node id and build the node table";
  let description = [{
    The first pass of every compilation. Each op's location, with the user's
    name, scope, file and line, becomes a row of the module's `oriel.nodes`, and
    the location becomes the row's index, `loc("oriel-node":ID:0)`. Arguments
    get their id as `oriel.node`. A module that has a table keeps it: only ops
    without an id get one.

    ```mlir
    // before
    %0 = oriel.exp %x : tensor<4xf32> loc("layer/h"("net.cpp":42:1))
    // after: oriel.nodes = [..., #oriel.node<op = "exp", name = "h", scope = "layer", file = "net.cpp", line = 42>]
    %0 = oriel.exp %x : tensor<4xf32> loc("oriel-node":1:0)
    ```
  }];
}

def Simplify : Pass<"oriel-simplify", "::mlir::ModuleOp"> {
  let summary = "Canonicalise, fold, merge equal ops and drop dead ones, recording each in the node table";
  let description = [{
    Needs node ids. Runs to a fixed point. Of equal ops the first is kept; in
    the table the others are `merged` into it. A node that became a constant is
    `folded`, one nothing needs is `dead`.

    ```mlir
    // before
    %0 = oriel.exp %x : tensor<?xf32>
    %1 = oriel.exp %x : tensor<?xf32>
    %2 = oriel.add %0, %1 : tensor<?xf32>
    // after
    %0 = oriel.exp %x : tensor<?xf32>
    %1 = oriel.add %0, %0 : tensor<?xf32>
    ```
  }];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def Stabilize : Pass<"oriel-stabilize", "::mlir::ModuleOp"> {
  let summary = "Replace formulas that lose digits or overflow by ones that do not";
  let description = [{
    Needs node ids. `log(1 + x)` becomes `log1p`, `exp(x) - 1` becomes `expm1`,
    `1 / (1 + exp(-x))` becomes `sigmoid`, `1 - sigmoid(x)` becomes `sigmoid(-x)`,
    and the logarithm of a softmax, `log(exp(x) / s)`, becomes `x - log(s)`. The new op is a node derived
    from the ones it replaces.

    ```mlir
    // before
    %0 = oriel.add %x, %one : tensor<4xf32>
    %1 = oriel.log %0 : tensor<4xf32>
    // after
    %0 = oriel.log1p %x : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def Decompose : Pass<"oriel-decompose", "::mlir::ModuleOp"> {
  let summary = "Replace means and reductions over several axes by reductions over one";
  let description = [{
    Needs node ids. Leaves only what kernels exist for: reductions over one
    axis, from the last axis to the first (the order that is specified), and no
    `mean`. The parts of a mean are nodes derived by the rule `decompose-mean`.

    ```mlir
    // before
    %0 = oriel.reduce sum %x axes [0, 1] : tensor<2x3xf32> -> tensor<f32>
    // after
    %0 = oriel.reduce sum %x axes [1] : tensor<2x3xf32> -> tensor<2xf32>
    %1 = oriel.reduce sum %0 axes [0] : tensor<2xf32> -> tensor<f32>
    ```
  }];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def VerifyNodes : Pass<"oriel-verify-nodes", "::mlir::ModuleOp"> {
  let summary = "Refuse ops whose location names no node";
  let description = [{
    Runs after each phase. A location must be `loc("oriel-node":ID:0)` with ID in
    the table or, inside a kernel's module, `loc("kernel":LINE:0)`; unknown and
    fused locations are an error, since a profile could not say whose time it
    is. Functions, modules and terminators compute nothing and are exempt.
    Links of the table must lead to rows of it.

    ```mlir
    %0 = oriel.exp %x : tensor<4xf32> loc(unknown)  // error: 'oriel.exp' op has location loc(unknown), required ...
    ```
  }];
}

def Evaluate : Pass<"oriel-evaluate", "::mlir::ModuleOp"> {
  let summary = "Run the functions without arguments on the reference kernels and execute their check ops";
  let description = [{
    For tests: a function of constants is evaluated op by op, loops and branches
    included, and each `check` op compares what was computed; a mismatch is an
    error. State reads give the state's initial value.

    ```mlir
    func.func @test() {
      %0 = oriel.constant dense<[1.0, 4.0]> : tensor<2xf32>
      %1 = oriel.sqrt %0 : tensor<2xf32>
      %2 = oriel.constant dense<[1.0, 2.0]> : tensor<2xf32>
      check.expect_eq %1, %2 : tensor<2xf32>
      return
    }
    ```
  }];
  let options = [
    Option<"results", "results", "bool", "false",
           "give what each function returns as a remark, bit for bit (any NaN as nan)">
  ];
}

#endif // ORIEL_PASSES_GRAPH_PASSES_TD
