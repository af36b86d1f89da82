// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify | FileCheck %s

// A loop and the same with more collected are one; what nothing reads goes.
// CHECK-LABEL: func @merge
// CHECK: %[[L:.*]]:2 = oriel.loop %i to %{{.*}} extent <t> over (%[[E:.*]] = %{{.*}} from <0> by 1 : tensor<?xf32>) with (%[[C:.*]] = %{{.*}} : tensor<f32>) collects (tensor<?xf32>) {
// CHECK-NEXT: %[[S:.*]] = oriel.add %[[C]], %[[E]]
// CHECK-NEXT: oriel.yield %[[S]], %[[C]]
// CHECK-NEXT: }
// CHECK-NOT: oriel.loop
// CHECK: %[[X:.*]] = oriel.exp %[[L]]#0
// CHECK: return %[[X]], %[[L]]#1
func.func @merge(%x: tensor<?xf32> {oriel.dims = #oriel.dims<t>}, %h: tensor<f32>) -> (tensor<f32>, tensor<?xf32>) {
  %n = oriel.dim_value <t> : tensor<i64>
  %0 = oriel.loop %i to %n extent <t> over (%e = %x from <0> by 1 : tensor<?xf32>) with (%c = %h : tensor<f32>) {
    %1 = oriel.add %c, %e : tensor<f32>
    oriel.yield %1 : tensor<f32>
  }
  %2 = oriel.exp %0 : tensor<f32>
  %3:3 = oriel.loop %i to %n extent <t> over (%e = %x from <0> by 1 : tensor<?xf32>) with (%c = %h : tensor<f32>) collects (tensor<?xf32>, tensor<?xf32>) {
    %4 = oriel.add %c, %e : tensor<f32>
    oriel.yield %4, %4, %c : tensor<f32>, tensor<f32>, tensor<f32>
  }
  return %2, %3#2 : tensor<f32>, tensor<?xf32>
}

// Bodies that differ stay apart.
// CHECK-LABEL: func @apart
// CHECK-COUNT-2: oriel.loop
func.func @apart(%n: tensor<i64>, %h: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = oriel.loop %i to %n with (%c = %h : tensor<f32>) {
    %1 = oriel.exp %c : tensor<f32>
    oriel.yield %1 : tensor<f32>
  }
  %2 = oriel.loop %i to %n with (%c = %h : tensor<f32>) {
    %3 = oriel.log %c : tensor<f32>
    oriel.yield %3 : tensor<f32>
  }
  return %0, %2 : tensor<f32>, tensor<f32>
}

// Carried values that only they need, rows and stacks that nothing reads.
// CHECK-LABEL: func @unused
// CHECK: oriel.loop %i to %{{.*}} extent <4> over (%[[E:.*]] = %{{.*}} from <1> by 2 : tensor<8xf32>) with (%[[C:.*]] = %{{.*}} : tensor<f32>) {
// CHECK-NEXT: %[[S:.*]] = oriel.add %[[C]], %[[E]]
// CHECK-NEXT: oriel.yield %[[S]] : tensor<f32>
func.func @unused(%n: tensor<i64>, %x: tensor<8xf32>, %h: tensor<f32>) -> tensor<f32> {
  %0:4 = oriel.loop %i to %n extent <4> over (%d = %x from <0> by 1 : tensor<8xf32>, %e = %x from <1> by 2 : tensor<8xf32>) with (%b = %h : tensor<f32>, %c = %h : tensor<f32>, %k = %h : tensor<f32>) collects (tensor<4xf32>) {
    %1 = oriel.mul %b, %d : tensor<f32>
    %2 = oriel.add %c, %e : tensor<f32>
    oriel.yield %1, %2, %k, %1 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
  }
  return %0#1 : tensor<f32>
}
