// RUN: oriel-opt %s | FileCheck %s
// RUN: oriel-opt %s | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --emit-bytecode | oriel-opt | FileCheck %s
// One example of every op of the plan dialect, as their documentation has them.

// CHECK-LABEL: plan.program @step symbols ["batch"]
plan.program @step symbols ["batch"] {
  // CHECK: %x = plan.buffer input "x" : f32 <batch, 64> node 0
  %x = plan.buffer input "x" : f32 #oriel.dims<batch, 64> node 0
  // CHECK: %y = plan.buffer output "y" : f32 <batch, 64> node 1
  %y = plan.buffer output "y" : f32 #oriel.dims<batch, 64> node 1
  // CHECK: plan.alloc %y
  plan.alloc %y
  // CHECK: plan.dispatch "add" class "Elementwise" entries ["k0_p0"] tasks <batch>
  // CHECK-SAME: ins(%x) outs(%y) args [0, #oriel.dims<batch>, 1, #oriel.dims<batch>]
  // CHECK-SAME: in_place [0] ordinals [array<i64: 1>] node 1
  plan.dispatch "add" class "Elementwise" entries ["k0_p0"] tasks #oriel.dims<batch>
    ins(%x) outs(%y) args [0, #oriel.dims<batch>, 1, #oriel.dims<batch>]
    scratch #oriel.dims<0> shared #oriel.dims<0> cost #oriel.dims<"64*batch">
    in_place [0] ordinals [array<i64: 1>] node 1
}

// CHECK-LABEL: plan.program @buffers
plan.program @buffers symbols ["n", "m"] {
  %c = plan.buffer constant "c" : f32 #oriel.dims<2> = dense<[1.0, 2.0]> : tensor<2xf32>
  %x = plan.buffer input "x" : f32 #oriel.dims<n, 4>
  %u = plan.buffer input "u" : f32 #oriel.dims<m>
  %t = plan.buffer temporary "t" : f32 #oriel.dims<n, 4> node 7
  // CHECK: %v = plan.buffer temporary "v" : f32 <4*n> node 8 alias %t
  %v = plan.buffer temporary "v" : f32 #oriel.dims<"4*n"> node 8 alias %t
  %o = plan.buffer output "o" : f32 #oriel.dims<"4*n">
  // CHECK: plan.require <n> equals <m> "add: operand shapes" node 3
  plan.require #oriel.dims<n> equals #oriel.dims<m> "add: operand shapes" node 3
  plan.alloc %t
  // CHECK: plan.copy %x to %t node 4
  plan.copy %x to %t node 4
  plan.alloc %v, %o
  plan.copy %v to %o
  // CHECK: plan.release %t, %v
  plan.release %t, %v
}

// CHECK-LABEL: plan.program @control
plan.program @control symbols ["n"] {
  %a = plan.buffer input "a" : f32 #oriel.dims<n>
  %p = plan.buffer input "p" : i1 #oriel.dims<>
  %r = plan.buffer output "r" : f32 #oriel.dims<n>
  %q = plan.buffer output "q" : f32 #oriel.dims<n>
  %trips = plan.buffer temporary "trips" : i64 #oriel.dims<>
  %i = plan.buffer temporary "i" : i64 #oriel.dims<>
  %c = plan.buffer temporary "c" : f32 #oriel.dims<n>
  %d = plan.buffer temporary "d" : f32 #oriel.dims<n>
  plan.alloc %trips
  // CHECK: plan.dim_value <2*n> to %trips node 4
  plan.dim_value #oriel.dims<"2*n"> to %trips node 4
  plan.alloc %i, %c, %d, %r
  // CHECK: plan.loop %trips induction(%i) initial(%a) current(%c) next(%d) results(%r) node 5 {
  // CHECK-NEXT: plan.copy %c to %d
  // CHECK-NEXT: }
  plan.loop %trips induction(%i) initial(%a) current(%c) next(%d) results(%r) node 5 {
    plan.copy %c to %d
  }
  plan.release %trips, %i, %c, %d
  plan.alloc %q
  // CHECK: plan.branch %p node 6 {
  // CHECK: } else {
  plan.branch %p node 6 {
    plan.copy %a to %q
  } else {
    plan.copy %r to %q
  }
}

// CHECK-LABEL: plan.program @rows
plan.program @rows symbols ["n"] {
  %x = plan.buffer input "x" : f32 #oriel.dims<n, 2>
  %a = plan.buffer input "a" : f32 #oriel.dims<2>
  %p = plan.buffer input "p" : i1 #oriel.dims<>
  %trips = plan.buffer input "trips" : i64 #oriel.dims<>
  // CHECK: %e = plan.buffer row "e" : f32 <2>
  %e = plan.buffer row "e" : f32 #oriel.dims<2>
  %q = plan.buffer row "q" : f32 #oriel.dims<2>
  %c = plan.buffer temporary "c" : f32 #oriel.dims<2>
  %r = plan.buffer output "r" : f32 #oriel.dims<2>
  %s = plan.buffer output "s" : f32 #oriel.dims<n, 2>
  %m = plan.buffer output "m" : i64 #oriel.dims<>
  plan.alloc %c, %r, %s, %m
  // CHECK: plan.loop %trips extent <n> over(%x) rows(%e) starts <n-1> steps [-1] initial(%a) current(%c) next(%q) results(%r)
  // CHECK-SAME: stacks(%s) stack_rows(%q) stop(%p) count(%m) checked node 5 {
  plan.loop %trips extent #oriel.dims<n> over(%x) rows(%e) starts #oriel.dims<"n-1"> steps [-1]
    initial(%a) current(%c) next(%q) results(%r) stacks(%s) stack_rows(%q) stop(%p) count(%m) checked node 5 {
    plan.copy %e to %q
  }
  plan.release %c
  // CHECK: plan.truncate %s to %m
  plan.truncate %s to %m
}

// CHECK-LABEL: plan.program @states
plan.program @states symbols [] {
  %W = plan.buffer state "W" : f32 #oriel.dims<4> = dense<0.0> : tensor<4xf32>
  %V = plan.buffer state "V" : f32 #oriel.dims<4>
  %s = plan.buffer temporary "V (new)" : f32 #oriel.dims<4>
  plan.alloc %s
  plan.copy %W to %s
  plan.copy %V to %W
  // CHECK: plan.commit %W{{$}}
  plan.commit %W
  // CHECK: plan.commit %V from {{.*}} because "it is read after the update"
  plan.commit %V from %s because "it is read after the update"
}

// CHECK-LABEL: plan.program @bound
plan.program @bound symbols ["n", "made"] {
  %x = plan.buffer input "x" : f32 #oriel.dims<n>
  %i = plan.buffer input "i" : i64 #oriel.dims<>
  %v = plan.buffer temporary "v" : f32 #oriel.dims<made> alias %x
  %o = plan.buffer output "o" : f32 #oriel.dims<made>
  // CHECK: plan.bind "made" to %i limit <n> node 4
  plan.bind "made" to %i limit #oriel.dims<n> node 4
  plan.alloc %v, %o
  plan.copy %v to %o
  plan.release %v
}
