// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels --oriel-outline-kernels --oriel-share-kernels | FileCheck %s
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels --oriel-outline-kernels --oriel-share-kernels="at-least=9" | FileCheck %s --check-prefix=FEW

// Two products of other extents and with another constant: one kernel, which is
// given both. A power of two stays in the code.
// CHECK-LABEL: func @main
// CHECK-DAG: %[[C3:.*]] = oriel.constant dense<3.000000e+00> : tensor<f32>
// CHECK-DAG: %[[C5:.*]] = oriel.constant dense<5.000000e+00> : tensor<f32>
// CHECK: oriel.dispatch @k0_matmul_mul_mul::@k0_matmul_mul_mul(%arg0, %arg1, %[[C3]])
// CHECK-SAME: oriel.kernel_types = [tensor<?x?xf32>, tensor<?x?xf32>, tensor<f32>, tensor<?x?xf32>]
// CHECK: oriel.dispatch @k0_matmul_mul_mul::@k0_matmul_mul_mul(%{{.*}}, %arg2, %[[C5]])
// CHECK: module @k0_matmul_mul_mul
// CHECK: func.func @k0_matmul_mul_mul(%arg0: tensor<?x?xf32> {oriel.dims = #oriel.dims<a0_0, a0_1>}, %arg1: tensor<?x?xf32> {oriel.dims = #oriel.dims<a0_1, a1_1>}, %arg2: tensor<f32> {oriel.dims = #oriel.dims<>}) -> tensor<?x?xf32>
// CHECK: oriel.broadcast %arg2 shape <a0_0, a1_1>
// CHECK: oriel.constant dense<2.000000e+00>
// CHECK-NOT: module

// FEW: module @k0_matmul
// FEW: tensor<8x16xf32>
// FEW: module @k1_matmul
func.func @main(%x: tensor<?x8xf32> {oriel.dims = #oriel.dims<n, 8>}, %w: tensor<8x16xf32>, %v: tensor<16x4xf32>) -> tensor<?x4xf32> {
  %two = oriel.constant dense<2.0> : tensor<f32>
  %three = oriel.constant dense<3.0> : tensor<f32>
  %five = oriel.constant dense<5.0> : tensor<f32>
  %0 = oriel.matmul %x, %w : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = oriel.broadcast %three shape <n, 16> axes [] : tensor<f32> -> tensor<?x16xf32>
  %2 = oriel.mul %0, %1 : tensor<?x16xf32>
  %3 = oriel.broadcast %two shape <n, 16> axes [] : tensor<f32> -> tensor<?x16xf32>
  %4 = oriel.mul %2, %3 : tensor<?x16xf32>
  %5 = oriel.matmul %4, %v : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  %6 = oriel.broadcast %five shape <n, 4> axes [] : tensor<f32> -> tensor<?x4xf32>
  %7 = oriel.mul %5, %6 : tensor<?x4xf32>
  %8 = oriel.broadcast %two shape <n, 4> axes [] : tensor<f32> -> tensor<?x4xf32>
  %9 = oriel.mul %7, %8 : tensor<?x4xf32>
  return %9 : tensor<?x4xf32>
}
