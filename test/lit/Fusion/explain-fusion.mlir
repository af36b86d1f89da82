// Every decision, with the figures of the cost model, and the kernels as ever.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels 2>&1 | FileCheck %s
// RUN: oriel-opt %s --oriel-explain-fusion --compile-to="fused cpu=x86-64-v3" 2>&1 | FileCheck %s
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3 explain-fusion=true" 2>&1 | FileCheck %s
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3" 2>&1 | FileCheck %s --check-prefix=QUIET
// RUN: not oriel-opt %s --compile-to=fused --oriel-explain-fusion 2>&1 | FileCheck %s --check-prefix=LATE

// CHECK: remark: fusion
// CHECK-NEXT: exp (explain-fusion.mlir:[[#@LINE+10]]) and mul (explain-fusion.mlir:[[#@LINE+9]]): fused: apart 768 B read, 512 B written, {{.*}} ns; fused 512 B read, 256 B written, {{.*}} ns of ops, {{.*}} vectors live, {{.*}} ns
// CHECK-NEXT: matmul (explain-fusion.mlir:[[#@LINE+10]]) and exp (explain-fusion.mlir:[[#@LINE+9]]): not fused, together they would take longer: apart
// CHECK-NEXT: tanh (explain-fusion.mlir:[[#@LINE+10]]) and {{.*}}: fused, they read the same tensor: apart
// CHECK: module
// CHECK-NOT: explain_fusion
// QUIET-NOT: remark
// QUIET: module
// LATE: is a kernel already: oriel-explain-fusion must run before oriel-fuse-kernels
func.func @main(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = oriel.mul %x, %y : tensor<8x8xf32>
  %1 = oriel.exp %0 : tensor<8x8xf32>
  %2 = oriel.matmul %1, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = oriel.tanh %x : tensor<8x8xf32>
  return %1, %2, %3 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}
