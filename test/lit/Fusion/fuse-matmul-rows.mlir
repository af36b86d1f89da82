// A matmul's kernel goes on with the rows of its result, or says why not.
// RUN: oriel-opt %s --compile-to="fused cpu=x86-64-v3" -split-input-file | FileCheck %s
// RUN: oriel-opt %s --oriel-explain-fusion --compile-to="fused cpu=x86-64-v3" -split-input-file 2>&1 >%t | FileCheck %s --check-prefix=EXPLAIN

// The softmax of a layer is one kernel.
// EXPLAIN: {{max|sum|min}} {{.*}} and add {{.*}}: fused: apart {{.*}}; fused {{.*}}
// CHECK-LABEL: func.func @softmax
// CHECK-COUNT-1: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: oriel.class = "MatMul"
// CHECK: oriel.matmul
// CHECK: oriel.reduce max
// CHECK: oriel.reduce sum
func.func @softmax(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<m, k>}, %w: tensor<?x?xf32> {oriel.dims = #oriel.dims<k, n>},
                   %b: tensor<?xf32> {oriel.dims = #oriel.dims<n>}) -> tensor<?x?xf32> {
  %p = oriel.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %bias = oriel.broadcast %b shape <m, n> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
  %y = oriel.add %p, %bias : tensor<?x?xf32>
  %m = oriel.reduce max %y axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %most = oriel.broadcast %m shape <m, n> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %d = oriel.sub %y, %most : tensor<?x?xf32>
  %e = oriel.exp %d : tensor<?x?xf32>
  %s = oriel.reduce sum %e axes [1] : tensor<?x?xf32> -> tensor<?xf32>
  %all = oriel.broadcast %s shape <m, n> axes [0] : tensor<?xf32> -> tensor<?x?xf32>
  %r = oriel.div %e, %all : tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// -----

// What is computed once a row joins too; so does the row of a residual.
// CHECK-LABEL: func.func @centered
// CHECK-COUNT-1: oriel.dispatch
// CHECK-NOT: oriel.dispatch
// CHECK: oriel.class = "MatMul"
func.func @centered(%x: tensor<128x64xf32>, %w: tensor<64x96xf32>, %h: tensor<128x96xf32>) -> tensor<128x96xf32> {
  %p = oriel.matmul %x, %w : (tensor<128x64xf32>, tensor<64x96xf32>) -> tensor<128x96xf32>
  %y = oriel.add %p, %h : tensor<128x96xf32>
  %s = oriel.reduce sum %y axes [1] : tensor<128x96xf32> -> tensor<128xf32>
  %n = oriel.constant dense<9.6e1> : tensor<128xf32>
  %m = oriel.div %s, %n : tensor<128xf32>
  %mean = oriel.broadcast %m shape <128, 96> axes [0] : tensor<128xf32> -> tensor<128x96xf32>
  %c = oriel.sub %y, %mean : tensor<128x96xf32>
  return %c : tensor<128x96xf32>
}

// -----

// EXPLAIN: {{max|sum|min}} {{.*}} and matmul {{.*}}: not fused, rows of 10 elements are faster side by side, in a kernel of their own: apart
func.func @short(%x: tensor<128x64xf32>, %w: tensor<64x10xf32>) -> tensor<128xf32> {
  %p = oriel.matmul %x, %w : (tensor<128x64xf32>, tensor<64x10xf32>) -> tensor<128x10xf32>
  %s = oriel.reduce sum %p axes [1] : tensor<128x10xf32> -> tensor<128xf32>
  return %s : tensor<128xf32>
}

// -----

// EXPLAIN: {{max|sum|min}} {{.*}} and matmul {{.*}}: not fused, 8 rows are too few for threads to share: apart
func.func @few(%x: tensor<8x64xf32>, %w: tensor<64x100xf32>) -> tensor<8xf32> {
  %p = oriel.matmul %x, %w : (tensor<8x64xf32>, tensor<64x100xf32>) -> tensor<8x100xf32>
  %s = oriel.reduce sum %p axes [1] : tensor<8x100xf32> -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

// The right operand lies across and is large: each block of rows would pack it.
// EXPLAIN: {{max|sum|min}} {{.*}} and matmul {{.*}}: not fused, together they would take longer: apart
func.func @packed(%x: tensor<4096x4096xf32>, %w: tensor<8192x4096xf32>) -> tensor<4096xf32> {
  %t = oriel.transpose %w permutation [1, 0] : tensor<8192x4096xf32> -> tensor<4096x8192xf32>
  %p = oriel.matmul %x, %t : (tensor<4096x4096xf32>, tensor<4096x8192xf32>) -> tensor<4096x8192xf32>
  %s = oriel.reduce sum %p axes [1] : tensor<4096x8192xf32> -> tensor<4096xf32>
  return %s : tensor<4096xf32>
}

// -----

// EXPLAIN: {{max|sum|min}} {{.*}} and matmul {{.*}}: not fused, products of narrow integers are summed in wider ones: apart
func.func @narrow(%x: tensor<128x64xi8>, %w: tensor<64x100xi8>) -> tensor<128xi8> {
  %p = oriel.matmul %x, %w : (tensor<128x64xi8>, tensor<64x100xi8>) -> tensor<128x100xi8>
  %s = oriel.reduce max %p axes [1] : tensor<128x100xi8> -> tensor<128xi8>
  return %s : tensor<128xi8>
}
