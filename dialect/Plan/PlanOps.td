// The ops of the `plan` dialect. Every example below is parsed by
// test/lit/Plan/examples.mlir.
#ifndef ORIEL_DIALECT_PLAN_PLANOPS_TD
#define ORIEL_DIALECT_PLAN_PLANOPS_TD

include "dialect/Plan/PlanDialect.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"

// ---- the program ----

def Plan_ProgramOp : Plan_Op<"program", [Symbol, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "A compiled program: buffers, then steps in execution order";
  let description = [{
    `symbols` are the dim symbols that the inputs and steps bind. Inputs, outputs and
    states are the buffers of those kinds, in the order they are declared.
    The verifier follows the storage: a step reads and writes only buffers that
    are allocated at that point, temporaries are released again, nothing is
    released twice.

    ```mlir
    plan.program @step symbols ["batch"] {
      %x = plan.buffer input "x" : f32 #oriel.dims<batch, 64> node 0
      %y = plan.buffer output "y" : f32 #oriel.dims<batch, 64> node 1
      plan.alloc %y
      plan.dispatch "add" class "Elementwise" entries ["k0_p0"] tasks #oriel.dims<batch>
        ins(%x) outs(%y) args [0, #oriel.dims<batch>, 1, #oriel.dims<batch>]
        scratch #oriel.dims<0> shared #oriel.dims<0> cost #oriel.dims<64*batch>
        in_place [0] ordinals [array<i64: 1>] node 1
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$symbols);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `symbols` $symbols attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Plan_BufferOp : Plan_Op<"buffer", [HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Declares a C-contiguous buffer";
  let description = [{
    `alias` says that this buffer lives in the storage of another one: a view of
    equal size (reshape), or one that is dead when this one is written (in
    place). A constant carries its value; a state may carry its initial value.

    ```mlir
    %c = plan.buffer constant "c" : f32 #oriel.dims<2> = dense<[1.0, 2.0]> : tensor<2xf32>
    %t = plan.buffer temporary "t" : f32 #oriel.dims<n, 4> node 7
    %v = plan.buffer temporary "v" : f32 #oriel.dims<4*n> node 8 alias %t
    ```
  }];
  let arguments = (ins Plan_Kind:$kind, StrAttr:$name, TypeAttr:$element, Plan_Dims:$shape,
                       OptionalAttr<I64Attr>:$node, Optional<Plan_Buffer>:$alias,
                       OptionalAttr<ElementsAttr>:$value);
  let results = (outs Plan_Buffer:$result);
  let assemblyFormat = [{
    $kind $name `:` $element $shape (`node` $node^)? (`alias` $alias^)? (`=` $value^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    // The buffer whose storage this one lives in: itself without an alias.
    BufferOp getRoot();
    // The node, or oriel::kNoNode.
    int64_t nodeId();
    // "temporary buffer 't'", for messages.
    std::string describe();
  }];
}

def Plan_RequireOp : Plan_Op<"require", [HasParent<"ProgramOp">]> {
  let summary = "Two sizes that must be equal, checked before a run";
  let description = [{
    ```mlir
    plan.require #oriel.dims<n> equals #oriel.dims<m> "add: operand shapes" node 3
    ```
  }];
  let arguments = (ins Plan_Dims:$left, Plan_Dims:$right, StrAttr:$what, OptionalAttr<I64Attr>:$node);
  let assemblyFormat = "$left `equals` $right $what (`node` $node^)? attr-dict";
  let hasVerifier = 1;
}

// ---- storage ----

def Plan_AllocOp : Plan_Op<"alloc"> {
  let summary = "From the next step on these buffers need storage";
  let description = [{
    ```mlir
    plan.alloc %t, %y
    ```
  }];
  let arguments = (ins Variadic<Plan_Buffer>:$buffers);
  let assemblyFormat = "$buffers attr-dict";
  let hasVerifier = 1;
}

def Plan_ReleaseOp : Plan_Op<"release"> {
  let summary = "After the step before, these buffers are dead";
  let description = [{
    Storage that several buffers share lives until the last of them is dead.

    ```mlir
    plan.release %t
    ```
  }];
  let arguments = (ins Variadic<Plan_Buffer>:$buffers);
  let assemblyFormat = "$buffers attr-dict";
  let hasVerifier = 1;
}

// ---- steps ----

def Plan_DispatchOp : Plan_Op<"dispatch", [AttrSizedOperandSegments]> {
  let summary = "Runs a kernel: each of its phases over its tasks";
  let description = [{
    `entries` are the kernel's phases in the image, `tasks` the number of tasks
    of each. `args` are the kernel's argument words (see kernel_abi.h): an
    integer k is the address of buffer k of inputs and outputs, dims are values.
    `in_place` tells per output: 0 created, 1 written over an operand, 2 a view.
    `ordinals[k]` are the nodes that the kernel's ordinal k stands for.
    `reference` is the op of a kernel whose results are compared (check=reference).
    `once`: it makes of constants what is kept from call to call (outputs are
    `kept` buffers), so that only the first call runs it.

    ```mlir
    plan.dispatch "rows" class "RowReduce" entries ["k1_p0"] tasks #oriel.dims<n>
      ins(%x) outs(%y) args [0, #oriel.dims<n>, 1, #oriel.dims<n>]
      scratch #oriel.dims<64> shared #oriel.dims<0> cost #oriel.dims<256*n>
      in_place [0] ordinals [array<i64: 2>] fallible node 2
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$op_class, StrArrayAttr:$entries, Plan_Dims:$tasks,
                       Variadic<Plan_Buffer>:$inputs, Variadic<Plan_Buffer>:$outputs,
                       ArrayAttr:$args, Plan_Dims:$scratch, Plan_Dims:$shared,
                       Plan_Dims:$cost, DenseI64ArrayAttr:$in_place, ArrayAttr:$ordinals,
                       UnitAttr:$fallible, OptionalAttr<I64Attr>:$node,
                       OptionalAttr<StrAttr>:$reference, UnitAttr:$once);
  let assemblyFormat = [{
    $name `class` $op_class `entries` $entries `tasks` $tasks
    `ins` `(` $inputs `)` `outs` `(` $outputs `)` `args` $args
    `scratch` $scratch `shared` $shared `cost` $cost
    `in_place` $in_place `ordinals` $ordinals (`fallible` $fallible^)? (`node` $node^)?
    (`reference` $reference^)? (`once` $once^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_CopyOp : Plan_Op<"copy"> {
  let summary = "Copies one buffer into another of the same type and size";
  let description = [{
    ```mlir
    plan.copy %x to %y node 4
    ```
  }];
  let arguments = (ins Plan_Buffer:$source, Plan_Buffer:$target, OptionalAttr<I64Attr>:$node);
  let assemblyFormat = "$source `to` $target (`node` $node^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_DimValueOp : Plan_Op<"dim_value"> {
  let summary = "Writes the value of a size into a scalar i64 buffer";
  let description = [{
    ```mlir
    plan.dim_value #oriel.dims<2*n> to %i node 4
    ```
  }];
  let arguments = (ins Plan_Dims:$value, Plan_Buffer:$target, OptionalAttr<I64Attr>:$node);
  let assemblyFormat = "$value `to` $target (`node` $node^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_BindOp : Plan_Op<"bind"> {
  let summary = "Binds a dim symbol to a count that the run has found";
  let description = [{
    `count` is a scalar i64 buffer; a value below 0 or above `limit` fails the
    call. Sizes that mention the symbol are known from here on, to the end of the
    body: storage of such sizes is made here. May fail.

    ```mlir
    plan.bind "made" to %i limit #oriel.dims<8> node 4
    ```
  }];
  let arguments = (ins StrAttr:$symbol, Plan_Buffer:$count, Plan_Dims:$limit, OptionalAttr<I64Attr>:$node);
  let assemblyFormat = "$symbol `to` $count `limit` $limit (`node` $node^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_LoopOp : Plan_Op<"loop", [AttrSizedOperandSegments, NoTerminator, SingleBlock,
                                   NoRegionArguments]> {
  let summary = "Runs its body over rows of sequences and carried buffers";
  let description = [{
    Runs clamp(`trips`, 0, `extent`) iterations. Iteration i has row
    starts[s] + steps[s]*i of sequence s at rows[s], and row i of stack j at
    stack_rows[j]: buffers of kind `row`, addresses that move. initial[k] begins
    as current[k]; after each iteration next[k] becomes current[k]; at the end
    results[k] holds it. `stop` ends the loop after an iteration that made it
    true; `count` is given the number of iterations run.

    ```mlir
    plan.loop %trips extent #oriel.dims<4> induction(%i) over(%x) rows(%e) starts #oriel.dims<0> steps [1]
      initial(%a) current(%c) next(%d) results(%r) stacks(%s) stack_rows(%q) node 5 {
      plan.copy %c to %d
      plan.copy %e to %q
    }
    ```
  }];
  let arguments = (ins Plan_Buffer:$trips, OptionalAttr<Plan_Dims>:$extent, Optional<Plan_Buffer>:$induction,
                       Variadic<Plan_Buffer>:$sequences, Variadic<Plan_Buffer>:$rows,
                       OptionalAttr<Plan_Dims>:$starts, OptionalAttr<DenseI64ArrayAttr>:$steps,
                       Variadic<Plan_Buffer>:$initial, Variadic<Plan_Buffer>:$current,
                       Variadic<Plan_Buffer>:$next, Variadic<Plan_Buffer>:$results,
                       Variadic<Plan_Buffer>:$stacks, Variadic<Plan_Buffer>:$stack_rows,
                       Optional<Plan_Buffer>:$stop, Optional<Plan_Buffer>:$count,
                       UnitAttr:$reverse, UnitAttr:$checked, OptionalAttr<I64Attr>:$node);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $trips (`extent` $extent^)? (`induction` `(` $induction^ `)`)?
    (`over` `(` $sequences^ `)` `rows` `(` $rows `)` `starts` $starts `steps` $steps)?
    `initial` `(` $initial `)` `current` `(` $current `)`
    `next` `(` $next `)` `results` `(` $results `)`
    (`stacks` `(` $stacks^ `)` `stack_rows` `(` $stack_rows `)`)?
    (`stop` `(` $stop^ `)`)? (`count` `(` $count^ `)`)?
    (`reverse` $reverse^)? (`checked` $checked^)? (`node` $node^)? attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Plan_BranchOp : Plan_Op<"branch", [NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "Runs one of two bodies";
  let description = [{
    Both bodies write the same result buffers, which the op does not list.

    ```mlir
    plan.branch %p node 6 {
      plan.copy %a to %r
    } else {
      plan.copy %b to %r
    }
    ```
  }];
  let arguments = (ins Plan_Buffer:$condition, OptionalAttr<I64Attr>:$node);
  let regions = (region SizedRegion<1>:$then_body, SizedRegion<1>:$else_body);
  let assemblyFormat = [{
    $condition (`node` $node^)? attr-dict-with-keyword $then_body `else` $else_body
  }];
  let hasVerifier = 1;
}

def Plan_ObserveOp : Plan_Op<"observe"> {
  let summary = "Hands values to whoever looks at them";
  let description = [{
    A tap: see `oriel.observe`. May fail.

    ```mlir
    plan.observe #oriel.tap_info<kind = print, tap = 0, node = 1, lines = "shape"> %y
    ```
  }];
  let arguments = (ins Plan_TapInfo:$info, Variadic<Plan_Buffer>:$values);
  let assemblyFormat = "$info $values attr-dict";
  let hasVerifier = 1;
}

def Plan_TruncateOp : Plan_Op<"truncate", [HasParent<"ProgramOp">]> {
  let summary = "Gives the caller the first rows of an output, as many as were made";
  let description = [{
    `count` is an output too, a scalar i64 that is not returned itself.

    ```mlir
    plan.truncate %y to %n
    ```
  }];
  let arguments = (ins Plan_Buffer:$output, Plan_Buffer:$count);
  let assemblyFormat = "$output `to` $count attr-dict";
  let hasVerifier = 1;
}

def Plan_CommitOp : Plan_Op<"commit", [HasParent<"ProgramOp">]> {
  let summary = "A state's new value, taken when the call succeeds";
  let description = [{
    Without `from` the state was updated in place; otherwise its storage is
    exchanged with the shadow's, and `because` tells why a shadow was needed.

    ```mlir
    plan.commit %W
    plan.commit %V from %s because "it is read after the update"
    ```
  }];
  let arguments = (ins Plan_Buffer:$state, Optional<Plan_Buffer>:$shadow, OptionalAttr<StrAttr>:$reason);
  let assemblyFormat = "$state (`from` $shadow^)? (`because` $reason^)? attr-dict";
  let hasVerifier = 1;
}

#endif  // ORIEL_DIALECT_PLAN_PLANOPS_TD
