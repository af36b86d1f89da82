// Ops that combine the elements along axes.
#ifndef ORIEL_DIALECT_GRAPH_REDUCE_TD
#define ORIEL_DIALECT_GRAPH_REDUCE_TD

include "dialect/Graph/OrielBase.td"

def Oriel_ReduceOp : Oriel_Op<"reduce", [Pure, Oriel_Inferred]> {
  let summary = "Combines the elements along axes";
  let description = [{
    The kind is `sum`, `prod`, `max`, `min`, `any`, `all` or `mean`; axes are
    sorted. With `keepdims` a reduced axis stays with extent 1. The order in
    which elements combine is specified (docs/architecture.md), so that a
    result's bits depend on nothing but the elements. NumPy: `np.sum`, `np.max`
    and their like, after the promotion of small integers.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>) -> tensor<?x1xf32> {
      %0 = oriel.reduce sum %x axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
      return %0 : tensor<?x1xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_ReduceKindAttr:$kind, Oriel_Tensor:$x, DenseI64ArrayAttr:$axes,
                       UnitAttr:$keepdims);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::oriel::ir::ReduceKind":$kind, "::mlir::Value":$x,
                             "::llvm::ArrayRef<int64_t>":$axes, "bool":$keepdims), [{
    build($_builder, $_state, ::oriel::ir::reducedType(x.getType(), axes, keepdims), kind, x, axes, keepdims);
  }]>];
  let assemblyFormat = [{
    `` $kind $x `axes` $axes (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)
  }];
  let hasFolder = 1;
}

class Oriel_ArgReduceOp<string mnemonic, string sum, string numpy>
    : Oriel_ShapedOp<mnemonic> {
  let summary = sum;
  let description = "NumPy: `" # numpy # [{`. An axis without elements is an error.

```mlir
func.func @example(%x: tensor<?x64xf32>) -> tensor<?xi64> {
  %0 = oriel.}] # mnemonic # [{ %x axis 1 : tensor<?x64xf32> -> tensor<?xi64>
  return %0 : tensor<?xi64>
}
```
}];
  let arguments = (ins Oriel_Tensor:$x, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis, UnitAttr:$keepdims);
  let results = (outs Oriel_IndexTensor:$result);
  let assemblyFormat = [{
    $x `axis` $axis (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)
  }];
}

def Oriel_ArgMaxOp : Oriel_ArgReduceOp<"argmax",
  "The index of the first largest element; the first NaN wins", "np.argmax">;
def Oriel_ArgMinOp : Oriel_ArgReduceOp<"argmin",
  "The index of the first smallest element; the first NaN wins", "np.argmin">;

#endif // ORIEL_DIALECT_GRAPH_REDUCE_TD
