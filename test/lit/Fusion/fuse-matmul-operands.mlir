// RUN: oriel-opt %s --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels -split-input-file | FileCheck %s
// RUN: oriel-opt %s --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels="fusion=false" -split-input-file | FileCheck %s --check-prefix=APART

// A matmul reads narrow operands and widens them itself, also transposed.
// CHECK-LABEL: func.func @widened
// CHECK: oriel.kernel "MatMul"
// CHECK: oriel.cast
// CHECK: oriel.cast
// CHECK: oriel.matmul
// CHECK-NOT: oriel.kernel
// APART-LABEL: func.func @widened
// APART: oriel.kernel "Elementwise"
// APART: oriel.kernel "Elementwise"
// APART: oriel.kernel "MatMul"
func.func @widened(%a: tensor<?x16xi8> {oriel.dims = #oriel.dims<m, 16>, oriel.node = 0 : i64},
                   %b: tensor<512x16xi8> {oriel.node = 1 : i64}) -> tensor<?x512xi32> {
  %t = oriel.transpose %b permutation [1, 0] : tensor<512x16xi8> -> tensor<16x512xi8>
  %x = oriel.cast %a : tensor<?x16xi8> -> tensor<?x16xi32>
  %y = oriel.cast %t : tensor<16x512xi8> -> tensor<16x512xi32>
  %c = oriel.matmul %x, %y : (tensor<?x16xi32>, tensor<16x512xi32>) -> tensor<?x512xi32>
  return %c : tensor<?x512xi32>
}

// -----

// What others read too lies in memory; so does what is rounded, not widened.
// CHECK-LABEL: func.func @shared
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "MatMul"
// CHECK-NOT: oriel.cast
// CHECK: oriel.matmul
func.func @shared(%a: tensor<16x16xbf16> {oriel.node = 0 : i64},
                  %b: tensor<16x16xf64> {oriel.node = 1 : i64}) -> (tensor<16x16xf32>, tensor<16x16xf32>) {
  %x = oriel.cast %a : tensor<16x16xbf16> -> tensor<16x16xf32>
  %y = oriel.cast %b : tensor<16x16xf64> -> tensor<16x16xf32>
  %c = oriel.matmul %x, %y : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %c, %x : tensor<16x16xf32>, tensor<16x16xf32>
}

// -----

// A constant's transpose is a kernel of its own, which runs once.
// CHECK-LABEL: func.func @constant
// CHECK: oriel.kernel "Copy"
// CHECK: oriel.kernel "MatMul"
// CHECK-NOT: oriel.transpose
func.func @constant(%a: tensor<?x3xf32> {oriel.dims = #oriel.dims<m, 3>, oriel.node = 0 : i64}) -> tensor<?x2xf32> {
  %b = oriel.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %t = oriel.transpose %b permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %c = oriel.matmul %a, %t : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  return %c : tensor<?x2xf32>
}
