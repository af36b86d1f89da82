// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// A chain of reductions over the same rows is cut after eight sweeps: the time to
// compile one kernel of it all would be far more than what the cuts move.

// CHECK: oriel.remarks = [
// CHECK-SAME: not fused into the kernel of {{.*}}: the kernel would sweep its rows more than 8 times
// CHECK: func.func @main
// CHECK-COUNT-3: oriel.kernel "RowReduce"
// CHECK-NOT: oriel.kernel
func.func @main(%h0: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>}) -> tensor<?x64xf32> {
  %m0 = oriel.reduce max %h0 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b0 = oriel.broadcast %m0 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h1 = oriel.sub %h0, %b0 : tensor<?x64xf32>
  %m1 = oriel.reduce max %h1 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b1 = oriel.broadcast %m1 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h2 = oriel.sub %h1, %b1 : tensor<?x64xf32>
  %m2 = oriel.reduce max %h2 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b2 = oriel.broadcast %m2 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h3 = oriel.sub %h2, %b2 : tensor<?x64xf32>
  %m3 = oriel.reduce max %h3 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b3 = oriel.broadcast %m3 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h4 = oriel.sub %h3, %b3 : tensor<?x64xf32>
  %m4 = oriel.reduce max %h4 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b4 = oriel.broadcast %m4 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h5 = oriel.sub %h4, %b4 : tensor<?x64xf32>
  %m5 = oriel.reduce max %h5 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b5 = oriel.broadcast %m5 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h6 = oriel.sub %h5, %b5 : tensor<?x64xf32>
  %m6 = oriel.reduce max %h6 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b6 = oriel.broadcast %m6 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h7 = oriel.sub %h6, %b6 : tensor<?x64xf32>
  %m7 = oriel.reduce max %h7 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b7 = oriel.broadcast %m7 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h8 = oriel.sub %h7, %b7 : tensor<?x64xf32>
  %m8 = oriel.reduce max %h8 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b8 = oriel.broadcast %m8 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h9 = oriel.sub %h8, %b8 : tensor<?x64xf32>
  %m9 = oriel.reduce max %h9 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b9 = oriel.broadcast %m9 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h10 = oriel.sub %h9, %b9 : tensor<?x64xf32>
  %m10 = oriel.reduce max %h10 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b10 = oriel.broadcast %m10 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h11 = oriel.sub %h10, %b10 : tensor<?x64xf32>
  %m11 = oriel.reduce max %h11 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b11 = oriel.broadcast %m11 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h12 = oriel.sub %h11, %b11 : tensor<?x64xf32>
  %m12 = oriel.reduce max %h12 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b12 = oriel.broadcast %m12 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h13 = oriel.sub %h12, %b12 : tensor<?x64xf32>
  %m13 = oriel.reduce max %h13 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b13 = oriel.broadcast %m13 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h14 = oriel.sub %h13, %b13 : tensor<?x64xf32>
  %m14 = oriel.reduce max %h14 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b14 = oriel.broadcast %m14 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h15 = oriel.sub %h14, %b14 : tensor<?x64xf32>
  %m15 = oriel.reduce max %h15 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b15 = oriel.broadcast %m15 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h16 = oriel.sub %h15, %b15 : tensor<?x64xf32>
  %m16 = oriel.reduce max %h16 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %b16 = oriel.broadcast %m16 shape <n, 64> axes [0, 1] : tensor<?x1xf32> -> tensor<?x64xf32>
  %h17 = oriel.sub %h16, %b16 : tensor<?x64xf32>
  return %h17 : tensor<?x64xf32>
}
