// RUN: oriel-opt %s --oriel-assign-nodes --oriel-observe --oriel-simplify --oriel-stabilize --oriel-simplify --oriel-verify-nodes | FileCheck %s
// RUN: oriel-opt %s --oriel-assign-nodes "--oriel-observe=nodes=0,1,3" | FileCheck %s --check-prefix=NODES

// What a rewrite replaced is observed as what replaced it; what it left is kept
// for whoever looks, as it was written.
oriel.state @w : tensor<4xf64>
// CHECK-LABEL: func @softplus
// NODES-LABEL: func @softplus
// NODES: oriel.observe <kind = watch, tap = -1, node = 1> %arg0
// NODES: %[[W:.*]] = oriel.state_read @w
// NODES: oriel.observe <kind = watch, tap = -1, node = 0> %[[W]]
// CHECK-SAME: %[[X:.*]]: tensor<4xf64>
func.func @softplus(%x: tensor<4xf64>) -> tensor<4xf64> {
  %one = oriel.constant dense<1.0> : tensor<4xf64>
  // CHECK: %[[E:.*]] = oriel.exp %[[X]]
  // CHECK: oriel.observe <kind = print, tap = 0, node = 3, message = "e", lines = "max", file = "a.py", line = 7> %[[E]]
  // NODES: oriel.exp
  // NODES-NEXT: oriel.observe <kind = watch, tap = -1, node = 3>
  %0 = oriel.exp %x : tensor<4xf64>
  %1 = oriel.tap print %0 message "e" lines "max" : tensor<4xf64> loc("a.py":7:1)
  %2 = oriel.add %one, %1 : tensor<4xf64>
  // CHECK: %[[P:.*]] = oriel.maximum %[[X]]
  // CHECK: %[[S:.*]] = oriel.add %[[P]]
  %3 = oriel.log %2 : tensor<4xf64>
  // CHECK: oriel.observe <kind = watch, tap = 1, node = 5, message = "y"{{.*}}> %[[S]]
  %4 = oriel.tap watch %3 message "y" : tensor<4xf64>
  // CHECK: return %[[S]]
  return %4 : tensor<4xf64>
}
