// What a scatter's kernel makes is weighed like any pair; each line has figures.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s

// CHECK: scatter and gather: fused: apart {{.*}} read, {{.*}} written, {{.*}} us; fused {{.*}} read, {{.*}} written, {{.*}} us
// CHECK: scatter and mul: fused: apart {{.*}} read, {{.*}} written, {{.*}} us; fused {{.*}} read, {{.*}} written, {{.*}} us
func.func @made(%x: tensor<1000x64xf32>, %i: tensor<5000xi64>, %t: tensor<700x64xf32>, %j: tensor<5000xi64>) -> tensor<1000x64xf32> {
  %k = oriel.mul %i, %i : tensor<5000xi64>
  %u = oriel.gather %t[%j] axis 0 : (tensor<700x64xf32>, tensor<5000xi64>) -> tensor<5000x64xf32>
  %0 = oriel.scatter add %x[%k], %u axis 0 : (tensor<1000x64xf32>, tensor<5000x64xf32>, tensor<5000xi64>) -> tensor<1000x64xf32>
  return %0 : tensor<1000x64xf32>
}

// -----

// CHECK: scatter and exp: not fused, threads that share the destination would each compute it: apart {{.*}} us; fused {{.*}} us
func.func @shared(%x: tensor<200000xf32>, %i: tensor<5000xi64>, %y: tensor<5000xf32>) -> tensor<200000xf32> {
  %u = oriel.exp %y : tensor<5000xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<200000xf32>, tensor<5000xf32>, tensor<5000xi64>) -> tensor<200000xf32>
  return %0 : tensor<200000xf32>
}
