// RUN: oriel-opt %s --oriel-assign-nodes --oriel-stabilize --oriel-verify-nodes | FileCheck %s

// The new op is a node derived from those it replaces, and they lead to it.
// CHECK: #oriel.node<op = "add", name = "sum", file = "a.py", line = 1, origin = merged, from = [[[ID:[0-9]+]]], operands = [1, 0]>
// CHECK-SAME: #oriel.node<op = "log", name = "logarithm", file = "a.py", line = 2, origin = merged, from = [[[ID]]], operands = [2]>
// CHECK-SAME: #oriel.node<op = "log1p", file = "a.py", line = 2, origin = derived, from = [3, 2], rule = "stabilize-log1p">

// CHECK-LABEL: func @log1p
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @log1p(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = oriel.constant dense<1.0> : tensor<4xf32>
  %0 = oriel.add %one, %x : tensor<4xf32> loc("sum"("a.py":1:0))
  // CHECK: oriel.log1p %[[X]] : tensor<4xf32>
  %1 = oriel.log %0 : tensor<4xf32> loc("logarithm"("a.py":2:0))
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func @log1m
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @log1m(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = oriel.constant dense<1.0> : tensor<4xf32>
  // CHECK: %[[N:.*]] = oriel.neg %[[X]]
  %0 = oriel.sub %one, %x : tensor<4xf32>
  // CHECK: oriel.log1p %[[N]]
  %1 = oriel.log %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Not one, not log1p.
// CHECK-LABEL: func @log_two_plus
func.func @log_two_plus(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = oriel.constant dense<2.0> : tensor<4xf32>
  %0 = oriel.add %two, %x : tensor<4xf32>
  // CHECK: oriel.log %
  %1 = oriel.log %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func @expm1
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>
func.func @expm1(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> (tensor<?xf32>, tensor<?xf32>) {
  %one = oriel.constant dense<1.0> : tensor<f32>
  %ones = oriel.broadcast %one shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %minus = oriel.constant dense<-1.0> : tensor<f32>
  %minuses = oriel.broadcast %minus shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %0 = oriel.exp %x : tensor<?xf32>
  // CHECK: oriel.expm1 %[[X]]
  %1 = oriel.sub %0, %ones : tensor<?xf32>
  // CHECK: oriel.expm1 %[[X]]
  %2 = oriel.add %0, %minuses : tensor<?xf32>
  return %1, %2 : tensor<?xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @sigmoid
// CHECK-SAME: %[[X:.*]]: tensor<4xf64>
func.func @sigmoid(%x: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>) {
  %one = oriel.constant dense<1.0> : tensor<4xf64>
  %0 = oriel.neg %x : tensor<4xf64>
  %1 = oriel.exp %0 : tensor<4xf64>
  %2 = oriel.add %1, %one : tensor<4xf64>
  // CHECK: %[[S:.*]] = oriel.sigmoid %[[X]]
  %3 = oriel.div %one, %2 : tensor<4xf64>
  // CHECK: %[[N:.*]] = oriel.neg %[[X]]
  // CHECK: oriel.sigmoid %[[N]]
  %4 = oriel.sub %one, %3 : tensor<4xf64>
  return %3, %4 : tensor<4xf64>, tensor<4xf64>
}

// CHECK-LABEL: func @log_softmax
// CHECK-SAME: %[[X:.*]]: tensor<?x10xf32>
func.func @log_softmax(%x: tensor<?x10xf32> {oriel.dims = #oriel.dims<n, 10>}) -> tensor<?x10xf32> {
  %0 = oriel.exp %x : tensor<?x10xf32>
  // CHECK: %[[S:.*]] = oriel.reduce sum
  %1 = oriel.reduce sum %0 axes [1] : tensor<?x10xf32> -> tensor<?xf32>
  %2 = oriel.broadcast %1 shape <n, 10> axes [0] : tensor<?xf32> -> tensor<?x10xf32>
  %3 = oriel.div %0, %2 : tensor<?x10xf32>
  // CHECK: %[[L:.*]] = oriel.log %[[S]] : tensor<?xf32>
  // CHECK: %[[B:.*]] = oriel.broadcast %[[L]] shape <n, 10> axes [0]
  // CHECK: oriel.sub %[[X]], %[[B]]
  %4 = oriel.log %3 : tensor<?x10xf32>
  return %4 : tensor<?x10xf32>
}

// CHECK-LABEL: func @log_of_some
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x10xf32>{{.*}} %[[I:[a-z0-9]+]]: tensor<5xi64>
func.func @log_of_some(%x: tensor<?x10xf32> {oriel.dims = #oriel.dims<n, 10>}, %i: tensor<5xi64>) -> tensor<5xf32> {
  %0 = oriel.exp %x : tensor<?x10xf32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<?x10xf32> -> tensor<?xf32>
  %2 = oriel.broadcast %1 shape <n, 10> axes [0] : tensor<?xf32> -> tensor<?x10xf32>
  %3 = oriel.div %0, %2 : tensor<?x10xf32>
  // CHECK: %[[L:.*]] = oriel.sub %[[X]], %{{.*}} : tensor<?x10xf32>
  // CHECK: oriel.gather %[[L]][%[[I]], %[[I]]] axis 0
  %4 = oriel.gather %3[%i, %i] axis 0 : (tensor<?x10xf32>, tensor<5xi64>, tensor<5xi64>) -> tensor<5xf32>
  // CHECK-NOT: oriel.log
  %5 = oriel.log %4 : tensor<5xf32>
  return %5 : tensor<5xf32>
}

// CHECK-LABEL: func @softplus
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>
func.func @softplus(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> tensor<?xf32> {
  %c = oriel.constant dense<1.0> : tensor<f32>
  %one = oriel.broadcast %c shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %0 = oriel.exp %x : tensor<?xf32>
  %1 = oriel.add %0, %one : tensor<?xf32>
  // CHECK: %[[C:.*]] = oriel.constant dense<0.000000e+00> : tensor<f32>
  // CHECK: %[[Z:.*]] = oriel.broadcast %[[C]]
  // CHECK: %[[A:.*]] = oriel.abs %[[X]]
  // CHECK: %[[N:.*]] = oriel.neg %[[A]]
  // CHECK: %[[E:.*]] = oriel.exp %[[N]]
  // CHECK: %[[L:.*]] = oriel.log1p %[[E]]
  // CHECK: %[[M:.*]] = oriel.maximum %[[X]], %[[Z]]
  // CHECK: oriel.add %[[M]], %[[L]]
  %2 = oriel.log %1 : tensor<?xf32>
  return %2 : tensor<?xf32>
}
