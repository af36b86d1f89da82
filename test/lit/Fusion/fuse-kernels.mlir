// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s

// Softmax over unknown extents is one kernel that reads its input alone.
// CHECK-LABEL: func @softmax
// CHECK: %[[K:.*]] = oriel.kernel "RowReduce" (%[[X:.*]] = %{{.*}} : tensor<?x?xf32>) -> tensor<?x?xf32> {
// CHECK-NEXT: %[[MAX:.*]] = oriel.reduce max %[[X]]
// CHECK-NEXT: oriel.broadcast %[[MAX]]
// CHECK-NEXT: oriel.sub
// CHECK-NEXT: oriel.exp
// CHECK-NEXT: oriel.reduce sum
// CHECK-NEXT: oriel.broadcast
// CHECK-NEXT: oriel.div
// CHECK-NEXT: oriel.yield
// CHECK: return %[[K]]
func.func @softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x?xf32> {
  %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %5 = oriel.broadcast %4 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %6 = oriel.div %3, %5 : tensor<?x?xf32>
  return %6 : tensor<?x?xf32>
}

// -----

// What follows the reduction over the same rows stays: log-sum-exp. Its reshape
// renames memory and needs no kernel.
// CHECK-LABEL: func @logsumexp
// CHECK: oriel.kernel "RowReduce"
// CHECK-NOT: oriel.kernel
// CHECK: oriel.reshape
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @logsumexp(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?xf32> {
  %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %5 = oriel.log %4 : tensor<?x1xf32>
  %6 = oriel.add %5, %0 : tensor<?x1xf32>
  %7 = oriel.reshape %6 shape <n> : tensor<?x1xf32> -> tensor<?xf32>
  return %7 : tensor<?xf32>
}

// -----

// A row value without the reduced axis comes back by a unit reshape: one kernel.
// CHECK-LABEL: func @normalise
// CHECK: oriel.kernel "RowReduce"
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @normalise(%x: tensor<?x8xf32> {oriel.dims = #oriel.dims<n, 8>}) -> tensor<?x8xf32> {
  %0 = oriel.reduce sum %x axes [1] : tensor<?x8xf32> -> tensor<?xf32>
  %1 = oriel.reshape %0 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
  %2 = oriel.broadcast %1 shape <n, 8> axes [0, 1] : tensor<?x1xf32> -> tensor<?x8xf32>
  %3 = oriel.div %x, %2 : tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// -----

// Several results of one kernel; constants, ramps and dims are made inside.
// CHECK-LABEL: func @outputs
// CHECK: oriel.kernel "Elementwise" ({{[^)]*}}) -> (tensor<?xf32>, tensor<?xi1>) {
// CHECK: oriel.iota
// CHECK: oriel.dim_value
// CHECK: }
// CHECK-NOT: oriel.
// CHECK: return
func.func @outputs(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> (tensor<?xf32>, tensor<?xi1>) {
  %i = oriel.iota axis 0 shape <n> : tensor<?xf32>
  %n = oriel.dim_value <n> : tensor<i64>
  %f = oriel.cast %n : tensor<i64> -> tensor<f32>
  %b = oriel.broadcast %f shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %0 = oriel.div %i, %b : tensor<?xf32>
  %1 = oriel.add %x, %0 : tensor<?xf32>
  %2 = oriel.compare lt %1, %0 : tensor<?xf32>
  return %1, %2 : tensor<?xf32>, tensor<?xi1>
}

// -----

// Views of an input are read through; one that lies in memory anyway is made
// there, and a transpose of it is then not read across again.
// CHECK-LABEL: func @views
// CHECK: %[[T:.*]] = oriel.kernel "Copy"
// CHECK-NEXT: oriel.transpose
// CHECK: oriel.kernel "Elementwise" (%[[A:.*]] = %{{.*}} : tensor<?x?xf32>, %[[B:.*]] = %[[T]] : tensor<?x?xf32>
// CHECK-NOT: oriel.transpose
// CHECK: oriel.slice %{{.*}} starts <0, 1>
// CHECK: return
func.func @views(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, n>},
                 %z: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m+1>}) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %t = oriel.transpose %y permutation [1, 0] : tensor<?x?xf32> -> tensor<?x?xf32>
  %s = oriel.slice %z starts <0, 1> limits <n, m+1> steps [1, 1] : tensor<?x?xf32> -> tensor<?x?xf32>
  %0 = oriel.add %x, %t : tensor<?x?xf32>
  %1 = oriel.mul %0, %s : tensor<?x?xf32>
  return %1, %t : tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func @transposed
// CHECK: oriel.kernel "Elementwise"
// CHECK-NEXT: oriel.transpose
// CHECK-NEXT: oriel.add
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @transposed(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, n>}) -> tensor<?x?xf32> {
  %t = oriel.transpose %y permutation [1, 0] : tensor<?x?xf32> -> tensor<?x?xf32>
  %0 = oriel.add %x, %t : tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// A matmul with transposed operand, bias, activation and residual.
// CHECK-LABEL: func @dense
// CHECK: oriel.kernel "MatMul"
// CHECK-NEXT: oriel.transpose
// CHECK-NEXT: oriel.matmul
// CHECK: oriel.maximum
// CHECK-NEXT: oriel.add
// CHECK-NEXT: oriel.yield
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @dense(%x: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>}, %w: tensor<64x64xf32>, %b: tensor<64xf32>) -> tensor<?x64xf32> {
  %t = oriel.transpose %w permutation [1, 0] : tensor<64x64xf32> -> tensor<64x64xf32>
  %0 = oriel.matmul %x, %t : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %1 = oriel.broadcast %b shape <n, 64> axes [1] : tensor<64xf32> -> tensor<?x64xf32>
  %2 = oriel.add %0, %1 : tensor<?x64xf32>
  %c = oriel.constant dense<0.0> : tensor<f32>
  %3 = oriel.broadcast %c shape <n, 64> axes [] : tensor<f32> -> tensor<?x64xf32>
  %4 = oriel.maximum %2, %3 : tensor<?x64xf32>
  %5 = oriel.add %4, %x : tensor<?x64xf32>
  return %5 : tensor<?x64xf32>
}

// -----

// A column reduction takes its producers while nothing else needs them.
// CHECK-LABEL: func @columns
// CHECK: oriel.kernel "ColumnReduce"
// CHECK-NEXT: oriel.sub
// CHECK-NEXT: oriel.reduce sum
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @columns(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?xf32> {
  %0 = oriel.sub %x, %y : tensor<?x?xf32>
  %1 = oriel.reduce sum %0 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// Elementwise consumers join a gather; ramps among its indices are made inside.
// CHECK-LABEL: func @pick
// CHECK: oriel.kernel "Gather"
// CHECK-NEXT: oriel.iota
// CHECK-NEXT: oriel.gather
// CHECK-NEXT: oriel.log
// CHECK: return
func.func @pick(%p: tensor<?x10xf32> {oriel.dims = #oriel.dims<n, 10>}, %t: tensor<?xi64> {oriel.dims = #oriel.dims<n>}) -> tensor<?xf32> {
  %i = oriel.iota axis 0 shape <n> : tensor<?xi64>
  %0 = oriel.gather %p[%i, %t] axis 0 : (tensor<?x10xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
  %1 = oriel.log %0 : tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// A scatter into one value repeated makes that in place, and a ramp of indices.
// CHECK-LABEL: func @scatter
// CHECK-NOT: "Elementwise"
// CHECK: oriel.kernel "Scatter"
// CHECK-NEXT: oriel.constant
// CHECK-NEXT: oriel.iota
// CHECK-NEXT: oriel.scatter
// CHECK: return
func.func @scatter(%u: tensor<5xf32>) -> tensor<10xf32> {
  %z = oriel.constant dense<0.0> : tensor<10xf32>
  %i = oriel.iota axis 0 shape <5> : tensor<5xi64>
  %0 = oriel.scatter add %z[%i], %u axis 0 : (tensor<10xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// Bodies of loops and branches have kernels of their own; the ramp used in one
// is made there and not outside.
// CHECK-LABEL: func @nested
// CHECK-NOT: oriel.iota
// CHECK: oriel.loop
// CHECK-NEXT: oriel.kernel "Elementwise"
// CHECK: oriel.cast
// CHECK: oriel.iota
// CHECK: oriel.yield
// CHECK: oriel.yield
// CHECK: oriel.branch
// CHECK-NEXT: oriel.kernel "Elementwise"
// CHECK: return
func.func @nested(%n: tensor<i64>, %c: tensor<i1>, %x: tensor<?xf32> {oriel.dims = #oriel.dims<m>}) -> tensor<?xf32> {
  %s = oriel.iota axis 0 shape <m> : tensor<?xf32>
  %0 = oriel.loop %i to %n with (%a = %x : tensor<?xf32>) {
    %f = oriel.cast %i : tensor<i64> -> tensor<f32>
    %fb = oriel.broadcast %f shape <m> axes [] : tensor<f32> -> tensor<?xf32>
    %1 = oriel.add %a, %fb : tensor<?xf32>
    %2 = oriel.mul %1, %s : tensor<?xf32>
    oriel.yield %2 : tensor<?xf32>
  }
  %3 = oriel.branch %c -> tensor<?xf32> {
    %4 = oriel.exp %0 : tensor<?xf32>
    oriel.yield %4 : tensor<?xf32>
  } else {
    oriel.yield %0 : tensor<?xf32>
  }
  return %3 : tensor<?xf32>
}

// -----

// States are read before and written after; the update's arithmetic is a kernel.
oriel.state @W : tensor<4xf32>
// CHECK-LABEL: func @state
// CHECK: %[[W:.*]] = oriel.state_read @W
// CHECK: %[[K:.*]] = oriel.kernel "Elementwise"
// CHECK: oriel.state_update @W, %[[K]]
func.func @state(%g: tensor<4xf32>) {
  %w = oriel.state_read @W : tensor<4xf32>
  %0 = oriel.sub %w, %g : tensor<4xf32>
  oriel.state_update @W, %0 : tensor<4xf32>
  return
}
