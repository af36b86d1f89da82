// RUN: oriel-opt %s --oriel-assign-nodes -verify-diagnostics -split-input-file

// expected-error @+1 {{argument 1 is 'i32', required a ranked tensor of f64, f32}}
func.func @argument(%x: tensor<4xf32>, %y: i32) {
  return
}

// -----

// expected-error @+1 {{result 0 is 'tensor<4xcomplex<f32>>', required a ranked tensor}}
func.func @result(%x: tensor<4xf32>) -> tensor<4xcomplex<f32>> {
  %0 = arith.constant dense<(1.0, 2.0)> : tensor<4xcomplex<f32>>
  return %0 : tensor<4xcomplex<f32>>
}

// -----

// expected-error @+1 {{argument 0 is 'tensor<*xf32>', required a ranked tensor}}
func.func @unranked(%x: tensor<*xf32>) {
  return
}

// -----

// expected-error @+1 {{has 2 blocks, required one: loops and branches are ops of a graph}}
func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<4xf32>
}

// -----

func.func @foreign(%n: tensor<i64>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = oriel.loop %i to %n with (%c = %x : tensor<4xf32>) {
    // expected-error @+1 {{'arith.addf' op is no op of a graph, required ops of the oriel dialect}}
    %1 = arith.addf %c, %x : tensor<4xf32>
    oriel.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @call(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'func.call' op is no op of a graph}}
  %0 = func.call @call(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
