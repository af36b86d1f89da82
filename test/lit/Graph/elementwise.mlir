// RUN: oriel-opt %s | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --mlir-print-op-generic | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --emit-bytecode | oriel-opt | FileCheck %s

// CHECK-LABEL: func @unary
func.func @unary(%x: tensor<?x64xf32>, %p: tensor<3xi1>) -> (tensor<?x64xf32>, tensor<3xi1>) {
  // CHECK: oriel.neg %{{.*}} : tensor<?x64xf32>
  %0 = oriel.neg %x : tensor<?x64xf32>
  // CHECK: oriel.sigmoid
  %1 = oriel.sigmoid %0 : tensor<?x64xf32>
  // CHECK: oriel.logical_not %{{.*}} : tensor<3xi1>
  %2 = oriel.logical_not %p : tensor<3xi1>
  return %1, %2 : tensor<?x64xf32>, tensor<3xi1>
}

// CHECK-LABEL: func @binary
func.func @binary(%a: tensor<?xf32>, %b: tensor<?xf32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: oriel.add %{{.*}}, %{{.*}} : tensor<?xf32>
  %0 = oriel.add %a, %b : tensor<?xf32>
  // CHECK: oriel.mul %{{.*}}, %{{.*}} : (tensor<?xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = oriel.mul %0, %c : (tensor<?xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: oriel.pow
  %2 = oriel.pow %1, %c : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func @choose
func.func @choose(%a: tensor<?xf32>, %b: tensor<4xf32>) -> (tensor<?xf32>, tensor<4xf64>) {
  // CHECK: oriel.compare lt %{{.*}}, %{{.*}} : tensor<?xf32>
  %0 = oriel.compare lt %a, %a : tensor<?xf32>
  // CHECK: oriel.compare ge %{{.*}}, %{{.*}} : (tensor<?xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = oriel.compare ge %a, %b : (tensor<?xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: oriel.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %2 = oriel.select %0, %a, %a : tensor<?xf32>
  // CHECK: oriel.select %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<?xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = oriel.select %1, %a, %b : (tensor<4xi1>, tensor<?xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: oriel.cast %{{.*}} : tensor<4xf32> -> tensor<4xf64>
  %4 = oriel.cast %3 : tensor<4xf32> -> tensor<4xf64>
  return %2, %4 : tensor<?xf32>, tensor<4xf64>
}
