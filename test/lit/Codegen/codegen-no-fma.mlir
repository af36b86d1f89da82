// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=128" | FileCheck %s
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=128" --oriel-lower-to-llvm --oriel-print-asm="cpu=x86-64-v2 vector-bits=128" -o /dev/null 2>&1 | FileCheck %s --check-prefix=ASM
// A machine without fused multiply-adds: products and sums of vectors, nothing called.

// CHECK-LABEL: module @mm
// CHECK: func.func private @mm_tile4x8
// CHECK-NOT: math.fma
// CHECK: arith.mulf %{{.*}} : vector<4xf32>
// CHECK: arith.addf %{{.*}} : vector<4xf32>

// A product needs a register of its own: eight sums, none of them on the stack.
// ASM-LABEL: mm_tile4x8:
// ASM-NOT: {{mm.*rsp|rsp.*mm|call|fmadd|fmaf}}
// ASM: mulps
// ASM: addps
// ASM-NOT: {{mm.*rsp|rsp.*mm|call|fmadd|fmaf}}
// ASM-LABEL: mm_tile4x4:
// A function's multiply-adds become arithmetic.
// ASM-LABEL: {{^}}e:
// ASM-NOT: {{call|fmadd|fmaf}}
// ASM: .cfi_endproc
#ma = affine_map<(d0, d1, d2) -> (d0, d2)>
#mb = affine_map<(d0, d1, d2) -> (d2, d1)>
#mc = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0) -> (d0)>
module attributes {oriel.target = #oriel.target<cpu = "x86-64-v2", vector_bits = 128>} {
module @mm {
  func.func @mm(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %i = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%i : tensor<?x?xf32>) attrs = {oriel.matmul} {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %1 = arith.mulf %x, %y : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}
module @e {
  func.func @e(%x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = math.exp %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
}
