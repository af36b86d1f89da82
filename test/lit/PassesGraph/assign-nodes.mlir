// RUN: oriel-opt %s --oriel-assign-nodes --oriel-verify-nodes --mlir-print-debuginfo | FileCheck %s
// A second run changes nothing.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-assign-nodes --mlir-print-debuginfo | FileCheck %s

// CHECK: oriel.nodes = [
// CHECK-SAME: #oriel.node<op = "state", name = "W"
// CHECK-SAME: #oriel.node<op = "input", name = "x", file = "net.cpp", line = 4>
// CHECK-SAME: #oriel.node<op = "exp", name = "h", scope = "model/layer1", file = "net.cpp", line = 42, operands = [1]>
// CHECK-SAME: #oriel.node<op = "loop", file = "net.cpp", line = 43, operands = [2, 3]>
// A slash in parentheses is no scope's.
// CHECK-SAME: #oriel.node<op = "add", name = "(dcost/dlayer1/h)", scope = "layer2", file = "net.cpp", line = 44, operands = [4, 1]>
// CHECK-NOT: #oriel.node
// CHECK: oriel.state @W {{.*}} loc(#[[W:.*]])
oriel.state @W : tensor<4xf32>
// CHECK: func.func @f(%{{.*}}: tensor<4xf32> {oriel.name = "x", oriel.node = 1 : i64} loc("oriel-node":1:0), %{{.*}}: tensor<i64> {oriel.node = 2 : i64}
func.func @f(%x: tensor<4xf32> {oriel.name = "x"} loc("net.cpp":4:1), %n: tensor<i64>) -> tensor<4xf32> {
  // CHECK: oriel.exp {{.*}} loc(#[[EXP:.*]])
  %0 = oriel.exp %x : tensor<4xf32> loc("model/layer1/h"("net.cpp":42:1))
  %1 = oriel.loop %i to %n with (%c = %0 : tensor<4xf32>) {
    // CHECK: oriel.add {{.*}} loc(#[[ADD:.*]])
    %2 = oriel.add %c, %x : tensor<4xf32> loc("layer2/(dcost/dlayer1/h)"(callsite("net.cpp":44:1 at "main.cpp":9:1)))
    oriel.yield %2 : tensor<4xf32>
  } loc("net.cpp":43:1)
  return %1 : tensor<4xf32>
}
// CHECK-DAG: #[[W]] = loc("oriel-node":0:0)
// CHECK-DAG: #[[EXP]] = loc("oriel-node":3:0)
// CHECK-DAG: #[[ADD]] = loc("oriel-node":5:0)
