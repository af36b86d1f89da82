// What fusion, outlining and placement make.
#ifndef ORIEL_DIALECT_GRAPH_KERNEL_TD
#define ORIEL_DIALECT_GRAPH_KERNEL_TD

include "dialect/Graph/OrielBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Oriel_KernelOp : Oriel_Op<"kernel", [RecursiveMemoryEffects, RecursivelySpeculatable,
    IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "Ops that run as one dispatch";
  let description = [{
    The region holds graph ops over its arguments, which stand for the operands
    in order; the class says which lowering takes it.

    ```mlir
    func.func @example(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
      %0 = oriel.kernel "Elementwise" (%a = %x : tensor<?xf32>, %b = %y : tensor<?xf32>) -> tensor<?xf32> {
        %1 = oriel.mul %a, %b : tensor<?xf32>
        %2 = oriel.exp %1 : tensor<?xf32>
        oriel.yield %2 : tensor<?xf32>
      }
      return %0 : tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Oriel_Tensor>:$inputs, StrAttr:$kernel_class);
  let results = (outs Variadic<Oriel_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [
    // Makes the block with an argument an input, without a terminator.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$inputs, "::llvm::StringRef":$kernelClass)>
  ];
  let extraClassDeclaration = [{
    YieldOp getYield();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

// A kernel may fail on an index, so that a dispatch must not be executed early:
// not speculatable.
def Oriel_DispatchOp : Oriel_Op<"dispatch",
    [NoMemoryEffect, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Calls an outlined kernel";
  let description = [{
    `kernel` names a function in a module of its own, `dims` gives the values of
    its index arguments, `nodes` the node ids each of its ordinals stands for.

    ```mlir
    module @k0 {
      func.func @k0(%x: tensor<?xf32>) -> tensor<?xf32> {
        %0 = oriel.exp %x : tensor<?xf32>
        return %0 : tensor<?xf32>
      }
    }
    func.func @example(%x: tensor<?xf32>) -> tensor<?xf32> {
      %0 = oriel.dispatch @k0::@k0(%x) dims <> nodes [[3], [4, 5]] : (tensor<?xf32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Oriel_Tensor>:$inputs, SymbolRefAttr:$kernel, Oriel_DimsAttr:$dims,
                       TypedArrayAttrBase<DenseI64ArrayAttr, "node ids of each ordinal">:$nodes);
  let results = (outs Variadic<Oriel_Tensor>:$results);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `dims` $dims `nodes` custom<NodeLists>($nodes) attr-dict `:`
    functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    // The node ids of each ordinal.
    ::llvm::SmallVector<::llvm::SmallVector<int64_t>> getNodeLists();
  }];
}

def Oriel_TransferOp : Oriel_Op<"transfer", [Pure]> {
  let summary = "Moves a value between devices";
  let description = [{
    The types differ in the device of their encoding only. It is the only op
    whose operand and result may be on different devices.

    ```mlir
    func.func @example(%x: tensor<4xf32>) -> tensor<4xf32, #oriel.device<"sim:0">> {
      %0 = oriel.transfer %x : tensor<4xf32> -> tensor<4xf32, #oriel.device<"sim:0">>
      return %0 : tensor<4xf32, #oriel.device<"sim:0">>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // ORIEL_DIALECT_GRAPH_KERNEL_TD
