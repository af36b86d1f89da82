// RUN: oriel-opt %s --oriel-assign-nodes --oriel-strip-taps --oriel-verify-nodes | FileCheck %s

// Taps are no nodes; the name of one is its operand's when that has none.
// CHECK: oriel.nodes = [#oriel.node<op = "input"
// CHECK-SAME: #oriel.node<op = "exp", name = "h", file = "a.py", line = 1, operands = [0]>
// CHECK-SAME: #oriel.node<op = "tanh", name = "given", file = "a.py", line = 3, operands = [2]>]
// CHECK-LABEL: func @f
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @f(%x: tensor<4xf32>, %p: tensor<i1>) -> tensor<4xf32> {
  // CHECK-NEXT: %[[E:.*]] = oriel.exp %[[X]]
  %0 = oriel.exp %x : tensor<4xf32> loc("a.py":1:1)
  %1 = oriel.tap print %0 lines "shape" : tensor<4xf32> loc("scope/h"("a.py":2:1))
  // CHECK-NEXT: %[[T:.*]] = oriel.tanh %[[E]]
  %2 = oriel.tanh %1 : tensor<4xf32> loc("given"("a.py":3:1))
  %3 = oriel.tap watch %2 : tensor<4xf32> loc("other"("a.py":4:1))
  %4 = oriel.tap assert %3 when(%p : tensor<i1>) counts [0] : tensor<4xf32>
  // CHECK-NEXT: return %[[T]]
  return %4 : tensor<4xf32>
}
