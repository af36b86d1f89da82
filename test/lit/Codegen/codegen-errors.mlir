// RUN: oriel-opt %s --oriel-codegen-cpu --split-input-file --verify-diagnostics

#map1 = affine_map<(d0) -> (d0)>
module @call {
  func.func private @f(i32) -> i32
  func.func @call(%x: tensor<?xi32>, %o0: tensor<?xi32> {oriel.output}) -> tensor<?xi32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%x : tensor<?xi32>) outs(%o0 : tensor<?xi32>) {
    ^bb0(%a: i32, %u: i32):
      // expected-error @+1 {{no code is generated for 'func.call' in a kernel (element type 'i32')}}
      %1 = func.call @f(%a) : (i32) -> i32
      linalg.yield %1 : i32
    } -> tensor<?xi32>
    return %0 : tensor<?xi32>
  }
}

// -----

module @unknown_class {
  // expected-error @+1 {{kernel class "Sort" is unknown; required: Elementwise, RowReduce}}
  func.func @unknown_class(%x: tensor<?xi32>) attributes {oriel.class = "Sort"} {
    return
  }
}

// -----

#map1 = affine_map<(d0) -> (d0)>
module @complex {
  // expected-error @+1 {{kernel argument 0 has element type 'complex<f32>'; required: f64 f32 f16 bf16}}
  func.func @complex(%x: tensor<?xcomplex<f32>>, %o0: tensor<?xcomplex<f32>> {oriel.output}) -> tensor<?xcomplex<f32>> attributes {oriel.class = "Copy"} {
    return %x : tensor<?xcomplex<f32>>
  }
}

// -----

#map1 = affine_map<(d0) -> (d0)>
#map1_0 = affine_map<(d0) -> ()>
module @no_fill {
  func.func @no_fill(%x: tensor<?xf32>, %o0: tensor<f32> {oriel.output}) -> tensor<f32> attributes {oriel.class = "RowReduce"} {
    // expected-error @+1 {{the destination of reduced result 0 must be a linalg.fill of the neutral element}}
    %0 = linalg.generic {indexing_maps = [#map1, #map1_0], iterator_types = ["reduction"]}
        ins(%x : tensor<?xf32>) outs(%o0 : tensor<f32>) {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.addf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<f32>
    return %0 : tensor<f32>
  }
}

// -----

#map1 = affine_map<(d0) -> (d0)>
module @result_count {
  func.func @result_count(%x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}, %o1: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%x : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = arith.negf %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    // expected-error @+1 {{a kernel returns 1 values; required: one per output, 2}}
    return %0 : tensor<?xf32>
  }
}
