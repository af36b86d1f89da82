// RUN: oriel-opt %s --split-input-file --oriel-assign-nodes --oriel-fold-scatter-updates --oriel-simplify --oriel-verify-nodes | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-assign-nodes --oriel-fold-scatter-updates --oriel-simplify | FileCheck %s --check-prefix=NODES

// W - rate * gradient: only the rows of the batch are touched.
// NODES: #oriel.node<op = "sub", name = "next", file = "a.py", line = 7, origin = merged, from = [{{[0-9]+}}], operands = [0, 8]>
// NODES-SAME: #oriel.node<op = "scatter", file = "a.py", line = 7, origin = derived, from = [9, 5], rule = "fold-scatter-update">
// CHECK-LABEL: func.func @descent
// CHECK-SAME: %[[W:[^:]*]]: tensor<1000x64xf32> {{.*}}, %[[G:[^:]*]]: tensor<?x64xf32> {{.*}}, %[[I:[^:]*]]: tensor<?xi64>
// CHECK-NEXT: %[[RATE:.*]] = oriel.constant dense<1.000000e-01> : tensor<f32>
// CHECK-NEXT: %[[RATES:.*]] = oriel.broadcast %[[RATE]] shape <n, 64> axes []
// CHECK-NEXT: %[[STEP:.*]] = oriel.mul %[[RATES]], %[[G]] : tensor<?x64xf32>
// CHECK-NEXT: %[[BACK:.*]] = oriel.neg %[[STEP]]
// CHECK-NEXT: %[[NEXT:.*]] = oriel.scatter add %[[W]][%[[I]]], %[[BACK]] axis 0
// CHECK-NEXT: return %[[NEXT]]
func.func @descent(%w: tensor<1000x64xf32>, %g: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>},
                   %i: tensor<?xi64> {oriel.dims = #oriel.dims<n>}) -> tensor<1000x64xf32> {
  %zero = oriel.constant dense<0.0> : tensor<f32>
  %zeros = oriel.broadcast %zero shape <1000, 64> axes [] : tensor<f32> -> tensor<1000x64xf32>
  %0 = oriel.scatter add %zeros[%i], %g axis 0 : (tensor<1000x64xf32>, tensor<?x64xf32>, tensor<?xi64>) -> tensor<1000x64xf32>
  %rate = oriel.constant dense<0.1> : tensor<f32>
  %rates = oriel.broadcast %rate shape <1000, 64> axes [] : tensor<f32> -> tensor<1000x64xf32>
  %1 = oriel.mul %rates, %0 : tensor<1000x64xf32>
  %2 = oriel.sub %w, %1 : tensor<1000x64xf32> loc("next"("a.py":7:1))
  return %2 : tensor<1000x64xf32>
}

// -----

// A rate that is computed, a divisor, and two gathers of one table.
// CHECK-LABEL: func.func @sums
// CHECK-SAME: %[[W:[^:]*]]: tensor<9xf64> {{.*}}, %[[A:[^:]*]]: tensor<2xf64> {{.*}}, %[[B:[^:]*]]: tensor<3xf64> {{.*}}, %[[I:[^:]*]]: tensor<2xi64> {{.*}}, %[[J:[^:]*]]: tensor<3xi64> {{.*}} {
// CHECK-NOT: 9xf64
// CHECK: %[[FIRST:.*]] = oriel.scatter add %[[W]][%[[I]]], %{{.*}} axis 0 : (tensor<9xf64>, tensor<2xf64>, tensor<2xi64>) -> tensor<9xf64>
// CHECK-NOT: 9xf64
// CHECK: %[[LAST:.*]] = oriel.scatter add %[[FIRST]][%[[J]]], %{{.*}} axis 0 : (tensor<9xf64>, tensor<3xf64>, tensor<3xi64>) -> tensor<9xf64>
// CHECK-NEXT: return %[[LAST]]
func.func @sums(%w: tensor<9xf64>, %a: tensor<2xf64>, %b: tensor<3xf64>, %i: tensor<2xi64>, %j: tensor<3xi64>, %rate: tensor<f64>) -> tensor<9xf64> {
  %zeros = oriel.constant dense<0.0> : tensor<9xf64>
  %0 = oriel.scatter add %zeros[%i], %a axis 0 : (tensor<9xf64>, tensor<2xf64>, tensor<2xi64>) -> tensor<9xf64>
  %1 = oriel.scatter add %zeros[%j], %b axis 0 : (tensor<9xf64>, tensor<3xf64>, tensor<3xi64>) -> tensor<9xf64>
  %2 = oriel.add %0, %1 : tensor<9xf64>
  %rates = oriel.broadcast %rate shape <9> axes [] : tensor<f64> -> tensor<9xf64>
  %four = oriel.constant dense<4.0> : tensor<9xf64>
  %3 = oriel.mul %2, %rates : tensor<9xf64>
  %4 = oriel.div %3, %four : tensor<9xf64>
  %5 = oriel.neg %4 : tensor<9xf64>
  %6 = oriel.add %5, %w : tensor<9xf64>
  return %6 : tensor<9xf64>
}

// -----

// What something else reads is needed whole; so is what is no plain sum.
// CHECK-LABEL: func.func @kept
// CHECK: %[[G:.*]] = oriel.scatter add
// CHECK: oriel.sub %{{.*}}, %[[G]]
// CHECK: %[[H:.*]] = oriel.scatter set
// CHECK: oriel.add %{{.*}}, %[[H]]
// CHECK: %[[K:.*]] = oriel.scatter add
// CHECK: oriel.sub %[[K]]
func.func @kept(%w: tensor<9xf64>, %a: tensor<2xf64>, %i: tensor<2xi64>) -> (tensor<9xf64>, tensor<9xf64>, tensor<9xf64>, tensor<9xf64>) {
  %zeros = oriel.constant dense<0.0> : tensor<9xf64>
  %0 = oriel.scatter add %zeros[%i], %a axis 0 : (tensor<9xf64>, tensor<2xf64>, tensor<2xi64>) -> tensor<9xf64>
  %1 = oriel.sub %w, %0 : tensor<9xf64>
  %2 = oriel.scatter set %zeros[%i], %a axis 0 : (tensor<9xf64>, tensor<2xf64>, tensor<2xi64>) -> tensor<9xf64>
  %3 = oriel.add %w, %2 : tensor<9xf64>
  %exp = oriel.exp %a : tensor<2xf64>
  %4 = oriel.scatter add %zeros[%i], %exp axis 0 : (tensor<9xf64>, tensor<2xf64>, tensor<2xi64>) -> tensor<9xf64>
  %5 = oriel.sub %4, %w : tensor<9xf64>
  return %0, %1, %3, %5 : tensor<9xf64>, tensor<9xf64>, tensor<9xf64>, tensor<9xf64>
}
