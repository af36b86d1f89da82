// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" --split-input-file | FileCheck %s
// RUN: not oriel-opt %S/Inputs/no-library-kernel.mlir --oriel-codegen-cpu 2>&1 | FileCheck %s --check-prefix=NONE

// No code: the engine's own kernel, its parameters and its scratch. One row has
// the shared workspace, several have a worker's each.
// CHECK-LABEL: module @sort
// CHECK-SAME: oriel.entries = ["sort_f32"]
// CHECK-SAME: oriel.parameters = #oriel.dims<a0_0, 1, 1>
// CHECK-SAME: oriel.scratch = #oriel.dims<0>
// CHECK-SAME: oriel.shared = #oriel.dims<64*ceildiv(
// CHECK-SAME: oriel.tasks = #oriel.dims<min(1,a0_0)>
// CHECK-NOT: func.func
module @sort {
  func.func @sort(%x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Library"} {
    %0 = oriel.sort %x axis 0 : tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// -----

// A row a column: elements are 5 apart.
// CHECK-LABEL: module @argsort
// CHECK-SAME: oriel.entries = ["argsort_u64"]
// CHECK-SAME: oriel.parameters = #oriel.dims<a0_0, 5, 0>
// CHECK-SAME: oriel.shared = #oriel.dims<0>
// CHECK-SAME: oriel.tasks = #oriel.dims<5*min(1,a0_0)>
module @argsort {
  func.func @argsort(%x: tensor<?x5xi64>, %o0: tensor<?x5xi64> {oriel.output}) -> tensor<?x5xi64> attributes {oriel.class = "Library"} {
    %0 = oriel.argsort %x axis 0 {oriel.unsigned} : tensor<?x5xi64> -> tensor<?x5xi64>
    return %0 : tensor<?x5xi64>
  }
}

// NONE: error: the engine's library has no kernel for this op
