// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=512" | FileCheck %s
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=512" --oriel-lower-to-llvm --oriel-print-asm="cpu=znver4 vector-bits=512" -o /dev/null 2>&1 | FileCheck %s --check-prefix=ASM
// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" --oriel-lower-to-llvm --oriel-print-asm="cpu=znver3" -o /dev/null 2>&1 | FileCheck %s --check-prefix=AVX2

// A vector by a matrix along k: whole columns, or leaves and what combines them.
// CHECK-LABEL: module @mv
// CHECK-SAME: oriel.entries = [@mv_0, @mv_1, @mv_2]
// Two columns at once, 32 lanes each.
// CHECK: func.func private @mv_leaf
// CHECK-COUNT-4: math.fma %{{.*}} : vector<16xf32>
// CHECK: func.func @mv_0
// CHECK: call @mv_leaf
// CHECK: func.func @mv_1
// CHECK: func.func @mv_2

// The matrix is an operand of the multiply-adds; lanes without an element keep their
// sums by a mask. Nothing is called.
// ASM-LABEL: mv_leaf:
// ASM-NOT: call
// ASM: vfmadd231ps ({{.*}}), %zmm{{.*}}, %zmm{{[0-9]+$}}
// ASM-NEXT: vfmadd231ps ({{.*}}), %zmm{{.*}}, %zmm{{[0-9]+$}}
// ASM-NEXT: vfmadd231ps 64({{.*}}), %zmm{{.*}}, %zmm{{[0-9]+$}}
// ASM-NEXT: vfmadd231ps 64({{.*}}), %zmm{{.*}}, %zmm{{[0-9]+$}}
// ASM: vfmadd231ps {{.*}}, %zmm{{.*}} {%k{{.}}}
// ASM-NOT: call
// ASM-LABEL: mv_0:
// AVX2-LABEL: mv_leaf:
// AVX2-NOT: call
// AVX2-COUNT-8: vfmadd231ps {{.*}}, %ymm{{.*}}, %ymm
// AVX2-NOT: call
// AVX2-LABEL: mv_0:
#mx = affine_map<(i, j, k) -> (i, k)>
#mm = affine_map<(i, j, k) -> (j, k)>
#mo = affine_map<(i, j, k) -> (i, j)>
module @mv {
  func.func @mv(%x: tensor<?xf32>, %m: tensor<?x?xf32>, %o0: tensor<1x?xf32> {oriel.output}) -> tensor<1x?xf32> attributes {oriel.class = "MatMul"} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %k = tensor.dim %x, %c0 : tensor<?xf32>
    %row = tensor.expand_shape %x [[0, 1]] output_shape [1, %k] : tensor<?xf32> into tensor<1x?xf32>
    %i = linalg.fill ins(%zero : f32) outs(%o0 : tensor<1x?xf32>) -> tensor<1x?xf32>
    %0 = linalg.generic {indexing_maps = [#mx, #mm, #mo], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%row, %m : tensor<1x?xf32>, tensor<?x?xf32>) outs(%i : tensor<1x?xf32>) attrs = {oriel.lanes, oriel.matmul} {
    ^bb0(%p: f32, %q: f32, %acc: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<1x?xf32>
    return %0 : tensor<1x?xf32>
  }
}
