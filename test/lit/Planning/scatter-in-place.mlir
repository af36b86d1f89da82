// A scatter into a state works in the state's buffer: its checks are a step of
// their own, which comes before any write, and no phase copies the table.
// RUN: oriel-opt %s --compile-to="planned cpu=x86-64-v3 vector-bits=256" --split-input-file | FileCheck %s

// CHECK-LABEL: plan.program @embedding
// CHECK: %[[W:.*]] = plan.buffer state "W"
// CHECK: plan.dispatch "[[K:.*]]" class "Checks" entries ["[[K]].{{.*}}0"]
// CHECK-SAME: ins(%rows, %idx) outs()
// CHECK-SAME: fallible
// CHECK: plan.dispatch "[[K]]" class "Scatter" entries ["[[K]].{{.*}}2"]
// CHECK-SAME: ins(%[[W]], %rows, %idx) outs(%[[W]])
// CHECK-SAME: in_place [1]
// CHECK-NOT: fallible
// CHECK: plan.commit %[[W]]{{$}}
oriel.state @W : tensor<1000x4xf32>
func.func @embedding(%idx: tensor<?xi64> {oriel.name = "idx", oriel.dims = #oriel.dims<n>},
                     %rows: tensor<?x4xf32> {oriel.name = "rows", oriel.dims = #oriel.dims<n, 4>}) {
  %w = oriel.state_read @W : tensor<1000x4xf32>
  %0 = oriel.scatter add %w[%idx], %rows axis 0 : (tensor<1000x4xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<1000x4xf32>
  oriel.state_update @W, %0 : tensor<1000x4xf32>
  return
}

// -----

// Two scatters and a decay, one after another in one buffer.
// CHECK-LABEL: plan.program @chain
// CHECK-NOT: plan.buffer temporary
// CHECK: plan.dispatch {{.*}} class "Checks"
// CHECK: plan.dispatch {{.*}} class "Checks"
// CHECK: plan.dispatch {{.*}} class "Elementwise"
// CHECK: plan.dispatch {{.*}} class "Scatter"
// CHECK: plan.dispatch {{.*}} class "Scatter"
// CHECK: plan.commit %W{{$}}
oriel.state @W : tensor<1000x4xf32>
func.func @chain(%idx: tensor<?xi64> {oriel.name = "idx", oriel.dims = #oriel.dims<n>},
                 %rows: tensor<?x4xf32> {oriel.name = "rows", oriel.dims = #oriel.dims<n, 4>}) {
  %w = oriel.state_read @W : tensor<1000x4xf32>
  %half = oriel.constant dense<0.5> : tensor<1000x4xf32>
  %decayed = oriel.mul %w, %half : tensor<1000x4xf32>
  %0 = oriel.scatter add %decayed[%idx], %rows axis 0 : (tensor<1000x4xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<1000x4xf32>
  %1 = oriel.scatter set %0[%idx], %rows axis 0 : (tensor<1000x4xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<1000x4xf32>
  oriel.state_update @W, %1 : tensor<1000x4xf32>
  return
}

// -----

// The new value is gathered from, which may fail: a second buffer.
// CHECK-LABEL: plan.program @read_after
// CHECK: plan.buffer temporary "W (new)"
// CHECK: a step that may fail needs its new value
oriel.state @W : tensor<1000x4xf32>
func.func @read_after(%idx: tensor<?xi64> {oriel.name = "idx", oriel.dims = #oriel.dims<n>},
                      %rows: tensor<?x4xf32> {oriel.name = "rows", oriel.dims = #oriel.dims<n, 4>})
    -> (tensor<?x4xf32> {oriel.name = "y"}) {
  %w = oriel.state_read @W : tensor<1000x4xf32>
  %0 = oriel.scatter add %w[%idx], %rows axis 0 : (tensor<1000x4xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<1000x4xf32>
  oriel.state_update @W, %0 : tensor<1000x4xf32>
  %1 = oriel.gather %0[%idx] axis 0 : (tensor<1000x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
