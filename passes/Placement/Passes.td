// Passes that decide where ops run.
#ifndef ORIEL_PASSES_PLACEMENT_PASSES_TD
#define ORIEL_PASSES_PLACEMENT_PASSES_TD

include "mlir/Pass/PassBase.td"

def Place : Pass<"oriel-place", "::mlir::ModuleOp"> {
  let summary = "State the machine a program is compiled for";
  let description = [{
    Sets the module's `oriel.target`, which every later phase reads: the
    processor, its features and the vector width to use, this machine's unless
    options say otherwise. Checks that the operands of each op are on one
    device; so far there is the host only.

    ```mlir
    module {}
    ```
    becomes
    ```mlir
    module attributes {oriel.target = #oriel.target<cpu = "znver3", features = "+avx2,+fma", vector_bits = 256>} {}
    ```
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "\"\"",
           "LLVM's name of the processor (default: this machine's)">,
    Option<"features", "features", "std::string", "\"\"",
           "LLVM's feature list, as in +avx2,+fma (default: this machine's, or "
           "none when cpu is given)">,
    Option<"vectorBits", "vector-bits", "int64_t", "0",
           "width of vector registers to use: 128, 256 or 512 (default: what the "
           "features have, at most 256)">
  ];
  let dependentDialects = ["::oriel::ir::OrielDialect"];
}

#endif // ORIEL_PASSES_PLACEMENT_PASSES_TD
