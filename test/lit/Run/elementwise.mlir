// The same bits with and without fusion, for one and several threads, freshly
// compiled, from the cache and from an exported program.
// RUN: rm -rf %t && mkdir %t
// RUN: oriel-run %s --print --input x=random:f32:scalar --compile-only --cache-dir none
// RUN: oriel-run %s --input x=random:f32:3000x70:seed=7 --threads 1 --cache-dir %t/cache --output y=%t/one.npy
// RUN: oriel-run %s --input x=random:f32:3000x70:seed=7 --threads 2 --cache-dir %t/cache --output y=%t/cached.npy
// RUN: oriel-run %s --input x=random:f32:3000x70:seed=7 --threads 2 --cache-dir none --output y=%t/two.npy
// RUN: oriel-run %s --input x=random:f32:3000x70:seed=7 --no-fusion --cache-dir none --output y=%t/apart.npy
// RUN: oriel-run %s --input x=random:f32:3000x70:seed=7 --guard-buffers --cache-dir none --output y=%t/guarded.npy
// RUN: oriel-run %s --compile-only --cache-dir none --export %t/program.oriel
// RUN: oriel-run %t/program.oriel --input x=random:f32:3000x70:seed=7 --output y=%t/exported.npy
// RUN: cmp %t/one.npy %t/cached.npy
// RUN: cmp %t/one.npy %t/two.npy
// RUN: cmp %t/one.npy %t/apart.npy
// RUN: cmp %t/one.npy %t/guarded.npy
// RUN: cmp %t/one.npy %t/exported.npy
// RUN: oriel-run %s --plan --compile-only --cache-dir none | FileCheck %s --check-prefix=PLAN

// PLAN: plan of 'half': 1 steps
// PLAN: Elementwise
// PLAN: sigmoid

func.func @half(%x: tensor<?x?xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, m>})
    -> (tensor<?x?xf32> {oriel.name = "y"}) {
  %0 = oriel.constant dense<0.5> : tensor<f32>
  %1 = oriel.broadcast %0 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
  %2 = oriel.mul %x, %1 : tensor<?x?xf32>
  %3 = oriel.sigmoid %2 : tensor<?x?xf32>
  %4 = oriel.sub %3, %x : tensor<?x?xf32>
  return %4 : tensor<?x?xf32>
}
