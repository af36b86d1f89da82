// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s

// A kernel is convex: %a feeds both the matmul and the last op, which also needs
// the matmul. One kernel of %a and the last op would have to run before and
// after the matmul.
// CHECK-LABEL: func @diamond
// CHECK: %[[A:.*]] = oriel.kernel "Elementwise"
// CHECK-NEXT: oriel.exp
// CHECK: oriel.kernel "MatMul" ({{.*}} = %[[A]] : {{.*}})
// CHECK-NEXT: oriel.matmul
// CHECK-NEXT: oriel.add
// CHECK: return
func.func @diamond(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %a = oriel.exp %x : tensor<8x8xf32>
  %m = oriel.matmul %a, %a : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = oriel.add %a, %m : tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// The same through an op outside kernels.
// CHECK-LABEL: func @through_reshape
// CHECK: oriel.kernel "Elementwise"
// CHECK-NEXT: oriel.exp
// CHECK: oriel.reshape
// CHECK: oriel.reshape
// CHECK: oriel.kernel "Elementwise"
// CHECK-NEXT: oriel.mul
// CHECK: return
func.func @through_reshape(%x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %a = oriel.exp %x : tensor<4x6xf32>
  %r = oriel.reshape %a shape <24> : tensor<4x6xf32> -> tensor<24xf32>
  %s = oriel.reshape %r shape <4, 6> : tensor<24xf32> -> tensor<4x6xf32>
  %0 = oriel.mul %a, %s : tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// Two reductions of one producer, a consumer of both: nothing in between is
// another kernel, so that all of it is one.
// CHECK-LABEL: func @inner_diamond
// CHECK: oriel.kernel "RowReduce"
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @inner_diamond(%x: tensor<?x16xf32> {oriel.dims = #oriel.dims<n, 16>}) -> tensor<?xf32> {
  %a = oriel.exp %x : tensor<?x16xf32>
  %0 = oriel.reduce max %a axes [1] : tensor<?x16xf32> -> tensor<?xf32>
  %1 = oriel.reduce min %a axes [1] : tensor<?x16xf32> -> tensor<?xf32>
  %2 = oriel.sub %0, %1 : tensor<?xf32>
  return %2 : tensor<?xf32>
}

// -----

// A kernel reads its own value through a transpose: not from a register.
// CHECK-LABEL: func @self_transposed
// CHECK: %[[A:.*]] = oriel.kernel "Elementwise"
// CHECK-NEXT: oriel.exp
// CHECK: oriel.kernel "Elementwise" ({{.*}} = %[[A]]
// CHECK: oriel.transpose
// CHECK-NEXT: oriel.add
// CHECK: return
func.func @self_transposed(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %a = oriel.exp %x : tensor<8x8xf32>
  %t = oriel.transpose %a permutation [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %0 = oriel.add %a, %t : tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// A matmul's epilogue reads whole tensors: what reads a slice stays apart.
// CHECK-LABEL: func @sliced
// CHECK: oriel.kernel "MatMul"
// CHECK-NEXT: oriel.matmul
// CHECK-NEXT: oriel.yield
// CHECK: oriel.kernel "Elementwise"
// CHECK: return
func.func @sliced(%x: tensor<8x8xf32>, %y: tensor<8x9xf32>) -> tensor<8x8xf32> {
  %m = oriel.matmul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = oriel.slice %y starts <0, 1> limits <8, 9> steps [1, 1] : tensor<8x9xf32> -> tensor<8x8xf32>
  %0 = oriel.add %m, %s : tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// One matrix for all of a batch is read where it lies.
// CHECK-LABEL: func @batch
// CHECK: oriel.kernel "MatMul" ({{.*}} : tensor<?x4x8xf32>, %{{.*}} = %arg1 : tensor<5x8xf32>)
// CHECK-NEXT: oriel.transpose
// CHECK-NEXT: oriel.broadcast
// CHECK-NEXT: oriel.matmul
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @batch(%x: tensor<?x4x8xf32> {oriel.dims = #oriel.dims<n, 4, 8>}, %w: tensor<5x8xf32>) -> tensor<?x4x5xf32> {
  %t = oriel.transpose %w permutation [1, 0] : tensor<5x8xf32> -> tensor<8x5xf32>
  %b = oriel.broadcast %t shape <n, 8, 5> axes [1, 2] : tensor<8x5xf32> -> tensor<?x8x5xf32>
  %0 = oriel.matmul %x, %b : (tensor<?x4x8xf32>, tensor<?x8x5xf32>) -> tensor<?x4x5xf32>
  return %0 : tensor<?x4x5xf32>
}
