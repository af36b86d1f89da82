// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify --oriel-verify-nodes --mlir-print-debuginfo | FileCheck %s

// What became of each node of a user is in the table.
// CHECK: oriel.nodes = [
// CHECK-SAME: #oriel.node<op = "input", name = "x", file = "{{[^"]*}}", line = {{[0-9]+}}>,
// CHECK-SAME: #oriel.node<op = "exp", name = "first", file = "a.py", line = 1, operands = [0]>,
// CHECK-SAME: #oriel.node<op = "exp", name = "again", file = "a.py", line = 2, origin = merged, from = [1], operands = [0]>,
// CHECK-SAME: #oriel.node<op = "constant", name = "two", file = "a.py", line = 3, origin = dead>,
// CHECK-SAME: #oriel.node<op = "add", name = "four", file = "a.py", line = 4, origin = folded, operands = [3, 3]>,
// CHECK-SAME: #oriel.node<op = "sin", name = "unused", file = "a.py", line = 5, origin = dead, operands = [0]>,
// CHECK-SAME: #oriel.node<op = "neg", name = "minus", file = "a.py", line = 6, origin = dead, operands = [2]>,
// CHECK-SAME: #oriel.node<op = "neg", name = "plus", file = "a.py", line = 7, origin = merged, from = [1], operands = [6]>,
// CHECK-SAME: #oriel.node<op = "mul", name = "product", file = "a.py", line = 8, operands = [7, 4]>]
func.func @f(%x: tensor<4xf32> {oriel.name = "x"}) -> tensor<4xf32> {
  // CHECK-DAG: %[[A:.*]] = oriel.exp {{.*}} loc(#[[FIRST:.*]])
  %0 = oriel.exp %x : tensor<4xf32> loc("first"("a.py":1:0))
  %1 = oriel.exp %x : tensor<4xf32> loc("again"("a.py":2:0))
  %2 = oriel.constant dense<2.0> : tensor<4xf32> loc("two"("a.py":3:0))
  // CHECK-DAG: %[[C:.*]] = oriel.constant dense<4.000000e+00> : tensor<4xf32> loc(#[[FOUR:.*]])
  %3 = oriel.add %2, %2 : tensor<4xf32> loc("four"("a.py":4:0))
  %4 = oriel.sin %x : tensor<4xf32> loc("unused"("a.py":5:0))
  %5 = oriel.neg %1 : tensor<4xf32> loc("minus"("a.py":6:0))
  %6 = oriel.neg %5 : tensor<4xf32> loc("plus"("a.py":7:0))
  // CHECK: oriel.mul %[[A]], %[[C]] : tensor<4xf32> loc(#[[PRODUCT:.*]])
  %7 = oriel.mul %6, %3 : tensor<4xf32> loc("product"("a.py":8:0))
  return %7 : tensor<4xf32>
}
// CHECK-DAG: #[[FIRST]] = loc("oriel-node":1:0)
// CHECK-DAG: #[[FOUR]] = loc("oriel-node":4:0)
// CHECK-DAG: #[[PRODUCT]] = loc("oriel-node":8:0)
