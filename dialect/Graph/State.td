// Values that outlive calls.
#ifndef ORIEL_DIALECT_GRAPH_STATE_TD
#define ORIEL_DIALECT_GRAPH_STATE_TD

include "dialect/Graph/OrielBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

def Oriel_StateOp : Oriel_Op<"state", [Symbol]> {
  let summary = "Declares a value that outlives calls";
  let description = [{
    A state has a static type and, when the program is run from text, an
    optional initial value.

    ```mlir
    oriel.state @W : tensor<2x2xf32> = dense<0.0> : tensor<2x2xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Oriel_Tensor>:$type,
                       OptionalAttr<ElementsAttr>:$initial);
  let assemblyFormat = "$sym_name `:` $type (`=` $initial^)? attr-dict";
  let hasVerifier = 1;
}

// An update takes effect when the call succeeds, so that reads give the value
// from before the call wherever they stand: no effect.
def Oriel_StateReadOp : Oriel_Op<"state_read",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value a state had before the call";
  let description = [{
    ```mlir
    oriel.state @W : tensor<2x2xf32>
    func.func @example() -> tensor<2x2xf32> {
      %0 = oriel.state_read @W : tensor<2x2xf32>
      return %0 : tensor<2x2xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$state attr-dict `:` type($result)";
}

def Oriel_StateUpdateOp : Oriel_Op<"state_update",
    [MemoryEffects<[MemWrite]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Gives a state its value for the next call";
  let description = [{
    At most one a state, at the top level of the function. A failed call changes
    no state.

    ```mlir
    oriel.state @W : tensor<2x2xf32>
    func.func @example(%x: tensor<2x2xf32>) {
      oriel.state_update @W, %x : tensor<2x2xf32>
      return
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$state, Oriel_Tensor:$value);
  let assemblyFormat = "$state `,` $value attr-dict `:` type($value)";
}

#endif // ORIEL_DIALECT_GRAPH_STATE_TD
