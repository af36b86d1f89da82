// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" | FileCheck %s
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=512" | FileCheck %s --check-prefix=WIDE

#map0 = affine_map<() -> ()>
#map1 = affine_map<(d0) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
#row1 = affine_map<(d0, d1) -> (d0, 0)>
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Identity maps of any rank collapse to one dim: two native vectors a step, then
// single native vectors, then (a heavy body) one masked vector.
// CHECK-LABEL: module @collapsed
// CHECK-SAME: oriel.cost = #oriel.dims<
// CHECK-SAME: oriel.entries = [@collapsed]
// CHECK-SAME: oriel.tasks = #oriel.dims<
// CHECK: func.func @collapsed(%[[ARGS:.*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: scf.for
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK-NOT: llvm.intr.masked
// CHECK: math.exp %{{.*}} : vector<16xf32>
// CHECK: llvm.store %{{.*}} {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
// CHECK: llvm.store %{{.*}} {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
// CHECK: scf.if
// CHECK: llvm.intr.masked.load {{.*}} vector<8xf32>
// CHECK: llvm.intr.masked.store {{.*}} vector<8xf32>
// CHECK-NOT: scf.for
// WIDE-LABEL: module @collapsed
// WIDE: llvm.load %{{.*}} -> vector<32xf32>
module @collapsed {
  func.func @collapsed(%x: tensor<?x5x?xf32>, %o0: tensor<?x5x?xf32> {oriel.output}) -> tensor<?x5x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<?x5x?xf32>) outs(%o0 : tensor<?x5x?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = math.exp %a : f32
      linalg.yield %1 : f32
    } -> tensor<?x5x?xf32>
    return %0 : tensor<?x5x?xf32>
  }
}

// What does not vary along a row is computed once a row, as a scalar; the last
// elements of a cheap body are in shorter and shorter vectors, as AVX's masks are
// slow.
// CHECK-LABEL: func.func @rows
// CHECK: math.sqrt %{{.*}} : f32
// CHECK: vector.broadcast %{{.*}} : f32 to vector<16xf32>
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load %{{.*}} -> vector<16xf32>
// CHECK-NOT: llvm.intr.masked
// CHECK: scf.if
// CHECK: llvm.load %{{.*}} -> vector<4xf32>
// CHECK-NOT: llvm.intr.masked
// CHECK: scf.if
// CHECK: llvm.load %{{.*}} -> vector<2xf32>
// CHECK-NOT: llvm.intr.masked
// CHECK: scf.if
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK-NOT: llvm.intr.masked
// CHECK-LABEL: module @booleans
module @rows {
  func.func @rows(%x: tensor<?x?xf32>, %b: tensor<?xf32>, %c: tensor<?x1xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #col, #row1, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %b, %c : tensor<?x?xf32>, tensor<?xf32>, tensor<?x1xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%vx: f32, %vb: f32, %vc: f32, %u: f32):
      %s = math.sqrt %vc : f32
      %1 = arith.addf %vx, %vb : f32
      %2 = arith.mulf %1, %s : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// Lanes are counted by the widest type. AVX has masks for f64, but none for bytes:
// their last ones go through the stack.
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr -> vector<8xf64>
// CHECK: llvm.load %{{.*}} {alignment = 1 : i64} : !llvm.ptr -> vector<8xi8>
// CHECK: arith.cmpi ne, %{{.*}} : vector<8xi8>
// CHECK: llvm.store %{{.*}} {alignment = 1 : i64} : vector<8xi8>
// CHECK-NOT: llvm.intr.masked
// CHECK: llvm.intr.masked.load {{.*}} vector<4xf64>
// CHECK: llvm.store %{{.*}} {alignment = 64 : i64} : vector<4xi8>
// CHECK: llvm.load %{{.*}} -> vector<2xi8>
// CHECK: llvm.load %{{.*}} {alignment = 64 : i64} : !llvm.ptr -> vector<4xi8>
// CHECK-NOT: llvm.intr.masked
// CHECK-LABEL: module @transposed
module @booleans {
  func.func @booleans(%x: tensor<?xf64>, %k: tensor<?xi8>, %o0: tensor<?xi8> {oriel.output}) -> tensor<?xi8> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %k : tensor<?xf64>, tensor<?xi8>) outs(%o0 : tensor<?xi8>) {
    ^bb0(%a: f64, %m: i8, %v: i8):
      %z = arith.constant 0 : i8
      %e = math.exp %a : f64
      %mb = arith.cmpi ne, %m, %z : i8
      %lt = arith.cmpf olt, %a, %e : f64
      %and = arith.andi %lt, %mb : i1
      %st = arith.extui %and : i1 to i8
      linalg.yield %st : i8
    } -> tensor<?xi8>
    return %0 : tensor<?xi8>
  }
}

// A transpose on its own: 8x8 blocks in registers, straight into the result.
// CHECK-COUNT-8: llvm.load %{{.*}} -> vector<8xf32>
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: llvm.store %{{.*}} : vector<8xf32>
module @transposed {
  func.func @transposed(%x: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %u: f32):
      linalg.yield %a : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// The divisor of a masked lane is one.
// CHECK-LABEL: module @masked_division
// CHECK: scf.if
// CHECK: %[[B:.*]] = llvm.intr.masked.load
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xi32>
// CHECK: arith.divsi
module @masked_division {
  func.func @masked_division(%x: tensor<?xi32>, %y: tensor<?xi32>, %o0: tensor<?xi32> {oriel.output}) -> tensor<?xi32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y : tensor<?xi32>, tensor<?xi32>) outs(%o0 : tensor<?xi32>) {
    ^bb0(%a: i32, %b: i32, %u: i32):
      %q = arith.divsi %a, %b : i32
      linalg.yield %q : i32
    } -> tensor<?xi32>
    return %0 : tensor<?xi32>
  }
}

// Scalars: one task, no loop over elements.
// CHECK-LABEL: module @scalars
// CHECK-SAME: oriel.tasks = #oriel.dims<1>
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f64
// CHECK: math.tanh %{{.*}} : f64
module @scalars {
  func.func @scalars(%x: tensor<f64>, %o0: tensor<f64> {oriel.output}) -> tensor<f64> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = []}
        ins(%x : tensor<f64>) outs(%o0 : tensor<f64>) {
    ^bb0(%a: f64, %u: f64):
      %2 = math.tanh %a : f64
      linalg.yield %2 : f64
    } -> tensor<f64>
    return %0 : tensor<f64>
  }
}
