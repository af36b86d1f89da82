// Chains over the rows are one kernel: unknown and known extents, each float type.
// RUN: oriel-opt %s --split-input-file --compile-to=fused | FileCheck %s
// RUN: sed -e 's/f32/f64/g' %s | oriel-opt - --split-input-file --compile-to=fused | FileCheck %s
// RUN: sed -e 's/f32/bf16/g' %s | oriel-opt - --split-input-file --compile-to=fused | FileCheck %s
// RUN: sed -e 's/?x?x/32x64x/g' -e 's/?x/32x/g' -e 's/dims<n, m>/dims<32, 64>/g' -e 's/shape <n, m>/shape <32, 64>/g' -e 's/<n>/<32>/g' %s | oriel-opt - --split-input-file --compile-to=fused | FileCheck %s
// RUN: sed -e 's/f32/f16/g' -e 's/?x?x/32x64x/g' -e 's/?x/32x/g' -e 's/dims<n, m>/dims<32, 64>/g' -e 's/shape <n, m>/shape <32, 64>/g' -e 's/<n>/<32>/g' %s | oriel-opt - --split-input-file --compile-to=fused | FileCheck %s

// CHECK-LABEL: func @softmax
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x?xf32> {
  %0 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %5 = oriel.broadcast %4 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %6 = oriel.div %3, %5 : tensor<?x?xf32>
  return %6 : tensor<?x?xf32>
}

// -----

// Its logarithm, written as people do.
// CHECK-LABEL: func @log_softmax
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @log_softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x?xf32> {
  %0 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %5 = oriel.broadcast %4 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %6 = oriel.div %3, %5 : tensor<?x?xf32>
  %7 = oriel.log %6 : tensor<?x?xf32>
  return %7 : tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func @layer_norm
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @layer_norm(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %g: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?x?xf32> {
  %0 = oriel.reduce mean %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.mul %2, %2 : tensor<?x?xf32>
  %4 = oriel.reduce mean %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %c = oriel.constant dense<0.001> : tensor<f32>
  %5 = oriel.broadcast %c shape <n> axes [] : tensor<f32> -> tensor<?xf32>
  %6 = oriel.add %4, %5 : tensor<?xf32>
  %7 = oriel.rsqrt %6 : tensor<?xf32>
  %8 = oriel.broadcast %7 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %9 = oriel.mul %2, %8 : tensor<?x?xf32>
  %10 = oriel.mul %9, %g : tensor<?x?xf32>
  return %10 : tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func @variance
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @variance(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> (tensor<?xf32>, tensor<?xf32>) {
  %0 = oriel.reduce mean %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.mul %2, %2 : tensor<?x?xf32>
  %4 = oriel.reduce mean %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  return %4, %0 : tensor<?xf32>, tensor<?xf32>
}

// -----

// The target's element of a row is gathered where the row is reduced.
// CHECK-LABEL: func @cross_entropy
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @cross_entropy(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %t: tensor<?xi64> {oriel.dims = #oriel.dims<n>}) -> tensor<?xf32> {
  %0 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %5 = oriel.log %4 : tensor<?xf32>
  %6 = oriel.add %5, %0 : tensor<?xf32>
  %i = oriel.iota axis 0 shape <n> : tensor<?xi64>
  %7 = oriel.gather %x[%i, %t] axis 0 : (tensor<?x?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
  %8 = oriel.sub %6, %7 : tensor<?xf32>
  return %8 : tensor<?xf32>
}

// -----

// The same of a one-hot target.
// CHECK-LABEL: func @one_hot
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @one_hot(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %t: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}) -> tensor<?xf32> {
  %0 = oriel.reduce max %x axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %2 = oriel.sub %x, %1 : tensor<?x?xf32>
  %3 = oriel.exp %2 : tensor<?x?xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %5 = oriel.log %4 : tensor<?xf32>
  %6 = oriel.broadcast %5 shape <n, m> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %7 = oriel.sub %2, %6 : tensor<?x?xf32>
  %8 = oriel.mul %7, %t : tensor<?x?xf32>
  %9 = oriel.reduce sum %8 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %10 = oriel.neg %9 : tensor<?xf32>
  return %10 : tensor<?xf32>
}

// -----

// What is picked from a table is reduced as it comes.
// CHECK-LABEL: func @picked
// CHECK: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: class = "RowReduce"
func.func @picked(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>}, %t: tensor<?xi64> {oriel.dims = #oriel.dims<n>}) -> tensor<?xf32> {
  %0 = oriel.gather %x[%t] axis 0 : (tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
  %1 = oriel.mul %0, %0 : tensor<?x?xf32>
  %2 = oriel.reduce sum %1 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
