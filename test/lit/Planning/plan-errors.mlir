// RUN: oriel-opt %s --oriel-plan --split-input-file --verify-diagnostics

module @k0 {
  func.func private @k0()
}
func.func @unlowered(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{whose module lacks oriel.entries and oriel.tasks of equal length; required after code generation}}
  %0 = oriel.dispatch @k0::@k0(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @unfused(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{is left outside a kernel, required oriel.dispatch, loop, branch}}
  %0 = oriel.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @one() {
  return
}
// expected-error@+1 {{is a second public function, required one}}
func.func @two() {
  return
}

// -----

// One dim is never two sizes.
func.func @two_counts(%x: tensor<8xf32>, %a: tensor<i64>, %b: tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>) {
  %0 = oriel.rows %x, %a dim <made> : (tensor<8xf32>, tensor<i64>) -> tensor<?xf32>
  // expected-error@+1 {{binds the dim 'made', which another op binds to another count}}
  %1 = oriel.rows %x, %b dim <made> : (tensor<8xf32>, tensor<i64>) -> tensor<?xf32>
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}

// -----

func.func @an_arguments_dim(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}, %a: tensor<i64>) -> tensor<?xf32> {
  // expected-error@+1 {{binds the dim 'n', which an argument binds}}
  %0 = oriel.rows %x, %a dim <n> : (tensor<?xf32>, tensor<i64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
