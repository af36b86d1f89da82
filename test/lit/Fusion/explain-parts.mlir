// Why a concatenation is not reduced part by part, and scalars that each reader makes.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s

// CHECK: remark: fusion
// CHECK: sum (explain-parts.mlir:[[#@LINE+4]]) and concatenate (explain-parts.mlir:[[#@LINE+3]]): not fused, its sums are one tree over all parts: apart
// CHECK: div ({{.*}}) and sub ({{.*}}): fused, a scalar that each reader makes: {{.*}} ns of ops, 40 ns in a kernel of its own
func.func @main(%a: tensor<40x500xf32>, %b: tensor<40x900xf32>, %n: tensor<f32>) -> tensor<40xf32> {
  %0 = oriel.concatenate %a, %b axis 1 : (tensor<40x500xf32>, tensor<40x900xf32>) -> tensor<40x1400xf32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<40x1400xf32> -> tensor<40xf32>
  %2 = oriel.constant dense<1.0> : tensor<f32>
  %3 = oriel.sub %n, %2 : tensor<f32>
  %4 = oriel.broadcast %3 shape <40> axes [] : tensor<f32> -> tensor<40xf32>
  %5 = oriel.div %1, %4 : tensor<40xf32>
  return %5 : tensor<40xf32>
}
