// Nodes that the builder of a graph made on behalf of others say so: `from` are
// ids of this table, -1-k the k-th of `oriel.origins`, which are appended.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-verify-nodes --split-input-file --verify-diagnostics | FileCheck %s
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-assign-nodes --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-NOT: oriel.origins
// CHECK: oriel.nodes = [
// CHECK-SAME: #oriel.node<op = "input", name = "x", file = "net.cpp", line = 4>
// CHECK-SAME: #oriel.node<op = "sin", name = "h", file = "net.cpp", line = 42, operands = [0]>
// CHECK-SAME: #oriel.node<op = "cos", file = "net.cpp", line = 42, origin = derived, from = [1], rule = "grad", operands = [0]>
// CHECK-SAME: #oriel.node<op = "mul", name = "g", scope = "net", file = "net.cpp", line = 42, origin = derived, from = [2, 5], rule = "grad", operands = [2, 2]>
// CHECK-SAME: #oriel.node<op = "constant", file = "net.cpp", line = 7, origin = derived, rule = "scalar operand">
// CHECK-SAME: #oriel.node<op = "tanh", file = "net.cpp", line = 9, origin = derived, from = [6], rule = "grad">
// CHECK-SAME: #oriel.node<op = "exp", name = "e", file = "net.cpp", line = 8, origin = dead>
// CHECK-NOT: #oriel.node
// CHECK-NOT: oriel.origins
module attributes {oriel.origins = [#oriel.node<op = "tanh", file = "net.cpp", line = 9, origin = derived, from = [-2], rule = "grad">,
                                    #oriel.node<op = "exp", name = "e", file = "net.cpp", line = 8, origin = dead>]} {
  func.func @f(%x: tensor<4xf32> {oriel.name = "x"} loc("net.cpp":4:1)) -> (tensor<4xf32>, tensor<4xf32>, tensor<f32>) {
    %0 = oriel.sin %x : tensor<4xf32> loc("h"("net.cpp":42:1))
    %1 = oriel.cos %x : tensor<4xf32> loc(fused<{from = [1], rule = "grad"}>["net.cpp":42:1])
    %2 = oriel.mul %1, %1 : tensor<4xf32> loc(fused<{from = [2, -1], rule = "grad"}>["net/g"("net.cpp":42:1)])
    %3 = oriel.constant dense<1.0> : tensor<f32> loc(fused<{from = [], rule = "scalar operand"}>["net.cpp":7:1])
    return %0, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<f32>
  }
}

// -----

// expected-error @+1 {{node 1 is derived from node 2 of 2 and 0 origins (negative)}}
module {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = oriel.sin %x : tensor<4xf32> loc(fused<{from = [2], rule = "grad"}>["net.cpp":42:1])
    return %0 : tensor<4xf32>
  }
}
