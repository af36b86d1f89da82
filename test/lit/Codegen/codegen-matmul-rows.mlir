// A matmul that goes on with the rows of its result: one phase whose tasks are
// some rows, a block of which lies in the scratch.
// RUN: oriel-opt %s --compile-to="codegen cpu=x86-64-v3" | FileCheck %s

// CHECK: oriel.class = "MatMul"
// CHECK-SAME: oriel.entries = [@[[ENTRY:k0_matmul_tanh_sum_0]]]
// CHECK-SAME: oriel.scratch = #oriel.dims<{{.*}}min(ceildiv(a0_0,4),96*max(0,{{.*}}+32,max(floordiv({{.*}}+262144,16*max(1,a1_1)),min(12,floordiv(1048576,
// CHECK-SAME: oriel.shared = #oriel.dims<0>
// CHECK-SAME: oriel.tasks = #oriel.dims<min(1,a0_0)*max(1,ceildiv(a0_0,8*max(0,min(1,floordiv(4*a0_1*a1_1+524287,524288)-1))+4))>
// CHECK: llvm.func @[[ENTRY]]
// All three operands of the block's min.
// CHECK: llvm.intr.smin
// CHECK: llvm.intr.smax
// CHECK: llvm.intr.smax
// CHECK: llvm.intr.smin
// CHECK: llvm.intr.smax
func.func @main(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, k>}, %w: tensor<?x?xf32> {oriel.dims = #oriel.dims<k, n>}) -> tensor<?xf32> {
  %p = oriel.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %t = oriel.tanh %p : tensor<?x?xf32>
  %s = oriel.reduce sum %t axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  return %s : tensor<?xf32>
}
