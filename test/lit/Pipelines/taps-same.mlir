// What is compiled is the same with taps and without, to the letter: nodes,
// locations, code. The second graph has the taps as comments.
// RUN: sed -e 's,//TAP ,,' -e 's/TAPPED/t/' %s | oriel-opt "--compile-to=codegen cpu=x86-64-v3 features=+avx2,+fma" > %t.with
// RUN: sed -e 's/TAPPED/u/' %s | oriel-opt "--compile-to=codegen cpu=x86-64-v3 features=+avx2,+fma" > %t.without
// RUN: diff %t.with %t.without
// RUN: FileCheck %s < %t.with
// RUN: sed -e 's,//TAP ,,' -e 's/TAPPED/t/' %s | oriel-opt "--compile-to=simplified observe=true" | FileCheck %s --check-prefix=OBSERVED
// CHECK: llvm.func
// CHECK-NOT: oriel.tap
// OBSERVED-COUNT-3: oriel.observe

oriel.state @w : tensor<4x8xf32>
func.func @f(%x: tensor<?x8xf32> {oriel.dims = #oriel.dims<n, 8>}, %k: tensor<i64>, %p: tensor<i1>) -> tensor<?x8xf32> {
  %u0 = oriel.exp %x : tensor<?x8xf32> loc("a.py":1:1)
//TAP %t0 = oriel.tap print %u0 message "e" lines "shape,max" : tensor<?x8xf32> loc("a.py":2:1)
  %u1 = oriel.loop %i to %k with (%c = %TAPPED0 : tensor<?x8xf32>) {
    %u2 = oriel.tanh %c : tensor<?x8xf32> loc("a.py":3:1)
//TAP     %t2 = oriel.tap watch %u2 message "h" : tensor<?x8xf32> loc("a.py":4:1)
    %u3 = oriel.mul %TAPPED2, %x : tensor<?x8xf32> loc("a.py":5:1)
    oriel.yield %u3 : tensor<?x8xf32>
  } loc("a.py":6:1)
//TAP %t1 = oriel.tap assert %u1 when(%p : tensor<i1>) counts [0] message "m" : tensor<?x8xf32> loc("a.py":7:1)
  %u4 = oriel.add %TAPPED1, %x : tensor<?x8xf32> loc("a.py":8:1)
  return %u4 : tensor<?x8xf32>
}
