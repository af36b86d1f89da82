// Narrow constant operands of products, packed once: they stay narrow, and tiles widen
// them. Bytes by bytes in 32 bits are, where the machine has the instruction, groups of
// four of k and the sums of the columns (docs/decisions/0019).
// RUN: sed "s/TARGET/cpu = \"x86-64-v3\", features = \"+avx2,+fma\", vector_bits = 256/" %s > %t.avx2.mlir
// RUN: sed "s/TARGET/cpu = \"znver4\", features = \"+avx512f,+avx512vl,+avx512bw,+avx512vnni,+avx2,+fma\", vector_bits = 256/" %s > %t.vnni.mlir
// RUN: oriel-opt %t.avx2.mlir --oriel-pack-constants --mlir-print-local-scope | FileCheck %s
// RUN: oriel-opt %t.vnni.mlir --oriel-pack-constants --mlir-print-local-scope | FileCheck %s --check-prefix=DOTS
// RUN: oriel-opt %t.vnni.mlir --oriel-pack-constants --oriel-codegen-cpu --oriel-lower-to-llvm --oriel-print-asm="cpu=znver4 vector-bits=512" -o /dev/null 2>&1 | FileCheck %s --check-prefix=ASM
// RUN: oriel-opt %t.avx2.mlir --oriel-pack-constants --oriel-codegen-cpu --oriel-lower-to-llvm --oriel-print-asm="cpu=x86-64-v3" -o /dev/null 2>&1 | FileCheck %s --check-prefix=AVX2

// CHECK: oriel.remarks = [{{.*}}is packed once and kept: 3072 bytes"]
// CHECK: oriel.dispatch @pack::@pack(%{{.*}}) {{.*}} : (tensor<64x48xi8>) -> tensor<3x64x16xi8>
// CHECK: func.func @bytes(%{{.*}}: tensor<?x64xi8>, %{{.*}}: tensor<64x48xi8>, %{{.*}}: tensor<3x64x16xi8> {oriel.panels = 1 : i64}
// CHECK: module @pack attributes {{.*}}oriel.once
// CHECK: affine_map<(d0, d1) -> (d1 floordiv 16, d0, d1 mod 16)>
// CHECK-SAME: oriel.pack = 8 : i64
// CHECK: ^bb0(%[[IN:.*]]: i8, %{{.*}}: i8):
// CHECK-NEXT: linalg.yield %[[IN]] : i8
// DOTS: oriel.dispatch @pack::@pack(%{{.*}}) {{.*}} : (tensor<64x48xi8>) -> tensor<1x17x192xi8>
// DOTS: affine_map<(d0, d1) -> (d1 floordiv 48, d0 floordiv 4 + 1, (d1 mod 48) * 4 + d0 mod 4)>
// DOTS-SAME: oriel.dots = -128 : i64, oriel.pack = 16 : i64
// ASM: vpdpbusd
// AVX2-NOT: vpdpbusd
module attributes {oriel.nodes = [#oriel.node<op = "input", name = "x">, #oriel.node<op = "constant">, #oriel.node<op = "matmul">],
                   oriel.target = #oriel.target<TARGET>} {
  func.func @f(%x: tensor<?x64xi8> {oriel.dims = #oriel.dims<n, 64>, oriel.name = "x"}) -> (tensor<?x48xi32> {oriel.name = "y"}) {
    %w = oriel.constant dense<5> : tensor<64x48xi8>
    %y = oriel.dispatch @bytes::@bytes(%x, %w) dims <> nodes [[2]] {oriel.result_dims = [#oriel.dims<n, 48>], oriel.result_nodes = array<i64: 2>} : (tensor<?x64xi8>, tensor<64x48xi8>) -> tensor<?x48xi32>
    return %y : tensor<?x48xi32>
  }
  module @bytes attributes {oriel.class = "MatMul", oriel.target = #oriel.target<TARGET>} {
    func.func @bytes(%x: tensor<?x64xi8>, %w: tensor<64x48xi8>, %y: tensor<?x48xi32> {oriel.output}) -> tensor<?x48xi32> attributes {oriel.class = "MatMul"} {
      %zero = arith.constant 0 : i32
      %0 = linalg.fill ins(%zero : i32) outs(%y : tensor<?x48xi32>) -> tensor<?x48xi32>
      %1 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
                           iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %w : tensor<?x64xi8>, tensor<64x48xi8>) outs(%0 : tensor<?x48xi32>) attrs = {oriel.matmul} {
      ^bb0(%a: i8, %b: i8, %sum: i32):
        %wide_a = arith.extsi %a : i8 to i32
        %wide_b = arith.extsi %b : i8 to i32
        %product = arith.muli %wide_a, %wide_b : i32
        %next = arith.addi %sum, %product : i32
        linalg.yield %next : i32
      } -> tensor<?x48xi32>
      return %1 : tensor<?x48xi32>
    }
  }
}
