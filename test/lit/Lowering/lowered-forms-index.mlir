// RUN: oriel-opt %s | FileCheck %s
// The lowered form of kernels that index, and of those that stay oriel ops.
// `oriel.position` on a check names the iteration dims that run over the index
// tensor: the failing position is their row-major linear index.

#map1 = affine_map<(d0) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#none = affine_map<(d0, d1) -> ()>

// x[i] for rows: the check depends on d0 only; along d1 the access is contiguous.
// CHECK-LABEL: module @gather_rows
// CHECK: oriel.check_index
module @gather_rows {
  func.func @gather_rows(%x: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%i : tensor<?xi64>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: i64, %u: f32):
      %1 = oriel.check_index %a, %n operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64
      %2 = linalg.index 1 : index
      %3 = tensor.extract %x[%1, %2] : tensor<?x?xf32>
      linalg.yield %3 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// log(p[arange(n), t]): an index operand that is an iota, a consumer in the body.
module @gather_elements {
  func.func @gather_elements(%p: tensor<?x10xf32>, %t: tensor<?xi64>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %c10 = arith.constant 10 : index
    %n = tensor.dim %p, %c0 : tensor<?x10xf32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%t : tensor<?xi64>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: i64, %u: f32):
      %1 = linalg.index 0 : index
      %2 = arith.index_cast %1 : index to i64
      %3 = oriel.check_index %2, %n operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64
      %4 = oriel.check_index %a, %c10 operand 1 axis 1 wrap {oriel.position = array<i64: 0>} : i64
      %5 = tensor.extract %p[%3, %4] : tensor<?x10xf32>
      %6 = math.log %5 : f32
      linalg.yield %6 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// A block at a computed position: starts are 0-d tensors, never negative.
module @dynamic_slice {
  func.func @dynamic_slice(%x: tensor<?x?xf32>, %i: tensor<i64>, %j: tensor<i64>, %o0: tensor<?x8xf32> {oriel.output}) -> tensor<?x8xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %m = tensor.dim %x, %c1 : tensor<?x?xf32>
    %k = tensor.dim %o0, %c0 : tensor<?x8xf32>
    %n0 = arith.subi %n, %k : index
    %n1 = arith.addi %n0, %c1 : index
    %m0 = arith.subi %m, %c8 : index
    %m1 = arith.addi %m0, %c1 : index
    %0 = linalg.generic {indexing_maps = [#none, #none, #id], iterator_types = ["parallel", "parallel"]}
        ins(%i, %j : tensor<i64>, tensor<i64>) outs(%o0 : tensor<?x8xf32>) {
    ^bb0(%a: i64, %b: i64, %u: f32):
      %1 = oriel.check_index %a, %n1 operand 0 axis 0 {oriel.position = array<i64>} : i64
      %2 = oriel.check_index %b, %m1 operand 1 axis 1 {oriel.position = array<i64>} : i64
      %3 = linalg.index 0 : index
      %4 = linalg.index 1 : index
      %5 = arith.addi %1, %3 : index
      %6 = arith.addi %2, %4 : index
      %7 = tensor.extract %x[%5, %6] : tensor<?x?xf32>
      linalg.yield %7 : f32
    } -> tensor<?x8xf32>
    return %0 : tensor<?x8xf32>
  }
}

// Scatter: the copied operand, or a fill of the destination when it is a splat.
module @scatter {
  func.func @scatter(%x: tensor<?x?xf32>, %u: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Scatter"} {
    %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}
module @scatter_zeros {
  func.func @scatter_zeros(%u: tensor<?xf32>, %i: tensor<?xi64>, %o0: tensor<10001xf32> {oriel.output}) -> tensor<10001xf32> attributes {oriel.class = "Scatter"} {
    %zero = arith.constant 0.0 : f32
    %x = linalg.fill ins(%zero : f32) outs(%o0 : tensor<10001xf32>) -> tensor<10001xf32>
    %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10001xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10001xf32>
    return %0 : tensor<10001xf32>
  }
}

module @concatenate {
  func.func @concatenate(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Concatenate"} {
    %0 = oriel.concatenate %a, %b axis 1 : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// `oriel.unsigned`: the elements were unsigned (or truth values).
module @argmax {
  func.func @argmax(%x: tensor<?x?xi8>, %o0: tensor<?xi64> {oriel.output}) -> tensor<?xi64> attributes {oriel.class = "ArgReduce"} {
    %0 = oriel.argmax %x axis 1 {oriel.unsigned} : tensor<?x?xi8> -> tensor<?xi64>
    return %0 : tensor<?xi64>
  }
}

// A transpose on its own.
module @copy {
  func.func @copy(%x: tensor<?x?xi8>, %o0: tensor<?x?xi8> {oriel.output}) -> tensor<?x?xi8> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?xi8>) outs(%o0 : tensor<?x?xi8>) {
    ^bb0(%a: i8, %u: i8):
      linalg.yield %a : i8
    } -> tensor<?x?xi8>
    return %0 : tensor<?x?xi8>
  }
}
