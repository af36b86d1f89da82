// RUN: oriel-opt %s --oriel-assign-nodes --oriel-order-products --oriel-verify-nodes | FileCheck %s

// What lies along the contracted axis.
// CHECK-LABEL: func @plain
func.func @plain(%w: tensor<?x64xf32>, %x: tensor<64xf32>, %y: tensor<?xf32>) -> (tensor<?xf32>, tensor<64xf32>, tensor<f32>, tensor<?x?xf32>) {
  // CHECK: oriel.matmul %{{.*}}, %{{.*}} {oriel.lanes} : (tensor<?x64xf32>, tensor<64xf32>)
  %0 = oriel.matmul %w, %x : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?xf32>
  // CHECK: oriel.matmul %{{.*}}, %{{.*}} : (tensor<?xf32>, tensor<?x64xf32>)
  %1 = oriel.matmul %y, %w : (tensor<?xf32>, tensor<?x64xf32>) -> tensor<64xf32>
  // CHECK: oriel.matmul %{{.*}}, %{{.*}} {oriel.lanes} : (tensor<64xf32>, tensor<64xf32>)
  %2 = oriel.matmul %x, %1 : (tensor<64xf32>, tensor<64xf32>) -> tensor<f32>
  // Matrices never, whatever their extents.
  // CHECK: oriel.matmul %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<64x?xf32>)
  %t = oriel.transpose %w permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
  %3 = oriel.matmul %w, %t : (tensor<?x64xf32>, tensor<64x?xf32>) -> tensor<?x?xf32>
  return %0, %1, %2, %3 : tensor<?xf32>, tensor<64xf32>, tensor<f32>, tensor<?x?xf32>
}

// Through views, casts and arithmetic with numbers; not through what else computes.
// CHECK-LABEL: func @seen_through
func.func @seen_through(%w: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>}, %h: tensor<?x64xbf16> {oriel.dims = #oriel.dims<n, 64>}, %x: tensor<64xf32>)
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<3xf32>, tensor<2x?xf32>) {
  %half = oriel.constant dense<0.5> : tensor<f32>
  %halves = oriel.broadcast %half shape <64, n> axes [] : tensor<f32> -> tensor<64x?xf32>
  %t = oriel.transpose %w permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes}
  %0 = oriel.matmul %x, %t : (tensor<64xf32>, tensor<64x?xf32>) -> tensor<?xf32>
  %s = oriel.mul %halves, %t : tensor<64x?xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes}
  %1 = oriel.matmul %x, %s : (tensor<64xf32>, tensor<64x?xf32>) -> tensor<?xf32>
  %th = oriel.transpose %h permutation [1, 0] : tensor<?x64xbf16> -> tensor<64x?xbf16>
  %c = oriel.cast %th : tensor<64x?xbf16> -> tensor<64x?xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes}
  %2 = oriel.matmul %x, %c : (tensor<64xf32>, tensor<64x?xf32>) -> tensor<?xf32>
  %e = oriel.exp %t : tensor<64x?xf32>
  // CHECK: oriel.matmul %{{[^{]*}} : (tensor<64xf32>, tensor<64x?xf32>)
  %3 = oriel.matmul %x, %e : (tensor<64xf32>, tensor<64x?xf32>) -> tensor<?xf32>
  %p = oriel.slice %t starts <0, 0> limits <64, 3> steps [1, 1] : tensor<64x?xf32> -> tensor<64x3xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes}
  %4 = oriel.matmul %x, %p : (tensor<64xf32>, tensor<64x3xf32>) -> tensor<3xf32>
  %b = oriel.broadcast %t shape <2, 64, n> axes [1, 2] : tensor<64x?xf32> -> tensor<2x64x?xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes}
  %5 = oriel.matmul %x, %b : (tensor<64xf32>, tensor<2x64x?xf32>) -> tensor<2x?xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<3xf32>, tensor<2x?xf32>
}

// A constant's transpose is made once, and what another block makes lies in order.
// CHECK-LABEL: func @made_before
func.func @made_before(%w: tensor<4x4xf32>, %x: tensor<2xf32>, %c: tensor<i1>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<2xf32>, tensor<4xf32>) {
  %k = oriel.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %kt = oriel.transpose %k permutation [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32>
  // CHECK: oriel.matmul %{{.*}} {oriel.lanes} : (tensor<4x2xf32>, tensor<2xf32>)
  %0 = oriel.matmul %kt, %x : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4xf32>
  // CHECK: oriel.matmul %{{[^{]*}} : (tensor<4xf32>, tensor<4x2xf32>)
  %1 = oriel.matmul %0, %kt : (tensor<4xf32>, tensor<4x2xf32>) -> tensor<2xf32>
  %t = oriel.transpose %w permutation [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  // CHECK: oriel.branch
  %2 = oriel.branch %c -> tensor<4xf32> {
    // CHECK: oriel.matmul %{{[^{]*}} : (tensor<4xf32>, tensor<4x4xf32>)
    %3 = oriel.matmul %y, %t : (tensor<4xf32>, tensor<4x4xf32>) -> tensor<4xf32>
    oriel.yield %3 : tensor<4xf32>
  } else {
    // CHECK: oriel.matmul %{{.*}} {oriel.lanes} : (tensor<4x4xf32>, tensor<4xf32>)
    %4 = oriel.matmul %w, %y : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4xf32>
    oriel.yield %4 : tensor<4xf32>
  }
  return %0, %1, %2 : tensor<4xf32>, tensor<2xf32>, tensor<4xf32>
}
