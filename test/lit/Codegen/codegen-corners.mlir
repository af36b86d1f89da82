// RUN: oriel-opt %s --oriel-codegen-cpu | FileCheck %s
// What is no plain contiguous row is vectors all the same.

#map1 = affine_map<(d0) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#t = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#avx2 = #oriel.target<cpu = "x86-64-v3", features = "+avx2", vector_bits = 256>
#avx512 = #oriel.target<cpu = "x86-64-v4", features = "+avx512bw,+avx512vl", vector_bits = 256>

// Bytes fill whole vectors. With AVX-512 the last ones are one masked vector.
// CHECK-LABEL: func.func @bytes_avx512
// CHECK-NOT: -> i8
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load %{{.*}} -> vector<64xi8>
// CHECK: arith.addi %{{.*}} : vector<64xi8>
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load %{{.*}} -> vector<32xi8>
// CHECK: scf.if
// CHECK-COUNT-2: llvm.intr.masked.load {{.*}} vector<32xi8>
// CHECK: llvm.intr.masked.store {{.*}} vector<32xi8>
// CHECK-NOT: -> i8
module @bytes_avx512 attributes {oriel.target = #avx512} {
  func.func @bytes_avx512(%x: tensor<?xi8>, %y: tensor<?xi8>, %o0: tensor<?xi8> {oriel.output}) -> tensor<?xi8> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y : tensor<?xi8>, tensor<?xi8>) outs(%o0 : tensor<?xi8>) {
    ^bb0(%a: i8, %b: i8, %u: i8):
      %1 = arith.addi %a, %b : i8
      linalg.yield %1 : i8
    } -> tensor<?xi8>
    return %0 : tensor<?xi8>
  }
}

// Without its masks: 16, 8, 4, 2 and one, no loop over single elements.
// CHECK-LABEL: func.func @bytes_avx2
// CHECK-NOT: llvm.intr.masked
// CHECK: llvm.load %{{.*}} -> vector<32xi8>
// CHECK-NOT: scf.for
// CHECK: llvm.load %{{.*}} -> vector<16xi8>
// CHECK: llvm.load %{{.*}} -> vector<8xi8>
// CHECK: llvm.load %{{.*}} -> vector<4xi8>
// CHECK: llvm.load %{{.*}} -> vector<2xi8>
// CHECK: scf.if
// CHECK: llvm.load %{{.*}} -> i8
// CHECK-NOT: scf.for
module @bytes_avx2 attributes {oriel.target = #avx2} {
  func.func @bytes_avx2(%x: tensor<?xi8>, %y: tensor<?xi8>, %o0: tensor<?xi8> {oriel.output}) -> tensor<?xi8> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y : tensor<?xi8>, tensor<?xi8>) outs(%o0 : tensor<?xi8>) {
    ^bb0(%a: i8, %b: i8, %u: i8):
      %1 = arith.addi %a, %b : i8
      linalg.yield %1 : i8
    } -> tensor<?xi8>
    return %0 : tensor<?xi8>
  }
}

// Functions are long chains: twice as many vectors a step with AVX-512, and masked
// ones for the rest. What is read is fetched ahead, but for the row that stays in
// the cache.
// CHECK-LABEL: func.func @chains
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-2: "llvm.intr.prefetch"
// CHECK-NOT: prefetch
// CHECK: llvm.load %{{.*}} -> vector<32xf32>
// CHECK: math.tanh %{{.*}} : vector<32xf32>
// CHECK: scf.for
// CHECK-NOT: prefetch
// CHECK: llvm.intr.masked.load {{.*}} vector<16xf32>
// CHECK: math.tanh %{{.*}} : vector<16xf32>
// CHECK: llvm.intr.masked.store {{.*}} vector<16xf32>
// CHECK-NOT: math.tanh
// CHECK: return
module @chains attributes {oriel.target = #avx512} {
  func.func @chains(%x: tensor<?x?xf32>, %w: tensor<?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%x, %w : tensor<?x?xf32>, tensor<?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %u: f32):
      %1 = arith.mulf %a, %b : f32
      %2 = math.tanh %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// Half floats are computed in f32: as many lanes as f32 has.
// CHECK-LABEL: func.func @halves
// CHECK: llvm.load %{{.*}} -> vector<16xf16>
// CHECK-NOT: -> f16
// CHECK: llvm.intr.masked.store {{.*}} vector<8xf16>
module @halves attributes {oriel.target = #avx512} {
  func.func @halves(%x: tensor<?xf16>, %o0: tensor<?xf16> {oriel.output}) -> tensor<?xf16> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%x : tensor<?xf16>) outs(%o0 : tensor<?xf16>) {
    ^bb0(%a: f16, %u: f16):
      %1 = arith.addf %a, %a : f16
      linalg.yield %1 : f16
    } -> tensor<?xf16>
    return %0 : tensor<?xf16>
  }
}

// Every second element: two vectors that hold eight of them, and a shuffle; the
// second ends with the last element.
// CHECK-LABEL: func.func @stepped
// CHECK-NOT: -> f32
// CHECK: scf.for
// CHECK: %[[A:.*]] = llvm.load %{{.*}} -> vector<8xf32>
// CHECK: %[[AT:.*]] = llvm.getelementptr %{{.*}}[7]
// CHECK: %[[B:.*]] = llvm.load %[[AT]] {{.*}} -> vector<8xf32>
// CHECK: vector.shuffle %[[A]], %[[B]] [0, 2, 4, 6, 9, 11, 13, 15]
// CHECK: llvm.store %{{.*}} : vector<16xf32>
// CHECK-NOT: -> f32
module @stepped attributes {oriel.target = #avx512} {
  func.func @stepped(%x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %o0, %c0 : tensor<?xf32>
    %v = tensor.extract_slice %x[0] [%n] [2] : tensor<?xf32> to tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%v : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = arith.addf %a, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// Reversed bytes: the vector that ends at the element, turned around; at the end
// of the row a masked one.
// CHECK-LABEL: func.func @reversed
// CHECK-NOT: -> i8
// CHECK: %[[V:.*]] = llvm.load %{{.*}} -> vector<64xi8>
// CHECK: vector.shuffle %[[V]], %[[V]] [63, 62,
// CHECK: %[[M:.*]] = llvm.intr.masked.load {{.*}} vector<32xi8>
// CHECK: vector.shuffle %[[M]], %[[M]] [31, 30,
// CHECK-NOT: -> i8
module @reversed attributes {oriel.target = #avx512} {
  func.func @reversed(%x: tensor<?xi8>, %last: index, %o0: tensor<?xi8> {oriel.output}) -> tensor<?xi8> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1], iterator_types = ["parallel"]} outs(%o0 : tensor<?xi8>) {
    ^bb0(%u: i8):
      %cm1 = arith.constant -1 : index
      %i = linalg.index 0 : index
      %s = arith.muli %i, %cm1 : index
      %j = arith.addi %s, %last : index
      %r = tensor.extract %x[%j] : tensor<?xi8>
      linalg.yield %r : i8
    } -> tensor<?xi8>
    return %0 : tensor<?xi8>
  }
}

// Rows that are columns of the operand: 32 of them are transposed into scratch,
// 8x8 in registers, then each is contiguous.
// CHECK-LABEL: func.func @row_sums
// CHECK-COUNT-8: llvm.load %{{.*}} -> vector<8xf32>
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: llvm.store %{{.*}} : vector<8xf32>
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} -> vector<32xf32>
// CHECK: arith.addf %{{.*}} : vector<32xf32>
module @row_sums attributes {oriel.target = #avx512} {
  func.func @row_sums(%x: tensor<?x?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "RowReduce"} {
    %z = arith.constant 0.0 : f32
    %f = linalg.fill ins(%z : f32) outs(%o0 : tensor<?xf32>) -> tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#t, #row], iterator_types = ["parallel", "reduction"], oriel.reduce = ["sum"]}
        ins(%x : tensor<?x?xf32>) outs(%f : tensor<?xf32>) {
    ^bb0(%a: f32, %s: f32):
      %1 = arith.addf %s, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// Columns that are rows of the operand, the same.
// CHECK-LABEL: func.func @column_sums
// CHECK-COUNT-8: llvm.load %{{.*}} -> vector<8xf32>
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: llvm.store %{{.*}} : vector<8xf32>
// CHECK: scf.for
// CHECK: arith.addf %{{.*}} : vector<16xf32>
module @column_sums attributes {oriel.target = #avx512} {
  func.func @column_sums(%x: tensor<?x?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "ColumnReduce"} {
    %z = arith.constant 0.0 : f32
    %f = linalg.fill ins(%z : f32) outs(%o0 : tensor<?xf32>) -> tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#t, #col], iterator_types = ["reduction", "parallel"], oriel.reduce = ["sum"]}
        ins(%x : tensor<?x?xf32>) outs(%f : tensor<?xf32>) {
    ^bb0(%a: f32, %s: f32):
      %1 = arith.addf %s, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
