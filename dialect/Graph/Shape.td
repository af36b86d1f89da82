// Ops that move elements without computing on them.
#ifndef ORIEL_DIALECT_GRAPH_SHAPE_TD
#define ORIEL_DIALECT_GRAPH_SHAPE_TD

include "dialect/Graph/OrielBase.td"

def Oriel_BroadcastOp : Oriel_ShapedOp<"broadcast"> {
  let summary = "Repeats a tensor along new and size-1 axes";
  let description = [{
    `axes[k]` is the result axis of operand axis `k`, in increasing order; the
    operand's extent there is the result's or 1. NumPy: `np.broadcast_to`, with
    the axes chosen freely.

    ```mlir
    func.func @example(%x: tensor<64xf32>) -> tensor<?x64xf32> {
      %0 = oriel.broadcast %x shape <batch, 64> axes [1] : tensor<64xf32> -> tensor<?x64xf32>
      return %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Oriel_DimsAttr:$shape, DenseI64ArrayAttr:$axes);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::oriel::ir::DimsAttr":$shape,
                             "::llvm::ArrayRef<int64_t>":$axes), [{
    build($_builder, $_state, ::oriel::ir::tensorTypeLike(x.getType(), shape), x, shape, axes);
  }]>];
  let assemblyFormat =
    "$x `shape` $shape `axes` $axes attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Oriel_ReshapeOp : Oriel_ShapedOp<"reshape"> {
  let summary = "The same elements in C order under another shape";
  let description = [{
    NumPy: `np.reshape`.

    ```mlir
    func.func @example(%x: tensor<?x8x8xf32>) -> tensor<?x64xf32> {
      %0 = oriel.reshape %x shape <batch, 64> : tensor<?x8x8xf32> -> tensor<?x64xf32>
      return %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Oriel_DimsAttr:$shape);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::oriel::ir::DimsAttr":$shape), [{
    build($_builder, $_state, ::oriel::ir::tensorTypeLike(x.getType(), shape), x, shape);
  }]>];
  let assemblyFormat = "$x `shape` $shape attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Oriel_TransposeOp : Oriel_Op<"transpose", [Pure, Oriel_Inferred]> {
  let summary = "Permutes the axes";
  let description = [{
    Result axis `k` is operand axis `permutation[k]`. NumPy: `np.transpose`.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>) -> tensor<64x?xf32> {
      %0 = oriel.transpose %x permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
      return %0 : tensor<64x?xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, DenseI64ArrayAttr:$permutation);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::llvm::ArrayRef<int64_t>":$permutation), [{
    build($_builder, $_state, ::oriel::ir::permutedType(x.getType(), permutation), x, permutation);
  }]>];
  let assemblyFormat = "$x `permutation` $permutation attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Oriel_SliceOp : Oriel_ShapedOp<"slice"> {
  let summary = "Every step-th element of each axis between two bounds";
  let description = [{
    Bounds are normalised: for a positive step `0 <= start <= limit <= n`; for a
    negative one the elements are `start`, `start + step`, ... above `limit`,
    which may be -1. The result's extent is `ceil((limit - start) / step)`.
    NumPy: `x[start:limit:step]` after its clipping.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
      %0 = oriel.slice %x starts <0, 63> limits <n, -1> steps [1, -2]
         : tensor<?x64xf32> -> tensor<?x32xf32>
      return %0 : tensor<?x32xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Oriel_DimsAttr:$starts, Oriel_DimsAttr:$limits,
                       DenseI64ArrayAttr:$steps);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = [{
    $x `starts` $starts `limits` $limits `steps` $steps attr-dict `:` type($x) `->` type($result)
  }];
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

// A start out of range fails the call, so that it must not be executed early:
// not speculatable.
def Oriel_DynamicSliceOp : Oriel_Op<"dynamic_slice", [NoMemoryEffect, Oriel_Inferred]> {
  let summary = "A block of fixed size at a computed position";
  let description = [{
    `sizes[k]` elements of axis `k` from `starts[k]` on. A start outside
    `[0, n - size]` is an error at run time, never clamped. NumPy:
    `x[i:i+2, j:j+n]`.

    ```mlir
    func.func @example(%x: tensor<?x64xf32>, %i: tensor<i64>, %j: tensor<i64>) -> tensor<2x?xf32> {
      %0 = oriel.dynamic_slice %x[%i, %j] sizes <2, n> : tensor<?x64xf32> -> tensor<2x?xf32>
      return %0 : tensor<2x?xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x, Variadic<Oriel_I64Scalar>:$starts, Oriel_DimsAttr:$sizes);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = [{
    $x `[` $starts `]` `sizes` $sizes attr-dict `:` type($x) `->` type($result)
  }];
}

def Oriel_ConcatenateOp : Oriel_ShapedOp<"concatenate"> {
  let summary = "Joins tensors along an axis";
  let description = [{
    The parts agree in all other axes. NumPy: `np.concatenate`.

    ```mlir
    func.func @example(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<6x3xf32> {
      %0 = oriel.concatenate %a, %b axis 0 : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<6x3xf32>
      return %0 : tensor<6x3xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Oriel_Tensor>:$parts, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$parts `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

#endif // ORIEL_DIALECT_GRAPH_SHAPE_TD
