// Slices and gathers go before elementwise ops that nothing else reads, and
// elementwise ops are computed part by part instead of of a concatenation.
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-fuse-kernels | FileCheck %s
// RUN: oriel-opt %s --split-input-file --oriel-place="cpu=x86-64-v3" --oriel-explain-fusion --oriel-fuse-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHY

// Only the rows that are read are computed; a row that all share is broadcast to
// them.
// CHECK-LABEL: func @gathered
// CHECK: oriel.kernel "Gather"
// CHECK: oriel.gather %{{.*}} -> tensor<?x64xf32>
// CHECK: oriel.mul %{{.*}} : tensor<?x64xf32>
// CHECK: oriel.tanh %{{.*}} : tensor<?x64xf32>
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: gather and tanh: fused, computed for the elements that are read alone: apart
func.func @gathered(%x: tensor<1000x64xf32>, %w: tensor<64xf32>, %i: tensor<?xi64> {oriel.dims = #oriel.dims<k>}) -> tensor<?x64xf32> {
  %0 = oriel.broadcast %w shape <1000, 64> axes [1] : tensor<64xf32> -> tensor<1000x64xf32>
  %1 = oriel.mul %x, %0 : tensor<1000x64xf32>
  %2 = oriel.tanh %1 : tensor<1000x64xf32>
  %3 = oriel.gather %2[%i] axis 0 : (tensor<1000x64xf32>, tensor<?xi64>) -> tensor<?x64xf32>
  return %3 : tensor<?x64xf32>
}

// -----

// Many more rows are read than there are: each is computed once.
// CHECK-LABEL: func @again
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.tanh %{{.*}} : tensor<10x64xf32>
// CHECK: oriel.kernel "Gather"
func.func @again(%x: tensor<10x64xf32>, %i: tensor<5000xi64>) -> tensor<5000x64xf32> {
  %0 = oriel.tanh %x : tensor<10x64xf32>
  %1 = oriel.gather %0[%i] axis 0 : (tensor<10x64xf32>, tensor<5000xi64>) -> tensor<5000x64xf32>
  return %1 : tensor<5000x64xf32>
}

// -----

// CHECK-LABEL: func @sliced
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.slice
// CHECK: oriel.exp %{{.*}} : tensor<2x9xf32>
// CHECK: oriel.neg
// CHECK-NOT: oriel.kernel
// CHECK: return
func.func @sliced(%x: tensor<8x9xf32>) -> tensor<2x9xf32> {
  %0 = oriel.exp %x : tensor<8x9xf32>
  %1 = oriel.slice %0 starts <3, 0> limits <5, 9> steps [1, 1] : tensor<8x9xf32> -> tensor<2x9xf32>
  %2 = oriel.neg %1 : tensor<2x9xf32>
  return %2 : tensor<2x9xf32>
}

// -----

// What something else reads whole is computed whole.
// CHECK-LABEL: func @whole
// CHECK: oriel.kernel "Elementwise"
// CHECK: oriel.exp %{{.*}} : tensor<8x9xf32>
// CHECK-COUNT-1: oriel.kernel
func.func @whole(%x: tensor<8x9xf32>) -> (tensor<2x9xf32>, tensor<8x9xf32>) {
  %0 = oriel.exp %x : tensor<8x9xf32>
  %1 = oriel.slice %0 starts <3, 0> limits <5, 9> steps [1, 1] : tensor<8x9xf32> -> tensor<2x9xf32>
  %2 = oriel.neg %1 : tensor<2x9xf32>
  return %2, %0 : tensor<2x9xf32>, tensor<8x9xf32>
}

// -----

// A chain over a concatenation runs part by part; what must hold of the other
// operand's extent is checked still.
// CHECK-LABEL: func @parts
// CHECK: oriel.kernel "Concatenate" (%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}) -> tensor<?x4xf32>
// CHECK: oriel.tanh %{{.*}} : tensor<?x4xf32>
// CHECK: oriel.slice %{{.*}} starts <{{.*}}, 0>
// CHECK: oriel.add
// CHECK: oriel.concatenate
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: tanh and concatenate: fused, computed part by part: apart
func.func @parts(%a: tensor<?x4xf32> {oriel.dims = #oriel.dims<n, 4>}, %b: tensor<?x4xf32> {oriel.dims = #oriel.dims<m, 4>}, %y: tensor<?x4xf32> {oriel.dims = #oriel.dims<k, 4>}) -> tensor<?x4xf32> {
  %0 = oriel.concatenate %a, %b axis 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = oriel.tanh %0 : tensor<?x4xf32>
  %2 = oriel.add %1, %y : tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// -----

// The whole is needed in memory anyway.
// CHECK-LABEL: func @needed
// CHECK: oriel.kernel "Concatenate"
// CHECK: oriel.kernel "Elementwise"
func.func @needed(%a: tensor<4xf32>, %b: tensor<5xf32>) -> (tensor<9xf32>, tensor<9xf32>) {
  %0 = oriel.concatenate %a, %b axis 0 : (tensor<4xf32>, tensor<5xf32>) -> tensor<9xf32>
  %1 = oriel.tanh %0 : tensor<9xf32>
  return %0, %1 : tensor<9xf32>, tensor<9xf32>
}

// -----

// Sums across the joined axis are those of the parts, and the chain over rows runs
// in each: only numbers a row are joined.
// CHECK-LABEL: func @rows_of_parts
// CHECK-COUNT-2: oriel.kernel "RowReduce"
// CHECK: oriel.kernel "Concatenate" ({{.*}}) -> tensor<?xf32>
// CHECK-NOT: oriel.kernel
// CHECK: return
// WHY: max and concatenate: fused, computed part by part: apart
func.func @rows_of_parts(%a: tensor<?x1000xf32> {oriel.dims = #oriel.dims<n, 1000>}, %b: tensor<?x1000xf32> {oriel.dims = #oriel.dims<m, 1000>}) -> tensor<?xf32> {
  %0 = oriel.neg %b : tensor<?x1000xf32>
  %1 = oriel.concatenate %a, %0 axis 0 : (tensor<?x1000xf32>, tensor<?x1000xf32>) -> tensor<?x1000xf32>
  %2 = oriel.reduce max %1 axes [1] keepdims : tensor<?x1000xf32> -> tensor<?x1xf32>
  %3 = oriel.broadcast %2 shape <"n+m", 1000> axes [0, 1] : tensor<?x1xf32> -> tensor<?x1000xf32>
  %4 = oriel.sub %1, %3 : tensor<?x1000xf32>
  %5 = oriel.exp %4 : tensor<?x1000xf32>
  %6 = oriel.reduce sum %5 axes [1] : tensor<?x1000xf32> -> tensor<?xf32>
  return %6 : tensor<?xf32>
}

// -----

// What may be combined in any order along the joined axis is: integers' sums and
// extreme values, with one more op a part.
// CHECK-LABEL: func @along
// CHECK-NOT: oriel.concatenate
// CHECK: return
func.func @along(%a: tensor<4000x500xi32>, %b: tensor<4000x900xi32>) -> (tensor<4000xi32>, tensor<4000xi32>) {
  %0 = oriel.concatenate %a, %b axis 1 : (tensor<4000x500xi32>, tensor<4000x900xi32>) -> tensor<4000x1400xi32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<4000x1400xi32> -> tensor<4000xi32>
  %2 = oriel.reduce max %0 axes [1] : tensor<4000x1400xi32> -> tensor<4000xi32>
  return %1, %2 : tensor<4000xi32>, tensor<4000xi32>
}

// -----

// A sum's tree is over the whole row.
// CHECK-LABEL: func @one_tree
// CHECK: oriel.kernel "Concatenate"
// CHECK: oriel.kernel "RowReduce"
func.func @one_tree(%a: tensor<40x500xf32>, %b: tensor<40x900xf32>) -> tensor<40xf32> {
  %0 = oriel.concatenate %a, %b axis 1 : (tensor<40x500xf32>, tensor<40x900xf32>) -> tensor<40x1400xf32>
  %1 = oriel.reduce sum %0 axes [1] : tensor<40x1400xf32> -> tensor<40xf32>
  return %1 : tensor<40xf32>
}
