// Constant operands of products are packed once, by kernels of their own, which the
// product reads beside the operand (docs/decisions/0019).
// RUN: oriel-opt %s --split-input-file "--compile-to=lowered cpu=x86-64-v3 features=+avx2,+fma vector-bits=256" 2>&1 | FileCheck %s
// RUN: oriel-opt %s --split-input-file "--compile-to=codegen cpu=x86-64-v3 features=+avx2,+fma vector-bits=256" 2>/dev/null | FileCheck %s --check-prefix=CODE
// RUN: oriel-opt %s --split-input-file "--compile-to=lowered explain-fusion=true cpu=x86-64-v3 features=+avx2,+fma vector-bits=256" 2>&1 >/dev/null | FileCheck %s --check-prefix=EXPLAIN

// A right operand: panels of 24 columns, the rest of the last one zero.
// CHECK: oriel.remarks = [{{.*}}its right operand constant {{.*}}is packed once and kept: 18432 bytes"]
// CHECK-LABEL: func.func @right
// CHECK: %[[W:.*]] = oriel.constant
// CHECK: %[[P:.*]] = oriel.dispatch @pack::@pack(%{{.*}}) dims <> {{.*}}oriel.kernel_types = [tensor<?x?xf32>, tensor<?x?x24xf32>]{{.*}} : (tensor<64x64xf32>) -> tensor<3x64x24xf32>
// CHECK: oriel.dispatch @k0_matmul::@k0_matmul(%{{.*}}, %{{.*}}, %[[P]])
// CHECK: func.func @k0_matmul(%{{.*}}: tensor<?x64xf32>, %{{.*}}: tensor<64x64xf32>, %{{.*}}: tensor<3x64x24xf32> {oriel.panels = 1 : i64}, %{{.*}}: tensor<?x64xf32> {oriel.output})
// CHECK: module @pack attributes {{.*}}oriel.once
// CHECK: linalg.generic {indexing_maps = [#[[FROM:.*]], #[[TO:.*]]], iterator_types = ["parallel", "parallel"]}
// CHECK-SAME: oriel.pack = 8
// The product packs no right operand.
// CODE-LABEL: module @k0_matmul
// CODE-NOT: _pack_b
// CODE-LABEL: module @pack
// CODE: llvm.func {{.*}}@pack_0
// EXPLAIN: constant operands
// EXPLAIN: matmul {{.*}}: its left operand {{.*}}is not packed once: it is no constant
// EXPLAIN: matmul {{.*}}: its right operand {{.*}}is packed once and kept: 18432 bytes
func.func @right(%x: tensor<?x64xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, 64>}) -> (tensor<?x64xf32> {oriel.name = "y"}) {
  %w = oriel.constant dense<0.5> : tensor<64x64xf32>
  %y = oriel.matmul %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// A left operand, four rows a panel; two products share one packing.
// CHECK-LABEL: func.func @left
// CHECK-COUNT-1: oriel.dispatch @pack::@pack(%{{.*}}) {{.*}} : (tensor<30x64xf32>) -> tensor<8x64x4xf32>
// CHECK-NOT: oriel.dispatch @pack
// CHECK: return
func.func @left(%x: tensor<64x?xf32> {oriel.name = "x", oriel.dims = #oriel.dims<64, n>}, %z: tensor<64x?xf32> {oriel.name = "z", oriel.dims = #oriel.dims<64, m>}) -> (tensor<30x?xf32> {oriel.name = "y"}, tensor<30x?xf32> {oriel.name = "v"}) {
  %w = oriel.constant dense<0.5> : tensor<30x64xf32>
  %y = oriel.matmul %w, %x : (tensor<30x64xf32>, tensor<64x?xf32>) -> tensor<30x?xf32>
  %v = oriel.matmul %w, %z : (tensor<30x64xf32>, tensor<64x?xf32>) -> tensor<30x?xf32>
  return %y, %v : tensor<30x?xf32>, tensor<30x?xf32>
}

// -----

// Refused: what a vector multiplies, what is no constant, and what panels would
// make more than twice as large (3 columns of 24).
// CHECK: oriel.remarks = [{{.*}}its right operand constant {{.*}}is not packed once: panels of 6144 bytes are more than 2 times the constant's 768"]
// CHECK-LABEL: func.func @refused
// CHECK-NOT: @pack
// CHECK: return
// EXPLAIN: is not packed once: a vector multiplies it
func.func @refused(%x: tensor<?x64xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, 64>}, %v: tensor<64xf32> {oriel.name = "v", oriel.dims = #oriel.dims<64>}, %u: tensor<64x8xf32> {oriel.name = "u", oriel.dims = #oriel.dims<64, 8>}) -> (tensor<?x3xf32> {oriel.name = "a"}, tensor<50xf32> {oriel.name = "b"}, tensor<?x8xf32> {oriel.name = "c"}) {
  %w = oriel.constant dense<0.5> : tensor<64x3xf32>
  %w1 = oriel.constant dense<0.25> : tensor<64x50xf32>
  %a = oriel.matmul %x, %w : (tensor<?x64xf32>, tensor<64x3xf32>) -> tensor<?x3xf32>
  %b = oriel.matmul %v, %w1 : (tensor<64xf32>, tensor<64x50xf32>) -> tensor<50xf32>
  %c = oriel.matmul %x, %u : (tensor<?x64xf32>, tensor<64x8xf32>) -> tensor<?x8xf32>
  return %a, %b, %c : tensor<?x3xf32>, tensor<50xf32>, tensor<?x8xf32>
}
