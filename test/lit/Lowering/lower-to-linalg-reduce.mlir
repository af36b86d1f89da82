// RUN: oriel-opt %s --split-input-file --oriel-lower-to-linalg | FileCheck %s

// Softmax: three passes; exp is stored by the pass that sums it, the cheap
// subtraction is not; the reduction's result is the first operand of combining.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @softmax
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?xf32>, %[[OUT:[a-z0-9]*]]: tensor<?x?xf32> {oriel.output})
// CHECK: %[[MAX:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[X]] : {{.*}}) attrs = {oriel.reduce = ["max"]}
// CHECK-NEXT: ^bb0(%[[IN:.*]]: f32, %[[ACC:.*]]: f32)
// CHECK-NEXT: arith.maximumf %[[ACC]], %[[IN]]
// CHECK: %[[EXP:.*]]:2 = linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]], #[[$ID]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[X]], %[[MAX]] : {{.*}}) attrs = {oriel.reduce = ["", "sum"]}
// CHECK: arith.subf
// CHECK-NEXT: math.exp
// CHECK-NEXT: arith.addf
// CHECK: %[[DIV:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]], #[[$ID]]], iterator_types = ["parallel", "parallel"]} ins(%[[EXP]]#0, %[[EXP]]#1 : {{.*}}) outs(%[[OUT]] :
// CHECK: arith.divf
// CHECK: return %[[DIV]]
func.func @softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<a0_0, a0_1>}) -> tensor<?x?xf32> attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %1 = oriel.broadcast %0 shape <a0_0, a0_1> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
  %5 = oriel.broadcast %4 shape <a0_0, a0_1> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
  %6 = oriel.div %3, %5 : tensor<?x?xf32>
  return %6 : tensor<?x?xf32>
}

// -----

// Variance: a row pass between the full ones, over the rows alone; the cheap
// difference is computed again rather than stored. The second result keeps its
// unit axis.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$LINE:.*]] = affine_map<(d0) -> (d0)>
// CHECK-DAG: #[[$KEEP:.*]] = affine_map<(d0) -> (d0, 0)>
// CHECK-LABEL: func @variance
// CHECK: linalg.generic {{.*}} attrs = {oriel.reduce = ["sum"]}
// CHECK: linalg.generic {indexing_maps = [#[[$LINE]], #[[$KEEP]]], iterator_types = ["parallel"]} ins({{.*}}) outs(%arg2 : tensor<?x1xf32>)
// CHECK: arith.divf
// CHECK: linalg.generic {{.*}} attrs = {oriel.reduce = ["sum"]}
// CHECK: arith.subf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @variance(%x: tensor<?x8xf32> {oriel.dims = #oriel.dims<a0_0, 8>}) -> (tensor<?xf32>, tensor<?x1xf32>) attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce sum %x axes [1] keepdims : tensor<?x8xf32> -> tensor<?x1xf32>
  %c = oriel.constant dense<8.0> : tensor<f32>
  %cb = oriel.broadcast %c shape <a0_0, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
  %1 = oriel.div %0, %cb : tensor<?x1xf32>
  %2 = oriel.broadcast %1 shape <a0_0, 8> axes [0, 1] : tensor<?x1xf32> -> tensor<?x8xf32>
  %3 = oriel.sub %x, %2 : tensor<?x8xf32>
  %4 = oriel.mul %3, %3 : tensor<?x8xf32>
  %5 = oriel.reduce sum %4 axes [1] : tensor<?x8xf32> -> tensor<?xf32>
  return %5, %1 : tensor<?xf32>, tensor<?x1xf32>
}

// -----

// 16-bit floats accumulate in f32 and round once, in a row pass.
// CHECK-LABEL: func @half
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK: -> tensor<?xf32>
// CHECK: linalg.generic {{.*}} ins(%[[SUM]] : tensor<?xf32>) outs(%arg1 : tensor<?xf16>)
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: tensor<?x8xf16> {oriel.dims = #oriel.dims<a0_0, 8>}) -> tensor<?xf16> attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce sum %x axes [1] : tensor<?x8xf16> -> tensor<?xf16>
  return %0 : tensor<?xf16>
}

// -----

// A column reduction with its producer; truth values are i8 at memory.
// CHECK-LABEL: func @columns
// CHECK-SAME: tensor<?x1x4xi8> {oriel.output}
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i8
// CHECK: linalg.fill ins(%[[ZERO]]
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[OUT:.*]]], iterator_types = ["parallel", "reduction", "parallel"]} {{.*}} attrs = {oriel.reduce = ["any"]}
// CHECK: arith.cmpf olt
// CHECK: arith.extui
// CHECK: arith.ori
func.func @columns(%x: tensor<?x?x4xf32> {oriel.dims = #oriel.dims<a0_0, a0_1, 4>}) -> tensor<?x1x4xi1> attributes {oriel.class = "ColumnReduce"} {
  %c = oriel.constant dense<0.0> : tensor<f32>
  %b = oriel.broadcast %c shape <a0_0, a0_1, 4> axes [] : tensor<f32> -> tensor<?x?x4xf32>
  %0 = oriel.compare lt %x, %b : tensor<?x?x4xf32>
  %1 = oriel.reduce any %0 axes [1] keepdims : tensor<?x?x4xi1> -> tensor<?x1x4xi1>
  return %1 : tensor<?x1x4xi1>
}

// -----

// Signed, unsigned and bool extremes start at their neutral element.
// CHECK-LABEL: func @extremes
// CHECK: arith.constant -128 : i8
// CHECK: arith.maxsi
func.func @extremes(%x: tensor<4x4xi8>) -> tensor<4xi8> attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce max %x axes [1] : tensor<4x4xi8> -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
// CHECK-LABEL: func @unsigned
// CHECK: arith.constant -1 : i16
// CHECK: arith.minui
func.func @unsigned(%x: tensor<4x4xui16>) -> tensor<4xui16> attributes {oriel.class = "RowReduce"} {
  %0 = oriel.reduce min %x axes [1] : tensor<4x4xui16> -> tensor<4xui16>
  return %0 : tensor<4xui16>
}
