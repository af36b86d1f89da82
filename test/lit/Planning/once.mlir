// RUN: oriel-opt %s --oriel-plan --split-input-file | FileCheck %s
// RUN: oriel-opt %s --oriel-plan --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// What a kernel makes of constants is kept: of its own will where it is at most
// twice as large, always when the module asks for it. Then what reads nothing
// else is kept too.
// CHECK-LABEL: plan.program @keeps
// CHECK-DAG: %[[P:.*]] = plan.buffer kept "{{.*}}" : f32 <4>
// CHECK-DAG: %[[W:.*]] = plan.buffer kept "{{.*}}" : f32 <64>
// CHECK-DAG: %[[L:.*]] = plan.buffer temporary "{{.*}}" : f32 <64>
// CHECK: plan.dispatch "k0"
// CHECK-SAME: outs(%[[P]])
// CHECK-SAME: once
// CHECK: plan.dispatch "wide"
// CHECK-SAME: ins(%[[P]]) outs(%[[W]])
// CHECK-SAME: once
// CHECK: plan.alloc %[[L]]
// CHECK: plan.dispatch "large"
// CHECK-SAME: outs(%[[L]])
// CHECK-NOT: once
// CHECK: plan.dispatch "use"
// CHECK-NOT: once
// REMARK: k0 reads constants alone: it runs once, its result is kept
// REMARK: wide reads constants alone: it runs once, its result is kept
// REMARK-NOT: large reads constants alone
module @k0 attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@k0], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @k0()
}
module @wide attributes {oriel.class = "Elementwise", oriel.once,
  oriel.entries = [@wide], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @wide()
}
module @large attributes {oriel.class = "Elementwise",
  oriel.entries = [@large], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @large()
}
module @use attributes {oriel.class = "Elementwise",
  oriel.entries = [@use], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @use()
}
func.func @keeps(%x: tensor<64xf32> {oriel.name = "x"}) -> (tensor<64xf32> {oriel.name = "y"}) {
  %c = oriel.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = oriel.dispatch @k0::@k0(%c) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = oriel.dispatch @wide::@wide(%0) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<64>]} : (tensor<4xf32>) -> tensor<64xf32>
  %2 = oriel.dispatch @large::@large(%0) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<64>]} : (tensor<4xf32>) -> tensor<64xf32>
  %3 = oriel.dispatch @use::@use(%x, %1, %2) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<64>]} : (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %3 : tensor<64xf32>
}

// -----

// Who still needs an operand that could have been written over.
// CHECK-LABEL: plan.program @refused
// REMARK: k0 writes 'y' over no operand: 'x' is an input
// REMARK: k0 writes '{{.*}}' over no operand: '{{.*}}' is read later by use
module @k0 attributes {oriel.class = "Elementwise", oriel.in_place_operands = array<i64: 0>,
  oriel.entries = [@k0], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @k0()
}
module @make attributes {oriel.class = "Elementwise",
  oriel.entries = [@make], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @make()
}
module @use attributes {oriel.class = "Elementwise",
  oriel.entries = [@use], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @use()
}
func.func @refused(%x: tensor<4xf32> {oriel.name = "x"}) -> (tensor<4xf32> {oriel.name = "y"}, tensor<4xf32> {oriel.name = "z"}) {
  %0 = oriel.dispatch @k0::@k0(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = oriel.dispatch @make::@make(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = oriel.dispatch @k0::@k0(%1) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = oriel.dispatch @use::@use(%1, %2) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<4>]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

// As written all three would live at once; what frees most runs first.
// CHECK-LABEL: plan.program @frugal
// CHECK: plan.dispatch "make"
// CHECK: plan.dispatch "sum"
// CHECK: plan.dispatch "make"
// CHECK: plan.dispatch "sum"
// CHECK: plan.dispatch "make"
// CHECK: plan.dispatch "sum"
module @make attributes {oriel.class = "Elementwise",
  oriel.entries = [@make], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @make()
}
module @sum attributes {oriel.class = "RowReduce",
  oriel.entries = [@sum], oriel.tasks = #oriel.dims<1>, oriel.scratch = #oriel.dims<0>,
  oriel.shared = #oriel.dims<0>, oriel.cost = #oriel.dims<4>} {
  func.func private @sum()
}
func.func @frugal(%x: tensor<?x8xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, 8>})
    -> (tensor<f32> {oriel.name = "a"}, tensor<f32> {oriel.name = "b"}, tensor<f32> {oriel.name = "c"}) {
  %0 = oriel.dispatch @make::@make(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<n, 8>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = oriel.dispatch @make::@make(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<n, 8>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = oriel.dispatch @make::@make(%x) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<n, 8>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = oriel.dispatch @sum::@sum(%0) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<>]} : (tensor<?x8xf32>) -> tensor<f32>
  %4 = oriel.dispatch @sum::@sum(%1) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<>]} : (tensor<?x8xf32>) -> tensor<f32>
  %5 = oriel.dispatch @sum::@sum(%2) dims <> nodes [[0]] {oriel.result_dims = [#oriel.dims<>]} : (tensor<?x8xf32>) -> tensor<f32>
  return %3, %4, %5 : tensor<f32>, tensor<f32>, tensor<f32>
}
