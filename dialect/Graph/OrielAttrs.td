// Attributes and enums of the `oriel` dialect.
#ifndef ORIEL_DIALECT_GRAPH_ORIELATTRS_TD
#define ORIEL_DIALECT_GRAPH_ORIELATTRS_TD

include "dialect/Graph/OrielDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Oriel_Attr<string name, string mnem, list<Trait> traits = []>
    : AttrDef<Oriel_Dialect, name, traits> {
  let mnemonic = mnem;
}

def Oriel_DimsAttr : Oriel_Attr<"Dims", "dims"> {
  let summary = "A list of dim expressions over named symbols";
  let description = [{
    The extents of a shape (or bounds of a slice) as expressions of integers
    and dim symbols, stored in the normal form that `oriel::Dim` prints. An
    expression may be quoted; it must be when it is not made of MLIR's tokens.

    ```mlir
    #oriel.dims<batch, 64, 2*batch+1>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$texts);
  let builders = [
    AttrBuilder<(ins "const ::oriel::Dims &":$dims)>,
    // A shape without unknown extents.
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$extents)>
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    // The expressions as values.
    ::oriel::Dims getDims() const;
    ::oriel::Dim getDim(unsigned index) const;
    size_t size() const { return getTexts().size(); }
    // All extents known, and their values then.
    bool isStatic() const;
    // The type of a tensor of this shape: `?` for each extent that is not an
    // integer.
    ::mlir::RankedTensorType getTensorType(::mlir::Type elementType,
                                           ::mlir::Attribute encoding = {}) const;
  }];
}

def Oriel_NodeOrigin : I32EnumAttr<"NodeOrigin", "where a node comes from or went", [
  I32EnumAttrCase<"user", 0>, I32EnumAttrCase<"derived", 1>,
  I32EnumAttrCase<"merged", 2>, I32EnumAttrCase<"folded", 3>,
  I32EnumAttrCase<"dead", 4>]> {
  let cppNamespace = "::oriel::ir";
}

// Node ids in brackets, so that the list ends where it should.
def Oriel_IdList : OptionalArrayRefParameter<"int64_t", "node ids"> {
  let parser = "::oriel::ir::parseIdList($_parser)";
  let printer = "::oriel::ir::printIdList($_printer, $_self)";
}

def Oriel_NodeAttr : Oriel_Attr<"Node", "node"> {
  let summary = "One row of the node table";
  let description = [{
    What a node is (op, name, scope, where the user wrote it), and what became
    of it: `user`, `derived` from nodes by a rule, `merged` into a node that
    computes the same, `folded` to a constant, `dead`. The module's
    `oriel.nodes` holds them; the index is the node's id. `operands` are the
    nodes it was computed from as the user wrote it. Fields at their default are
    not printed.

    ```mlir
    #oriel.node<op = "add", name = "h", scope = "layer1", file = "net.cpp", line = 42>
    #oriel.node<op = "div", origin = derived, from = [3], rule = "decompose-mean">
    ```
  }];
  let parameters = (ins
    StringRefParameter<"op name without its dialect">:$op,
    StringRefParameter<"the user's name", [{""}]>:$name,
    StringRefParameter<"name scope", [{""}]>:$scope,
    StringRefParameter<"the caller's file", [{""}]>:$file,
    DefaultValuedParameter<"int64_t", "0">:$line,
    DefaultValuedParameter<"::oriel::ir::NodeOrigin", "::oriel::ir::NodeOrigin::user">:$origin,
    Oriel_IdList:$from,
    StringRefParameter<"the rule of a derived node", [{""}]>:$rule,
    Oriel_IdList:$operands);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Oriel_TargetAttr : Oriel_Attr<"Target", "target"> {
  let summary = "The machine code is made for";
  let description = [{
    LLVM's names of the processor and its features, the width of the vector
    registers to use, and the size of a core's second-level cache, by which
    kernels block their work. Made by `oriel-place`, read by every later phase.

    ```mlir
    #oriel.target<cpu = "x86-64-v3", features = "+avx2,+fma", vector_bits = 256>
    ```
  }];
  let parameters = (ins
    StringRefParameter<"LLVM's name of the processor">:$cpu,
    StringRefParameter<"LLVM's feature list: +a,-b", [{""}]>:$features,
    DefaultValuedParameter<"int64_t", "128">:$vector_bits,
    DefaultValuedParameter<"int64_t", "524288",
                           "bytes of a core's second-level cache">:$l2_bytes);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    // Is `+feature` listed?
    bool hasFeature(::llvm::StringRef feature) const;
  }];
}

def Oriel_DeviceAttr : Oriel_Attr<"Device", "device"> {
  let summary = "The device a tensor lives on";
  let description = [{
    The encoding of a tensor type between the phases `placed` and `fused`; a
    tensor without one is in host memory.

    ```mlir
    #oriel.device<"sim:0">
    ```
  }];
  let parameters = (ins StringRefParameter<"kind and number">:$name);
  let assemblyFormat = "`<` $name `>`";
}

def Oriel_ComparePredicate : I32EnumAttr<"ComparePredicate", "a comparison", [
  I32EnumAttrCase<"eq", 0>, I32EnumAttrCase<"ne", 1>, I32EnumAttrCase<"lt", 2>,
  I32EnumAttrCase<"le", 3>, I32EnumAttrCase<"gt", 4>, I32EnumAttrCase<"ge", 5>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::oriel::ir";
}
def Oriel_ComparePredicateAttr
    : EnumAttr<Oriel_Dialect, Oriel_ComparePredicate, "predicate">;

def Oriel_ReduceKind : I32EnumAttr<"ReduceKind", "how elements combine", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"prod", 1>, I32EnumAttrCase<"max", 2>,
  I32EnumAttrCase<"min", 3>, I32EnumAttrCase<"any", 4>, I32EnumAttrCase<"all", 5>,
  I32EnumAttrCase<"mean", 6>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::oriel::ir";
}
def Oriel_ReduceKindAttr : EnumAttr<Oriel_Dialect, Oriel_ReduceKind, "reduce_kind">;

def Oriel_ScatterKind : I32EnumAttr<"ScatterKind", "how updates meet the old elements", [
  I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"set", 1>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::oriel::ir";
}
def Oriel_ScatterKindAttr : EnumAttr<Oriel_Dialect, Oriel_ScatterKind, "scatter_kind">;

def Oriel_TapKind : I32EnumAttr<"TapKind", "how a value is looked at", [
  I32EnumAttrCase<"print", 0>, I32EnumAttrCase<"assertion", 1, "assert">,
  I32EnumAttrCase<"watch", 2>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::oriel::ir";
}
def Oriel_TapKindAttr : EnumAttr<Oriel_Dialect, Oriel_TapKind, "tap_kind">;

def Oriel_TapInfoAttr : Oriel_Attr<"TapInfo", "tap_info"> {
  let summary = "What is looked at, and how";
  let description = [{
    The facts of a tap after it left the graph. `tap` is its number among the
    taps of the text, -1 for a value that was asked for by its node. Of an
    assert, `counts` has the number of values shown for each condition.

    ```mlir
    #oriel.tap_info<kind = watch, tap = -1, node = 7>
    ```
  }];
  let parameters = (ins
    EnumParameter<Oriel_TapKind>:$kind,
    "int64_t":$tap,
    "int64_t":$node,
    DefaultValuedParameter<"int64_t", "0">:$result,
    StringRefParameter<"of a print or an assert, a watch's name", [{""}]>:$message,
    StringRefParameter<"what a print writes, separated by commas", [{""}]>:$lines,
    Oriel_IdList:$counts,
    StringRefParameter<"the tap's own file", [{""}]>:$file,
    DefaultValuedParameter<"int64_t", "0">:$line);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // ORIEL_DIALECT_GRAPH_ORIELATTRS_TD
