// RUN: oriel-opt %s --split-input-file --oriel-lower-to-linalg | FileCheck %s

// Rows by a matrix of indices: position is over the loops of the index tensor.
// CHECK-LABEL: func @rows
// CHECK: %[[N:.*]] = tensor.dim %arg0
// CHECK: linalg.generic {{.*}} ins(%arg1 : tensor<?x3xi64>)
// CHECK: %[[I:.*]] = oriel.check_index %{{.*}}, %[[N]] operand 0 axis 0 wrap {oriel.position = array<i64: 0, 1>}
// CHECK: %[[J:.*]] = linalg.index 2
// CHECK: tensor.extract %arg0[%[[I]], %[[J]]]
func.func @rows(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<a0_0, a0_1>}, %i: tensor<?x3xi64> {oriel.dims = #oriel.dims<a1_0, 3>}) -> tensor<?x3x?xf32> attributes {oriel.class = "Gather"} {
  %0 = oriel.gather %x[%i] axis 0 : (tensor<?x?xf32>, tensor<?x3xi64>) -> tensor<?x3x?xf32>
  return %0 : tensor<?x3x?xf32>
}

// -----

// A ramp over the axis it indexes needs no check; another one does.
// CHECK-LABEL: func @ramp
// CHECK: linalg.index 0
// CHECK-NOT: operand 0
// CHECK: oriel.check_index {{.*}} operand 1 axis 1 wrap
// CHECK: tensor.extract
// CHECK: math.log
func.func @ramp(%x: tensor<?x10xf32> {oriel.dims = #oriel.dims<a0_0, 10>}, %t: tensor<?xi64> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<?xf32> attributes {oriel.class = "Gather"} {
  %i = oriel.iota axis 0 shape <a0_0> : tensor<?xi64>
  %0 = oriel.gather %x[%i, %t] axis 0 : (tensor<?x10xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
  %1 = oriel.log %0 : tensor<?xf32>
  return %1 : tensor<?xf32>
}
// CHECK-LABEL: func @long_ramp
// CHECK: oriel.check_index {{.*}} operand 0 axis 1 wrap {oriel.position = array<i64: 1>}
func.func @long_ramp(%x: tensor<4x10xf32>) -> tensor<4x12xf32> attributes {oriel.class = "Gather"} {
  %i = oriel.iota axis 0 shape <12> : tensor<12xi64>
  %0 = oriel.gather %x[%i] axis 1 : (tensor<4x10xf32>, tensor<12xi64>) -> tensor<4x12xf32>
  return %0 : tensor<4x12xf32>
}

// -----

// A start never counts from the end, and leaves room for the block.
// CHECK-LABEL: func @block
// CHECK: %[[BOUND:.*]] = arith.addi %{{.*}}, %{{.*}} : index
// CHECK: oriel.check_index %{{.*}}, %[[BOUND]] operand 0 axis 0 {oriel.position = array<i64>}
func.func @block(%x: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}, %i: tensor<i64>) -> tensor<8xf32> attributes {oriel.class = "Gather"} {
  %0 = oriel.dynamic_slice %x[%i] sizes <8> : tensor<?xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// These stay ops of the graph, on elements as they lie in memory.
// CHECK-LABEL: func @zeros
// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} outs(%arg2 : tensor<10xf32>)
// CHECK: %[[R:.*]] = oriel.scatter add %[[FILL]][%arg1], %arg0
// CHECK: return %[[R]]
func.func @zeros(%u: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}, %i: tensor<?xi64> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<10xf32> attributes {oriel.class = "Scatter"} {
  %z = oriel.constant dense<0.0> : tensor<10xf32>
  %0 = oriel.scatter add %z[%i], %u axis 0 : (tensor<10xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}
// CHECK-LABEL: func @first
// CHECK: oriel.argmax %arg0 axis 0 {oriel.bool, oriel.unsigned} : tensor<4xi8> -> tensor<i64>
func.func @first(%x: tensor<4xi1>) -> tensor<i64> attributes {oriel.class = "ArgReduce"} {
  %0 = oriel.argmax %x axis 0 : tensor<4xi1> -> tensor<i64>
  return %0 : tensor<i64>
}
// CHECK-LABEL: func @joined
// CHECK: oriel.concatenate %arg0, %arg0 axis 0
func.func @joined(%x: tensor<4xui32>) -> tensor<8xui32> attributes {oriel.class = "Concatenate"} {
  %0 = oriel.concatenate %x, %x axis 0 : (tensor<4xui32>, tensor<4xui32>) -> tensor<8xui32>
  return %0 : tensor<8xui32>
}
