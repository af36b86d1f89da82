// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" | FileCheck %s

#map0 = affine_map<() -> ()>
#map1 = affine_map<(d0) -> (d0)>
#map1_0 = affine_map<(d0) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>

// Softmax of many short rows takes them side by side, 64 to a task: the maximum
// needs no lanes of a row to be combined. Few very long ones are a phase a pass,
// and one to combine leaves after each reduction. All others are one loop over
// rows: each pass reads the input's row once in its main loop and once in its
// tail, the exponentials stay in scratch, and row values are scalars. Phases of the
// other forms have no tasks.
// CHECK-LABEL: module @softmax
// CHECK-SAME: oriel.entries = [@softmax, @softmax_phase1, @softmax_phase2, @softmax_phase3, @softmax_phase4, @softmax_phase5, @softmax_phase6]
// CHECK-SAME: oriel.tasks = #oriel.dims<ceildiv(a0_0,64)*min(1,floordiv(a0_0,8))*min(1,max(0,-a0_1+33)), {{.*}}floordiv(a0_1,131072){{.*}}>
// CHECK: func.func @softmax(
// CHECK-NOT: vector.extract
// CHECK: func.func @softmax_phase1(
// CHECK: func.func @softmax_phase2(
// CHECK: llvm.intr.ctpop
// CHECK: func.func @softmax_phase6(
// CHECK: scf.for
// pass 1: leaves, 32 lanes
// CHECK: scf.for
// CHECK: scf.for {{.*}} -> (vector<32xf32>)
// CHECK-NEXT: llvm.getelementptr
// CHECK-NEXT: llvm.load {{.*}} -> vector<32xf32>
// CHECK-NEXT: arith.maximumf
// CHECK-NEXT: scf.yield
// CHECK: vector.shuffle {{.*}} : vector<32xf32>, vector<32xf32>
// CHECK: vector.extract
// pass 2: exp and sum in one sweep, groups of 8 steps whose exponentials wait in
// memory to be added pairwise, while the next row is fetched
// CHECK: scf.for {{.*}} -> (vector<32xf32>)
// CHECK: scf.for
// CHECK: llvm.intr.prefetch
// CHECK: llvm.load {{.*}} -> vector<32xf32>
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: llvm.store
// CHECK: arith.addf
// pass 3: from scratch to the result
// CHECK: arith.divf {{.*}} : vector<16xf32>
// CHECK-NOT: math.exp
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

// A row of known length up to a leaf: no loop over leaves, no counter, and the
// known tail is one masked step.
// CHECK-LABEL: module @static_row
// CHECK-NOT: llvm.intr.ctpop
// CHECK: llvm.intr.masked.load {{.*}} vector<32xf32>
// CHECK-NOT: llvm.intr.ctpop
// CHECK-LABEL: module @doubles
module @static_row {
  func.func @static_row(%x: tensor<?x1000xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "RowReduce"} {
    %zero = arith.constant 0.0 : f32
    %i0 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?xf32>) -> tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x1000xf32>) outs(%i0 : tensor<?xf32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.addf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// 8-byte accumulators have 16 lanes. A sum over all splits over leaves: partials
// in the shared workspace, combined by a second phase.
// CHECK-SAME: oriel.entries = [@doubles, @doubles_phase1]
// CHECK-SAME: oriel.shared = #oriel.dims<{{.*}}a0_0{{.*}}>
// CHECK: func.func @doubles(
// CHECK: scf.for {{.*}} -> (vector<16xf64>)
// CHECK: func.func @doubles_phase1(
// CHECK: llvm.intr.ctpop
module @doubles {
  func.func @doubles(%x: tensor<?xf64>, %o0: tensor<f64> {oriel.output}) -> tensor<f64> attributes {oriel.class = "RowReduce"} {
    %zero = arith.constant 0.0 : f64
    %i0 = linalg.fill ins(%zero : f64) outs(%o0 : tensor<f64>) -> tensor<f64>
    %0 = linalg.generic {indexing_maps = [#map1, #map1_0], iterator_types = ["reduction"]}
        ins(%x : tensor<?xf64>) outs(%i0 : tensor<f64>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f64, %acc: f64):
      %1 = arith.addf %acc, %a : f64
      linalg.yield %1 : f64
    } -> tensor<f64>
    return %0 : tensor<f64>
  }
}

// Columns stream rows: eight at a time into the leaf's partial row.
// CHECK-LABEL: module @columns
// A few columns are taken by leaves side by side, in a phase before.
// CHECK-SAME: oriel.entries = [@columns, @columns_phase1, @columns_phase2]
// CHECK: func.func @columns_phase1(
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK-COUNT-8: arith.addf {{.*}} : vector<16xf32>
// CHECK-NEXT: llvm.getelementptr
// CHECK-NEXT: llvm.store {{.*}} : vector<16xf32>
module @columns {
  func.func @columns(%x: tensor<?x?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "ColumnReduce"} {
    %zero = arith.constant 0.0 : f32
    %i0 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?xf32>) -> tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#id, #col], iterator_types = ["reduction", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%i0 : tensor<?xf32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %acc: f32):
      %2 = arith.addf %acc, %a : f32
      linalg.yield %2 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// A transpose of a large result writes whole lines past the caches, in blocks of
// as many elements as a vector has; a smaller one, and its edges, as always.
// CHECK-LABEL: module @transposed
// CHECK-COUNT-8: llvm.load {{.*}} -> vector<8xf32>
// CHECK-COUNT-24: vector.shuffle
// CHECK: llvm.store {{.*}} nontemporal
// CHECK: llvm.call_intrinsic "llvm.x86.sse.sfence"
#t = affine_map<(d0, d1) -> (d1, d0)>
module @transposed {
  func.func @transposed(%x: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %u: f32):
      linalg.yield %a : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// A result known to be small has no such stores.
// CHECK-LABEL: module @small
// CHECK-NOT: nontemporal
// CHECK-NOT: sfence
module @small {
  func.func @small(%x: tensor<1000x1000xf32>, %o0: tensor<1000x1000xf32> {oriel.output}) -> tensor<1000x1000xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<1000x1000xf32>) outs(%o0 : tensor<1000x1000xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = arith.addf %a, %a : f32
      linalg.yield %1 : f32
    } -> tensor<1000x1000xf32>
    return %0 : tensor<1000x1000xf32>
  }
}
