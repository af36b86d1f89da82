// RUN: oriel-opt %s --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels="fusion=false" | FileCheck %s
// One op a kernel, views and ramps included; constants stay outside.

// CHECK-LABEL: func @softmax
// CHECK-COUNT-9: oriel.kernel
// CHECK-NOT: oriel.kernel
// CHECK: return
// CHECK-NOT: oriel.remarks
func.func @softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x?xf32> {
  %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %5 = oriel.broadcast %4 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %6 = oriel.div %3, %5 : tensor<?x?xf32>
  %c = oriel.constant dense<2.0> : tensor<f32>
  %7 = oriel.broadcast %c shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
  %8 = oriel.mul %6, %7 : tensor<?x?xf32>
  return %8 : tensor<?x?xf32>
}
