// RUN: oriel-opt %s | FileCheck %s
// The lowered form, one kernel of each kind: what the code generator takes.
// Results are bound to destinations by return position. A destination is used
// as `outs` where it can be; intermediates are tensor.empty.

#map0 = affine_map<() -> ()>
#map1 = affine_map<(d0) -> (d0)>
#map1_0 = affine_map<(d0) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#row1 = affine_map<(d0, d1) -> (d0, 0)>
#scalar = affine_map<(d0, d1) -> ()>
#t = affine_map<(d0, d1) -> (d1, d0)>
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#last3 = affine_map<(d0, d1, d2) -> (d2)>
#ma = affine_map<(d0, d1, d2) -> (d0, d2)>
#mb = affine_map<(d0, d1, d2) -> (d2, d1)>
#mc = affine_map<(d0, d1, d2) -> (d0, d1)>
#ba = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
#bb = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
#bc = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// Elementwise, 2-D: a bias row, a column kept as (n, 1), a 0-d scalar, two results.
// CHECK-LABEL: module @elementwise
module @elementwise {
  func.func @elementwise(%x: tensor<?x?xf32>, %b: tensor<?xf32>, %c: tensor<?x1xf32>, %s: tensor<f32>,
                         %o0: tensor<?x?xf32> {oriel.output}, %o1: tensor<?x?xf32> {oriel.output})
      -> (tensor<?x?xf32>, tensor<?x?xf32>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#id, #col, #row1, #scalar, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %b, %c, %s : tensor<?x?xf32>, tensor<?xf32>, tensor<?x1xf32>, tensor<f32>)
        outs(%o0, %o1 : tensor<?x?xf32>, tensor<?x?xf32>) {
    ^bb0(%vx: f32, %vb: f32, %vc: f32, %vs: f32, %u0: f32, %u1: f32):
      %one = arith.constant 1.0 : f32
      %1 = arith.addf %vx, %vb : f32
      %2 = arith.mulf %1, %vc : f32
      %3 = arith.negf %2 : f32
      %4 = math.exp %3 : f32
      %5 = arith.addf %one, %4 : f32
      %6 = arith.divf %one, %5 : f32
      %7 = arith.mulf %6, %vs : f32
      linalg.yield %6, %7 : f32, f32
    } -> (tensor<?x?xf32>, tensor<?x?xf32>)
    return %0#0, %0#1 : tensor<?x?xf32>, tensor<?x?xf32>
  }
}

// A transposed operand.
module @transposed {
  func.func @transposed(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output})
      -> tensor<?x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %y : tensor<?x?xf32>, tensor<?x?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %u: f32):
      %1 = arith.addf %a, %b : f32
      linalg.yield %1 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// 0-d scalars; static rank 3 with a row vector over the last axis.
module @scalars {
  func.func @scalars(%x: tensor<f64>, %y: tensor<f64>, %o0: tensor<f64> {oriel.output}) -> tensor<f64> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = []}
        ins(%x, %y : tensor<f64>, tensor<f64>) outs(%o0 : tensor<f64>) {
    ^bb0(%a: f64, %b: f64, %u: f64):
      %1 = arith.mulf %a, %b : f64
      %2 = math.tanh %1 : f64
      linalg.yield %2 : f64
    } -> tensor<f64>
    return %0 : tensor<f64>
  }
}
module @rank3 {
  func.func @rank3(%x: tensor<?x5x10xf32>, %b: tensor<10xf32>, %o0: tensor<?x5x10xf32> {oriel.output}) -> tensor<?x5x10xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id3, #last3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %b : tensor<?x5x10xf32>, tensor<10xf32>) outs(%o0 : tensor<?x5x10xf32>) {
    ^bb0(%a: f32, %c: f32, %u: f32):
      %1 = arith.addf %a, %c : f32
      linalg.yield %1 : f32
    } -> tensor<?x5x10xf32>
    return %0 : tensor<?x5x10xf32>
  }
}

// softmax: three passes; exp is a value that a later pass needs.
module @softmax {
  func.func @softmax(%x: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "RowReduce"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %ninf = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %m = tensor.dim %x, %c1 : tensor<?x?xf32>
    %e0 = tensor.empty(%n) : tensor<?xf32>
    %i0 = linalg.fill ins(%ninf : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x?xf32>) outs(%i0 : tensor<?xf32>) attrs = {oriel.reduce = ["max"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.maximumf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    %e1 = tensor.empty(%n, %m) : tensor<?x?xf32>
    %e2 = tensor.empty(%n) : tensor<?xf32>
    %i1 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?xf32>) -> tensor<?xf32>
    // `oriel.reduce` has one entry a result: "" where the result is not reduced.
    %p:2 = linalg.generic {indexing_maps = [#id, #row, #id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %max : tensor<?x?xf32>, tensor<?xf32>) outs(%e1, %i1 : tensor<?x?xf32>, tensor<?xf32>) attrs = {oriel.reduce = ["", "sum"]} {
    ^bb0(%a: f32, %mx: f32, %u: f32, %acc: f32):
      %1 = arith.subf %a, %mx : f32
      %2 = math.exp %1 : f32
      %3 = arith.addf %acc, %2 : f32
      linalg.yield %2, %3 : f32, f32
    } -> (tensor<?x?xf32>, tensor<?xf32>)
    %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p#0, %p#1 : tensor<?x?xf32>, tensor<?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %s: f32, %u: f32):
      %1 = arith.divf %a, %s : f32
      linalg.yield %1 : f32
    } -> tensor<?x?xf32>
    return %q : tensor<?x?xf32>
  }
}

// Layer norm: row-level passes (iteration space without the last axis) between
// the full ones, a bias and a scale row, and a row-shaped second result (n, 1).
module @layernorm {
  func.func @layernorm(%x: tensor<?x?xf32>, %w: tensor<?xf32>, %b: tensor<?xf32>, %cols: index,
                       %o0: tensor<?x?xf32> {oriel.output}, %o1: tensor<?x1xf32> {oriel.output}) -> (tensor<?x?xf32>, tensor<?x1xf32>) attributes {oriel.class = "RowReduce"} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %e0 = tensor.empty(%n) : tensor<?xf32>
    %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x?xf32>) outs(%i0 : tensor<?xf32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.addf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    %e1 = tensor.empty(%n) : tensor<?xf32>
    %mean:2 = linalg.generic {indexing_maps = [#map1, #map1, affine_map<(d0) -> (d0, 0)>], iterator_types = ["parallel"]}
        ins(%sum : tensor<?xf32>) outs(%e1, %o1 : tensor<?xf32>, tensor<?x1xf32>) {
    ^bb0(%a: f32, %u: f32, %u1: f32):
      %1 = arith.index_cast %cols : index to i64
      %2 = arith.sitofp %1 : i64 to f32
      %3 = arith.divf %a, %2 : f32
      linalg.yield %3, %3 : f32, f32
    } -> (tensor<?xf32>, tensor<?x1xf32>)
    %e2 = tensor.empty(%n) : tensor<?xf32>
    %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?xf32>) -> tensor<?xf32>
    %sq = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %mean#0 : tensor<?x?xf32>, tensor<?xf32>) outs(%i2 : tensor<?xf32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %mu: f32, %acc: f32):
      %1 = arith.subf %a, %mu : f32
      %2 = arith.mulf %1, %1 : f32
      %3 = arith.addf %acc, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?xf32>
    %e3 = tensor.empty(%n) : tensor<?xf32>
    %inv = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%sq : tensor<?xf32>) outs(%e3 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %eps = arith.constant 1.0e-5 : f32
      %1 = arith.index_cast %cols : index to i64
      %2 = arith.sitofp %1 : i64 to f32
      %3 = arith.divf %a, %2 : f32
      %4 = arith.addf %3, %eps : f32
      %5 = math.rsqrt %4 : f32
      linalg.yield %5 : f32
    } -> tensor<?xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #row, #col, #col, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %mean#0, %inv, %w, %b : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %mu: f32, %is: f32, %vw: f32, %vb: f32, %u: f32):
      %1 = arith.subf %a, %mu : f32
      %2 = arith.mulf %1, %is : f32
      %3 = arith.mulf %2, %vw : f32
      %4 = arith.addf %3, %vb : f32
      linalg.yield %4 : f32
    } -> tensor<?x?xf32>
    return %y, %mean#1 : tensor<?x?xf32>, tensor<?x1xf32>
  }
}

// A column sum with an elementwise producer; the destination is (1, m): keepdims.
module @colsum {
  func.func @colsum(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "ColumnReduce"} {
    %zero = arith.constant 0.0 : f32
    %i0 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?xf32>) -> tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id, #col], iterator_types = ["reduction", "parallel"]}
        ins(%x, %y : tensor<?x?xf32>, tensor<?x?xf32>) outs(%i0 : tensor<?xf32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %b: f32, %acc: f32):
      %1 = arith.subf %a, %b : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
// A middle axis of rank 3, keepdims.
module @midmax {
  func.func @midmax(%x: tensor<?x?x?xi32>, %o0: tensor<?x1x?xi32> {oriel.output}) -> tensor<?x1x?xi32> attributes {oriel.class = "ColumnReduce"} {
    %min = arith.constant -2147483648 : i32
    %i0 = linalg.fill ins(%min : i32) outs(%o0 : tensor<?x1x?xi32>) -> tensor<?x1x?xi32>
    %0 = linalg.generic {indexing_maps = [#id3, affine_map<(d0, d1, d2) -> (d0, 0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%x : tensor<?x?x?xi32>) outs(%i0 : tensor<?x1x?xi32>) attrs = {oriel.reduce = ["max"]} {
    ^bb0(%a: i32, %acc: i32):
      %1 = arith.maxsi %acc, %a : i32
      linalg.yield %1 : i32
    } -> tensor<?x1x?xi32>
    return %0 : tensor<?x1x?xi32>
  }
}

// A full 1-D sum, then row-level ops on the scalar.
module @sum1d {
  func.func @sum1d(%x: tensor<?xf32>, %o0: tensor<f32> {oriel.output}) -> tensor<f32> attributes {oriel.class = "RowReduce"} {
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<f32>
    %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1_0], iterator_types = ["reduction"]}
        ins(%x : tensor<?xf32>) outs(%i0 : tensor<f32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.addf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<f32>
    %2 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = []}
        ins(%0 : tensor<f32>) outs(%o0 : tensor<f32>) {
    ^bb0(%a: f32, %u: f32):
      %3 = arith.negf %a : f32
      linalg.yield %3 : f32
    } -> tensor<f32>
    return %2 : tensor<f32>
  }
}

// Booleans are i8 at memory and i1 in bodies.
module @bools {
  func.func @bools(%x: tensor<?xf32>, %y: tensor<?xf32>, %k: tensor<?xi8>, %o0: tensor<?xf32> {oriel.output}, %o1: tensor<?xi8> {oriel.output})
      -> (tensor<?xf32>, tensor<?xi8>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#map1, #map1, #map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y, %k : tensor<?xf32>, tensor<?xf32>, tensor<?xi8>) outs(%o0, %o1 : tensor<?xf32>, tensor<?xi8>) {
    ^bb0(%a: f32, %b: f32, %m: i8, %u: f32, %v: i8):
      %z = arith.constant 0 : i8
      %mb = arith.cmpi ne, %m, %z : i8
      %lt = arith.cmpf olt, %a, %b : f32
      %and = arith.andi %lt, %mb : i1
      %s = arith.select %and, %a, %b : f32
      %st = arith.extui %and : i1 to i8
      linalg.yield %s, %st : f32, i8
    } -> (tensor<?xf32>, tensor<?xi8>)
    return %0#0, %0#1 : tensor<?xf32>, tensor<?xi8>
  }
}

// Integers: i64 floor division with NumPy's zero and sign rules; ui8 signless.
module @ints {
  func.func @ints(%x: tensor<?xi64>, %y: tensor<?xi64>, %p: tensor<?xi8>, %o0: tensor<?xi64> {oriel.output}, %o1: tensor<?xi8> {oriel.output})
      -> (tensor<?xi64>, tensor<?xi8>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#map1, #map1, #map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y, %p : tensor<?xi64>, tensor<?xi64>, tensor<?xi8>) outs(%o0, %o1 : tensor<?xi64>, tensor<?xi8>) {
    ^bb0(%a: i64, %b: i64, %c: i8, %u: i64, %v: i8):
      %c0 = arith.constant 0 : i64
      %c1 = arith.constant 1 : i64
      %cm1 = arith.constant -1 : i64
      %isz = arith.cmpi eq, %b, %c0 : i64
      %ism = arith.cmpi eq, %b, %cm1 : i64
      %unsafe = arith.ori %isz, %ism : i1
      %d = arith.select %unsafe, %c1, %b : i64
      %q = arith.divsi %a, %d : i64
      %qd = arith.muli %q, %d : i64
      %r = arith.subi %a, %qd : i64
      %rn = arith.cmpi ne, %r, %c0 : i64
      %x1 = arith.xori %r, %d : i64
      %neg = arith.cmpi slt, %x1, %c0 : i64
      %adj = arith.andi %rn, %neg : i1
      %qm = arith.subi %q, %c1 : i64
      %q1 = arith.select %adj, %qm, %q : i64
      %na = arith.subi %c0, %a : i64
      %q2 = arith.select %ism, %na, %q1 : i64
      %q3 = arith.select %isz, %c0, %q2 : i64
      %k = arith.constant 3 : i8
      %5 = arith.maxui %c, %k : i8
      linalg.yield %q3, %5 : i64, i8
    } -> (tensor<?xi64>, tensor<?xi8>)
    return %0#0, %0#1 : tensor<?xi64>, tensor<?xi8>
  }
}

// x[1:n-1:2] + x[::-1][:k]: a strided view is tensor.extract_slice (start and
// size from index arguments or dims), a reversed one tensor.extract in the body.
module @slices {
  func.func @slices(%x: tensor<?xf32>, %start: index, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %c0 = arith.constant 0 : index
    %k = tensor.dim %o0, %c0 : tensor<?xf32>
    %v = tensor.extract_slice %x[1] [%k] [2] : tensor<?xf32> to tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%v : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %cm1 = arith.constant -1 : index
      %i = linalg.index 0 : index
      %s = arith.muli %i, %cm1 : index
      %j = arith.addi %s, %start : index
      %r = tensor.extract %x[%j] : tensor<?xf32>
      %1 = arith.addf %a, %r : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// iota and a dim: out[i, j] = j * scale + n.
module @iota {
  func.func @iota(%s: tensor<f32>, %n: index, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#scalar, #id], iterator_types = ["parallel", "parallel"]}
        ins(%s : tensor<f32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %j = linalg.index 1 : index
      %j1 = arith.index_cast %j : index to i64
      %j2 = arith.sitofp %j1 : i64 to f32
      %n1 = arith.index_cast %n : index to i64
      %n2 = arith.sitofp %n1 : i64 to f32
      %1 = arith.mulf %j2, %a : f32
      %2 = arith.addf %1, %n2 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// A batched matmul without an epilogue: straight into the destination.
module @batched {
  func.func @batched(%a: tensor<?x?x?xf32>, %b: tensor<?x?x?xf32>, %o0: tensor<?x?x?xf32> {oriel.output}) -> tensor<?x?x?xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %i = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %0 = linalg.generic {indexing_maps = [#ba, #bb, #bc], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<?x?x?xf32>, tensor<?x?x?xf32>) outs(%i : tensor<?x?x?xf32>) attrs = {oriel.matmul} {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %1 = arith.mulf %x, %y : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?x?xf32>
    return %0 : tensor<?x?x?xf32>
  }
}

// bf16 matmul, B transposed, bias + relu epilogue: accumulates in f32, rounds once,
// then every op of the epilogue computes in f32 and rounds.
module @matmul_bias_relu {
  func.func @matmul_bias_relu(%a: tensor<?x64xbf16>, %b: tensor<10x64xbf16>, %bias: tensor<10xbf16>, %o0: tensor<?x10xbf16> {oriel.output}) -> tensor<?x10xbf16> attributes {oriel.class = "MatMul"} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %a, %c0 : tensor<?x64xbf16>
    %e = tensor.empty(%n) : tensor<?x10xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
    %0 = linalg.generic {indexing_maps = [#ma, affine_map<(d0, d1, d2) -> (d1, d2)>, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<?x64xbf16>, tensor<10x64xbf16>) outs(%i : tensor<?x10xf32>) attrs = {oriel.matmul} {
    ^bb0(%x: bf16, %y: bf16, %acc: f32):
      %x1 = arith.extf %x : bf16 to f32
      %y1 = arith.extf %y : bf16 to f32
      %1 = arith.mulf %x1, %y1 : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x10xf32>
    %r = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
        ins(%0, %bias : tensor<?x10xf32>, tensor<10xbf16>) outs(%o0 : tensor<?x10xbf16>) {
    ^bb0(%x: f32, %y: bf16, %u: bf16):
      %z = arith.constant 0.0 : bf16
      %x0 = arith.truncf %x : f32 to bf16
      %x1 = arith.extf %x0 : bf16 to f32
      %y1 = arith.extf %y : bf16 to f32
      %1 = arith.addf %x1, %y1 : f32
      %2 = arith.truncf %1 : f32 to bf16
      %3 = arith.extf %2 : bf16 to f32
      %z1 = arith.extf %z : bf16 to f32
      %4 = arith.maximumf %3, %z1 : f32
      %5 = arith.truncf %4 : f32 to bf16
      linalg.yield %5 : bf16
    } -> tensor<?x10xbf16>
    return %r : tensor<?x10xbf16>
  }
}

// matrix @ vector: 1-D operands are expanded, the result is collapsed.
module @matvec {
  func.func @matvec(%a: tensor<?x?xf64>, %x: tensor<?xf64>, %o0: tensor<?xf64> {oriel.output}) -> tensor<?xf64> attributes {oriel.class = "MatMul"} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f64
    %n = tensor.dim %a, %c0 : tensor<?x?xf64>
    %k = tensor.dim %x, %c0 : tensor<?xf64>
    %x2 = tensor.expand_shape %x [[0, 1]] output_shape [%k, 1] : tensor<?xf64> into tensor<?x1xf64>
    %e = tensor.empty(%n) : tensor<?x1xf64>
    %i = linalg.fill ins(%zero : f64) outs(%e : tensor<?x1xf64>) -> tensor<?x1xf64>
    %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %x2 : tensor<?x?xf64>, tensor<?x1xf64>) outs(%i : tensor<?x1xf64>) attrs = {oriel.matmul} {
    ^bb0(%p: f64, %q: f64, %acc: f64):
      %1 = arith.mulf %p, %q : f64
      %2 = arith.addf %acc, %1 : f64
      linalg.yield %2 : f64
    } -> tensor<?x1xf64>
    %r = tensor.collapse_shape %0 [[0, 1]] : tensor<?x1xf64> into tensor<?xf64>
    return %r : tensor<?xf64>
  }
}
