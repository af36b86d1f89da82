// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s

// Ops that read one tensor and not each other are one kernel with several results.
// CHECK-LABEL: func @rows
// CHECK: oriel.kernel "RowReduce" (%{{.*}} = %{{.*}} : tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>)
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @rows(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %0 = oriel.exp %x : tensor<?x?xf32>
  %1 = oriel.tanh %x : tensor<?x?xf32>
  %2 = oriel.reduce sum %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %3 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  return %0, %1, %2, %3 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// Column reductions with what makes their operand, stored for others too, and
// what is computed from the results.
// CHECK-LABEL: func @columns
// CHECK: oriel.kernel "ColumnReduce" ({{.*}}) -> (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>)
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @columns(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %b: tensor<?xf32> {oriel.dims = #oriel.dims<m>}) -> (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %0 = oriel.exp %x : tensor<?x?xf32>
  %1 = oriel.reduce sum %0 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
  %2 = oriel.sub %b, %1 : tensor<?xf32>
  %3 = oriel.reduce max %x axes [0] : tensor<?x?xf32> -> tensor<?xf32>
  return %0, %2, %3 : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// Reductions of different axes are different kernels; what needs a column's
// result in every row is another, of the row reduction here.
// CHECK-LABEL: func @axes
// CHECK: oriel.kernel "ColumnReduce"
// CHECK: oriel.kernel "RowReduce"
// CHECK: oriel.sub
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @axes(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> (tensor<?x?xf32>, tensor<?xf32>) {
  %0 = oriel.reduce sum %x axes [0] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %2 = oriel.broadcast %0 shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
  %3 = oriel.sub %x, %2 : tensor<?x?xf32>
  return %3, %1 : tensor<?x?xf32>, tensor<?xf32>
}

// -----

// A path through another kernel keeps siblings apart.
// CHECK-LABEL: func @path
// CHECK-COUNT-3: oriel.kernel
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @path(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = oriel.exp %x : tensor<8x8xf32>
  %1 = oriel.matmul %0, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = oriel.transpose %1 permutation [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %3 = oriel.add %2, %x : tensor<8x8xf32>
  return %0, %3 : tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// One row too long for any cache: its passes share the threads as kernels of
// their own, and nothing is lost.
// CHECK-LABEL: func @long
// CHECK-COUNT-2: oriel.kernel
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @long(%x: tensor<16777216xf32>) -> tensor<16777216xf32> {
  %0 = oriel.reduce sum %x axes [0] : tensor<16777216xf32> -> tensor<f32>
  %1 = oriel.broadcast %0 shape <16777216> axes [] : tensor<f32> -> tensor<16777216xf32>
  %2 = oriel.div %x, %1 : tensor<16777216xf32>
  return %2 : tensor<16777216xf32>
}

// -----

// A state that is updated in place stays so: its update joins no reduction that
// only reads the same tensor, and no column reduction that it needs.
oriel.state @W : tensor<64x64xf32>
oriel.state @b : tensor<64xf32>
// CHECK-LABEL: func @states
// CHECK-DAG: "Elementwise" ({{.*}}) -> tensor<64x64xf32>
// CHECK-DAG: "Elementwise" ({{.*}}) -> tensor<64xf32>
// CHECK-DAG: "RowReduce" ({{.*}}) -> tensor<64xf32>
// CHECK-DAG: "ColumnReduce" ({{.*}}) -> tensor<64xf32>
// CHECK: return
func.func @states(%g: tensor<64x64xf32>) -> tensor<64xf32> {
  %w = oriel.state_read @W : tensor<64x64xf32>
  %b = oriel.state_read @b : tensor<64xf32>
  %0 = oriel.mul %w, %w : tensor<64x64xf32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<64x64xf32> -> tensor<64xf32>
  %2 = oriel.sub %w, %g : tensor<64x64xf32>
  oriel.state_update @W, %2 : tensor<64x64xf32>
  %3 = oriel.reduce sum %g axes [0] : tensor<64x64xf32> -> tensor<64xf32>
  %4 = oriel.sub %b, %3 : tensor<64xf32>
  oriel.state_update @b, %4 : tensor<64xf32>
  return %1 : tensor<64xf32>
}
