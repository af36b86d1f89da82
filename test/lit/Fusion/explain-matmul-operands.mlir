// What a matmul computes as it reads an operand, and why not: a line for each edge
// with the model's figures. The kernels before and after.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHY
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels="fusion=false" | FileCheck %s --check-prefix=APART

// A vector of factors along k, a chain of cheap ops.
// CHECK-LABEL: func.func @columns
// CHECK: oriel.kernel "MatMul"
// CHECK: oriel.mul {{.*}} {oriel.operand}
// CHECK: oriel.maximum {{.*}} {oriel.operand}
// CHECK: oriel.matmul
// CHECK-NOT: oriel.kernel
// APART-LABEL: func.func @columns
// APART-COUNT-2: oriel.kernel "Elementwise"
// APART: oriel.kernel "MatMul"
// WHY: remark: fusion
// WHY: maximum and mul: fused
// WHY: matmul and maximum: fused, computed as the operand is packed: apart {{.*}} read, {{.*}} written, {{.*}}; fused {{.*}} read, {{.*}} written, {{.*}} of ops
func.func @columns(%x: tensor<200x300xf32>, %f: tensor<300xf32>, %w: tensor<300x400xf32>) -> tensor<200x400xf32> {
  %zero = oriel.constant dense<0.0> : tensor<200x300xf32>
  %0 = oriel.broadcast %f shape <200, 300> axes [1] : tensor<300xf32> -> tensor<200x300xf32>
  %1 = oriel.mul %x, %0 : tensor<200x300xf32>
  %2 = oriel.maximum %1, %zero : tensor<200x300xf32>
  %3 = oriel.matmul %2, %w : (tensor<200x300xf32>, tensor<300x400xf32>) -> tensor<200x400xf32>
  return %3 : tensor<200x400xf32>
}

// -----

// Two matrices, one of which lies the other way.
// CHECK-LABEL: func.func @residual
// CHECK: oriel.kernel "MatMul"
// CHECK: oriel.transpose
// CHECK: oriel.add {{.*}} {oriel.operand}
// CHECK: oriel.matmul
// CHECK-NOT: oriel.kernel
// WHY: remark: fusion
// WHY: matmul and add: fused, computed as the operand is packed
func.func @residual(%x: tensor<256x1000xf32>, %w: tensor<1000x1000xf32>, %r: tensor<1000x1000xf32>) -> tensor<256x1000xf32> {
  %0 = oriel.transpose %r permutation [1, 0] : tensor<1000x1000xf32> -> tensor<1000x1000xf32>
  %1 = oriel.add %w, %0 : tensor<1000x1000xf32>
  %2 = oriel.matmul %x, %1 : (tensor<256x1000xf32>, tensor<1000x1000xf32>) -> tensor<256x1000xf32>
  return %2 : tensor<256x1000xf32>
}

// -----

// Rows less their means, for few columns: the statistics' kernel gives two numbers a
// row, the product's kernel normalises.
// CHECK-LABEL: func.func @normalised
// CHECK: oriel.kernel "RowReduce" ({{.*}}) -> (tensor<4000xf32>, tensor<4000xf32>)
// CHECK: oriel.kernel "MatMul"
// CHECK: oriel.sub {{.*}} {oriel.operand}
// CHECK: oriel.mul {{.*}} {oriel.operand}
// CHECK: oriel.matmul
// CHECK-NOT: oriel.kernel
// WHY: remark: fusion
// WHY: matmul and mul: fused, computed as the operand is packed
func.func @normalised(%x: tensor<4000x1000xf32>, %w: tensor<1000x40xf32>) -> tensor<4000x40xf32> {
  %0 = oriel.reduce sum %x axes [1] : tensor<4000x1000xf32> -> tensor<4000xf32>
  %1 = oriel.broadcast %0 shape <4000, 1000> axes [0] : tensor<4000xf32> -> tensor<4000x1000xf32>
  %2 = oriel.sub %x, %1 : tensor<4000x1000xf32>
  %3 = oriel.mul %2, %2 : tensor<4000x1000xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<4000x1000xf32> -> tensor<4000xf32>
  %5 = oriel.rsqrt %4 : tensor<4000xf32>
  %6 = oriel.broadcast %5 shape <4000, 1000> axes [0] : tensor<4000xf32> -> tensor<4000x1000xf32>
  %7 = oriel.mul %2, %6 : tensor<4000x1000xf32>
  %8 = oriel.matmul %7, %w : (tensor<4000x1000xf32>, tensor<1000x40xf32>) -> tensor<4000x40xf32>
  return %8 : tensor<4000x40xf32>
}

// -----

// A dear function of an operand that is packed once, and of one that many blocks of
// columns read.
// CHECK-LABEL: func.func @dear
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "MatMul"
// CHECK: oriel.tanh {{.*}} {oriel.operand}
// CHECK: oriel.matmul
// WHY: remark: fusion
// WHY-DAG: matmul and exp: not fused, together they would take longer: apart
// WHY-DAG: matmul and tanh: fused, computed as the operand is packed: apart
func.func @dear(%x: tensor<256x32xf32>, %w: tensor<32x20000xf32>) -> tensor<256x20000xf32> {
  %0 = oriel.exp %x : tensor<256x32xf32>
  %1 = oriel.tanh %w : tensor<32x20000xf32>
  %2 = oriel.matmul %0, %1 : (tensor<256x32xf32>, tensor<32x20000xf32>) -> tensor<256x20000xf32>
  return %2 : tensor<256x20000xf32>
}

// -----

// Not taken: what a kernel goes on with, a slice, a gather, a ramp, constants alone,
// a vector's matrix; what is needed in memory anyway where reading that is cheaper.
// CHECK-LABEL: func.func @refused
// CHECK-NOT: oriel.operand
// CHECK: return
// WHY: remark: fusion
// WHY-DAG: matmul and maximum: not fused, it goes on with what its kernel computes: apart
// WHY-DAG: matmul and neg: not fused, it reads a slice: apart
// WHY-DAG: matmul and abs: not fused, it goes on with what its kernel computes: apart
// WHY-DAG: matmul and sub: not fused, it counts along the operand: apart
// WHY-DAG: matmul and add: not fused, it is computed once, of constants: apart
// WHY-DAG: matmul and mul: not fused, a product with a vector reads its operands as they lie: apart
// WHY-DAG: matmul and gather: not fused, MatMul kernels read their operands from memory: apart
func.func @refused(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %big: tensor<128x64xf32>, %i: tensor<64xi64>, %v: tensor<64xf32>, %two: tensor<64x2xf32>)
    -> (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x2xf32>, tensor<64xf32>, tensor<64x64xf32>) {
  %zero = oriel.constant dense<0.0> : tensor<64x64xf32>
  %0 = oriel.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = oriel.maximum %0, %zero : tensor<64x64xf32>
  %2 = oriel.matmul %1, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = oriel.slice %big starts <1, 0> limits <65, 64> steps [1, 1] : tensor<128x64xf32> -> tensor<64x64xf32>
  %4 = oriel.neg %3 : tensor<64x64xf32>
  %5 = oriel.matmul %4, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %6 = oriel.gather %big[%i] axis 0 : (tensor<128x64xf32>, tensor<64xi64>) -> tensor<64x64xf32>
  %7 = oriel.abs %6 : tensor<64x64xf32>
  %8 = oriel.matmul %7, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %9 = oriel.iota axis 0 shape <64, 64> : tensor<64x64xf32>
  %10 = oriel.sub %x, %9 : tensor<64x64xf32>
  %11 = oriel.matmul %10, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = oriel.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %one = oriel.constant dense<1.0> : tensor<2x2xf32>
  %12 = oriel.add %c, %one : tensor<2x2xf32>
  %13 = oriel.matmul %two, %12 : (tensor<64x2xf32>, tensor<2x2xf32>) -> tensor<64x2xf32>
  %14 = oriel.mul %x, %w : tensor<64x64xf32>
  %15 = oriel.matmul %14, %v : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %16 = oriel.gather %big[%i] axis 0 : (tensor<128x64xf32>, tensor<64xi64>) -> tensor<64x64xf32>
  %17 = oriel.matmul %16, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %2, %5, %8, %11, %13, %15, %17 : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x2xf32>, tensor<64xf32>, tensor<64x64xf32>
}
