// RUN: oriel-opt %s --split-input-file --verify-diagnostics

func.func @no_condition(%x: tensor<3xf64>) -> tensor<3xf64> {
  // expected-error @+1 {{has 0 conditions, required at least 1}}
  %0 = oriel.tap assert %x message "m" : tensor<3xf64>
  return %0 : tensor<3xf64>
}

// -----

func.func @print_of_a_condition(%x: tensor<3xf64>, %p: tensor<i1>) -> tensor<3xf64> {
  // expected-error @+1 {{has 1 conditions, required none but for assert}}
  %0 = oriel.tap print %x when(%p : tensor<i1>) lines "shape" : tensor<3xf64>
  return %0 : tensor<3xf64>
}

// -----

func.func @counts(%x: tensor<3xf64>, %p: tensor<i1>) -> tensor<3xf64> {
  // expected-error @+1 {{shows 1 values, required 2, the sum of its counts}}
  %0 = oriel.tap assert %x when(%p : tensor<i1>) of(%x : tensor<3xf64>) counts [2] : tensor<3xf64>
  return %0 : tensor<3xf64>
}

// -----

func.func @unknown_line(%x: tensor<3xf64>) -> tensor<3xf64> {
  // expected-error @+1 {{prints 'colour', required one of shape dtype value}}
  %0 = oriel.tap print %x lines "shape,colour" : tensor<3xf64>
  return %0 : tensor<3xf64>
}

// -----

func.func @observes_nothing() {
  // expected-error @+1 {{observes 0 values, required 1}}
  "oriel.observe"() {info = #oriel.tap_info<kind = watch, tap = 0, node = 0>} : () -> ()
  return
}
