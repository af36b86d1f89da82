// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// Why neighbours are in different kernels, by the names and lines of the user.

// CHECK: oriel.remarks = [
// CHECK-SAME: "max (fuse-kernels-remarks.mlir:[[#@LINE+5]]) not fused into the kernel of 'scores' matmul (net.cpp:7): rows of 8 elements are faster side by side, in a kernel of their own"
// CHECK-SAME: "matmul (fuse-kernels-remarks.mlir:[[#@LINE+7]]) not fused into the kernel of exp (fuse-kernels-remarks.mlir:[[#@LINE+5]]): together they would take longer"
// CHECK-SAME: "add (fuse-kernels-remarks.mlir:[[#@LINE+7]]) not fused into the kernel of 'scores' matmul (net.cpp:7): two MatMul kernels do not combine"
func.func @main(%x: tensor<8x8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %m = oriel.matmul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32> loc("scores"("net.cpp":7:1))
  %r = oriel.reduce max %m axes [1] : tensor<8x8xf32> -> tensor<8xf32>
  %e = oriel.exp %x : tensor<8x8xf32>
  %c = oriel.reduce sum %e axes [0] : tensor<8x8xf32> -> tensor<8xf32>
  %n = oriel.matmul %e, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = oriel.add %m, %n : tensor<8x8xf32>
  return %r, %c, %a, %e : tensor<8xf32>, tensor<8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}
