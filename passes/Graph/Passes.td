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

def StripTaps : Pass<"oriel-strip-taps", "::mlir::ModuleOp"> {
  let summary = "Replace each tap by its operand";
  let description = [{
    Needs node ids; taps have none, and a name given to a tap is its operand's.
    Runs before anything is rewritten: what comes after is the same as for the
    graph without taps.

    ```mlir
    // before
    %0 = oriel.exp %x : tensor<4xf32>
    %1 = oriel.tap print %0 lines "shape" : tensor<4xf32>
    return %1 : tensor<4xf32>
    // after
    %0 = oriel.exp %x : tensor<4xf32>
    return %0 : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def Observe : Pass<"oriel-observe", "::mlir::ModuleOp"> {
  let summary = "Turn taps into uses beside the program";
  let description = [{
    Needs node ids, and runs instead of `oriel-strip-taps`. Each tap becomes an
    `oriel.observe` of its operand, and so does each node listed in `nodes`: an
    op's results, an input, a state's value. The values of the program stay as
    they are, to the bit: no rewrite asks how many uses a value has.

    ```mlir
    // before
    %0 = oriel.exp %x : tensor<4xf32>
    %1 = oriel.tap print %0 lines "shape" : tensor<4xf32>
    return %1 : tensor<4xf32>
    // after
    %0 = oriel.exp %x : tensor<4xf32>
    oriel.observe #oriel.tap_info<kind = print, tap = 0, node = 1, lines = "shape"> %0 : tensor<4xf32>
    return %0 : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
  let options = [
    ListOption<"nodes", "nodes", "int64_t", "ids of nodes to watch">
  ];
}

def OrderProducts : Pass<"oriel-order-products", "::mlir::ModuleOp"> {
  let summary = "State how products with a vector are summed";
  let description = [{
    Runs before anything is rewritten, so that the order depends on the graph
    alone. A product with a vector is marked `oriel.lanes` where the other operand
    is a vector, or a matrix whose elements along the contracted axis are next to
    each other: as it is, or seen through transposes, slices, repeats, casts and
    arithmetic with numbers. It is then summed in lanes; others, and all products
    of matrices, are chains over blocks of the contracted axis.

    ```mlir
    // before
    %0 = oriel.matmul %matrix, %vector : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?xf32>
    // after
    %0 = oriel.matmul %matrix, %vector {oriel.lanes} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?xf32>
    ```
  }];
}

def Simplify : Pass<"oriel-simplify", "::mlir::ModuleOp"> {
  let summary = "Canonicalise, fold, merge equal ops and drop dead ones, recording each in the node table";
  let description = [{
    Needs node ids. Runs to a fixed point. Of equal ops the first is kept; in
    the table the others are `merged` into it. Loops over the same operands with
    equal bodies become one, which collects what each of them did. A node that became a constant is
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
    Needs node ids. `log(1 + x)` becomes `log1p`, `log(1 + exp(x))` becomes
    `max(x, 0) + log1p(exp(-|x|))`, `exp(x) - 1` becomes `expm1`,
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

def FoldScatterUpdates : Pass<"oriel-fold-scatter-updates", "::mlir::ModuleOp"> {
  let summary = "Add scattered rows to what their sum is added to";
  let description = [{
    Needs node ids, after `oriel-simplify`. The gradient of `table[indices]` is a
    scatter into zeros as large as the table, and its update a sum over all of
    it. Where nothing else reads that gradient the rows go straight onto the
    table, scaled before they are scattered, so that only they are touched:
    through negation, factors and divisors that are one number, and sums of
    scatters, on either side of `add` and on the right of `sub`. Equal indices
    are added to the table one after the other, not to each other first, and a
    factor multiplies each: the last bits may differ from the formula's.

    ```mlir
    // before
    %0 = oriel.scatter add %zeros[%i], %g axis 0 : (tensor<1000x64xf32>, tensor<8x64xf32>, tensor<8xi64>) -> tensor<1000x64xf32>
    %1 = oriel.mul %rate, %0 : tensor<1000x64xf32>
    %2 = oriel.sub %table, %1 : tensor<1000x64xf32>
    // after
    %0 = oriel.mul %rate_of_rows, %g : tensor<8x64xf32>
    %1 = oriel.neg %0 : tensor<8x64xf32>
    %2 = oriel.scatter add %table[%i], %1 axis 0 : (tensor<1000x64xf32>, tensor<8x64xf32>, tensor<8xi64>) -> tensor<1000x64xf32>
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
