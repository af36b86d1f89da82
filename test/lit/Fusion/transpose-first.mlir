// Elementwise ops go below a transpose, or a reshape that adds or drops axes of
// extent 1: their values are computed where they are read.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-assign-nodes --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHY

// CHECK-LABEL: func @read_across
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.transpose %{{.*}} : tensor<?x300xf32> -> tensor<300x?xf32>
// CHECK: oriel.tanh %{{.*}} : tensor<300x?xf32>
// CHECK: oriel.add
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: transpose {{.*}}and tanh{{.*}}: fused, computed where its readers read it: apart
// WHY: add {{.*}}and tanh{{.*}}: fused: apart
func.func @read_across(%x: tensor<?x300xf32> {oriel.dims = #oriel.dims<n, 300>}, %y: tensor<300x?xf32> {oriel.dims = #oriel.dims<300, m>}) -> tensor<300x?xf32> {
  %0 = oriel.tanh %x : tensor<?x300xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<?x300xf32> -> tensor<300x?xf32>
  %2 = oriel.add %1, %y : tensor<300x?xf32>
  return %2 : tensor<300x?xf32>
}

// -----

// Alone it is the transpose that computes.
// CHECK-LABEL: func @result
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.transpose
// CHECK: oriel.mul
// CHECK: oriel.exp
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @result(%x: tensor<200x300xf32>, %y: tensor<200x300xf32>) -> tensor<300x200xf32> {
  %0 = oriel.mul %x, %y : tensor<200x300xf32>
  %1 = oriel.exp %0 : tensor<200x300xf32>
  %2 = oriel.transpose %1 permutation [1, 0] : tensor<200x300xf32> -> tensor<300x200xf32>
  return %2 : tensor<300x200xf32>
}

// -----

// A matmul reads memory across: what it reads stays as it lies.
// CHECK-LABEL: func @matmul
// CHECK: oriel.kernel "Elementwise"
// CHECK-NOT: oriel.transpose
// CHECK: oriel.exp %{{.*}} : tensor<200x300xf32>
// CHECK: oriel.kernel "MatMul"
func.func @matmul(%x: tensor<200x300xf32>, %y: tensor<200x50xf32>) -> tensor<300x50xf32> {
  %0 = oriel.exp %x : tensor<200x300xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<200x300xf32> -> tensor<300x200xf32>
  %2 = oriel.matmul %1, %y : (tensor<300x200xf32>, tensor<200x50xf32>) -> tensor<300x50xf32>
  return %2 : tensor<300x50xf32>
}

// -----

// CHECK-LABEL: func @both_ways
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Elementwise"
func.func @both_ways(%x: tensor<300x300xf32>) -> (tensor<300x300xf32>, tensor<300x300xf32>) {
  %0 = oriel.exp %x : tensor<300x300xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<300x300xf32> -> tensor<300x300xf32>
  %2 = oriel.add %1, %0 : tensor<300x300xf32>
  return %2, %0 : tensor<300x300xf32>, tensor<300x300xf32>
}

// -----

// CHECK-LABEL: func @unit_axis
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.reshape
// CHECK: oriel.tanh %{{.*}} : tensor<?x1x300xf32>
// CHECK: oriel.add
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @unit_axis(%x: tensor<?x300xf32> {oriel.dims = #oriel.dims<n, 300>}, %y: tensor<?x1x300xf32> {oriel.dims = #oriel.dims<n, 1, 300>}) -> tensor<?x1x300xf32> {
  %0 = oriel.tanh %x : tensor<?x300xf32>
  %1 = oriel.reshape %0 shape <n, 1, 300> : tensor<?x300xf32> -> tensor<?x1x300xf32>
  %2 = oriel.add %1, %y : tensor<?x1x300xf32>
  return %2 : tensor<?x1x300xf32>
}

// -----

// What no cache holds is waited for where it is read across: a function is hidden
// behind memory in a kernel of its own, a few simple ops are not dear.
// CHECK-LABEL: func @large
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.exp
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.neg
// CHECK: oriel.add
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: add {{.*}}and exp{{.*}}: not fused, computed where memory is read across it would take longer: apart
func.func @large(%x: tensor<4096x4096xf32>, %y: tensor<4096x4096xf32>, %z: tensor<4096x4096xf32>, %w: tensor<4096x4096xf32>) -> (tensor<4096x4096xf32>, tensor<4096x4096xf32>) {
  %0 = oriel.exp %x : tensor<4096x4096xf32>
  %1 = oriel.transpose %0 permutation [1, 0] : tensor<4096x4096xf32> -> tensor<4096x4096xf32>
  %2 = oriel.add %1, %y : tensor<4096x4096xf32>
  %3 = oriel.neg %z : tensor<4096x4096xf32>
  %4 = oriel.transpose %3 permutation [1, 0] : tensor<4096x4096xf32> -> tensor<4096x4096xf32>
  %5 = oriel.add %4, %w : tensor<4096x4096xf32>
  return %2, %5 : tensor<4096x4096xf32>, tensor<4096x4096xf32>
}
