// RUN: oriel-opt %s --oriel-place="cpu=x86-64-v3" | FileCheck %s
// RUN: oriel-opt %s --oriel-place="cpu=x86-64 features=+sse4.2 vector-bits=512" | FileCheck %s --check-prefix=GIVEN
// RUN: oriel-opt %s --oriel-place="cpu=x86-64-v2" | FileCheck %s --check-prefix=BASE
// RUN: oriel-opt %s --oriel-place | FileCheck %s --check-prefix=HOST
// RUN: echo 'module attributes {oriel.target = #oriel.target<cpu = "x86-64-v3", l2_bytes = 2097152>} {}' | oriel-opt - | FileCheck %s --check-prefix=CACHE

// CHECK: oriel.target = #oriel.target<cpu = "x86-64-v3", vector_bits = 256>
// GIVEN: oriel.target = #oriel.target<cpu = "x86-64", features = "+sse4.2", vector_bits = 512>
// The width follows from the features.
// BASE: oriel.target = #oriel.target<cpu = "x86-64-v2"{{[>]}}
// This machine: a name and a sorted list of what it has.
// HOST: oriel.target = #oriel.target<cpu = "{{[^"]+}}", features = "+{{[^"]+}}"
// Of another machine the cache's size is the attribute's default, which is not
// printed; a size given is kept.
// CACHE: #oriel.target<cpu = "x86-64-v3", l2_bytes = 2097152>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = oriel.add %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
