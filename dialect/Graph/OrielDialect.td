// The `oriel` dialect: a graph of tensor operations with NumPy semantics.
#ifndef ORIEL_DIALECT_GRAPH_ORIELDIALECT_TD
#define ORIEL_DIALECT_GRAPH_ORIELDIALECT_TD

include "mlir/IR/OpBase.td"

def Oriel_Dialect : Dialect {
  let name = "oriel";
  let cppNamespace = "::oriel::ir";
  let summary = "A graph of tensor operations with NumPy semantics";
  let description = [{
    A graph is one public `func.func` over `tensor<...>` values. Every unknown
    extent `?` of an argument is bound to a dim symbol by `oriel.dims`; shapes
    an op computes are attributes (`#oriel.dims<...>`) over these symbols, so
    that the whole program is known up to the values of its symbols.

    Operands of elementwise ops have equal shapes: broadcasting and promotion
    are explicit ops (`oriel.broadcast`, `oriel.cast`).
  }];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
}

#endif // ORIEL_DIALECT_GRAPH_ORIELDIALECT_TD
