// Updates that a scatter's kernel makes are one linalg.generic over their shape.
// RUN: oriel-opt %s --oriel-lower-to-linalg | FileCheck %s

// CHECK-LABEL: func @scaled
// CHECK: %[[U:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK: %[[R:.*]] = oriel.scatter add %arg0[%arg1], %[[U]]
// CHECK: return %[[R]]
func.func @scaled(%x: tensor<10xf32>, %i: tensor<?xi64> {oriel.dims = #oriel.dims<a1_0>}, %u: tensor<?xf32> {oriel.dims = #oriel.dims<a1_0>}) -> tensor<10xf32> attributes {oriel.class = "Scatter"} {
  %r = oriel.constant dense<0.5> : tensor<f32>
  %b = oriel.broadcast %r shape <a1_0> axes [] : tensor<f32> -> tensor<?xf32>
  %m = oriel.mul %u, %b : tensor<?xf32>
  %0 = oriel.scatter add %x[%i], %m axis 0 : (tensor<10xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// The sum of truth values is whether any is true.
// CHECK-LABEL: func @any
// CHECK: oriel.scatter add {{.*}}oriel.bool
func.func @any(%x: tensor<10xi1>, %i: tensor<5xi64>, %u: tensor<5xi1>) -> tensor<10xi1> attributes {oriel.class = "Scatter"} {
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10xi1>, tensor<5xi1>, tensor<5xi64>) -> tensor<10xi1>
  return %0 : tensor<10xi1>
}

// One index for all updates lies nowhere.
// CHECK-LABEL: func @column
// CHECK: %[[C:.*]] = linalg.fill {{.*}} tensor<5xi64>
// CHECK: oriel.scatter add %arg0[%arg1, %[[C]]], %arg2
func.func @column(%x: tensor<10x1xf32>, %i: tensor<5xi64>, %u: tensor<5xf32>) -> tensor<10x1xf32> attributes {oriel.class = "Scatter"} {
  %c = oriel.constant dense<0> : tensor<i64>
  %j = oriel.broadcast %c shape <5> axes [] : tensor<i64> -> tensor<5xi64>
  %0 = oriel.scatter add %x[%i, %j], %u axis 0 : (tensor<10x1xf32>, tensor<5xf32>, tensor<5xi64>, tensor<5xi64>) -> tensor<10x1xf32>
  return %0 : tensor<10x1xf32>
}

// Indices that are computed, and updates that are gathered: a generic each, or one
// for both where they read one operand.
// CHECK-LABEL: func @computed
// CHECK: %[[U:.*]] = linalg.generic
// CHECK: tensor.extract
// CHECK: %[[I:.*]] = linalg.generic
// CHECK: arith.muli
// CHECK: oriel.scatter add %arg0[%[[I]]], %[[U]]
func.func @computed(%x: tensor<10x3xf32>, %i: tensor<5xi64>, %t: tensor<7x3xf32>, %j: tensor<5xi64>) -> tensor<10x3xf32> attributes {oriel.class = "Scatter"} {
  %k = oriel.mul %i, %i : tensor<5xi64>
  %u = oriel.gather %t[%j] axis 0 : (tensor<7x3xf32>, tensor<5xi64>) -> tensor<5x3xf32>
  %0 = oriel.scatter add %x[%k], %u axis 0 : (tensor<10x3xf32>, tensor<5x3xf32>, tensor<5xi64>) -> tensor<10x3xf32>
  return %0 : tensor<10x3xf32>
}

// CHECK-LABEL: func @both
// CHECK: %[[B:.*]]:2 = linalg.generic
// CHECK: oriel.scatter add %arg0[%[[B]]#{{[01]}}], %[[B]]#{{[01]}}
func.func @both(%x: tensor<10xf32>, %i: tensor<5xi64>) -> tensor<10xf32> attributes {oriel.class = "Scatter"} {
  %k = oriel.mul %i, %i : tensor<5xi64>
  %u = oriel.cast %i : tensor<5xi64> -> tensor<5xf32>
  %0 = oriel.scatter add %x[%k], %u axis 0 : (tensor<10xf32>, tensor<5xf32>, tensor<5xi64>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}
