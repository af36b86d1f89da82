// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=512" | FileCheck %s
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=512" --oriel-lower-to-llvm --oriel-print-asm="cpu=znver4 vector-bits=512" -o /dev/null 2>&1 | FileCheck %s --check-prefix=ASM
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" --oriel-lower-to-llvm --oriel-print-asm="cpu=znver3" -o /dev/null 2>&1 | FileCheck %s --check-prefix=AVX2
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=128" --oriel-lower-to-llvm --oriel-print-asm="cpu=x86-64-v3 vector-bits=128" -o /dev/null 2>&1 | FileCheck %s --check-prefix=SSE

// One kernel for every shape: tiles as functions, packing and loops in the entry.
// CHECK-LABEL: module @mm
// CHECK-SAME: oriel.entries = [@mm_0]
// CHECK: func.func @mm_0
// CHECK: call @mm_tile8x48
// The epilogue runs on whole vectors; edges are masked.
// CHECK: arith.maximumf %{{.*}} : vector<16xf32>
// CHECK: llvm.store
// CHECK: llvm.intr.masked.store
// CHECK: func.func private @mm_tile8x48
// CHECK-COUNT-24: math.fma %{{.*}} : vector<16xf32>
// CHECK: func.func private @mm_tile8x16
// CHECK: func.func private @mm_row

// The inner loop holds its sums in registers, 24 of 32 or 12 of 16: no vector
// goes to the stack, elements of A are broadcast as they are loaded, and no
// library is called anywhere.
// ASM-LABEL: mm_tile8x48:
// ASM-NOT: {{mm.*rsp|rsp.*mm|call}}
// ASM-COUNT-96: vfmadd231ps {{.*}}%zmm
// ASM-NOT: {{mm.*rsp|rsp.*mm|call}}
// ASM-LABEL: mm_tile8x16:
// AVX2-LABEL: mm_tile4x24:
// AVX2-NOT: {{mm.*rsp|rsp.*mm|call}}
// AVX2-COUNT-48: vfmadd231ps {{.*}}%ymm
// AVX2-NOT: {{mm.*rsp|rsp.*mm|call}}
// AVX2-LABEL: mm_tile4x8:
// SSE-LABEL: mm_tile4x12:
// SSE-NOT: {{mm.*rsp|rsp.*mm|call}}
// SSE-COUNT-48: vfmadd231ps {{.*}}%xmm
// SSE-NOT: {{mm.*rsp|rsp.*mm|call}}
// SSE-LABEL: mm_tile4x4:
#ma = affine_map<(d0, d1, d2) -> (d0, d2)>
#mb = affine_map<(d0, d1, d2) -> (d2, d1)>
#mc = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
module @mm {
  func.func @mm(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %bias: tensor<?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %i = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%i : tensor<?x?xf32>) attrs = {oriel.matmul} {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %1 = arith.mulf %x, %y : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    %r = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
        ins(%0, %bias : tensor<?x?xf32>, tensor<?xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%x: f32, %y: f32, %u: f32):
      %1 = arith.addf %x, %y : f32
      %2 = arith.maximumf %1, %zero : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %r : tensor<?x?xf32>
  }
}
