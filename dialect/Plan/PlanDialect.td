// The `plan` dialect: a compiled program as steps over buffers, the readable
// form of runtime/engine/program.h.
#ifndef ORIEL_DIALECT_PLAN_PLANDIALECT_TD
#define ORIEL_DIALECT_PLAN_PLANDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::oriel::plan";
  let summary = "A program as steps over named buffers";
  let description = [{
    One `plan.program` holds everything the executor needs but the code of the
    kernels: buffers with their kind, element type and symbolic shape, and the
    steps in execution order. Buffers are SSA values of type `!plan.buffer`:
    handles of storage, not tensors; a step names the ones it reads and writes.
    The dialect and `oriel::Program` say the same thing: passes/Planning/ToProgram
    converts one into the other without deciding anything.
  }];
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

def Plan_Buffer : TypeDef<Plan_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "A handle of a named buffer";
}

// Symbolic extents, as everywhere in Oriel: #oriel.dims<batch, 64>.
def Plan_Dims : Attr<CPred<"::llvm::isa<::oriel::ir::DimsAttr>($_self)">, "dims attribute"> {
  let storageType = "::oriel::ir::DimsAttr";
  let returnType = "::oriel::ir::DimsAttr";
  let convertFromStorage = "$_self";
}

// The facts of a tap: #oriel.tap_info<...>.
def Plan_TapInfo : Attr<CPred<"::llvm::isa<::oriel::ir::TapInfoAttr>($_self)">, "tap_info attribute"> {
  let storageType = "::oriel::ir::TapInfoAttr";
  let returnType = "::oriel::ir::TapInfoAttr";
  let convertFromStorage = "$_self";
}

def Plan_Kind : I32EnumAttr<"Kind", "what a buffer is for", [
  I32EnumAttrCase<"Input", 0, "input">, I32EnumAttrCase<"State", 1, "state">,
  I32EnumAttrCase<"Output", 2, "output">, I32EnumAttrCase<"Temporary", 3, "temporary">,
  I32EnumAttrCase<"Workspace", 4, "workspace">, I32EnumAttrCase<"Constant", 5, "constant">,
  I32EnumAttrCase<"Row", 6, "row">, I32EnumAttrCase<"Kept", 7, "kept">]> {
  let cppNamespace = "::oriel::plan";
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

#endif  // ORIEL_DIALECT_PLAN_PLANDIALECT_TD
