// RUN: oriel-opt %s --oriel-assign-nodes --oriel-decompose --oriel-verify-nodes | FileCheck %s

// CHECK: #oriel.node<op = "reduce", file = "{{[^"]*}}", line = {{[0-9]+}}, origin = derived, from = [{{[0-9]+}}], rule = "decompose-reduce">
// CHECK-SAME: rule = "decompose-mean"

// From the last axis to the first.
// CHECK-LABEL: func @several
func.func @several(%x: tensor<2x?x4xf32>) -> (tensor<?xf32>, tensor<1x?x1xf32>) {
  // CHECK: %[[A:.*]] = oriel.reduce sum %{{.*}} axes [2] : tensor<2x?x4xf32> -> tensor<2x?xf32>
  // CHECK: oriel.reduce sum %[[A]] axes [0] : tensor<2x?xf32> -> tensor<?xf32>
  %0 = oriel.reduce sum %x axes [0, 2] : tensor<2x?x4xf32> -> tensor<?xf32>
  // CHECK: %[[B:.*]] = oriel.reduce max %{{.*}} axes [2] keepdims : tensor<2x?x4xf32> -> tensor<2x?x1xf32>
  // CHECK: oriel.reduce max %[[B]] axes [0] keepdims : tensor<2x?x1xf32> -> tensor<1x?x1xf32>
  %1 = oriel.reduce max %x axes [0, 2] keepdims : tensor<2x?x4xf32> -> tensor<1x?x1xf32>
  return %0, %1 : tensor<?xf32>, tensor<1x?x1xf32>
}

// CHECK-LABEL: func @static_mean
func.func @static_mean(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  // CHECK: %[[S:.*]] = oriel.reduce sum %{{.*}} axes [1]
  // CHECK: %[[N:.*]] = oriel.constant dense<4.000000e+00> : tensor<f32>
  // CHECK: %[[B:.*]] = oriel.broadcast %[[N]] shape <2> axes [] : tensor<f32> -> tensor<2xf32>
  // CHECK: oriel.div %[[S]], %[[B]] : tensor<2xf32>
  %0 = oriel.reduce mean %x axes [1] : tensor<2x4xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func @dynamic_mean
func.func @dynamic_mean(%x: tensor<?x4xf16> {oriel.dims = #oriel.dims<batch, 4>}) -> tensor<1x1xf16> {
  // CHECK: %[[X:.*]] = oriel.cast %{{.*}} : tensor<?x4xf16> -> tensor<?x4xf32>
  // CHECK: %[[A:.*]] = oriel.reduce sum %[[X]] axes [1] keepdims : tensor<?x4xf32> -> tensor<?x1xf32>
  // CHECK: %[[S:.*]] = oriel.reduce sum %[[A]] axes [0] keepdims : tensor<?x1xf32> -> tensor<1x1xf32>
  // CHECK: %[[D:.*]] = oriel.dim_value <4*batch> : tensor<i64>
  // CHECK: %[[N:.*]] = oriel.cast %[[D]] : tensor<i64> -> tensor<f32>
  // CHECK: %[[B:.*]] = oriel.broadcast %[[N]] shape <1, 1> axes []
  // CHECK: %[[Q:.*]] = oriel.div %[[S]], %[[B]] : tensor<1x1xf32>
  // CHECK: oriel.cast %[[Q]] : tensor<1x1xf32> -> tensor<1x1xf16>
  %0 = oriel.reduce mean %x axes [0, 1] keepdims : tensor<?x4xf16> -> tensor<1x1xf16>
  return %0 : tensor<1x1xf16>
}
