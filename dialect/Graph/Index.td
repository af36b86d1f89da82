// Reading and writing at computed indices.
#ifndef ORIEL_DIALECT_GRAPH_INDEX_TD
#define ORIEL_DIALECT_GRAPH_INDEX_TD

include "dialect/Graph/OrielBase.td"

// An index out of range fails the call, so that these must not be executed
// early: not speculatable. Dropping one whose result nobody uses is fine.
def Oriel_GatherOp : Oriel_Op<"gather", [NoMemoryEffect, Oriel_Inferred]> {
  let summary = "The slices of a tensor that index tensors name";
  let description = [{
    The index tensors (i64, one shape) index consecutive axes from `axis` on;
    the result's shape is `x.shape[:axis] + indices.shape + x.shape[axis+k:]`.
    Negative indices count from the end; an index outside its axis is an error
    at run time that names value, position, axis and bound. NumPy: `np.take`,
    `x[i, j]`.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>, %i: tensor<5xi64>) -> tensor<5x64xf32> {
      %0 = oriel.gather %x[%i] axis 0 : (tensor<?x64xf32>, tensor<5xi64>) -> tensor<5x64xf32>
      return %0 : tensor<5x64xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Variadic<Oriel_IndexTensor>:$indices,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat =
    "$x `[` $indices `]` `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def Oriel_ScatterOp : Oriel_Op<"scatter", [NoMemoryEffect, Oriel_Inferred]> {
  let summary = "Adds or writes slices where index tensors name";
  let description = [{
    A copy of `x` with `x[..., indices, ...]` increased by (`add`) or replaced
    by (`set`) the updates, in the order of the updates: of equal indices all
    are added, and the last one set wins. Indices as for `oriel.gather`; nothing
    is written when one is out of range. NumPy: `np.add.at`, `x[i, j] = u`.

    ```mlir
    func.func @example(%x: tensor<10x4xf32>, %u: tensor<?x4xf32>, %i: tensor<?xi64>) -> tensor<10x4xf32> {
      %0 = oriel.scatter add %x[%i], %u axis 0
         : (tensor<10x4xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<10x4xf32>
      return %0 : tensor<10x4xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_ScatterKindAttr:$kind, Oriel_Tensor:$x, Oriel_Tensor:$updates,
                       Variadic<Oriel_IndexTensor>:$indices,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $x `[` $indices `]` `,` $updates `axis` $axis attr-dict `:`
    functional-type(operands, results)
  }];
}

// The write effect stands for the error record: a check must be neither
// dropped, merged over a branch nor hoisted from one.
def Oriel_CheckIndexOp : Oriel_Op<"check_index",
    [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "A checked, safe index inside a lowered kernel";
  let description = [{
    Inside the body of a lowered gather or scatter: gives `i` as an index (plus
    `bound` when it is negative and `wrap` is set) when that is in
    `[0, bound)`; else records the failure of index operand `operand` on axis
    `axis` of the indexed tensor in the kernel's error record and gives 0.

    ```mlir
    func.func @example(%i: i64, %bound: index) -> index {
      %0 = oriel.check_index %i, %bound operand 0 axis 1 wrap : i64
      return %0 : index
    }
    ```
  }];
  let arguments = (ins SignlessIntegerLike:$i, Index:$bound, I64Attr:$operand, I64Attr:$axis,
                       UnitAttr:$wrap);
  let results = (outs Index:$result);
  let assemblyFormat =
    "$i `,` $bound `operand` $operand `axis` $axis (`wrap` $wrap^)? attr-dict `:` type($i)";
}

#endif // ORIEL_DIALECT_GRAPH_INDEX_TD
