// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

#map1 = affine_map<(d0) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// The index is checked once a row, before the loop over the row's elements,
// which are contiguous. Lines are ordinal * 8 + role: load 1, store 2, loop 3.
// CHECK-LABEL: module @gather_rows
// CHECK-SAME: oriel.fallible
// CHECK: arith.cmpi uge, {{.*}} : i64 loc("kernel":16:0)
// CHECK: scf.if
// CHECK: llvm.store {{.*}} : i64, !llvm.ptr loc("kernel":16:0)
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> vector<16xf32> loc("kernel":17:0)
// CHECK: arith.negf {{.*}} loc("kernel":24:0)
// CHECK: llvm.store {{.*}} : vector<16xf32>, !llvm.ptr loc("kernel":26:0)
// CHECK: } loc("kernel":27:0)
module @gather_rows {
  func.func @gather_rows(%x: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%i : tensor<?xi64>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: i64 loc("kernel":17:0), %u: f32 loc("kernel":26:0)):
      %1 = oriel.check_index %a, %n operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64 loc("kernel":16:0)
      %2 = linalg.index 1 : index loc("kernel":16:0)
      %3 = tensor.extract %x[%1, %2] : tensor<?x?xf32> loc("kernel":17:0)
      %4 = arith.negf %3 : f32 loc("kernel":24:0)
      linalg.yield %4 : f32 loc("kernel":26:0)
    } -> tensor<?x?xf32> loc("kernel":27:0)
    return %0 : tensor<?x?xf32>
  }
}

// An index per element: checked and gathered a vector at a time.
// CHECK-LABEL: module @gather_elements
// CHECK: arith.cmpi uge, {{.*}} : vector<8xi64>
// CHECK: vector.reduction <or>, {{.*}} : vector<8xi1> into i1
// CHECK: llvm.intr.masked.gather {{.*}} vector<8xf32>
module @gather_elements {
  func.func @gather_elements(%x: tensor<100xf32>, %i: tensor<?xi64>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Gather"} {
    %c100 = arith.constant 100 : index
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%i : tensor<?xi64>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: i64, %u: f32):
      %1 = oriel.check_index %a, %c100 operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64
      %2 = tensor.extract %x[%1] : tensor<100xf32>
      linalg.yield %2 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
