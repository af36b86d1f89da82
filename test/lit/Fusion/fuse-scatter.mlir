// What makes the updates and indices of a scatter is computed in its kernel, unless
// it reads what the scatter writes over, is needed elsewhere, or would be computed
// by each of several threads.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s

// CHECK-LABEL: func @scaled
// CHECK: oriel.kernel "Scatter"
// CHECK: oriel.mul
// CHECK: oriel.neg
// CHECK: oriel.scatter
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @scaled(%x: tensor<10xf32>, %i: tensor<?xi64> {oriel.dims = #oriel.dims<n>}, %u: tensor<?xf32> {oriel.dims = #oriel.dims<n>}, %r: tensor<f32>) -> tensor<10xf32> {
  %b = oriel.broadcast %r shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %m = oriel.mul %u, %b : tensor<?xf32>
  %s = oriel.neg %m : tensor<?xf32>
  %0 = oriel.scatter add %x[%i], %s axis 0 : (tensor<10xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// One number for all: no memory.
// CHECK-LABEL: func @count
// CHECK: oriel.kernel "Scatter" (%{{[^,]*}}, %{{[^,]*}}) ->
// CHECK: oriel.broadcast
// CHECK: oriel.scatter
func.func @count(%x: tensor<10xf32>, %i: tensor<?xi64> {oriel.dims = #oriel.dims<n>}) -> tensor<10xf32> {
  %one = oriel.constant dense<1.0> : tensor<f32>
  %u = oriel.broadcast %one shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// CHECK: oriel.remarks = [{{.*}}it reads what the scatter writes over
// CHECK-LABEL: func @reads
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Scatter"
func.func @reads(%x: tensor<10xf32>, %i: tensor<10xi64>) -> tensor<10xf32> {
  %u = oriel.neg %x : tensor<10xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10xf32>, tensor<10xf32>, tensor<10xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// Threads share a large destination by ranges: each would compute all of it.
// CHECK: oriel.remarks = [{{.*}}threads that share the destination would each compute it
// CHECK-LABEL: func @shared_destination
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Scatter"
func.func @shared_destination(%x: tensor<200000xf32>, %i: tensor<5xi64>, %y: tensor<5xf32>) -> tensor<200000xf32> {
  %u = oriel.exp %y : tensor<5xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<200000xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<200000xf32>
  return %0 : tensor<200000xf32>
}

// -----

// CHECK-LABEL: func @exponentials
// CHECK-NOT: "Elementwise"
// CHECK: oriel.kernel "Scatter"
// CHECK: oriel.exp
// CHECK: oriel.scatter
func.func @exponentials(%x: tensor<10xf32>, %i: tensor<5xi64>, %y: tensor<5xf32>) -> tensor<10xf32> {
  %u = oriel.exp %y : tensor<5xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// Indices are computed and updates gathered in one kernel; a ramp lies nowhere.
// CHECK-LABEL: func @computed
// CHECK-NOT: "Elementwise"
// CHECK-NOT: "Gather"
// CHECK: oriel.kernel "Scatter"
// CHECK-DAG: oriel.iota
// CHECK-DAG: oriel.add
// CHECK-DAG: oriel.gather
// CHECK: oriel.scatter
// CHECK: return
func.func @computed(%x: tensor<10xf32>, %i: tensor<5xi64>, %t: tensor<7xf32>, %j: tensor<5xi64>) -> tensor<10xf32> {
  %r = oriel.iota axis 0 shape <5> : tensor<5xi64>
  %k = oriel.add %i, %r : tensor<5xi64>
  %u = oriel.gather %t[%j] axis 0 : (tensor<7xf32>, tensor<5xi64>) -> tensor<5xf32>
  %0 = oriel.scatter add %x[%k], %u axis 0 : (tensor<10xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// -----

// Any axis, any rank.
// CHECK-LABEL: func @ranks
// CHECK-NOT: "Elementwise"
// CHECK: oriel.kernel "Scatter"
// CHECK: return
func.func @ranks(%x: tensor<3x10x4xf32>, %i: tensor<5x6xi64>, %y: tensor<3x5x6x4xf32>) -> tensor<3x10x4xf32> {
  %u = oriel.neg %y : tensor<3x5x6x4xf32>
  %0 = oriel.scatter add %x[%i], %u axis 1 : (tensor<3x10x4xf32>, tensor<3x5x6x4xf32>, tensor<5x6xi64>) -> tensor<3x10x4xf32>
  return %0 : tensor<3x10x4xf32>
}

// -----

// Rows are made in vectors: any elementwise op.
// CHECK-LABEL: func @rows
// CHECK-NOT: "Elementwise"
// CHECK: oriel.kernel "Scatter"
// CHECK: oriel.exp
// CHECK: oriel.scatter
func.func @rows(%x: tensor<10x4xf32>, %i: tensor<5xi64>, %y: tensor<5x4xf32>) -> tensor<10x4xf32> {
  %u = oriel.exp %y : tensor<5x4xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10x4xf32>, tensor<5x4xf32>, tensor<5xi64>) -> tensor<10x4xf32>
  return %0 : tensor<10x4xf32>
}

// -----

// CHECK: oriel.remarks = [{{.*}}its kernel's values are needed elsewhere too
// CHECK-LABEL: func @shared
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Scatter"
func.func @shared(%x: tensor<10xf32>, %i: tensor<5xi64>, %y: tensor<5xf32>) -> (tensor<10xf32>, tensor<5xf32>) {
  %u = oriel.neg %y : tensor<5xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<10xf32>
  return %0, %u : tensor<10xf32>, tensor<5xf32>
}

// -----

// CHECK: oriel.remarks = [{{.*}}rows of one element are gathered faster by themselves
// CHECK-LABEL: func @columns
// CHECK: oriel.kernel "Gather"
// CHECK: oriel.kernel "Scatter"
func.func @columns(%x: tensor<10x1xf32>, %i: tensor<5xi64>, %t: tensor<7x1xf32>) -> tensor<10x1xf32> {
  %u = oriel.gather %t[%i] axis 0 : (tensor<7x1xf32>, tensor<5xi64>) -> tensor<5x1xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10x1xf32>, tensor<5x1xf32>, tensor<5xi64>) -> tensor<10x1xf32>
  return %0 : tensor<10x1xf32>
}
