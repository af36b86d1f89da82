// RUN: oriel-opt %s --allow-unregistered-dialect --loop-invariant-code-motion | FileCheck %s

// What may fail, or reads out of bounds where dims disagree, stays in its loop.
// CHECK-LABEL: func @hoist
func.func @hoist(%x: tensor<4xf32>, %d: tensor<?xf32>, %i: tensor<2xi64>, %n: index, %j: i64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: oriel.add {{.*}} : tensor<4xf32>
  // CHECK: oriel.exp {{.*}} : tensor<?xf32>
  // CHECK: scf.for
  scf.for %k = %c0 to %n step %c1 {
    %0 = oriel.add %x, %x : tensor<4xf32>
    %1 = oriel.exp %d : tensor<?xf32>
    // CHECK-NEXT: %{{.*}} = oriel.add {{.*}} : tensor<?xf32>
    %2 = oriel.add %d, %1 : tensor<?xf32>
    // CHECK-NEXT: %{{.*}} = oriel.gather
    %3 = oriel.gather %x[%i] axis 0 : (tensor<4xf32>, tensor<2xi64>) -> tensor<2xf32>
    // CHECK-NEXT: %{{.*}} = oriel.check_index
    %4 = oriel.check_index %j, %n operand 0 axis 0 : i64
    "test.use"(%0, %2, %3) : (tensor<4xf32>, tensor<?xf32>, tensor<2xf32>) -> ()
  }
  return
}
