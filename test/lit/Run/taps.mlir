// Taps of the text, nodes watched by name, and the NaN guard.
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --print --cache-dir none | FileCheck %s
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --watch half --watch start --cache-dir none | FileCheck %s --check-prefix=WATCH
// RUN: not oriel-run %s --input n=random:i64:scalar:below=1 --cache-dir none 2>&1 | FileCheck %s --check-prefix=ASSERT
// RUN: not oriel-run %s --input n=%S/Inputs/five.npy --check inf --cache-dir none 2>&1 | FileCheck %s --check-prefix=INF
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --check reference --cache-dir none --print | FileCheck %s
// RUN: not oriel-run %s --input n=%S/Inputs/five.npy --watch nothing --cache-dir none 2>&1 | FileCheck %s --check-prefix=NAME

// CHECK: start shape = (2,)
// CHECK-NEXT: r max = 0.25
// CHECK-NEXT: r: float32 (2,)
// CHECK-NEXT: [0.03125 0.25 {{ *}}]

// WATCH: start (taps.mlir:29): float32 (2,)
// WATCH-NEXT: [1. 8.]
// WATCH: half (a.py:7), iteration (0,): float32 (2,)
// WATCH-NEXT: [0.5 4. ]
// WATCH: half (a.py:7), iteration (4,): float32 (2,)
// WATCH-NEXT: [0.03125 0.25 {{ *}}]

// ASSERT: oriel-run: no trips (assert at a.py:9)
// ASSERT-NEXT: Condition: {{.*}} is False
// ASSERT: Node that caused the error:
// INF: inf is the result of div 'overflow' [id
// INF-NEXT: operand 0:
// NAME: has no node named 'nothing'

func.func @taps(%n: tensor<i64> {oriel.name = "n"}) -> (tensor<2xf32> {oriel.name = "r"}) {
  %a = oriel.constant dense<[1.0, 8.0]> : tensor<2xf32> loc("start"("taps.mlir":29:1))
  %s = oriel.tap print %a message "start" lines "shape" : tensor<2xf32>
  %half = oriel.constant dense<0.5> : tensor<2xf32>
  %zero = oriel.constant dense<0.0> : tensor<2xf32>
  %none = oriel.constant dense<0> : tensor<i64>
  %0 = oriel.loop %i to %n with (%c = %s : tensor<2xf32>) {
    %1 = oriel.mul %c, %half : tensor<2xf32> loc("half"("a.py":7:1))
    oriel.yield %1 : tensor<2xf32>
  }
  %p = oriel.compare gt %n, %none : tensor<i64>
  %1 = oriel.tap assert %0 when(%p : tensor<i1>) of(%n, %none : tensor<i64>, tensor<i64>) counts [2] message "no trips" : tensor<2xf32> loc("a.py":9:1)
  %2 = oriel.div %1, %zero : tensor<2xf32> loc("overflow"("a.py":10:1))
  %3 = oriel.minimum %1, %2 : tensor<2xf32>
  %4 = oriel.tap print %3 message "r" lines "max" : tensor<2xf32>
  return %4 : tensor<2xf32>
}
