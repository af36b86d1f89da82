// RUN: oriel-opt %s --oriel-plan --split-input-file | FileCheck %s
// Kernel modules are given as code generation leaves them.

// In-place reuse: the temporary of the first kernel dies in the second, which
// reads it only where it writes, so both live in the output's storage. Names of
// kernel-local sizes become the caller's.
// CHECK-LABEL: plan.program @chain symbols ["n"]
// CHECK-DAG: %x = plan.buffer input "x" : f32 <n>
// CHECK-DAG: %y = plan.buffer output "y" : f32 <n>
// CHECK-DAG: %[[T:.*]] = plan.buffer temporary {{.*}} alias %y
// CHECK: plan.alloc %[[T]], %y
// CHECK: plan.dispatch "k0" class "Elementwise" entries ["k0"] tasks <ceildiv(n,4096)>
// CHECK-SAME: ins(%x) outs(%[[T]]) args [0, #oriel.dims<n>, 1, #oriel.dims<n>]
// CHECK-SAME: in_place [0]
// CHECK-NOT: plan.alloc
// CHECK: plan.dispatch "k0"
// CHECK-SAME: ins(%[[T]]) outs(%y)
// CHECK-SAME: in_place [1]
// CHECK: plan.release %[[T]]
module @k0 attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@k0], oriel.tasks = #oriel.dims<"ceildiv(a0_0,4096)">, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<a0_0>} {
  func.func private @k0()
}
func.func @chain(%x: tensor<?xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n>})
    -> (tensor<?xf32> {oriel.name = "y"}) {
  %0 = oriel.dispatch @k0::@k0(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<n>]} : (tensor<?xf32>) -> tensor<?xf32>
  %1 = oriel.dispatch @k0::@k0(%0) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<n>]} : (tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// A state written in place waits for what may fail and for other readers; its
// old value as an output is a copy, made before.
// CHECK-LABEL: plan.program @update
// CHECK-DAG: %W = plan.buffer state "W" : f32 <4>
// CHECK-DAG: %old = plan.buffer output "old"
// CHECK-DAG: %r = plan.buffer output "r"
// CHECK: plan.dispatch "fails"
// CHECK-SAME: outs(%r)
// CHECK-SAME: fallible
// CHECK: plan.copy %W to %old
// CHECK: plan.dispatch "step"
// CHECK-SAME: ins(%W) outs(%W)
// CHECK-SAME: in_place [1]
// CHECK: plan.commit %W{{$}}
module @step attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@step], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @step()
}
module @fails attributes {oriel.class = "Gather", oriel.fallible, oriel.entries = [@fails],
  oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>, oriel.shared = #oriel.dims<0>,
  oriel.cost = #oriel.dims<4>} {
  func.func private @fails()
}
oriel.state @W : tensor<4xf32>
func.func @update(%x: tensor<4xf32> {oriel.name = "x"})
    -> (tensor<4xf32> {oriel.name = "old"}, tensor<4xf32> {oriel.name = "r"}) {
  %w = oriel.state_read @W : tensor<4xf32>
  %0 = oriel.dispatch @step::@step(%w) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = oriel.dispatch @fails::@fails(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  oriel.state_update @W, %0 : tensor<4xf32>
  return %w, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// A kernel that reads the state elsewhere than it writes needs a shadow.
// CHECK-LABEL: plan.program @shadow
// CHECK-DAG: %[[S:.*]] = plan.buffer temporary "W (new)"
// CHECK: plan.dispatch "rows"
// CHECK-SAME: ins(%W) outs(%[[S]])
// CHECK: plan.commit %W from %[[S]] because "the kernel that computes it reads other elements of it than it writes"
module @rows attributes {oriel.class = "RowReduce", oriel.entries = [@rows_p0, @rows_p1],
  oriel.tasks = #oriel.dims<2, 3>, oriel.scratch = #oriel.dims<0>, oriel.shared = #oriel.dims<0>,
  oriel.cost = #oriel.dims<4>} {
  func.func private @rows_p0()
  func.func private @rows_p1()
}
oriel.state @W : tensor<2x2xf32>
func.func @shadow() {
  %w = oriel.state_read @W : tensor<2x2xf32>
  %0 = oriel.dispatch @rows::@rows(%w) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<2, 2>]} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  oriel.state_update @W, %0 : tensor<2x2xf32>
  return
}

// -----

// A loop: the body's result is computed straight into `next`, a yielded value
// from elsewhere is copied; the loop's result is the output.
// CHECK-LABEL: plan.program @loop
// CHECK: plan.loop %n initial(%x, %x) current(%[[A:.*]], %[[B:.*]]) next(%[[C:.*]], %[[D:.*]]) results(%r, %{{.*}})
// CHECK-NEXT: plan.dispatch "step"
// CHECK-SAME: ins(%[[A]]) outs(%[[C]])
// CHECK: plan.copy %[[A]] to %[[D]]
module @step attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@step], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @step()
}
func.func @loop(%n: tensor<i64> {oriel.name = "n"}, %x: tensor<4xf32> {oriel.name = "x"})
    -> (tensor<4xf32> {oriel.name = "r"}) {
  %0:2 = oriel.loop %i to %n with (%a = %x : tensor<4xf32>, %b = %x : tensor<4xf32>) {
    %1 = oriel.dispatch @step::@step(%a) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
    oriel.yield %1, %a : tensor<4xf32>, tensor<4xf32>
  }
  return %0#0 : tensor<4xf32>
}

// -----

// A loop over rows: kernels read rows of the sequence and write rows of the
// stack in place, and the value that is carried and collected is carried there.
// CHECK-LABEL: plan.program @scan
// CHECK-DAG: %[[E:.*]] = plan.buffer row "x[t]" : f32 <4>
// CHECK-DAG: %[[R:.*]] = plan.buffer row "{{.*}} rows[t]" : f32 <4>
// CHECK: plan.loop %{{.*}} extent <t> over(%x) rows(%[[E]]) starts <0> steps [1] initial(%h) current(%[[C:.*]]) next(%[[R]]) results(%last) stacks(%all) stack_rows(%[[R]])
// CHECK-NEXT: plan.dispatch "step2"
// CHECK-SAME: ins(%[[C]], %[[E]]) outs(%[[R]])
// CHECK-NEXT: }
module @step2 attributes {oriel.class = "Elementwise",
  oriel.entries = [@step2], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @step2()
}
func.func @scan(%x: tensor<?x4xf32> {oriel.name = "x", oriel.dims = #oriel.dims<t, 4>}, %h: tensor<4xf32> {oriel.name = "h"})
    -> (tensor<4xf32> {oriel.name = "last"}, tensor<?x4xf32> {oriel.name = "all"}) {
  %n = oriel.dim_value <t> : tensor<i64>
  %0:2 = oriel.loop %i to %n extent <t> over (%e = %x from <0> by 1 : tensor<?x4xf32>) with (%c = %h : tensor<4xf32>) collects (tensor<?x4xf32>) {
    %1 = oriel.dispatch @step2::@step2(%c, %e) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    oriel.yield %1, %1 : tensor<4xf32>, tensor<4xf32>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<?x4xf32>
}

// -----

// The first rows of an array are a view, and a step that binds their dim: all
// that mentions it comes after, also what has no operand of that extent.
// CHECK-LABEL: plan.program @rows symbols ["n", "made"]
// CHECK-DAG: %[[V:.*]] = plan.buffer temporary "{{.*}}" : f32 <made> alias %x
// CHECK: plan.bind "made" to %count limit <n>
// CHECK: plan.dim_value <2*made> to %twice
// CHECK: plan.dispatch "k0"
// CHECK-SAME: ins(%[[V]]) outs(%y) args [0, #oriel.dims<made>, 1, #oriel.dims<made>]
module @k0 attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@k0], oriel.tasks = #oriel.dims<"ceildiv(a0_0,4096)">, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<a0_0>} {
  func.func private @k0()
}
func.func @rows(%x: tensor<?xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n>}, %count: tensor<i64> {oriel.name = "count"})
    -> (tensor<?xf32> {oriel.name = "y"}, tensor<i64> {oriel.name = "twice"}) {
  %0 = oriel.dim_value <"2*made"> : tensor<i64>
  %1 = oriel.rows %x, %count dim <made> : (tensor<?xf32>, tensor<i64>) -> tensor<?xf32>
  %2 = oriel.dispatch @k0::@k0(%1) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<made>]} : (tensor<?xf32>) -> tensor<?xf32>
  return %2, %0 : tensor<?xf32>, tensor<i64>
}
