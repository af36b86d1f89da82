// What the op families share: types, traits, base classes.
#ifndef ORIEL_DIALECT_GRAPH_ORIELBASE_TD
#define ORIEL_DIALECT_GRAPH_ORIELBASE_TD

include "dialect/Graph/OrielAttrs.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Oriel_Element : AnyTypeOf<[F64, F32, F16, BF16, I8, I16, I32, I64, UI8, UI16, UI32, UI64, I1],
  "f64, f32, f16, bf16, i8 to i64, ui8 to ui64 or i1">;
def Oriel_Tensor : RankedTensorOf<[Oriel_Element]>;
def Oriel_BoolTensor : RankedTensorOf<[I1]>;
def Oriel_IndexTensor : RankedTensorOf<[I64]>;

def Oriel_I64Scalar : Type<And<[Oriel_IndexTensor.predicate,
    CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 0">]>,
    "scalar tensor of i64">,
  BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getIntegerType(64))">;
def Oriel_BoolScalar : Type<And<[Oriel_BoolTensor.predicate,
    CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 0">]>,
    "scalar tensor of i1">,
  BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getIntegerType(1))">;

// Operand and result types obey the op's inference in runtime/ops, operands are
// on one device, and an op whose operands are small constants folds through its
// reference kernel.
def Oriel_Inferred : NativeOpTrait<"Inferred"> {
  let cppNamespace = "::oriel::ir";
}

class Oriel_Op<string mnemonic, list<Trait> traits = []>
    : Op<Oriel_Dialect, mnemonic, traits>;

// An op that can go wrong only where shapes known at run time disagree: it may
// be executed early when its types are static.
class Oriel_ShapedOp<string mnemonic, list<Trait> traits = []>
    : Oriel_Op<mnemonic, !listconcat([Oriel_Inferred, NoMemoryEffect,
        DeclareOpInterfaceMethods<ConditionallySpeculatable>], traits)> {
  let extraClassDefinition = [{
    ::mlir::Speculation::Speculatability $cppClass::getSpeculatability() {
      return ::oriel::ir::speculatableIfStatic(getOperation());
    }
  }];
}

#endif // ORIEL_DIALECT_GRAPH_ORIELBASE_TD
