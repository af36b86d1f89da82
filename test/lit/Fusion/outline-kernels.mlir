// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels --oriel-outline-kernels | FileCheck %s
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels --oriel-outline-kernels --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC

// Equal kernels over other symbols share one module: dims are named after
// arguments. The nodes of each are told by its dispatch.
// CHECK-LABEL: func @main
// CHECK: oriel.dispatch @k0_add_exp::@k0_add_exp(%arg0, %arg1) dims <> nodes {{\[\[}}6], [7]] {oriel.result_dims = [#oriel.dims<n>], oriel.result_nodes = array<i64: 7>}
// CHECK: oriel.dispatch @k0_add_exp::@k0_add_exp(%arg2, %arg3) dims <> nodes {{\[\[}}8], [9]] {oriel.result_dims = [#oriel.dims<2*m>], oriel.result_nodes = array<i64: 9>}
// One operand used twice is one argument: another kernel.
// CHECK: oriel.dispatch @k1_add_exp::@k1_add_exp(%arg5) dims <> nodes
// A size no operand has is an index argument, with its value here.
// CHECK: oriel.dispatch @k2_cast_mul_mul::@k2_cast_mul_mul(%arg4) dims <n, 2*m-1> nodes
// CHECK: module @k0_add_exp attributes {oriel.target
// CHECK: func.func @k0_add_exp(%arg0: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}, %arg1: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"}
// CHECK: module @k1_add_exp
// CHECK: func.func @k2_cast_mul_mul(%arg0: tensor<f32> {oriel.dims = #oriel.dims<>}, %arg1: index, %arg2: index)
// CHECK: oriel.iota axis 0 shape <a1>
// CHECK: oriel.dim_value <a2>
// CHECK-NOT: module

// Locations are kernel-local ordinals: line = ordinal * 8 + role.
// LOC: module @k0_add_exp
// LOC: oriel.add {{.*}} loc("kernel":0:0)
// LOC: oriel.exp {{.*}} loc("kernel":8:0)
// LOC: return {{.*}} loc("kernel":10:0)
func.func @main(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}, %y: tensor<?xf32> {oriel.dims = #oriel.dims<n>},
                %z: tensor<?xf32> {oriel.dims = #oriel.dims<2*m>}, %w: tensor<?xf32> {oriel.dims = #oriel.dims<2*m>},
                %s: tensor<f32>, %v: tensor<?xf32> {oriel.dims = #oriel.dims<2*m>}) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %0 = oriel.add %x, %y : tensor<?xf32>
  %1 = oriel.exp %0 : tensor<?xf32>
  %2 = oriel.add %z, %w : tensor<?xf32>
  %3 = oriel.exp %2 : tensor<?xf32>
  %6 = oriel.add %v, %v : tensor<?xf32>
  %7 = oriel.exp %6 : tensor<?xf32>
  %i = oriel.iota axis 0 shape <n> : tensor<?xf32>
  %d = oriel.dim_value <2*m-1> : tensor<i64>
  %f = oriel.cast %d : tensor<i64> -> tensor<f32>
  %fb = oriel.broadcast %f shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %sb = oriel.broadcast %s shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %4 = oriel.mul %i, %fb : tensor<?xf32>
  %5 = oriel.mul %4, %sb : tensor<?xf32>
  return %1, %3, %7, %5 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
