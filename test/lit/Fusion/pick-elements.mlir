// Elements that indices name one by one are computed from the elements of the
// operands, numbers of rows among them; what others read is computed twice.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHY

// The logarithm of a softmax at one class a row: the rows' kernel writes two
// numbers a row.
// CHECK-LABEL: func @cross_entropy
// CHECK: oriel.kernel "RowReduce" {{.*}} -> (tensor<?xf32>, tensor<?xf32>)
// CHECK: oriel.kernel "Gather" {{.*}} -> tensor<?xf32>
// CHECK: oriel.broadcast
// CHECK-COUNT-3: oriel.gather
// CHECK: oriel.sub %{{.*}} : tensor<?xf32>
// CHECK: oriel.sub %{{.*}} : tensor<?xf32>
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: gather and sub: fused, computed for the elements that are read alone: apart
// WHY: sub and log: not fused, what is gathered lies in memory: apart
func.func @cross_entropy(%x: tensor<?x1000xf32> {oriel.dims = #oriel.dims<n, 1000>}, %t: tensor<?xi64> {oriel.dims = #oriel.dims<m>}) -> tensor<?xf32> {
  %0 = oriel.reduce max %x axes [1] : tensor<?x1000xf32> -> tensor<?xf32>
  %1 = oriel.broadcast %0 shape <n, 1000> axes [0] : tensor<?xf32> -> tensor<?x1000xf32>
  %2 = oriel.sub %x, %1 : tensor<?x1000xf32>
  %3 = oriel.exp %2 : tensor<?x1000xf32>
  %4 = oriel.reduce sum %3 axes [1] : tensor<?x1000xf32> -> tensor<?xf32>
  %5 = oriel.log %4 : tensor<?xf32>
  %6 = oriel.broadcast %5 shape <n, 1000> axes [0] : tensor<?xf32> -> tensor<?x1000xf32>
  %7 = oriel.sub %2, %6 : tensor<?x1000xf32>
  %8 = oriel.iota axis 0 shape <m> : tensor<?xi64>
  %9 = oriel.gather %7[%8, %t] axis 0 : (tensor<?x1000xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
  return %9 : tensor<?xf32>
}

// -----

// What is read whole lies in memory: its elements are read there.
// CHECK-LABEL: func @whole
// CHECK: oriel.kernel "Elementwise" {{.*}} -> tensor<100x50xf32>
// CHECK: oriel.kernel "Gather"
// CHECK-NOT: oriel.tanh
// CHECK: return
func.func @whole(%x: tensor<100x50xf32>, %i: tensor<7xi64>, %j: tensor<7xi64>) -> (tensor<7xf32>, tensor<100x50xf32>) {
  %0 = oriel.tanh %x : tensor<100x50xf32>
  %1 = oriel.gather %0[%i, %j] axis 0 : (tensor<100x50xf32>, tensor<7xi64>, tensor<7xi64>) -> tensor<7xf32>
  return %1, %0 : tensor<7xf32>, tensor<100x50xf32>
}

// -----

// A broadcast is looked into where it stands; a slice of one is made.
// CHECK-LABEL: func @spread
// CHECK: oriel.kernel "Copy" {{.*}} -> tensor<98x50xf32>
// CHECK: oriel.kernel "Gather" (%[[B:[a-z0-9]*]] = %{{[a-z0-9]*}} : tensor<100xf32>, {{.*}} : tensor<98x50xf32>)
// CHECK: %[[ALL:.*]] = oriel.broadcast %[[B]]
// CHECK: oriel.gather %[[ALL]]
// CHECK: oriel.gather
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @spread(%b: tensor<100xf32>, %i: tensor<7xi64>, %j: tensor<7xi64>) -> (tensor<7xf32>, tensor<7xf32>) {
  %0 = oriel.broadcast %b shape <100, 50> axes [0] : tensor<100xf32> -> tensor<100x50xf32>
  %1 = oriel.gather %0[%i, %j] axis 0 : (tensor<100x50xf32>, tensor<7xi64>, tensor<7xi64>) -> tensor<7xf32>
  %2 = oriel.slice %b starts <1> limits <99> steps [1] : tensor<100xf32> -> tensor<98xf32>
  %3 = oriel.broadcast %2 shape <98, 50> axes [0] : tensor<98xf32> -> tensor<98x50xf32>
  %4 = oriel.gather %3[%i, %j] axis 0 : (tensor<98x50xf32>, tensor<7xi64>, tensor<7xi64>) -> tensor<7xf32>
  return %1, %4 : tensor<7xf32>, tensor<7xf32>
}
