// A value that several kernels need is computed again where that takes less than
// reading it, and never where it takes more.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHY

// The outer sum of two vectors: two kernels over its rows and its columns make it
// for themselves, and it is never written.
// CHECK-LABEL: func @outer
// CHECK: oriel.kernel "RowReduce" (%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}) -> tensor<2000xf32>
// CHECK: oriel.add
// CHECK: oriel.reduce sum
// CHECK-NOT: oriel.sub
// CHECK: oriel.kernel "ColumnReduce" (%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}) -> tensor<1000xf32>
// CHECK: oriel.add
// CHECK: oriel.reduce max
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: sub, made of add: computed in the kernel of max: costs {{.*}} of ops, saves {{.*}} of memory, {{.*}} without, {{.*}} with
func.func @outer(%a: tensor<2000xf32>, %b: tensor<1000xf32>, %x: tensor<2000x1000xf32>) -> (tensor<2000xf32>, tensor<1000xf32>) {
  %0 = oriel.broadcast %a shape <2000, 1000> axes [0] : tensor<2000xf32> -> tensor<2000x1000xf32>
  %1 = oriel.broadcast %b shape <2000, 1000> axes [1] : tensor<1000xf32> -> tensor<2000x1000xf32>
  %2 = oriel.add %0, %1 : tensor<2000x1000xf32>
  %3 = oriel.mul %2, %x : tensor<2000x1000xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<2000x1000xf32> -> tensor<2000xf32>
  %5 = oriel.sub %2, %x : tensor<2000x1000xf32>
  %6 = oriel.reduce max %5 axes [0] : tensor<2000x1000xf32> -> tensor<1000xf32>
  return %4, %6 : tensor<2000xf32>, tensor<1000xf32>
}

// -----

// A power of two vectors takes longer than reading it.
// CHECK-LABEL: func @dear
// CHECK-COUNT-1: oriel.pow
// CHECK-NOT: oriel.pow
// CHECK: return
// WHY-NOT: pow: computed again
func.func @dear(%a: tensor<2000xf32>, %b: tensor<1000xf32>, %x: tensor<2000x1000xf32>) -> (tensor<2000xf32>, tensor<1000xf32>) {
  %0 = oriel.broadcast %a shape <2000, 1000> axes [0] : tensor<2000xf32> -> tensor<2000x1000xf32>
  %1 = oriel.broadcast %b shape <2000, 1000> axes [1] : tensor<1000xf32> -> tensor<2000x1000xf32>
  %2 = oriel.pow %0, %1 : tensor<2000x1000xf32>
  %3 = oriel.mul %2, %x : tensor<2000x1000xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<2000x1000xf32> -> tensor<2000xf32>
  %5 = oriel.sub %2, %x : tensor<2000x1000xf32>
  %6 = oriel.reduce max %5 axes [0] : tensor<2000x1000xf32> -> tensor<1000xf32>
  return %4, %6 : tensor<2000xf32>, tensor<1000xf32>
}

// -----

// An operand that the other kernel reads anyway, but one more: nothing gained.
// CHECK-LABEL: func @even
// CHECK-COUNT-1: oriel.mul
// CHECK-NOT: oriel.mul
// CHECK: return
func.func @even(%x: tensor<2000x1000xf32>, %y: tensor<2000x1000xf32>) -> (tensor<2000xf32>, tensor<1000xf32>, tensor<2000x1000xf32>) {
  %0 = oriel.mul %x, %y : tensor<2000x1000xf32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<2000x1000xf32> -> tensor<2000xf32>
  %2 = oriel.reduce max %0 axes [0] : tensor<2000x1000xf32> -> tensor<1000xf32>
  return %1, %2, %0 : tensor<2000xf32>, tensor<1000xf32>, tensor<2000x1000xf32>
}

// -----

// The least value and the place of the largest, of a value that is never written.
// CHECK-LABEL: func @largest
// CHECK: oriel.kernel "RowReduce" ({{[^,]*}}, {{[^,]*}}) -> tensor<2000xf32>
// CHECK: oriel.mul
// CHECK: oriel.kernel "ArgReduce" ({{[^,]*}}, {{[^,]*}}) -> tensor<2000xi64>
// CHECK: oriel.mul
// CHECK: oriel.argmax
// CHECK: return
func.func @largest(%x: tensor<2000x1000xf32>, %w: tensor<1000xf32>) -> (tensor<2000xi64>, tensor<2000xf32>) {
  %0 = oriel.broadcast %w shape <2000, 1000> axes [1] : tensor<1000xf32> -> tensor<2000x1000xf32>
  %1 = oriel.mul %x, %0 : tensor<2000x1000xf32>
  %2 = oriel.argmax %1 axis 1 : tensor<2000x1000xf32> -> tensor<2000xi64>
  %3 = oriel.reduce min %1 axes [1] : tensor<2000x1000xf32> -> tensor<2000xf32>
  return %2, %3 : tensor<2000xi64>, tensor<2000xf32>
}
