// Values without operands: constants, index ramps, dim sizes.
#ifndef ORIEL_DIALECT_GRAPH_CONSTANT_TD
#define ORIEL_DIALECT_GRAPH_CONSTANT_TD

include "dialect/Graph/OrielBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Oriel_ConstantOp : Oriel_Op<"constant",
    [ConstantLike, Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "A tensor known at compile time";
  let description = [{
    The elements are a `dense` attribute, or `dense_resource` when they are
    many: a resource is neither uniqued nor hashed. NumPy: `np.array`.

    ```mlir
    func.func @example() -> tensor<2xf32> {
      %0 = oriel.constant dense<[1.0, 2.0]> : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Oriel_IotaOp : Oriel_Op<"iota", [Pure, Oriel_Inferred]> {
  let summary = "The index along an axis";
  let description = [{
    Element `[i0, i1, ...]` is `i_axis`, in the result's element type. NumPy:
    `np.indices(shape)[axis]`, and `np.arange(n)` for one axis.

    ```mlir
    func.func @example() -> tensor<?x4xi64> {
      %0 = oriel.iota axis 0 shape <n, 4> : tensor<?x4xi64>
      return %0 : tensor<?x4xi64>
    }
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$axis, Oriel_DimsAttr:$shape);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "`axis` $axis `shape` $shape attr-dict `:` type($result)";
}

def Oriel_DimValueOp : Oriel_Op<"dim_value", [Pure, Oriel_Inferred]> {
  let summary = "The value of a dim expression as a scalar";
  let description = [{
    The size is known at each call, when the inputs bind the symbols. NumPy:
    `x.shape[k]`.

    ```mlir
    func.func @example() -> tensor<i64> {
      %0 = oriel.dim_value <2*batch> : tensor<i64>
      return %0 : tensor<i64>
    }
    ```
  }];
  let arguments = (ins Oriel_DimsAttr:$dim);
  let results = (outs Oriel_I64Scalar:$result);
  let assemblyFormat = "$dim attr-dict `:` type($result)";
  let hasFolder = 1;
}

#endif // ORIEL_DIALECT_GRAPH_CONSTANT_TD
