// RUN: oriel-opt %s --oriel-mark-in-place | FileCheck %s
// Which operands of a lowered kernel are read only where results are written.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#t = affine_map<(d0, d1) -> (d1, d0)>
#ma = affine_map<(d0, d1, d2) -> (d0, d2)>
#mb = affine_map<(d0, d1, d2) -> (d2, d1)>
#mc = affine_map<(d0, d1, d2) -> (d0, d1)>

// Argument 0 by identity; 1 is broadcast, 2 transposed, 3 read twice.
// CHECK: module @elementwise attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>}
module @elementwise {
  func.func @elementwise(%x: tensor<4x4xf32>, %b: tensor<4xf32>, %y: tensor<4x4xf32>, %z: tensor<4x4xf32>,
                         %out: tensor<4x4xf32> {oriel.output}) -> tensor<4x4xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #row, #t, #id, #t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %b, %y, %z, %z : tensor<4x4xf32>, tensor<4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>)
        outs(%out : tensor<4x4xf32>) {
    ^bb0(%vx: f32, %vb: f32, %vy: f32, %vz: f32, %vt: f32, %u: f32):
      %1 = arith.addf %vx, %vb : f32
      %2 = arith.addf %1, %vy : f32
      %3 = arith.addf %2, %vz : f32
      %4 = arith.addf %3, %vt : f32
      linalg.yield %4 : f32
    } -> tensor<4x4xf32>
    return %0 : tensor<4x4xf32>
  }
}

// The epilogue's residual, not the matrices.
// CHECK: module @matmul attributes {oriel.class = "MatMul", oriel.in_place_operands = array<i64: 2>}
module @matmul {
  func.func @matmul(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %r: tensor<4x4xf32>,
                    %out: tensor<4x4xf32> {oriel.output}) -> tensor<4x4xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<4x4xf32>
    %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
    %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%init : tensor<4x4xf32>) {
    ^bb0(%va: f32, %vb: f32, %acc: f32):
      %1 = arith.mulf %va, %vb : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<4x4xf32>
    %3 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%r, %0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%out : tensor<4x4xf32>) {
    ^bb0(%vr: f32, %v: f32, %u: f32):
      %4 = arith.subf %vr, %v : f32
      linalg.yield %4 : f32
    } -> tensor<4x4xf32>
    return %3 : tensor<4x4xf32>
  }
}

// One column: the sums may wait in the output.
// CHECK: module @column attributes {oriel.class = "MatMul"} {
module @column {
  func.func @column(%a: tensor<4x8xf32>, %b: tensor<8x1xf32>, %r: tensor<4x1xf32>,
                    %out: tensor<4x1xf32> {oriel.output}) -> tensor<4x1xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<4x1xf32>
    %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x1xf32>) -> tensor<4x1xf32>
    %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<4x8xf32>, tensor<8x1xf32>) outs(%init : tensor<4x1xf32>) {
    ^bb0(%va: f32, %vb: f32, %acc: f32):
      %1 = arith.mulf %va, %vb : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<4x1xf32>
    %3 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%r, %0 : tensor<4x1xf32>, tensor<4x1xf32>) outs(%out : tensor<4x1xf32>) {
    ^bb0(%vr: f32, %v: f32, %u: f32):
      %4 = arith.subf %vr, %v : f32
      linalg.yield %4 : f32
    } -> tensor<4x1xf32>
    return %3 : tensor<4x1xf32>
  }
}

// Reads rows before it writes them: not by place alone.
// CHECK: module @rows attributes {oriel.class = "RowReduce"} {
module @rows {
  func.func @rows(%x: tensor<4x4xf32>, %out: tensor<4x4xf32> {oriel.output}) -> tensor<4x4xf32>
      attributes {oriel.class = "RowReduce"} {
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<4x4xf32>) outs(%out : tensor<4x4xf32>) {
    ^bb0(%v: f32, %u: f32):
      %1 = arith.negf %v : f32
      linalg.yield %1 : f32
    } -> tensor<4x4xf32>
    return %0 : tensor<4x4xf32>
  }
}
