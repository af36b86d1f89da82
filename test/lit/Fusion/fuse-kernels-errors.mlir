// RUN: oriel-opt %s --split-input-file --verify-diagnostics --oriel-fuse-kernels

// expected-error@+1 {{has no oriel.target: oriel-place must run before oriel-fuse-kernels}}
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

module attributes {oriel.target = #oriel.target<cpu = "x86-64-v3", vector_bits = 256>} {
  func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
    // expected-error@+1 {{must reduce one axis and be no mean here: oriel-decompose must run before oriel-fuse-kernels}}
    %0 = oriel.reduce mean %x axes [0] : tensor<4xf32> -> tensor<f32>
    return %0 : tensor<f32>
  }
}

// -----

module attributes {oriel.target = #oriel.target<cpu = "x86-64-v3", vector_bits = 256>} {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    // expected-error@+1 {{is a kernel already: oriel-fuse-kernels runs once}}
    %0 = oriel.kernel "Elementwise" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
      %1 = oriel.exp %a : tensor<4xf32>
      oriel.yield %1 : tensor<4xf32>
    }
    return %0 : tensor<4xf32>
  }
}

// -----

// Shapes that cannot agree are found when the dims of all values are known.
module attributes {oriel.target = #oriel.target<cpu = "x86-64-v3", vector_bits = 256>} {
  func.func @main(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> tensor<?xf32> {
    %0 = oriel.concatenate %x, %x axis 0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %c = oriel.constant dense<1.0> : tensor<3xf32>
    %d = oriel.concatenate %x, %c axis 0 : (tensor<?xf32>, tensor<3xf32>) -> tensor<?xf32>
    %e = oriel.concatenate %d, %x axis 0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    // expected-error@+1 {{add: }}
    %1 = oriel.add %0, %e : tensor<?xf32>
    return %1 : tensor<?xf32>
  }
}
