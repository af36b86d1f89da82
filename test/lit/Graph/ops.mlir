// RUN: oriel-opt %s | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --mlir-print-op-generic | oriel-opt | FileCheck %s
// RUN: oriel-opt %s --emit-bytecode | oriel-opt | FileCheck %s

// CHECK: oriel.state @W : tensor<2x2xf32> = dense<0.000000e+00> : tensor<2x2xf32>
oriel.state @W : tensor<2x2xf32> = dense<0.0> : tensor<2x2xf32>
// CHECK: oriel.state @b : tensor<2xf32>
oriel.state @b : tensor<2xf32>

// CHECK-LABEL: func @leaves
func.func @leaves(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> tensor<?x4xi64> {
  // CHECK: oriel.constant dense<[1, 2]> : tensor<2xi64>
  %0 = oriel.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: oriel.constant dense_resource<big> : tensor<2xi64>
  %1 = oriel.constant dense_resource<big> : tensor<2xi64>
  // CHECK: oriel.iota axis 1 shape <2*n+1, 4> : tensor<?x4xi64>
  %2 = oriel.iota axis 1 shape <1 + n*2, 4> : tensor<?x4xi64>
  // CHECK: oriel.dim_value <ceildiv(n,4)> : tensor<i64>
  %3 = oriel.dim_value <ceildiv(n, 4)> : tensor<i64>
  // CHECK: oriel.dim_value <"$n"> : tensor<i64>
  %4 = oriel.dim_value <"$n"> : tensor<i64>
  return %2 : tensor<?x4xi64>
}

// CHECK-LABEL: func @shapes
func.func @shapes(%x: tensor<?x64xf32>, %i: tensor<i64>) {
  // CHECK: oriel.broadcast %{{.*}} shape <4, n, 64> axes [1, 2] : tensor<?x64xf32> -> tensor<4x?x64xf32>
  %0 = oriel.broadcast %x shape <4, n, 64> axes [1, 2] : tensor<?x64xf32> -> tensor<4x?x64xf32>
  // CHECK: oriel.reshape %{{.*}} shape <n, 8, 8>
  %1 = oriel.reshape %x shape <n, 8, 8> : tensor<?x64xf32> -> tensor<?x8x8xf32>
  // CHECK: oriel.transpose %{{.*}} permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
  %2 = oriel.transpose %x permutation [1, 0] : tensor<?x64xf32> -> tensor<64x?xf32>
  // CHECK: oriel.slice %{{.*}} starts <1, 63> limits <n, -1> steps [1, -2] : tensor<?x64xf32> -> tensor<?x32xf32>
  %3 = oriel.slice %x starts <1, 63> limits <n, -1> steps [1, -2] : tensor<?x64xf32> -> tensor<?x32xf32>
  // CHECK: oriel.dynamic_slice %{{.*}}[%{{.*}}, %{{.*}}] sizes <2, 64> : tensor<?x64xf32> -> tensor<2x64xf32>
  %4 = oriel.dynamic_slice %x[%i, %i] sizes <2, 64> : tensor<?x64xf32> -> tensor<2x64xf32>
  // CHECK: oriel.concatenate %{{.*}}, %{{.*}} axis 0 : (tensor<?x64xf32>, tensor<2x64xf32>) -> tensor<?x64xf32>
  %5 = oriel.concatenate %x, %4 axis 0 : (tensor<?x64xf32>, tensor<2x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func @combining
func.func @combining(%x: tensor<?x64xf32>, %i: tensor<5xi64>, %u: tensor<5x64xf32>) {
  // CHECK: oriel.reduce sum %{{.*}} axes [0, 1] : tensor<?x64xf32> -> tensor<f32>
  %0 = oriel.reduce sum %x axes [0, 1] : tensor<?x64xf32> -> tensor<f32>
  // CHECK: oriel.reduce max %{{.*}} axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  %1 = oriel.reduce max %x axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
  // CHECK: oriel.argmax %{{.*}} axis 1 : tensor<?x64xf32> -> tensor<?xi64>
  %2 = oriel.argmax %x axis 1 : tensor<?x64xf32> -> tensor<?xi64>
  // CHECK: oriel.argmin %{{.*}} axis 1 keepdims : tensor<?x64xf32> -> tensor<?x1xi64>
  %3 = oriel.argmin %x axis 1 keepdims : tensor<?x64xf32> -> tensor<?x1xi64>
  // CHECK: oriel.sort %{{.*}} axis 1 : tensor<?x64xf32>
  %6 = oriel.sort %x axis 1 : tensor<?x64xf32>
  // CHECK: oriel.argsort %{{.*}} axis 0 : tensor<?x64xf32> -> tensor<?x64xi64>
  %7 = oriel.argsort %x axis 0 : tensor<?x64xf32> -> tensor<?x64xi64>
  // CHECK: oriel.gather %{{.*}}[%{{.*}}] axis 0 : (tensor<?x64xf32>, tensor<5xi64>) -> tensor<5x64xf32>
  %4 = oriel.gather %x[%i] axis 0 : (tensor<?x64xf32>, tensor<5xi64>) -> tensor<5x64xf32>
  // CHECK: oriel.scatter add %{{.*}}[%{{.*}}], %{{.*}} axis 0
  %5 = oriel.scatter add %x[%i], %u axis 0 : (tensor<?x64xf32>, tensor<5x64xf32>, tensor<5xi64>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func @control
func.func @control(%n: tensor<i64>, %c: tensor<i1>, %x: tensor<?xf32>, %y: tensor<4xf32>) -> tensor<?xf32> {
  // CHECK: oriel.loop %[[I:.*]] to %{{.*}} with (%[[A:.*]] = %{{.*}} : tensor<?xf32>, %[[B:.*]] = %{{.*}} : tensor<4xf32>) {
  %0:2 = oriel.loop %i to %n with (%a = %x : tensor<?xf32>, %b = %y : tensor<4xf32>) {
    // CHECK-NEXT: oriel.exp %[[A]]
    %1 = oriel.exp %a : tensor<?xf32>
    // CHECK-NEXT: oriel.yield
    oriel.yield %1, %b : tensor<?xf32>, tensor<4xf32>
  } {oriel.tag = 1 : i64}
  // CHECK: oriel.loop %{{.*}} to %{{.*}} with () {
  // CHECK-NEXT: }
  oriel.loop %i to %n with () {
  }
  // CHECK: oriel.branch %{{.*}} -> tensor<?xf32> {
  %2 = oriel.branch %c -> tensor<?xf32> {
    oriel.yield %x : tensor<?xf32>
  // CHECK: } else {
  } else {
    oriel.yield %0#0 : tensor<?xf32>
  }
  return %2 : tensor<?xf32>
}

// CHECK-LABEL: func @states
func.func @states(%v: tensor<2xf32>) -> tensor<2x2xf32> {
  // CHECK: oriel.state_read @W : tensor<2x2xf32>
  %0 = oriel.state_read @W : tensor<2x2xf32>
  // CHECK: oriel.state_update @b, %{{.*}} : tensor<2xf32>
  oriel.state_update @b, %v : tensor<2xf32>
  return %0 : tensor<2x2xf32>
}

module @k0 {}

// CHECK-LABEL: func @kernels
func.func @kernels(%x: tensor<?xf32>, %i: i32, %bound: index) -> tensor<?xf32> {
  // CHECK: oriel.kernel "Elementwise" (%[[A:.*]] = %{{.*}} : tensor<?xf32>) -> tensor<?xf32> {
  %0 = oriel.kernel "Elementwise" (%a = %x : tensor<?xf32>) -> tensor<?xf32> {
    // CHECK-NEXT: oriel.exp %[[A]]
    %1 = oriel.exp %a : tensor<?xf32>
    oriel.yield %1 : tensor<?xf32>
  }
  // CHECK: oriel.dispatch @k0::@k0(%{{.*}}) dims <n, 2*n> nodes {{\[}}[3], [4, 5], []] : (tensor<?xf32>) -> tensor<?xf32>
  %2 = oriel.dispatch @k0::@k0(%0) dims <n, 2*n> nodes [[3], [4, 5], []] : (tensor<?xf32>) -> tensor<?xf32>
  // CHECK: oriel.transfer %{{.*}} : tensor<?xf32> -> tensor<?xf32, #oriel.device<"sim:0">>
  %3 = oriel.transfer %2 : tensor<?xf32> -> tensor<?xf32, #oriel.device<"sim:0">>
  // CHECK: oriel.check_index %{{.*}}, %{{.*}} operand 0 axis 1 wrap : i32
  %4 = oriel.check_index %i, %bound operand 0 axis 1 wrap : i32
  return %2 : tensor<?xf32>
}

{-#
  dialect_resources: {
    builtin: {
      big: "0x0800000001000000000000000200000000000000"
    }
  }
#-}
