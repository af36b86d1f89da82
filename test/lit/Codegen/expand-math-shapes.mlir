// RUN: oriel-opt %s --oriel-expand-math | FileCheck %s

// Vectors of several dimensions are flattened.
// CHECK-LABEL: func.func @matrix
// CHECK: vector.shape_cast %{{.*}} : vector<2x4xf32> to vector<8xf32>
// CHECK: return
func.func @matrix(%x: vector<2x4xf32>) -> vector<2x4xf32> {
  %r = math.tanh %x : vector<2x4xf32>
  return %r : vector<2x4xf32>
}
