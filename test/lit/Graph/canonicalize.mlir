// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify | FileCheck %s

// CHECK-LABEL: func @add_zero
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?xf32>
func.func @add_zero(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %zero = oriel.constant dense<0.0> : tensor<f32>
  %minus_zero = oriel.constant dense<-0.0> : tensor<f32>
  %z = oriel.broadcast %zero shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %m = oriel.broadcast %minus_zero shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  // x + 0.0 is not x where x is -0.0.
  // CHECK: %[[SUM:.*]] = oriel.add %[[X]]
  %0 = oriel.add %x, %z : tensor<?xf32>
  %1 = oriel.add %x, %m : tensor<?xf32>
  %2 = oriel.sub %x, %z : tensor<?xf32>
  // CHECK: return %[[SUM]], %[[X]], %[[X]]
  return %0, %1, %2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @times_one
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xi32>
func.func @times_one(%x: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
  %one = oriel.constant dense<1> : tensor<4xi32>
  %zero = oriel.constant dense<0> : tensor<4xi32>
  %0 = oriel.mul %one, %x : tensor<4xi32>
  %1 = oriel.floor_div %x, %one : tensor<4xi32>
  %2 = oriel.add %zero, %x : tensor<4xi32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]]
  return %0, %1, %2 : tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
}

// CHECK-LABEL: func @involutions
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?xf32>{{.*}}%[[P:[a-z0-9]+]]: tensor<?xi1>
func.func @involutions(%x: tensor<?xf32>, %p: tensor<?xi1>) -> (tensor<?xf32>, tensor<?xi1>, tensor<?xf32>) {
  %0 = oriel.neg %x : tensor<?xf32>
  %1 = oriel.neg %0 : tensor<?xf32>
  %2 = oriel.logical_not %p : tensor<?xi1>
  %3 = oriel.logical_not %2 : tensor<?xi1>
  // CHECK-NEXT: %[[A:.*]] = oriel.abs %[[X]]
  %4 = oriel.abs %0 : tensor<?xf32>
  %5 = oriel.abs %4 : tensor<?xf32>
  // CHECK-NEXT: return %[[X]], %[[P]], %[[A]]
  return %1, %3, %5 : tensor<?xf32>, tensor<?xi1>, tensor<?xf32>
}

// The negative of an unsigned number is another number.
// CHECK-LABEL: func @unsigned_abs
func.func @unsigned_abs(%x: tensor<?xui8>) -> tensor<?xui8> {
  // CHECK-NEXT: %[[N:.*]] = oriel.neg
  %0 = oriel.neg %x : tensor<?xui8>
  // CHECK-NEXT: oriel.abs %[[N]]
  %1 = oriel.abs %0 : tensor<?xui8>
  return %1 : tensor<?xui8>
}

// CHECK-LABEL: func @slices
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?xf32>
func.func @slices(%x: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> (tensor<?xf32>, tensor<?xf32>) {
  // CHECK: %[[A:.*]] = oriel.slice %[[X]] starts <3> limits <n> steps [2]
  %0 = oriel.slice %x starts <1> limits <n> steps [1] : tensor<?xf32> -> tensor<?xf32>
  %1 = oriel.slice %0 starts <2> limits <n-1> steps [2] : tensor<?xf32> -> tensor<?xf32>
  // CHECK: %[[B:.*]] = oriel.slice %[[X]] starts <0> limits <n> steps [2]
  // CHECK: %[[C:.*]] = oriel.slice %[[B]] starts <1>
  %2 = oriel.slice %x starts <0> limits <n> steps [2] : tensor<?xf32> -> tensor<?xf32>
  %3 = oriel.slice %2 starts <1> limits <ceildiv(n, 2)> steps [1] : tensor<?xf32> -> tensor<?xf32>
  // CHECK: return %[[A]], %[[C]]
  return %1, %3 : tensor<?xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @casts
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<4xf16>{{.*}}%[[I:[a-z0-9]+]]: tensor<4xi32>
func.func @casts(%h: tensor<4xf16>, %i: tensor<4xi32>) -> (tensor<4xf16>, tensor<4xf64>, tensor<4xi8>, tensor<4xi32>) {
  // f16 -> f32 -> f16 keeps every value.
  %0 = oriel.cast %h : tensor<4xf16> -> tensor<4xf32>
  %1 = oriel.cast %0 : tensor<4xf32> -> tensor<4xf16>
  // CHECK: %[[D:.*]] = oriel.cast %[[H]] : tensor<4xf16> -> tensor<4xf64>
  %2 = oriel.cast %0 : tensor<4xf32> -> tensor<4xf64>
  // i32 -> f64 -> i8 is not i32 -> i8 where the number does not fit.
  // CHECK: %[[F:.*]] = oriel.cast %[[I]] : tensor<4xi32> -> tensor<4xf64>
  %3 = oriel.cast %i : tensor<4xi32> -> tensor<4xf64>
  // CHECK: %[[B:.*]] = oriel.cast %[[F]] : tensor<4xf64> -> tensor<4xi8>
  %4 = oriel.cast %3 : tensor<4xf64> -> tensor<4xi8>
  // i32 -> f32 -> i32 rounds: both stay.
  // CHECK: oriel.cast %[[I]] : tensor<4xi32> -> tensor<4xf32>
  %5 = oriel.cast %i : tensor<4xi32> -> tensor<4xf32>
  // CHECK: %[[R:.*]] = oriel.cast %{{.*}} : tensor<4xf32> -> tensor<4xi32>
  %6 = oriel.cast %5 : tensor<4xf32> -> tensor<4xi32>
  // CHECK: return %[[H]], %[[D]], %[[B]], %[[R]]
  return %1, %2, %4, %6 : tensor<4xf16>, tensor<4xf64>, tensor<4xi8>, tensor<4xi32>
}

// CHECK-LABEL: func @select
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?xf32>{{.*}}%[[B:[a-z0-9]+]]: tensor<?xf32>
func.func @select(%a: tensor<?xf32> {oriel.dims = #oriel.dims<n>}, %b: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> (tensor<?xf32>, tensor<?xf32>) {
  %t = oriel.constant dense<true> : tensor<i1>
  %p = oriel.broadcast %t shape <n> axes [] : tensor<i1> -> tensor<?xi1>
  %0 = oriel.select %p, %a, %b : tensor<?xf32>
  %q = oriel.logical_not %p : tensor<?xi1>
  %1 = oriel.select %q, %b, %b : tensor<?xf32>
  // CHECK-NEXT: return %[[A]], %[[B]]
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @moves
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x3xf32>{{.*}}%[[Y:[a-z0-9]+]]: tensor<2x3xf32>{{.*}}%[[V:[a-z0-9]+]]: tensor<3xf32>
func.func @moves(%x: tensor<?x3xf32>, %y: tensor<2x3xf32>, %v: tensor<3xf32>)
    -> (tensor<?x3xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>, tensor<2x3x5xf32>, tensor<2x2xf32>, tensor<3x?xf32>) {
  // transpose(transpose(x)) is x.
  %0 = oriel.transpose %x permutation [1, 0] : tensor<?x3xf32> -> tensor<3x?xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<3x?xf32> -> tensor<?x3xf32>
  // reshape there and back, slice of the whole.
  %2 = oriel.reshape %y shape <6> : tensor<2x3xf32> -> tensor<6xf32>
  %3 = oriel.reshape %2 shape <2, 3> : tensor<6xf32> -> tensor<2x3xf32>
  %4 = oriel.slice %3 starts <0, 0> limits <2, 3> steps [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK-DAG: %[[B:.*]] = oriel.broadcast %[[V]] shape <4, 2, 3> axes [2] : tensor<3xf32> -> tensor<4x2x3xf32>
  %5 = oriel.broadcast %v shape <2, 3> axes [1] : tensor<3xf32> -> tensor<2x3xf32>
  %6 = oriel.broadcast %5 shape <4, 2, 3> axes [1, 2] : tensor<2x3xf32> -> tensor<4x2x3xf32>
  // A unit axis from a reshape becomes a choice of axes.
  // CHECK-DAG: %[[U:.*]] = oriel.broadcast %[[V]] shape <2, 3, 5> axes [1] : tensor<3xf32> -> tensor<2x3x5xf32>
  %7 = oriel.reshape %v shape <1, 3, 1> : tensor<3xf32> -> tensor<1x3x1xf32>
  %8 = oriel.broadcast %7 shape <2, 3, 5> axes [0, 1, 2] : tensor<1x3x1xf32> -> tensor<2x3x5xf32>
  // CHECK-DAG: %[[S:.*]] = oriel.slice %[[Y]] starts <0, 1> limits <2, 3> steps [1, 1] : tensor<2x3xf32> -> tensor<2x2xf32>
  %9 = oriel.slice %y starts <0, 0> limits <2, 3> steps [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %10 = oriel.slice %9 starts <0, 1> limits <2, 3> steps [1, 1] : tensor<2x3xf32> -> tensor<2x2xf32>
  // CHECK-DAG: %[[T:.*]] = oriel.transpose %[[X]] permutation [1, 0]
  // CHECK: return %[[X]], %[[Y]], %[[B]], %[[U]], %[[S]], %[[T]]
  return %1, %4, %6, %8, %10, %0
    : tensor<?x3xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>, tensor<2x3x5xf32>, tensor<2x2xf32>, tensor<3x?xf32>
}

// Two unknown extents may have changed places: the reshape stays.
// CHECK-LABEL: func @two_unknown
func.func @two_unknown(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // CHECK: oriel.reshape
  %0 = oriel.reshape %x shape <m, n> : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Dims tell what types do not.
// CHECK-LABEL: func @whole
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?xf32>
func.func @whole(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, n>})
    -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %0 = oriel.reshape %x shape <m, n> : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = oriel.broadcast %x shape <m, n> axes [0, 1] : tensor<?x?xf32> -> tensor<?x?xf32>
  %2 = oriel.slice %x starts <0, 0> limits <m, n> steps [1, 1] : tensor<?x?xf32> -> tensor<?x?xf32>
  // From the end to the beginning is not the whole in order.
  // CHECK: %[[R:.*]] = oriel.slice %[[X]] starts <m-1, 0> limits <-1, n> steps [-1, 1]
  %3 = oriel.slice %x starts <m-1, 0> limits <-1, n> steps [-1, 1] : tensor<?x?xf32> -> tensor<?x?xf32>
  // m may be k or 1, which a run decides.
  // CHECK: %[[B:.*]] = oriel.broadcast %[[X]] shape <k, n>
  %4 = oriel.broadcast %x shape <k, n> axes [0, 1] : tensor<?x?xf32> -> tensor<?x?xf32>
  // CHECK: return %[[X]], %[[X]], %[[X]], %[[R]], %[[B]]
  return %0, %1, %2, %3, %4 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

// CHECK-LABEL: func @square
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xf32>
func.func @square(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = oriel.constant dense<2.0> : tensor<4xf32>
  // CHECK: oriel.mul %[[X]], %[[X]]
  %0 = oriel.pow %x, %two : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func @constants
func.func @constants() -> (tensor<2xf32>, tensor<i64>, tensor<2xi1>) {
  %0 = oriel.constant dense<[1.0, 4.0]> : tensor<2xf32>
  // CHECK-DAG: %[[S:.*]] = oriel.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  %1 = oriel.sqrt %0 : tensor<2xf32>
  // CHECK-DAG: %[[D:.*]] = oriel.constant dense<7> : tensor<i64>
  %2 = oriel.dim_value <7> : tensor<i64>
  // CHECK-DAG: %[[C:.*]] = oriel.constant dense<[false, true]> : tensor<2xi1>
  %3 = oriel.compare lt %1, %0 : tensor<2xf32>
  // CHECK: return %[[S]], %[[D]], %[[C]]
  return %1, %2, %3 : tensor<2xf32>, tensor<i64>, tensor<2xi1>
}

// What fails at run time is not folded away.
// CHECK-LABEL: func @out_of_range
func.func @out_of_range() -> tensor<1xf32> {
  %0 = oriel.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %1 = oriel.constant dense<[2]> : tensor<1xi64>
  // CHECK: oriel.gather
  %2 = oriel.gather %0[%1] axis 0 : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %2 : tensor<1xf32>
}

// CHECK-LABEL: func @control
// CHECK-SAME: %[[N:[a-z0-9]+]]: tensor<i64>{{.*}}%[[X:[a-z0-9]+]]: tensor<4xf32>
func.func @control(%n: tensor<i64>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = oriel.constant dense<0> : tensor<i64>
  %0 = oriel.loop %i to %zero with (%c = %x : tensor<4xf32>) {
    %1 = oriel.exp %c : tensor<4xf32>
    oriel.yield %1 : tensor<4xf32>
  }
  // The carried value that does not change is not carried.
  // CHECK: %[[L:.*]] = oriel.loop %{{.*}} to %[[N]] with (%[[C:.*]] = %[[X]] : tensor<4xf32>) {
  // CHECK-NEXT: %[[S:.*]] = oriel.add %[[C]], %[[X]]
  // CHECK-NEXT: oriel.yield %[[S]]
  %2:2 = oriel.loop %i to %n with (%c = %x : tensor<4xf32>, %d = %x : tensor<4xf32>) {
    %3 = oriel.add %c, %d : tensor<4xf32>
    oriel.yield %3, %d : tensor<4xf32>, tensor<4xf32>
  }
  %true = oriel.constant dense<true> : tensor<i1>
  // CHECK: %[[E:.*]] = oriel.exp %[[X]]
  %4 = oriel.branch %true -> tensor<4xf32> {
    %5 = oriel.exp %x : tensor<4xf32>
    oriel.yield %5 : tensor<4xf32>
  } else {
    oriel.yield %x : tensor<4xf32>
  }
  // CHECK: return %[[X]], %[[L]], %[[X]], %[[E]]
  return %0, %2#0, %2#1, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// What binds a dim stays while an attribute mentions it, and goes with the last.
// CHECK-LABEL: func @binds
// CHECK: oriel.rows %{{.*}} dim <kept>
// CHECK-NOT: oriel.rows
func.func @binds(%x: tensor<8xf32>, %n: tensor<i64>) -> tensor<i64> {
  %0 = oriel.rows %x, %n dim <kept> : (tensor<8xf32>, tensor<i64>) -> tensor<?xf32>
  %1 = oriel.rows %x, %n dim <gone> : (tensor<8xf32>, tensor<i64>) -> tensor<?xf32>
  %2 = oriel.rows %x, %n dim <kept> : (tensor<8xf32>, tensor<i64>) -> tensor<?xf32>
  %3 = oriel.dim_value <"2*kept"> : tensor<i64>
  return %3 : tensor<i64>
}
