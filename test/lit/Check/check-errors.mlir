// RUN: oriel-opt %s --oriel-evaluate -verify-diagnostics -split-input-file

func.func @eq() {
  %0 = oriel.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>
  %1 = oriel.constant dense<[[1, 2], [5, 6]]> : tensor<2x2xi64>
  // expected-error @+1 {{check failed: element (1, 0): 3, expected 5; 2 of 4 elements differ}}
  check.expect_eq %0, %1 : tensor<2x2xi64>
  return
}

// -----

func.func @zeros() {
  %0 = oriel.constant dense<0.0> : tensor<f32>
  %1 = oriel.constant dense<-0.0> : tensor<f32>
  // expected-error @+1 {{check failed: element (): 0, expected -0}}
  check.expect_eq %0, %1 : tensor<f32>
  return
}

// -----

func.func @ulps() {
  %0 = oriel.constant dense<1.0> : tensor<f32>
  %1 = oriel.constant dense<1.00000024> : tensor<f32>
  // expected-error @+1 {{check failed: element (): 1, expected 1.0000002384185791 (2 ulps apart)}}
  check.expect_close %0, %1 ulps 1 : tensor<f32>
  return
}

// -----

func.func @nan() {
  %0 = oriel.constant dense<0x7fc00000> : tensor<f32>
  %1 = oriel.constant dense<1.0> : tensor<f32>
  // expected-error @+1 {{check failed: element (): nan, expected 1}}
  check.expect_close %0, %1 absolute 1.0e9 : tensor<f32>
  return
}

// -----

func.func @no_tolerance(%x: tensor<f32>) {
  // expected-error @+1 {{has no tolerance: give ulps or absolute, or use check.expect_eq}}
  check.expect_close %x, %x : tensor<f32>
  return
}

// -----

func.func @negative(%x: tensor<f32>) {
  // expected-error @+1 {{required finite and not negative}}
  check.expect_close %x, %x ulps -1 : tensor<f32>
  return
}

// -----

func.func @ulps_of_integers(%x: tensor<i32>) {
  // expected-error @+1 {{has ulps on 'tensor<i32>', required a tensor of floats}}
  check.expect_close %x, %x ulps 1 : tensor<i32>
  return
}

// -----

func.func @evaluation() {
  %0 = oriel.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %1 = oriel.constant dense<[2]> : tensor<1xi64>
  // expected-error @+1 {{cannot be evaluated: gather: index 2 is out of range for axis 0 with extent 2}}
  %2 = oriel.gather %0[%1] axis 0 : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
  return
}
