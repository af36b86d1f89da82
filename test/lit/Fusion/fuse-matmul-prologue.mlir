// A matmul scales, shifts or bounds what it reads of memory by a number itself.
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3" -split-input-file | FileCheck %s
// RUN: oriel-opt %s --compile-to="lowered cpu=x86-64-v3" -split-input-file | FileCheck %s --check-prefix=LOWERED
// RUN: oriel-opt %s --compile-to="fused fusion=false cpu=x86-64-v3" -split-input-file | FileCheck %s --check-prefix=APART

// CHECK-LABEL: func.func @scaled
// CHECK-COUNT-1: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: oriel.class = "MatMul"
// LOWERED-LABEL: module @k0
// LOWERED: ^bb0(%[[A:[a-z0-9_]+]]: f32, %[[B:[a-z0-9_]+]]: f32, %[[SUM:[a-z0-9_]+]]: f32):
// LOWERED: %[[C:.*]] = arith.constant 3.000000e-01 : f32
// LOWERED: %[[SCALED:.*]] = arith.mulf %[[C]], %[[A]] : f32
// LOWERED: %[[BOUND:.*]] = arith.maximumf %[[B]], %{{.*}} : f32
// LOWERED: %[[PRODUCT:.*]] = arith.mulf %[[SCALED]], %[[BOUND]] : f32
// LOWERED: arith.addf %[[SUM]], %[[PRODUCT]] : f32
// APART-LABEL: func.func @scaled
// APART-COUNT-3: oriel.dispatch
func.func @scaled(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, k>}, %w: tensor<?x?xf32> {oriel.dims = #oriel.dims<k, n>}) -> tensor<?x?xf32> {
  %c = oriel.constant dense<0.3> : tensor<f32>
  %all = oriel.broadcast %c shape <m, k> axes [] : tensor<f32> -> tensor<?x?xf32>
  %zero = oriel.constant dense<0.0> : tensor<f32>
  %zeros = oriel.broadcast %zero shape <k, n> axes [] : tensor<f32> -> tensor<?x?xf32>
  %y = oriel.mul %all, %x : tensor<?x?xf32>
  %v = oriel.maximum %w, %zeros : tensor<?x?xf32>
  %p = oriel.matmul %y, %v : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %p : tensor<?x?xf32>
}

// -----

// What a kernel makes is bounded in that kernel's epilogue; what others read too
// lies in memory.
// CHECK-LABEL: func.func @layers
// CHECK-COUNT-2: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: module @k0_matmul_maximum
// CHECK: module @k1_matmul
func.func @layers(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %zeros = oriel.constant dense<0.0> : tensor<64x64xf32>
  %p = oriel.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %h = oriel.maximum %p, %zeros : tensor<64x64xf32>
  %q = oriel.matmul %h, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %q : tensor<64x64xf32>
}

// -----

// CHECK-LABEL: func.func @read_twice
// CHECK-COUNT-2: oriel.dispatch
func.func @read_twice(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %c = oriel.constant dense<0.3> : tensor<64x64xf32>
  %y = oriel.mul %x, %c : tensor<64x64xf32>
  %p = oriel.matmul %y, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %p, %y : tensor<64x64xf32>, tensor<64x64xf32>
}
