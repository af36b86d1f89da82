// RUN: oriel-opt %s --compile-to=simplified | FileCheck %s
// RUN: oriel-opt %s --compile-to="graph observe=true" | FileCheck %s
// RUN: oriel-opt %s --compile-to=lowered | FileCheck %s --check-prefix=LOWERED
// RUN: oriel-opt %s --compile-to="lowered fusion=false" | FileCheck %s --check-prefix=LOWERED

// The order is found first and stays: simplified, fused or not.
// CHECK: func.func @step
// CHECK: oriel.matmul %{{.*}} {oriel.lanes}
// CHECK: oriel.matmul %{{.*}}
// CHECK-NOT: oriel.lanes
// CHECK: oriel.matmul %{{.*}} {oriel.lanes}
// CHECK-NOT: oriel.lanes

// LOWERED-DAG: attrs =  {oriel.lanes, oriel.matmul}
// LOWERED-DAG: attrs =  {oriel.matmul}
func.func @step(%w: tensor<?x64xf32>, %x: tensor<64xf32>) -> tensor<?xf32> {
  %0 = oriel.matmul %w, %x : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?xf32>
  %1 = oriel.tanh %0 : tensor<?xf32>
  %2 = oriel.matmul %1, %w : (tensor<?xf32>, tensor<?x64xf32>) -> tensor<64xf32>
  // Twice exchanged is not at all.
  %t = oriel.transpose %w permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
  %tt = oriel.transpose %t permutation [1, 0] : tensor<64x?xf32> -> tensor<?x64xf32>
  %3 = oriel.matmul %tt, %2 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?xf32>
  return %3 : tensor<?xf32>
}
