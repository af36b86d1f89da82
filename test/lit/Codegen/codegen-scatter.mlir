// RUN: oriel-opt %s --oriel-codegen-cpu="vector-bits=256" | FileCheck %s

// Three phases: check every index, copy unless in place, apply in order.
// CHECK-LABEL: module @scatter
// CHECK-SAME: oriel.entries = [@scatter_0, @scatter_1, @scatter_2]
// CHECK-SAME: oriel.fallible
// CHECK: func.func @scatter_0
// A first look takes the largest of all; only a bad one has each looked at.
// CHECK: arith.maxui %{{.*}} : vector<4xi64>
// CHECK: vector.reduction <maxui>
// CHECK: arith.cmpi uge, %{{.*}} : i64
// CHECK: scf.if
// CHECK: arith.cmpi uge, %{{.*}} : vector<4xi64>
// CHECK: vector.reduction <or>
// CHECK: func.func @scatter_1
// The copy is skipped when operand and result have one address.
// CHECK: arith.cmpi ne, %{{.*}}, %{{.*}} : i64
// CHECK: scf.if
// CHECK: func.func @scatter_2
// Single elements: a look whether the next repeat one index or two in turns; then
// sums in registers, else one by one; other rows in vectors.
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 1, 0, 1]
// CHECK: vector.reduction <and>
// CHECK: scf.while
// CHECK: arith.addf %{{.*}} : f32
// CHECK: arith.cmpi ult, %{{.*}} : i64
// CHECK: arith.addf %{{.*}} : vector<8xf32>
module @scatter {
  func.func @scatter(%x: tensor<?x?xf32>, %u: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Scatter"} {
    %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// Each index is checked where it is used too, by one comparison unless it is
// negative or bad. A small destination is not shared by ranges.
// CHECK-LABEL: module @gradient
// CHECK-SAME: oriel.entries = [@gradient_0, @gradient_1, @gradient_2]
// CHECK-SAME: oriel.fallible
// CHECK-SAME: oriel.tasks = #oriel.dims<ceildiv(a1_0,4096), 1, 1>
// CHECK: func.func @gradient_2
// CHECK: arith.cmpi ult, %{{.*}} : i64
// CHECK: scf.if
// CHECK: arith.addf %{{.*}} : f32
// CHECK: } else {
// CHECK: arith.cmpi uge, %{{.*}} : i64
module @gradient {
  func.func @gradient(%u: tensor<?xf32>, %i: tensor<?xi64>, %o0: tensor<10001xf32> {oriel.output}) -> tensor<10001xf32> attributes {oriel.class = "Scatter"} {
    %zero = arith.constant 0.0 : f32
    %x = linalg.fill ins(%zero : f32) outs(%o0 : tensor<10001xf32>) -> tensor<10001xf32>
    %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<10001xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<10001xf32>
    return %0 : tensor<10001xf32>
  }
}

// One segment a part; a task is a range of the result.
// CHECK-LABEL: module @concatenate
// CHECK: func.func @concatenate_0
// CHECK-COUNT-2: llvm.store %{{.*}} : vector<8xf32>
module @concatenate {
  func.func @concatenate(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Concatenate"} {
    %0 = oriel.concatenate %a, %b axis 1 : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  }
}

// Lanes keep the best value, whose place is found afterwards; elements were unsigned.
// CHECK-LABEL: module @argmax
// CHECK: func.func @argmax_0
// CHECK: arith.cmpi ugt, %{{.*}} : vector<32xi8>
// CHECK: arith.select %{{.*}} : vector<32xi1>, vector<32xi8>
module @argmax {
  func.func @argmax(%x: tensor<?x?xi8>, %o0: tensor<?xi64> {oriel.output}) -> tensor<?xi64> attributes {oriel.class = "ArgReduce"} {
    %0 = oriel.argmax %x axis 1 {oriel.unsigned} : tensor<?x?xi8> -> tensor<?xi64>
    return %0 : tensor<?xi64>
  }
}
