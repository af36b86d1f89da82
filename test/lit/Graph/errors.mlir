// RUN: oriel-opt %s -verify-diagnostics -split-input-file

func.func @axes(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axes (1, 0) must be increasing}}
  %0 = oriel.reduce sum %x axes [1, 0] : tensor<2x3xf32> -> tensor<f32>
  return
}

// -----

func.func @axis(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is out of range for a tensor of rank 2}}
  %0 = oriel.argmax %x axis 2 : tensor<2x3xf32> -> tensor<2xi64>
  return
}

// -----

func.func @mean(%x: tensor<2xi32>) {
  // expected-error @+1 {{reduce mean does not take int32}}
  %0 = oriel.reduce mean %x axes [0] : tensor<2xi32> -> tensor<i32>
  return
}

// -----

func.func @reshape(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'oriel.reshape' op}}
  %0 = oriel.reshape %x shape <7> : tensor<2x3xf32> -> tensor<7xf32>
  return
}

// -----

func.func @broadcast_type(%x: tensor<3xf32>) {
  // expected-error @+1 {{result type is 'tensor<4x3xf32>', required 'tensor<2x3xf32>'}}
  %0 = oriel.broadcast %x shape <2, 3> axes [1] : tensor<3xf32> -> tensor<4x3xf32>
  return
}

// -----

func.func @dims() {
  // expected-error @+1 {{expected a dim expression}}
  %0 = oriel.iota axis 0 shape <n*> : tensor<?xi64>
  return
}

// -----

func.func @dims_count() {
  // expected-error @+1 {{'oriel.dim_value' op}}
  %0 = oriel.dim_value <n, m> : tensor<i64>
  return
}

// -----

func.func @loop_yield(%n: tensor<i64>, %x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error @+1 {{region yields 'tensor<5xf32>' as value 0, required 'tensor<4xf32>'}}
  %0 = oriel.loop %i to %n with (%c = %x : tensor<4xf32>) {
    oriel.yield %y : tensor<5xf32>
  }
  return
}

// -----

func.func @branch_yield(%c: tensor<i1>, %x: tensor<4xf32>) {
  // expected-error @+1 {{second region yields 0 values, required 1}}
  %0 = oriel.branch %c -> tensor<4xf32> {
    oriel.yield %x : tensor<4xf32>
  } else {
    oriel.yield
  }
  return
}

// -----

func.func @kernel_class(%x: tensor<4xf32>) {
  // expected-error @+1 {{class is "Mystery", required one of Elementwise, RowReduce}}
  %0 = oriel.kernel "Mystery" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    oriel.yield %a : tensor<4xf32>
  }
  return
}

// -----

func.func @no_state() {
  // expected-error @+1 {{names @W, which is not an oriel.state}}
  %0 = oriel.state_read @W : tensor<4xf32>
  return
}

// -----

oriel.state @W : tensor<4xf32>
func.func @state_type() {
  // expected-error @+1 {{type is 'tensor<5xf32>', required 'tensor<4xf32>' as @W declares}}
  %0 = oriel.state_read @W : tensor<5xf32>
  return
}

// -----

oriel.state @W : tensor<4xf32>
func.func @two_updates(%x: tensor<4xf32>) {
  oriel.state_update @W, %x : tensor<4xf32>
  // expected-error @+1 {{updates @W a second time}}
  oriel.state_update @W, %x : tensor<4xf32>
  return
}

// -----

oriel.state @W : tensor<4xf32>
func.func @nested_update(%c: tensor<i1>, %x: tensor<4xf32>) {
  oriel.branch %c {
    // expected-error @+1 {{must be at the top level of the function, got it in 'oriel.branch'}}
    oriel.state_update @W, %x : tensor<4xf32>
  } else {
  }
  return
}

// -----

// expected-error @+1 {{type must be static, got 'tensor<?xf32>'}}
oriel.state @W : tensor<?xf32>

// -----

func.func @dispatch(%x: tensor<4xf32>) {
  // expected-error @+1 {{there is no module @k0}}
  %0 = oriel.dispatch @k0::@k0(%x) dims <> nodes [] : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @transfer(%x: tensor<4xf32>) {
  // expected-error @+1 {{required 'tensor<4xf32>' on any device}}
  %0 = oriel.transfer %x : tensor<4xf32> -> tensor<5xf32>
  return
}

// -----

// expected-error @+1 {{which does not describe 'tensor<?x3xf32>'}}
func.func @argument_dims(%x: tensor<?x3xf32> {oriel.dims = #oriel.dims<n, 4>}) {
  return
}

// -----

// expected-error @+1 {{must be an array of #oriel.node on a module}}
module attributes {oriel.nodes = [3]} {}

// -----

// expected-error @+1 {{vector_bits must be 128, 256 or 512, got 100}}
module attributes {oriel.target = #oriel.target<cpu = "x", vector_bits = 100>} {}

// -----

func.func @sequence_rows(%n: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @below {{'oriel.loop' op sequence 0 (0 by 1) of 3 rows cannot give a row to each of 4 iterations}}
  oriel.loop %i to %n extent <4> over (%e = %x from <0> by 1 : tensor<3xf32>) with () {
  }
  return
}

// -----

func.func @sequence_without_extent(%n: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @below {{'oriel.loop' op has sequences, so it needs an extent}}
  oriel.loop %i to %n over (%e = %x from <0> by 1 : tensor<3xf32>) with () {
  }
  return
}

// -----

func.func @reversed_until(%n: tensor<i64>, %p: tensor<i1>) {
  // expected-error @below {{'oriel.loop' op a reversed loop cannot stop early}}
  %0 = oriel.loop %i to %n with () reverse until {
    oriel.yield %p : tensor<i1>
  }
  return
}

// -----

func.func @stack_rows(%n: tensor<i64>, %x: tensor<2xf32>) {
  // expected-error @below {{'oriel.loop' op stack 0 is 'tensor<5x2xf32>', required 4 rows}}
  %0 = oriel.loop %i to %n extent <4> with () collects (tensor<5x2xf32>) {
    oriel.yield %x : tensor<2xf32>
  }
  return
}

// -----

func.func @collected_type(%n: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @below {{'oriel.loop' op region yields 'tensor<3xf32>' as value 0, required 'tensor<2xf32>'}}
  %0 = oriel.loop %i to %n extent <4> with () collects (tensor<4x2xf32>) {
    oriel.yield %x : tensor<3xf32>
  }
  return
}

// -----

func.func @rows_of_a_scalar(%n: tensor<i64>, %x: tensor<f32>) {
  // expected-error @below {{'oriel.rows' op takes rows of float32 (), required a rank of at least 1}}
  %0 = oriel.rows %x, %n dim <made> : (tensor<f32>, tensor<i64>) -> tensor<?xf32>
  return
}
