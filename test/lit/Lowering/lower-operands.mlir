// What a concatenate or an argmax reads is made by linalg.generics: one for
// operands that share ops or, of one shape, what they read.
// RUN: oriel-opt %s --split-input-file --oriel-lower-to-linalg | FileCheck %s

// CHECK-LABEL: func.func @parts
// CHECK-SAME: %[[A:.*]]: tensor<?x3xf32>, %[[B:.*]]: tensor<2x3xf32>, %[[O:[^:]*]]: tensor<?x3xf32> {oriel.output}
// CHECK: %[[G:.*]]:2 = linalg.generic {{.*}} ins(%[[A]] : {{.*}}) outs(%{{.*}}, %{{.*}} :
// CHECK: %[[C:.*]] = oriel.concatenate %[[G]]#0, %[[B]], %[[G]]#1 axis 0
// CHECK: return %[[C]]
func.func @parts(%a: tensor<?x3xf32> {oriel.dims = #oriel.dims<a0_0, 3>}, %b: tensor<2x3xf32>) -> tensor<?x3xf32> attributes {oriel.class = "Concatenate"} {
  %0 = oriel.exp %a : tensor<?x3xf32>
  %1 = oriel.neg %0 : tensor<?x3xf32>
  %2 = oriel.concatenate %1, %b, %0 axis 0 : (tensor<?x3xf32>, tensor<2x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  return %2 : tensor<?x3xf32>
}

// -----

// CHECK-LABEL: func.func @stacked
// CHECK: %[[G:.*]] = linalg.generic
// CHECK: %[[F:.*]] = linalg.generic
// CHECK: %[[E:.*]] = tensor.expand_shape %[[G]] {{\[}}[0, 1]]
// CHECK: oriel.concatenate %[[E]], %[[F]] axis 1
func.func @stacked(%a: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}, %b: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<?x2xf32> attributes {oriel.class = "Concatenate"} {
  %0 = oriel.exp %a : tensor<?xf32>
  %1 = oriel.reshape %0 shape <a0_0, 1> : tensor<?xf32> -> tensor<?x1xf32>
  %2 = oriel.reshape %b shape <a0_0, 1> : tensor<?xf32> -> tensor<?x1xf32>
  %3 = oriel.concatenate %1, %2 axis 1 : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// -----

// The operand is a result of the kernel too.
// CHECK-LABEL: func.func @best
// CHECK: %[[G:.*]]:2 = linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<4x5xi8>, tensor<4x5xi8>)
// CHECK: %[[R:.*]] = oriel.argmax %[[G]]#1 axis 1 {oriel.bool, oriel.unsigned}
// CHECK: return %[[R]], %[[G]]#0
func.func @best(%x: tensor<4x5xf32>, %y: tensor<4x5xf32>) -> (tensor<4xi64>, tensor<4x5xi1>) attributes {oriel.class = "ArgReduce"} {
  %0 = oriel.compare lt %x, %y : tensor<4x5xf32>
  %1 = oriel.argmax %0 axis 1 : tensor<4x5xi1> -> tensor<4xi64>
  return %1, %0 : tensor<4xi64>, tensor<4x5xi1>
}

// -----

// The extreme value reads what the argmax reads.
// CHECK-LABEL: func.func @value_and_place
// CHECK: %[[G:.*]] = linalg.generic
// CHECK: %[[R:.*]] = oriel.argmin %[[G]] axis 0 {oriel.unsigned}
// CHECK: %[[V:.*]] = oriel.reduce min %[[G]] axes [0] {oriel.unsigned} : tensor<4x5xi16> -> tensor<5xi16>
// CHECK: return %[[V]], %[[R]]
func.func @value_and_place(%x: tensor<4x5xui16>) -> (tensor<5xui16>, tensor<5xi64>) attributes {oriel.class = "ArgReduce"} {
  %0 = oriel.mul %x, %x : tensor<4x5xui16>
  %1 = oriel.reduce min %0 axes [0] : tensor<4x5xui16> -> tensor<5xui16>
  %2 = oriel.argmin %0 axis 0 : tensor<4x5xui16> -> tensor<5xi64>
  return %1, %2 : tensor<5xui16>, tensor<5xi64>
}
