// Contractions.
#ifndef ORIEL_DIALECT_GRAPH_CONTRACT_TD
#define ORIEL_DIALECT_GRAPH_CONTRACT_TD

include "dialect/Graph/OrielBase.td"

def Oriel_MatMulOp : Oriel_ShapedOp<"matmul"> {
  let summary = "Matrix product, batched over leading axes";
  let description = [{
    A vector on the left is a row, on the right a column, and its axis is not in
    the result; leading axes are equal on both sides (broadcasting them is an
    explicit op). NumPy: `np.matmul`.

    ```mlir
    func.func @example(%a: tensor<?x64xf32>, %b: tensor<64x10xf32>) -> tensor<?x10xf32> {
      %0 = oriel.matmul %a, %b : (tensor<?x64xf32>, tensor<64x10xf32>) -> tensor<?x10xf32>
      return %0 : tensor<?x10xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$a, Oriel_Tensor:$b);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` functional-type(operands, results)";
}

#endif // ORIEL_DIALECT_GRAPH_CONTRACT_TD
