// What the rewrites are for: the formulas fail on these numbers, the passes make
// them right.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-stabilize --oriel-evaluate
// RUN: not oriel-opt %s --oriel-evaluate 2>&1 | FileCheck %s

func.func @log1p() {
  %x = oriel.constant dense<[1.0e-10, -1.0e-12]> : tensor<2xf64>
  %one = oriel.constant dense<1.0> : tensor<2xf64>
  %0 = oriel.add %x, %one : tensor<2xf64>
  %1 = oriel.log %0 : tensor<2xf64>
  %2 = oriel.constant dense<[9.9999999995e-11, -1.0000000000005e-12]> : tensor<2xf64>
  // CHECK: check failed: element (0,)
  check.expect_close %1, %2 ulps 2 : tensor<2xf64>
  return
}

func.func @expm1() {
  %x = oriel.constant dense<[1.0e-10, -1.0e-12]> : tensor<2xf64>
  %one = oriel.constant dense<1.0> : tensor<2xf64>
  %0 = oriel.exp %x : tensor<2xf64>
  %1 = oriel.sub %0, %one : tensor<2xf64>
  %2 = oriel.constant dense<[1.00000000005e-10, -9.999999999995e-13]> : tensor<2xf64>
  // CHECK: check failed: element (0,)
  check.expect_close %1, %2 ulps 2 : tensor<2xf64>
  return
}

func.func @log_softmax() {
  %x = oriel.constant dense<[[0.0, -200.0]]> : tensor<1x2xf32>
  %0 = oriel.exp %x : tensor<1x2xf32>
  %1 = oriel.reduce sum %0 axes [1] keepdims : tensor<1x2xf32> -> tensor<1x1xf32>
  %2 = oriel.broadcast %1 shape <1, 2> axes [0, 1] : tensor<1x1xf32> -> tensor<1x2xf32>
  %3 = oriel.div %0, %2 : tensor<1x2xf32>
  %4 = oriel.log %3 : tensor<1x2xf32>
  %5 = oriel.constant dense<[[0.0, -200.0]]> : tensor<1x2xf32>
  // CHECK: check failed: element (0, 1): -inf, expected -200
  check.expect_eq %4, %5 : tensor<1x2xf32>
  return
}

func.func @one_minus_sigmoid() {
  %x = oriel.constant dense<40.0> : tensor<f64>
  %one = oriel.constant dense<1.0> : tensor<f64>
  %0 = oriel.sigmoid %x : tensor<f64>
  %1 = oriel.sub %one, %0 : tensor<f64>
  %2 = oriel.constant dense<4.248354255291589e-18> : tensor<f64>
  // CHECK: check failed: element (): 0, expected 4.2483
  check.expect_close %1, %2 ulps 4 : tensor<f64>
  return
}

func.func @softplus() {
  %x = oriel.constant dense<[800.0, -40.0, 0.0]> : tensor<3xf64>
  %one = oriel.constant dense<1.0> : tensor<3xf64>
  %0 = oriel.exp %x : tensor<3xf64>
  %1 = oriel.add %one, %0 : tensor<3xf64>
  %2 = oriel.log %1 : tensor<3xf64>
  %3 = oriel.constant dense<[800.0, 4.2483542552915889e-18, 0.69314718055994529]> : tensor<3xf64>
  // CHECK: check failed: element (0,): inf, expected 800
  check.expect_close %2, %3 ulps 2 : tensor<3xf64>
  return
}
