// Looking at values while a program runs.
#ifndef ORIEL_DIALECT_GRAPH_TAP_TD
#define ORIEL_DIALECT_GRAPH_TAP_TD

include "dialect/Graph/OrielBase.td"

// Has an effect: a value that is looked at is not dead.
def Oriel_TapOp : Oriel_Op<"tap", [MemoryEffects<[MemWrite]>, Oriel_Inferred, AttrSizedOperandSegments,
    AllTypesMatch<["x", "result"]>]> {
  let summary = "Its operand, looked at on the way";
  let description = [{
    The identity of `x`. `print` writes a line for each of the attributes
    (`shape dtype value min max mean nan_count ndim size __str__`, separated by
    commas), `watch` hands the value to the program's callback, `assert` fails the
    call unless all elements of the conditions are true. An assert lists values
    that its report shows: `counts[k]` of them belong to condition k.

    Taps are no nodes of the graph: `oriel-strip-taps` replaces each by its
    operand before anything is rewritten, so that a program is the same with and
    without them. `oriel-observe` turns them into `oriel.observe` instead.

    ```mlir
    func.func @example(%x: tensor<3x3xf64>, %ok: tensor<i1>, %n: tensor<i64>) -> tensor<3x3xf64> {
      %0 = oriel.tap print %x message "identity" lines "shape" : tensor<3x3xf64>
      %1 = oriel.tap watch %0 message "h" : tensor<3x3xf64>
      %2 = oriel.tap assert %1 when(%ok : tensor<i1>) of(%n : tensor<i64>) counts [1] message "Shape mismatch!" : tensor<3x3xf64>
      return %2 : tensor<3x3xf64>
    }
    ```
  }];
  let arguments = (ins Oriel_TapKindAttr:$kind, Oriel_Tensor:$x, Variadic<Oriel_BoolTensor>:$conditions,
                       Variadic<Oriel_Tensor>:$values, OptionalAttr<DenseI64ArrayAttr>:$counts,
                       DefaultValuedAttr<StrAttr, "\"\"">:$message,
                       DefaultValuedAttr<StrAttr, "\"\"">:$lines);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = [{
    $kind $x (`when` `(` $conditions^ `:` type($conditions) `)`)? (`of` `(` $values^ `:` type($values) `)`)?
    (`counts` $counts^)? (`message` $message^)? (`lines` $lines^)? attr-dict `:` type($x)
  }];
  let hasVerifier = 1;
}

def Oriel_ObserveOp : Oriel_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "Hands a value to whoever watches it";
  let description = [{
    What a tap becomes in a program that is looked at: a use of the value beside
    the program, so that rewriting goes on as without it and the operand always
    is what the program holds for the node. The values of an assert are its
    conditions, then what its report shows.

    ```mlir
    func.func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = oriel.exp %x : tensor<4xf32>
      oriel.observe #oriel.tap_info<kind = print, tap = 0, node = 1, message = "h", lines = "shape"> %0 : tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_TapInfoAttr:$info, Variadic<Oriel_Tensor>:$values);
  let assemblyFormat = "$info $values attr-dict `:` type($values)";
  let hasVerifier = 1;
}

#endif // ORIEL_DIALECT_GRAPH_TAP_TD
