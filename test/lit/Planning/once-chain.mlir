// RUN: oriel-opt %s --oriel-plan --split-input-file | FileCheck %s

// What a chain makes of a constant is kept up to twice the constant's bytes, all
// together: the third step and what follows runs in each call.
// CHECK-LABEL: plan.program @chain
// CHECK-COUNT-2: = plan.buffer kept
// CHECK-NOT: = plan.buffer kept
// CHECK: plan.dispatch "k"
// CHECK-SAME: once
// CHECK: plan.dispatch "k"
// CHECK-SAME: once
// CHECK-COUNT-3: plan.dispatch
// CHECK-NOT: once
module @k attributes {oriel.class = "Elementwise",
  oriel.entries = [@k], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @k()
}
module @use attributes {oriel.class = "Elementwise",
  oriel.entries = [@use], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @use()
}
func.func @chain(%x: tensor<4xf32> {oriel.name = "x"}) -> (tensor<4xf32> {oriel.name = "y"}) {
  %c = oriel.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = oriel.dispatch @k::@k(%c) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = oriel.dispatch @k::@k(%0) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = oriel.dispatch @k::@k(%1) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = oriel.dispatch @k::@k(%2) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %4 = oriel.dispatch @use::@use(%x, %3) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// -----

// Doubling: a constant of 16 bytes, results of 32, 64 and 128. A constant that two
// steps read counts once; another one adds to what may be kept.
// CHECK-LABEL: plan.program @doubling
// CHECK-DAG: %[[A:.*]] = plan.buffer kept "{{.*}}" : f32 <8>
// CHECK-DAG: %[[B:.*]] = plan.buffer temporary "{{.*}}" : f32 <16>
// CHECK-DAG: %[[C:.*]] = plan.buffer kept "{{.*}}" : f32 <4>
// CHECK: plan.dispatch "k"
// CHECK-SAME: outs(%[[A]])
// CHECK-SAME: once
// CHECK: plan.dispatch "k"
// CHECK-SAME: outs(%[[B]])
// CHECK-NOT: once
// CHECK: plan.dispatch "k"
// CHECK-SAME: outs(%[[C]])
// CHECK-SAME: once
module @k attributes {oriel.class = "Concatenate",
  oriel.entries = [@k], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @k()
}
module @use attributes {oriel.class = "RowReduce",
  oriel.entries = [@use], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @use()
}
func.func @doubling(%x: tensor<4xf32> {oriel.name = "x"}) -> (tensor<f32> {oriel.name = "y"}) {
  %c = oriel.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %d = oriel.constant dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>
  %0 = oriel.dispatch @k::@k(%c, %c) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<8>]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %1 = oriel.dispatch @k::@k(%0, %0, %c) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<16>]} : (tensor<8xf32>, tensor<8xf32>, tensor<4xf32>) -> tensor<16xf32>
  %2 = oriel.dispatch @k::@k(%d) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = oriel.dispatch @use::@use(%x, %0, %1, %2) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<>]} : (tensor<4xf32>, tensor<8xf32>, tensor<16xf32>, tensor<4xf32>) -> tensor<f32>
  return %3 : tensor<f32>
}
