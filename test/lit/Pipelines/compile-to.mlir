// RUN: oriel-opt %s --compile-to=graph | FileCheck %s --check-prefix=GRAPH
// RUN: oriel-opt %s --compile-to=simplified | FileCheck %s --check-prefix=SIMPLIFIED
// RUN: oriel-opt %s --compile-to="placed cpu=x86-64-v3" | FileCheck %s --check-prefix=PLACED
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3" | FileCheck %s --check-prefix=FUSED
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3 fusion=false" | FileCheck %s --check-prefix=UNFUSED
// RUN: oriel-opt %s --compile-to="lowered cpu=x86-64-v3" | FileCheck %s --check-prefix=LOWERED
// RUN: oriel-opt %s --compile-to="codegen cpu=x86-64-v3" | FileCheck %s --check-prefix=CODEGEN
// RUN: oriel-opt %s --compile-to="planned cpu=x86-64-v3" | FileCheck %s --check-prefix=PLANNED
// Each phase by name, and what it leaves.

// GRAPH: oriel.nodes = [
// GRAPH-NOT: oriel.target
// GRAPH: oriel.reduce mean
// SIMPLIFIED-NOT: reduce mean
// SIMPLIFIED: oriel.reduce sum
// SIMPLIFIED-NOT: oriel.reduce mean
// SIMPLIFIED-NOT: oriel.kernel
// PLACED: oriel.target = #oriel.target<cpu = "x86-64-v3"
// PLACED: oriel.reduce sum
// FUSED: oriel.dispatch @[[K:k0[a-z0-9_]*]]::@[[K]]
// FUSED-NOT: oriel.dispatch
// FUSED: module @[[K]]
// FUSED: oriel.add
// UNFUSED-COUNT-4: oriel.dispatch
// LOWERED: oriel.dispatch
// LOWERED: linalg.generic
// LOWERED-NOT: oriel.add
// CODEGEN: oriel.dispatch
// CODEGEN: llvm.func
// CODEGEN-NOT: linalg.generic
// PLANNED: plan.program
func.func @main(%x: tensor<?x8xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, 8>}) -> (tensor<?xf32> {oriel.name = "y"}) {
  %0 = oriel.add %x, %x : tensor<?x8xf32>
  %1 = oriel.reduce mean %0 axes [1] : tensor<?x8xf32> -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
