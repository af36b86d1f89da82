// RUN: oriel-opt %s | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --mlir-print-op-generic | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --emit-bytecode | oriel-opt | FileCheck %s

// CHECK-LABEL: func @sequences
// CHECK: %[[L:.*]]:3 = oriel.loop %i to %{{.*}} extent <t> over (%{{.*}} = %{{.*}} from <0> by 1 : tensor<?x4xf32>, %{{.*}} = %{{.*}} from <t-1> by -1 : tensor<?x4xf32>) with (%{{.*}} = %{{.*}} : tensor<4xf32>) until checked collects (tensor<?x4xf32>) {
// CHECK: oriel.yield %{{.*}}, %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xf32>, tensor<i1>
// CHECK: %[[R:.*]] = oriel.rows %[[L]]#1, %[[L]]#2 dim <made> : (tensor<?x4xf32>, tensor<i64>) -> tensor<?x4xf32>
func.func @sequences(%n: tensor<i64>, %x: tensor<?x4xf32> {oriel.dims = #oriel.dims<t, 4>}, %h: tensor<4xf32>,
                     %stop: tensor<i1>) -> (tensor<4xf32>, tensor<?x4xf32>) {
  %0:3 = oriel.loop %i to %n extent <t> over (%e = %x from <0> by 1 : tensor<?x4xf32>, %f = %x from <t-1> by -1 : tensor<?x4xf32>) with (%c = %h : tensor<4xf32>) until checked collects (tensor<?x4xf32>) {
    %1 = oriel.add %c, %e : tensor<4xf32>
    %2 = oriel.mul %1, %f : tensor<4xf32>
    oriel.yield %1, %2, %stop : tensor<4xf32>, tensor<4xf32>, tensor<i1>
  }
  %3 = oriel.rows %0#1, %0#2 dim <made> : (tensor<?x4xf32>, tensor<i64>) -> tensor<?x4xf32>
  return %0#0, %3 : tensor<4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func @reversed
// CHECK: oriel.loop %i to %{{.*}} extent <3> with () reverse collects (tensor<3xi64>) {
// CHECK-NEXT: oriel.yield %i : tensor<i64>
func.func @reversed(%n: tensor<i64>) -> tensor<3xi64> {
  %0 = oriel.loop %i to %n extent <3> with () reverse collects (tensor<3xi64>) {
    oriel.yield %i : tensor<i64>
  }
  return %0 : tensor<3xi64>
}
