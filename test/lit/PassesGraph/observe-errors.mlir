// RUN: not oriel-opt %s --oriel-assign-nodes "--oriel-observe=nodes=17" 2>&1 | FileCheck %s
// CHECK: node 17 cannot be observed: the graph as it was stated has no such node (it has 2;
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = oriel.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
