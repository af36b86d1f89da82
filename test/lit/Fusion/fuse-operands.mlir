// A concatenate computes its parts in their places, an argmax its operand: what
// makes them is in their kernel, and what else reads them gets them as results.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s

// CHECK-LABEL: func @parts
// CHECK: oriel.kernel "Concatenate" (%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}) -> tensor<?x?xf32>
// CHECK: oriel.exp
// CHECK: oriel.mul
// CHECK: oriel.neg
// CHECK: oriel.concatenate
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @parts(%a: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %b: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, k>}, %c: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, l>}) -> tensor<?x?xf32> {
  %0 = oriel.exp %a : tensor<?x?xf32>
  %1 = oriel.mul %b, %b : tensor<?x?xf32>
  %2 = oriel.neg %1 : tensor<?x?xf32>
  %3 = oriel.concatenate %0, %2, %c axis 1 : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %3 : tensor<?x?xf32>
}

// -----

// A part that something else reads is a result of the kernel too; views and one
// value for all need no memory.
// CHECK-LABEL: func @results
// CHECK: oriel.kernel "Concatenate" (%{{[^,]*}}, %{{[^,]*}}) -> (tensor<4x4xf32>, tensor<14x4xf32>)
// CHECK: oriel.exp
// CHECK: oriel.transpose
// CHECK: oriel.slice
// CHECK: oriel.concatenate
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @results(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> (tensor<14x4xf32>, tensor<4x4xf32>) {
  %0 = oriel.exp %a : tensor<4x4xf32>
  %1 = oriel.transpose %a permutation [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %2 = oriel.slice %b starts <1, 0> limits <3, 4> steps [1, 1] : tensor<4x4xf32> -> tensor<2x4xf32>
  %3 = oriel.constant dense<1.0> : tensor<4x4xf32>
  %4 = oriel.concatenate %0, %1, %2, %3 axis 0 : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<14x4xf32>
  return %4, %0 : tensor<14x4xf32>, tensor<4x4xf32>
}

// -----

// Values that are stacked have an axis more, of extents that nobody knows.
// CHECK-LABEL: func @stacked
// CHECK: oriel.kernel "Concatenate"
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @stacked(%a: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x2x?xf32> {
  %0 = oriel.sin %a : tensor<?x?xf32>
  %1 = oriel.cos %a : tensor<?x?xf32>
  %2 = oriel.reshape %0 shape <n, 1, m> : tensor<?x?xf32> -> tensor<?x1x?xf32>
  %3 = oriel.reshape %1 shape <n, 1, m> : tensor<?x?xf32> -> tensor<?x1x?xf32>
  %4 = oriel.concatenate %2, %3 axis 1 : (tensor<?x1x?xf32>, tensor<?x1x?xf32>) -> tensor<?x2x?xf32>
  return %4 : tensor<?x2x?xf32>
}

// -----

// What the kernel computes it does not read from memory: the second part stays
// apart, as does a reduction.
// CHECK: oriel.remarks = [{{.*}}RowReduce and Concatenate kernels do not combine
// CHECK-LABEL: func @apart
// CHECK-COUNT-2: oriel.kernel
func.func @apart(%a: tensor<8x8xf32>) -> (tensor<16x8xf32>, tensor<16xf32>) {
  %0 = oriel.exp %a : tensor<8x8xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %2 = oriel.concatenate %a, %1 axis 0 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<16x8xf32>
  %3 = oriel.reduce sum %0 axes [1] : tensor<8x8xf32> -> tensor<8xf32>
  %4 = oriel.concatenate %3, %3 axis 0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<16xf32>
  return %2, %4 : tensor<16x8xf32>, tensor<16xf32>
}

// -----

// CHECK-LABEL: func @best
// CHECK: oriel.kernel "ArgReduce"
// CHECK: oriel.mul
// CHECK: oriel.add
// CHECK: oriel.argmax
// CHECK: oriel.kernel "ArgReduce"
// CHECK: oriel.tanh
// CHECK: oriel.argmin
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @best(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %w: tensor<?xf32> {oriel.dims = #oriel.dims<m>}) -> (tensor<?xi64>, tensor<?xi64>) {
  %0 = oriel.broadcast %w shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
  %1 = oriel.mul %x, %0 : tensor<?x?xf32>
  %2 = oriel.add %1, %0 : tensor<?x?xf32>
  %3 = oriel.argmax %2 axis 1 : tensor<?x?xf32> -> tensor<?xi64>
  %4 = oriel.tanh %x : tensor<?x?xf32>
  %5 = oriel.argmin %4 axis 0 : tensor<?x?xf32> -> tensor<?xi64>
  return %3, %5 : tensor<?xi64>, tensor<?xi64>
}

// -----

// The first few elements of a computed value are no part that could be computed
// in its place.
// CHECK-LABEL: func @few
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Concatenate"
func.func @few(%a: tensor<9xf32>) -> (tensor<17xf32>, tensor<9xf32>) {
  %0 = oriel.floor %a : tensor<9xf32>
  %1 = oriel.slice %0 starts <0> limits <8> steps [1] : tensor<9xf32> -> tensor<8xf32>
  %2 = oriel.concatenate %a, %1 axis 0 : (tensor<9xf32>, tensor<8xf32>) -> tensor<17xf32>
  return %2, %0 : tensor<17xf32>, tensor<9xf32>
}

// -----

// The extreme values are found where they are looked for, of memory too.
// CHECK-LABEL: func @value_and_place
// CHECK: oriel.kernel "ArgReduce" ({{.*}}) -> (tensor<?xf32>, tensor<?xi64>)
// CHECK: %[[Y:.*]] = oriel.mul
// CHECK-DAG: oriel.reduce max %[[Y]] axes [1]
// CHECK-DAG: oriel.argmax %[[Y]] axis 1
// CHECK: oriel.kernel "ArgReduce" (%[[X:.*]] = %{{.*}} : tensor<?x?xf32>) -> (tensor<?xi64>, tensor<1x?xf32>)
// CHECK-DAG: oriel.argmin %[[X]] axis 0
// CHECK-DAG: oriel.reduce min %[[X]] axes [0] keepdims
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @value_and_place(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> (tensor<?xf32>, tensor<?xi64>, tensor<?xi64>, tensor<1x?xf32>) {
  %0 = oriel.mul %x, %y : tensor<?x?xf32>
  %1 = oriel.reduce max %0 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %2 = oriel.argmax %0 axis 1 : tensor<?x?xf32> -> tensor<?xi64>
  %3 = oriel.argmin %x axis 0 : tensor<?x?xf32> -> tensor<?xi64>
  %4 = oriel.reduce min %x axes [0] keepdims : tensor<?x?xf32> -> tensor<1x?xf32>
  return %1, %2, %3, %4 : tensor<?xf32>, tensor<?xi64>, tensor<?xi64>, tensor<1x?xf32>
}

// -----

// Not the least beside the greatest, not another axis, and not a maximum that more
// of its kernel depends on.
// CHECK-LABEL: func @other_extremes
// CHECK-NOT: oriel.kernel "ArgReduce" ({{.*}}) -> (
// CHECK: return
func.func @other_extremes(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> (tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?xi64>) {
  %0 = oriel.reduce min %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.reduce max %x axes [0] : tensor<?x?xf32> -> tensor<?xf32>
  %2 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %3 = oriel.broadcast %2 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %4 = oriel.sub %x, %3 : tensor<?x?xf32>
  %5 = oriel.argmax %x axis 1 : tensor<?x?xf32> -> tensor<?xi64>
  return %0, %1, %4, %5 : tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?xi64>
}
