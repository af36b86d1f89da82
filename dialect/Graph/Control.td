// Loops and branches.
#ifndef ORIEL_DIALECT_GRAPH_CONTROL_TD
#define ORIEL_DIALECT_GRAPH_CONTROL_TD

include "dialect/Graph/OrielBase.td"
include "mlir/IR/OpAsmInterface.td"

def Oriel_YieldOp : Oriel_Op<"yield", [Pure, Terminator,
    ParentOneOf<["LoopOp", "BranchOp", "KernelOp"]>]> {
  let summary = "Ends a region with its results";
  let description = [{
    The values become the carried values of a loop's next iteration and the rows
    it collects, or the results of a branch or kernel.

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

def Oriel_LoopOp : Oriel_Op<"loop", [RecursiveMemoryEffects, ConditionallySpeculatable,
    SingleBlockImplicitTerminator<"YieldOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "Runs a region a number of times over rows of sequences and carried values";
  let description = [{
    The body is given the index, a row of each sequence and the carried values,
    and yields the next carried values, then the values to collect, then with
    `until` whether to stop:

        n = clamp(trips, 0, extent)         # without an extent: max(trips, 0)
        for k in range(n):
            i = n-1-k if reverse else k
            rows = [s.array[s.start + s.step*i] for s in sequences]
            carried, collected, stop = region(i, rows, carried)
            for stack, row in zip(stacks, collected): stack[i] = row
            if stop: n = k+1; break

    Results are the last carried values, the stacks, whose first extent is
    `extent`, and with `until` the i64 count n. Rows that no iteration wrote are
    zero. The region may use values from above. Types of carried values do not
    change from one iteration to the next. With `checked` a trip count above the
    extent is an error at run time; otherwise it counts as the extent.

    ```mlir
    func.func @example(%n: tensor<i64>, %x: tensor<?x4xf32> {oriel.dims = #oriel.dims<t, 4>},
                       %h: tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32>) {
      %0:2 = oriel.loop %i to %n extent <t> over (%e = %x from <0> by 1 : tensor<?x4xf32>)
          with (%c = %h : tensor<4xf32>) collects (tensor<?x4xf32>) {
        %1 = oriel.add %c, %e : tensor<4xf32>
        oriel.yield %1, %1 : tensor<4xf32>, tensor<4xf32>
      }
      return %0#0, %0#1 : tensor<4xf32>, tensor<?x4xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_I64Scalar:$trips, Variadic<Oriel_Tensor>:$inputs,
                       Oriel_DimsAttr:$starts, DenseI64ArrayAttr:$steps, Oriel_DimsAttr:$extent,
                       UnitAttr:$reverse, UnitAttr:$until, UnitAttr:$checked);
  let results = (outs Variadic<Oriel_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [
    // A counted loop over carried values. Makes the region with its block and
    // arguments (locations: the op's), without a terminator.
    OpBuilder<(ins "::mlir::Value":$trips, "::mlir::ValueRange":$initial)>,
    // A loop like `like` over other operands; `stacks`: types of what it collects.
    OpBuilder<(ins "LoopOp":$like, "::mlir::ValueRange":$sequences, "const ::oriel::Dims &":$starts,
                   "::llvm::ArrayRef<int64_t>":$steps, "::mlir::ValueRange":$initial,
                   "::mlir::TypeRange":$stacks)>
  ];
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getInduction() { return getBody().getArgument(0); }
    unsigned getNumSequences() { return getSteps().size(); }
    unsigned getNumCarried() { return getInputs().size() - getNumSequences(); }
    ::mlir::OperandRange getSequences() { return getInputs().take_front(getNumSequences()); }
    ::mlir::OperandRange getInitial() { return getInputs().drop_front(getNumSequences()); }
    // Arguments of the region.
    ::mlir::Block::BlockArgListType getElements() {
      return getBody().getArguments().slice(1, getNumSequences());
    }
    ::mlir::Block::BlockArgListType getCarried() {
      return getBody().getArguments().drop_front(1 + getNumSequences());
    }
    // Results: finals, stacks, the count.
    ::mlir::ResultRange getFinals() { return getResults().take_front(getNumCarried()); }
    ::mlir::ResultRange getStacks() {
      return getResults().slice(getNumCarried(), getNumResults() - getNumCarried() - getUntil());
    }
    ::mlir::Value getCount() {
      return getUntil() ? ::mlir::Value(getResult(getNumResults() - 1)) : ::mlir::Value();
    }
    // What the region yields.
    YieldOp getYield();
    ::mlir::OperandRange getYielded();
    ::mlir::OperandRange getCollected();
    ::mlir::Value getStop();
    // The type of a row of a sequence or stack.
    static ::mlir::RankedTensorType getRowType(::mlir::Type array);
    ::mlir::Speculation::Speculatability getSpeculatability();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

// Not pure: others may have the symbol in their attributes alone, so that it
// stays while one does.
def Oriel_RowsOp : Oriel_Op<"rows", [MemoryEffects<[MemWrite]>]> {
  let summary = "The first rows of a stack, as many as were made";
  let description = [{
    Binds the dim symbol `dim`, which no argument binds, to `count`; the result is
    a view of that many first rows. All that follows may use the symbol. A count
    below zero or above the rows of `x` is an error at run time. Several may bind
    one symbol to the same count. NumPy: `x[:n]`.

    ```mlir
    func.func @example(%x: tensor<8x4xf32>, %n: tensor<i64>) -> tensor<?x4xf32> {
      %0 = oriel.rows %x, %n dim <made> : (tensor<8x4xf32>, tensor<i64>) -> tensor<?x4xf32>
      %1 = oriel.exp %0 : tensor<?x4xf32>
      return %1 : tensor<?x4xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Oriel_I64Scalar:$count, Oriel_DimsAttr:$dim);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$x `,` $count `dim` $dim attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
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
