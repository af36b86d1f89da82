// RUN: oriel-opt %s --split-input-file --verify-diagnostics --oriel-lower-to-linalg

// expected-error@+1 {{oriel.class is "Stencil", which is no class of kernels}}
func.func @unknown(%x: tensor<4xf32>) -> tensor<4xf32> attributes {oriel.class = "Stencil"} {
  return %x : tensor<4xf32>
}

// -----

func.func @inside(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{is no module of its own: oriel-outline-kernels must run before oriel-lower-to-linalg}}
  %0 = oriel.kernel "Elementwise" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    %1 = oriel.exp %a : tensor<4xf32>
    oriel.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @shapes(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<2xf32>) attributes {oriel.class = "Elementwise"} {
  %0 = oriel.exp %x : tensor<4xf32>
  // expected-error@+1 {{has shape () in a kernel over (4,)}}
  %1 = oriel.argmax %x axis 0 : tensor<4xf32> -> tensor<i64>
  %2 = oriel.gather %x[%1] axis 0 : (tensor<4xf32>, tensor<i64>) -> tensor<f32>
  %3 = oriel.broadcast %2 shape <2> axes [] : tensor<f32> -> tensor<2xf32>
  return %0, %3 : tensor<4xf32>, tensor<2xf32>
}

// -----

func.func @two(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {oriel.class = "MatMul"} {
  %0 = oriel.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  // expected-error@+1 {{is the second matmul of a kernel}}
  %1 = oriel.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

func.func @axes(%x: tensor<4x4xf32>) -> (tensor<4xf32>, tensor<4xf32>) attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce sum %x axes [1] : tensor<4x4xf32> -> tensor<4xf32>
  // expected-error@+1 {{reduces axis 0 in a kernel that reduces axis 1}}
  %1 = oriel.reduce sum %x axes [0] : tensor<4x4xf32> -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error@+1 {{size m is no expression of argument sizes}}
func.func @size(%x: tensor<4xf32>) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
  %0 = oriel.slice %x starts <m> limits <-1> steps [-1] : tensor<4xf32> -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
