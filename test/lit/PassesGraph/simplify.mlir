// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify | FileCheck %s

// Equal ops of an enclosing block are found from a nested one, not from a
// sibling.
// CHECK-LABEL: func @merge
func.func @merge(%x: tensor<4xf32>, %y: tensor<4xf32>, %c: tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-NEXT: %[[A:.*]] = oriel.add
  %0 = oriel.add %x, %y : tensor<4xf32>
  // CHECK-NEXT: %[[B:.*]] = oriel.branch
  %1 = oriel.branch %c -> tensor<4xf32> {
    // CHECK-NEXT: %{{.*}} = oriel.exp %[[A]]
    %2 = oriel.add %y, %x : tensor<4xf32>
    %3 = oriel.exp %2 : tensor<4xf32>
    oriel.yield %3 : tensor<4xf32>
  } else {
    // CHECK: else
    // CHECK-NEXT: %{{.*}} = oriel.exp %[[A]]
    %4 = oriel.exp %0 : tensor<4xf32>
    %5 = oriel.neg %4 : tensor<4xf32>
    oriel.yield %5 : tensor<4xf32>
  }
  // CHECK: return %[[A]], %[[B]]
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Different attributes are different ops.
// CHECK-LABEL: func @apart
func.func @apart(%x: tensor<4x4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: reduce sum {{.*}} axes [0]
  %0 = oriel.reduce sum %x axes [0] : tensor<4x4xf32> -> tensor<4xf32>
  // CHECK: reduce sum {{.*}} axes [1]
  %1 = oriel.reduce sum %x axes [1] : tensor<4x4xf32> -> tensor<4xf32>
  // CHECK: reduce max {{.*}} axes [1]
  %2 = oriel.reduce max %x axes [1] : tensor<4x4xf32> -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

oriel.state @W : tensor<4xf32>
// Both reads give the value from before the call; the update stays.
// CHECK-LABEL: func @states
func.func @states() -> tensor<4xf32> {
  // CHECK-NEXT: %[[W:.*]] = oriel.state_read @W
  %0 = oriel.state_read @W : tensor<4xf32>
  // CHECK-NEXT: %[[E:.*]] = oriel.exp %[[W]]
  %1 = oriel.exp %0 : tensor<4xf32>
  // CHECK-NEXT: oriel.state_update @W, %[[E]]
  oriel.state_update @W, %1 : tensor<4xf32>
  %2 = oriel.state_read @W : tensor<4xf32>
  // CHECK-NEXT: return %[[W]]
  return %2 : tensor<4xf32>
}
