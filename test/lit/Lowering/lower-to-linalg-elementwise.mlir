// RUN: oriel-opt %s --split-input-file --oriel-lower-to-linalg | FileCheck %s

// Broadcasts are maps, a splat constant is a scalar, two results one generic.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$COL:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$UNIT:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[$NONE:.*]] = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func @maps
// CHECK: linalg.generic {indexing_maps = [#[[$ID]], #[[$COL]], #[[$UNIT]], #[[$NONE]], #[[$ID]], #[[$ID]]]
// CHECK-SAME: outs(%[[O0:.*]], %[[O1:.*]] : tensor<?x4xf32>, tensor<?x4xi8>)
// CHECK: arith.constant 2.0
// CHECK: arith.cmpf une
// CHECK: arith.extui %{{.*}} : i1 to i8
func.func @maps(%x: tensor<?x4xf32> {oriel.dims = #oriel.dims<a0_0, 4>}, %b: tensor<4xf32>, %c: tensor<?x1xf32> {oriel.dims = #oriel.dims<a0_0, 1>}, %s: tensor<f32>)
    -> (tensor<?x4xf32>, tensor<?x4xi1>) attributes {oriel.class = "Elementwise"} {
  %0 = oriel.broadcast %b shape <a0_0, 4> axes [1] : tensor<4xf32> -> tensor<?x4xf32>
  %1 = oriel.broadcast %c shape <a0_0, 4> axes [0, 1] : tensor<?x1xf32> -> tensor<?x4xf32>
  %2 = oriel.broadcast %s shape <a0_0, 4> axes [] : tensor<f32> -> tensor<?x4xf32>
  %k = oriel.constant dense<2.0> : tensor<f32>
  %kb = oriel.broadcast %k shape <a0_0, 4> axes [] : tensor<f32> -> tensor<?x4xf32>
  %3 = oriel.add %x, %0 : tensor<?x4xf32>
  %4 = oriel.mul %3, %1 : tensor<?x4xf32>
  %5 = oriel.sub %4, %2 : tensor<?x4xf32>
  %6 = oriel.maximum %5, %kb : tensor<?x4xf32>
  %7 = oriel.compare ne %6, %x : tensor<?x4xf32>
  return %6, %7 : tensor<?x4xf32>, tensor<?x4xi1>
}

// -----

// A strided slice is a tensor.extract_slice, a reversed one an access by index;
// sizes come from arguments.
// CHECK-LABEL: func @slices
// CHECK-DAG: %[[N:.*]] = tensor.dim %arg0
// CHECK-DAG: %[[LAST:.*]] = arith.addi %{{.*}}, %[[N]]
// CHECK: tensor.extract_slice %arg0[1] [%arg1] [2]
// CHECK: linalg.generic
// CHECK: linalg.index 0
// CHECK: arith.muli
// CHECK: %[[AT:.*]] = arith.addi %{{.*}}, %[[LAST]]
// CHECK: tensor.extract %arg0[%[[AT]]]
// CHECK: arith.addf
func.func @slices(%x: tensor<?xf32> {oriel.dims = #oriel.dims<a0_0>}, %k: index) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
  %0 = oriel.slice %x starts <1> limits <1+2*a1> steps [2] : tensor<?xf32> -> tensor<?xf32>
  %1 = oriel.slice %x starts <a0_0-1> limits <a0_0-1-a1> steps [-1] : tensor<?xf32> -> tensor<?xf32>
  %2 = oriel.add %0, %1 : tensor<?xf32>
  return %2 : tensor<?xf32>
}

// -----

// A transposed slice of a transpose is one map; ramps and dims need no memory.
// CHECK: affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @transposed
// CHECK: linalg.generic
// CHECK: linalg.index 1
// CHECK: arith.index_cast %arg1
func.func @transposed(%x: tensor<3x?xi64> {oriel.dims = #oriel.dims<3, a0_1>}, %n: index) -> tensor<?x3xi64> attributes {oriel.class = "Elementwise"} {
  %0 = oriel.transpose %x permutation [1, 0] : tensor<3x?xi64> -> tensor<?x3xi64>
  %1 = oriel.iota axis 1 shape <a0_1, 3> : tensor<?x3xi64>
  %2 = oriel.dim_value <a1> : tensor<i64>
  %3 = oriel.broadcast %2 shape <a0_1, 3> axes [] : tensor<i64> -> tensor<?x3xi64>
  %4 = oriel.add %0, %1 : tensor<?x3xi64>
  %5 = oriel.mul %4, %3 : tensor<?x3xi64>
  return %5 : tensor<?x3xi64>
}

// -----

// Integer division never traps: a zero or -1 divisor is replaced first.
// CHECK-LABEL: func @division
// CHECK: %[[Z:.*]] = arith.cmpi eq
// CHECK: %[[M:.*]] = arith.cmpi eq
// CHECK: %[[BAD:.*]] = arith.ori %[[Z]], %[[M]]
// CHECK: %[[SAFE:.*]] = arith.select %[[BAD]]
// CHECK: arith.divsi %{{.*}}, %[[SAFE]]
func.func @division(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> attributes {oriel.class = "Elementwise"} {
  %0 = oriel.floor_div %x, %y : tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

// The sign is the op's: unsigned elements are signless below.
// CHECK-LABEL: func @unsigned
// CHECK-SAME: %arg0: tensor<4xi8>, %arg1: tensor<4xi8>
// CHECK: arith.divui
// CHECK: arith.cmpi ult
// CHECK: arith.uitofp
func.func @unsigned(%x: tensor<4xui8>, %y: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xi1>, tensor<4xf32>) attributes {oriel.class = "Elementwise"} {
  %0 = oriel.floor_div %x, %y : tensor<4xui8>
  %1 = oriel.compare lt %x, %y : tensor<4xui8>
  %2 = oriel.cast %x : tensor<4xui8> -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xui8>, tensor<4xi1>, tensor<4xf32>
}

// -----

// 16-bit floats compute in f32 and round after each op. f64 reaches them with
// one rounding: to odd on the way.
// CHECK-LABEL: func @half
// CHECK: arith.extf
// CHECK: arith.addf
// CHECK: %[[SUM:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK: arith.extf %[[SUM]]
// CHECK: math.exp
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK: arith.ori
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @half(%x: tensor<4xbf16>, %y: tensor<4xbf16>, %z: tensor<4xf64>) -> (tensor<4xbf16>, tensor<4xbf16>) attributes {oriel.class = "Elementwise"} {
  %0 = oriel.add %x, %y : tensor<4xbf16>
  %1 = oriel.exp %0 : tensor<4xbf16>
  %2 = oriel.cast %z : tensor<4xf64> -> tensor<4xbf16>
  return %1, %2 : tensor<4xbf16>, tensor<4xbf16>
}

// -----

// Floats become integers as the processor converts: nothing undefined.
// CHECK-LABEL: func @to_integer
// CHECK: %[[FITS:.*]] = arith.andi
// CHECK: %[[SAFE:.*]] = arith.select %[[FITS]]
// CHECK: arith.fptosi %[[SAFE]] : f32 to i32
func.func @to_integer(%x: tensor<4xf32>) -> tensor<4xi32> attributes {oriel.class = "Elementwise"} {
  %0 = oriel.cast %x : tensor<4xf32> -> tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

// Locations: the op's line computes, its loads are role 1 of the same ordinal.
// CHECK-LABEL: func @copy
// CHECK: linalg.yield
func.func @copy(%x: tensor<2x3xi1>) -> tensor<3x2xi1> attributes {oriel.class = "Copy"} {
  %0 = oriel.transpose %x permutation [1, 0] : tensor<2x3xi1> -> tensor<3x2xi1>
  return %0 : tensor<3x2xi1>
}
