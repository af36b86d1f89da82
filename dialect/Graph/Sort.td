// Ops that order the elements along an axis.
#ifndef ORIEL_DIALECT_GRAPH_SORT_TD
#define ORIEL_DIALECT_GRAPH_SORT_TD

include "dialect/Graph/OrielBase.td"

def Oriel_SortOp : Oriel_Op<"sort", [Pure, Oriel_Inferred, SameOperandsAndResultType]> {
  let summary = "The elements along an axis from the smallest up; equal ones keep their order, NaN is last";
  let description = [{
    -0.0 and 0.0 are equal, `false` is below `true`. NumPy: `np.sort` with
    `stable=True`.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %0 = oriel.sort %x axis 1 : tensor<?x64xf32>
      return %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$x `axis` $axis attr-dict `:` type($result)";
}

def Oriel_ArgSortOp : Oriel_Op<"argsort", [Pure, Oriel_Inferred]> {
  let summary = "Where the elements of sort come from";
  let description = [{
    Element k of the result is the position along the axis of element k of
    `sort`. NumPy: `np.argsort` with `stable=True`.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>) -> tensor<?x64xi64> {
      %0 = oriel.argsort %x axis 1 : tensor<?x64xf32> -> tensor<?x64xi64>
      return %0 : tensor<?x64xi64>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Oriel_IndexTensor:$result);
  let assemblyFormat = "$x `axis` $axis attr-dict `:` type($x) `->` type($result)";
}

#endif // ORIEL_DIALECT_GRAPH_SORT_TD
