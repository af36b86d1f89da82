// RUN: oriel-opt %s | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --mlir-print-op-generic | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --emit-bytecode | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --oriel-evaluate

// CHECK-LABEL: func @passes
func.func @passes() {
  %0 = oriel.constant dense<[1.0, 0x7fc00000, -0.0]> : tensor<3xf32>
  // CHECK: check.expect_eq %{{.*}}, %{{.*}} : tensor<3xf32>
  check.expect_eq %0, %0 : tensor<3xf32>
  %1 = oriel.constant dense<[1.00000012, 0x7fc00001, 0.0]> : tensor<3xf32>
  // Neighbours, two different NaNs, and zeros of either sign.
  // CHECK: check.expect_close %{{.*}}, %{{.*}} ulps 1 : tensor<3xf32>
  check.expect_close %0, %1 ulps 1 : tensor<3xf32>
  // CHECK: check.expect_close %{{.*}}, %{{.*}} absolute 5.000000e-07 : tensor<3xf32>
  check.expect_close %0, %1 absolute 5.0e-7 : tensor<3xf32>
  %2 = oriel.constant dense<[3, 4]> : tensor<2xi8>
  // CHECK: check.expect_close %{{.*}}, %{{.*}} absolute 1.000000e+00 : tensor<2xi8>
  %3 = oriel.constant dense<[4, 3]> : tensor<2xi8>
  check.expect_close %2, %3 absolute 1.0 : tensor<2xi8>
  return
}
