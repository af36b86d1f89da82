// Ops that compute each element of the result from the elements at its place.
#ifndef ORIEL_DIALECT_GRAPH_ELEMENTWISE_TD
#define ORIEL_DIALECT_GRAPH_ELEMENTWISE_TD

include "dialect/Graph/OrielBase.td"

class Oriel_UnaryOp<string mnemonic, string sum, string text, string type = "tensor<?x64xf32>">
    : Oriel_Op<mnemonic, [Pure, Oriel_Inferred, Elementwise, AllTypesMatch<["x", "result"]>]> {
  let summary = sum;
  let description = text # "\n\n```mlir\nfunc.func @example(%x: " # type # ") -> " # type # " {\n" #
    "  %0 = oriel." # mnemonic # " %x : " # type # "\n  return %0 : " # type # "\n}\n```\n";
  let arguments = (ins Oriel_Tensor:$x);
  let results = (outs Oriel_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

def Oriel_NegOp : Oriel_UnaryOp<"neg", "Elementwise negation",
  "NumPy: `np.negative`. Integers wrap."> { let hasFolder = 1; }
def Oriel_AbsOp : Oriel_UnaryOp<"abs", "Elementwise absolute value",
  "NumPy: `np.absolute`. The most negative integer stays itself."> { let hasFolder = 1; }
def Oriel_SignOp : Oriel_UnaryOp<"sign", "Elementwise sign: -1, 0 or 1",
  "NumPy: `np.sign`. The sign of a NaN is NaN.">;
def Oriel_ExpOp : Oriel_UnaryOp<"exp", "Elementwise e**x",
  "NumPy: `np.exp`.">;
def Oriel_Expm1Op : Oriel_UnaryOp<"expm1", "Elementwise e**x - 1, exact near 0",
  "NumPy: `np.expm1`. Near 0, `exp(x) - 1` cancels and this does not.">;
def Oriel_LogOp : Oriel_UnaryOp<"log", "Elementwise natural logarithm",
  "NumPy: `np.log`. Negative elements give NaN, zero gives -inf.">;
def Oriel_Log1pOp : Oriel_UnaryOp<"log1p", "Elementwise log(1 + x), exact near 0",
  "NumPy: `np.log1p`. Near 0, `1 + x` rounds and this does not.">;
def Oriel_SqrtOp : Oriel_UnaryOp<"sqrt", "Elementwise square root",
  "NumPy: `np.sqrt`. Correctly rounded; negative elements give NaN.">;
def Oriel_RsqrtOp : Oriel_UnaryOp<"rsqrt", "Elementwise 1 / sqrt(x)",
  "NumPy: `1 / np.sqrt(x)`.">;
def Oriel_TanhOp : Oriel_UnaryOp<"tanh", "Elementwise hyperbolic tangent",
  "NumPy: `np.tanh`.">;
def Oriel_SigmoidOp : Oriel_UnaryOp<"sigmoid", "Elementwise 1 / (1 + e**-x)",
  "SciPy: `scipy.special.expit`. Stable at both ends.">;
def Oriel_ErfOp : Oriel_UnaryOp<"erf", "Elementwise Gauss error function",
  "SciPy: `scipy.special.erf`.">;
def Oriel_SinOp : Oriel_UnaryOp<"sin", "Elementwise sine",
  "NumPy: `np.sin`.">;
def Oriel_CosOp : Oriel_UnaryOp<"cos", "Elementwise cosine",
  "NumPy: `np.cos`.">;
def Oriel_FloorOp : Oriel_UnaryOp<"floor", "Elementwise largest integer not above x",
  "NumPy: `np.floor`."> { let hasFolder = 1; }
def Oriel_CeilOp : Oriel_UnaryOp<"ceil", "Elementwise smallest integer not below x",
  "NumPy: `np.ceil`."> { let hasFolder = 1; }
def Oriel_RoundOp : Oriel_UnaryOp<"round", "Elementwise nearest integer, halves to even",
  "NumPy: `np.round`."> { let hasFolder = 1; }
def Oriel_LogicalNotOp : Oriel_UnaryOp<"logical_not", "Elementwise logical negation",
  "NumPy: `np.logical_not`.", "tensor<?x64xi1>"> { let hasFolder = 1; }

class Oriel_BinaryOp<string mnemonic, string sum, string text, list<Trait> traits = [],
                     string type = "tensor<?x64xf32>">
    : Oriel_ShapedOp<mnemonic, !listconcat(traits, [Elementwise])> {
  let summary = sum;
  let description = text # "\n\n```mlir\nfunc.func @example(%a: " # type # ", %b: " # type # ") -> " #
    type # " {\n  %0 = oriel." # mnemonic # " %a, %b : " # type # "\n  return %0 : " # type # "\n}\n```\n";
  let arguments = (ins Oriel_Tensor:$a, Oriel_Tensor:$b);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b), [{
    build($_builder, $_state, ::oriel::ir::mergeShapes(a.getType(), b.getType()), a, b);
  }]>];
  // One type when all are the same, else (operands) -> result: an unknown
  // extent may meet a known one.
  let assemblyFormat =
    "$a `,` $b attr-dict `:` custom<SameTypes>(type($a), type($b), type($result))";
}

def Oriel_AddOp : Oriel_BinaryOp<"add", "Elementwise sum; logical or for bool",
  "NumPy: `np.add`. Integers wrap.", [Commutative]> { let hasFolder = 1; }
def Oriel_SubOp : Oriel_BinaryOp<"sub", "Elementwise difference",
  "NumPy: `np.subtract`. Integers wrap."> { let hasFolder = 1; }
def Oriel_MulOp : Oriel_BinaryOp<"mul", "Elementwise product; logical and for bool",
  "NumPy: `np.multiply`. Integers wrap.", [Commutative]> { let hasFolder = 1; }
def Oriel_DivOp : Oriel_BinaryOp<"div", "Elementwise true division",
  "NumPy: `np.true_divide`; its promotion of integers to floats is an explicit `oriel.cast`."> { let hasFolder = 1; }
def Oriel_FloorDivOp : Oriel_BinaryOp<"floor_div", "Elementwise quotient rounded down; an integer over zero is 0",
  "NumPy: `np.floor_divide`."> { let hasFolder = 1; }
def Oriel_ModOp : Oriel_BinaryOp<"mod", "Elementwise remainder with the divisor's sign; an integer modulo zero is 0",
  "NumPy: `np.remainder`.">;
def Oriel_MaximumOp : Oriel_BinaryOp<"maximum", "Elementwise larger value; NaN wins",
  "NumPy: `np.maximum`."> { let hasFolder = 1; }
def Oriel_MinimumOp : Oriel_BinaryOp<"minimum", "Elementwise smaller value; NaN wins",
  "NumPy: `np.minimum`."> { let hasFolder = 1; }
def Oriel_PowOp : Oriel_BinaryOp<"pow", "Elementwise power; integers wrap, and to a negative power truncate to 0, 1 or -1",
  "NumPy: `np.power`."> { let hasFolder = 1; }
def Oriel_RandomBitsOp : Oriel_BinaryOp<"random_bits", "Elementwise 64 random bits of a key and a counter",
  [{The first operand is the key, the second the counter, both ui64. The result
is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", SC 2011): the low halves of key and counter are their first words,
the low half of the result the first word. Equal operands give equal bits on any
machine and any number of threads.}], [], "tensor<?xui64>">;
def Oriel_LogicalAndOp : Oriel_BinaryOp<"logical_and", "Elementwise logical and",
  "NumPy: `np.logical_and`.", [Commutative], "tensor<?x64xi1>"> { let hasFolder = 1; }
def Oriel_LogicalOrOp : Oriel_BinaryOp<"logical_or", "Elementwise logical or",
  "NumPy: `np.logical_or`.", [Commutative], "tensor<?x64xi1>"> { let hasFolder = 1; }
def Oriel_LogicalXorOp : Oriel_BinaryOp<"logical_xor", "Elementwise logical exclusive or",
  "NumPy: `np.logical_xor`.", [Commutative], "tensor<?x64xi1>">;

def Oriel_CompareOp : Oriel_ShapedOp<"compare", [Elementwise]> {
  let summary = "Elementwise comparison";
  let description = [{
    The predicate is `eq`, `ne`, `lt`, `le`, `gt` or `ge`. Comparisons with NaN
    are false, but for `ne`. NumPy: `np.equal`, `np.less` and their like.

    ```mlir
    func.func @example(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xi1> {
      %0 = oriel.compare lt %a, %b : tensor<?xf32>
      return %0 : tensor<?xi1>
    }
    ```
  }];
  let arguments = (ins Oriel_ComparePredicateAttr:$predicate, Oriel_Tensor:$a, Oriel_Tensor:$b);
  let results = (outs Oriel_BoolTensor:$result);
  let builders = [OpBuilder<(ins "::oriel::ir::ComparePredicate":$predicate, "::mlir::Value":$a,
                             "::mlir::Value":$b), [{
    build($_builder, $_state, ::oriel::ir::boolTypeLike(::oriel::ir::mergeShapes(a.getType(), b.getType())),
          predicate, a, b);
  }]>];
  let assemblyFormat =
    "`` $predicate $a `,` $b attr-dict `:` custom<CompareTypes>(type($a), type($b), type($result))";
}

def Oriel_SelectOp : Oriel_ShapedOp<"select", [Elementwise]> {
  let summary = "Elementwise choice between two values";
  let description = [{
    Where the predicate is true the element of `a`, else that of `b`. All three
    have one shape. NumPy: `np.where`.

    ```mlir
    func.func @example(%p: tensor<?xi1>, %a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
      %0 = oriel.select %p, %a, %b : tensor<?xf32>
      return %0 : tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins Oriel_BoolTensor:$predicate, Oriel_Tensor:$a, Oriel_Tensor:$b);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$predicate, "::mlir::Value":$a, "::mlir::Value":$b), [{
    build($_builder, $_state, ::oriel::ir::mergeShapes(a.getType(), b.getType()), predicate, a, b);
  }]>];
  let assemblyFormat = [{
    $predicate `,` $a `,` $b attr-dict `:`
    custom<SelectTypes>(type($predicate), type($a), type($b), type($result))
  }];
  let hasFolder = 1;
}

def Oriel_CastOp : Oriel_Op<"cast", [Pure, Oriel_Inferred, Elementwise]> {
  let summary = "Elementwise conversion to another element type";
  let description = [{
    Floats become integers by truncation, anything becomes a truth value by
    comparing with zero, integers wrap. NumPy: `x.astype`.

    ```mlir
    func.func @example(%x: tensor<?xi32>) -> tensor<?xf64> {
      %0 = oriel.cast %x : tensor<?xi32> -> tensor<?xf64>
      return %0 : tensor<?xf64>
    }
    ```
  }];
  let arguments = (ins Oriel_Tensor:$x);
  let results = (outs Oriel_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Type":$elementType), [{
    auto type = ::llvm::cast<::mlir::RankedTensorType>(x.getType());
    build($_builder, $_state, ::mlir::TypeRange{type.clone(elementType)}, x);
  }]>];
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

#endif // ORIEL_DIALECT_GRAPH_ELEMENTWISE_TD
