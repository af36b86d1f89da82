// RUN: oriel-opt %s --split-input-file --oriel-lower-to-linalg | FileCheck %s

// Without an epilogue the destination accumulates.
// CHECK-LABEL: func @plain
// CHECK: %[[INIT:.*]] = linalg.fill ins(%{{.*}}) outs(%arg2 :
// CHECK: %[[MM:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} {{.*}} outs(%[[INIT]] : {{.*}} attrs = {oriel.matmul}
// CHECK: return %[[MM]]
func.func @plain(%a: tensor<3x?x8xf32> {oriel.dims = #oriel.dims<3, a0_1, 8>}, %b: tensor<3x8x5xf32>) -> tensor<3x?x5xf32> attributes {oriel.class = "MatMul"} {
  %0 = oriel.matmul %a, %b : (tensor<3x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  return %0 : tensor<3x?x5xf32>
}

// -----

// Transposed operands are maps; bias and activation are one pass over the product.
// CHECK-DAG: #[[$A:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[$B:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @epilogue
// CHECK: %[[MM:.*]] = linalg.generic {indexing_maps = [#[[$A]], #[[$B]], #{{.*}}]
// CHECK: %[[OUT:.*]] = linalg.generic {{.*}} ins(%[[MM]], %arg2 : tensor<?x5xf32>, tensor<5xf32>) outs(%arg3 :
// CHECK: arith.addf
// CHECK: arith.maximumf
// CHECK: return %[[OUT]]
func.func @epilogue(%a: tensor<8x?xf32> {oriel.dims = #oriel.dims<8, a0_1>}, %b: tensor<5x8xf32>, %bias: tensor<5xf32>) -> tensor<?x5xf32> attributes {oriel.class = "MatMul"} {
  %0 = oriel.transpose %a permutation [1, 0] : tensor<8x?xf32> -> tensor<?x8xf32>
  %1 = oriel.transpose %b permutation [1, 0] : tensor<5x8xf32> -> tensor<8x5xf32>
  %2 = oriel.matmul %0, %1 : (tensor<?x8xf32>, tensor<8x5xf32>) -> tensor<?x5xf32>
  %3 = oriel.broadcast %bias shape <a0_1, 5> axes [1] : tensor<5xf32> -> tensor<?x5xf32>
  %4 = oriel.add %2, %3 : tensor<?x5xf32>
  %c = oriel.constant dense<0.0> : tensor<f32>
  %5 = oriel.broadcast %c shape <a0_1, 5> axes [] : tensor<f32> -> tensor<?x5xf32>
  %6 = oriel.maximum %4, %5 : tensor<?x5xf32>
  return %6 : tensor<?x5xf32>
}

// -----

// Vectors are matrices with an axis of extent 1.
// CHECK-LABEL: func @vectors
// CHECK: tensor.expand_shape %arg0 {{.*}} into tensor<1x?xf64>
// CHECK: tensor.expand_shape %arg1 {{.*}} into tensor<?x1xf64>
// CHECK: tensor.collapse_shape %{{.*}} [] : tensor<1x1xf64> into tensor<f64>
func.func @vectors(%a: tensor<?xf64> {oriel.dims = #oriel.dims<a0_0>}, %b: tensor<?xf64> {oriel.dims = #oriel.dims<a0_0>}) -> tensor<f64> attributes {oriel.class = "MatMul"} {
  %0 = oriel.matmul %a, %b : (tensor<?xf64>, tensor<?xf64>) -> tensor<f64>
  return %0 : tensor<f64>
}

// -----

// 16-bit floats accumulate in f32 and round once.
// CHECK-LABEL: func @half
// CHECK: %[[MM:.*]] = linalg.generic
// CHECK: -> tensor<4x4xf32>
// CHECK: linalg.generic {{.*}} ins(%[[MM]] : tensor<4x4xf32>) outs(%arg2 : tensor<4x4xbf16>)
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @half(%a: tensor<4x4xbf16>, %b: tensor<4x4xbf16>) -> tensor<4x4xbf16> attributes {oriel.class = "MatMul"} {
  %0 = oriel.matmul %a, %b : (tensor<4x4xbf16>, tensor<4x4xbf16>) -> tensor<4x4xbf16>
  return %0 : tensor<4x4xbf16>
}
