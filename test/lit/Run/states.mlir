// States: declared values, --state, --repeat, final values by --output; the
// failing run leaves no file behind.
// RUN: rm -rf %t && mkdir %t
// RUN: oriel-run %s --input i=random:i64:scalar:below=1 --cache-dir none --repeat 3 --print --output W=%t/w.npy \
// RUN:   | FileCheck %s
// RUN: oriel-run %s --input i=random:i64:scalar:below=1 --cache-dir none --state W=%t/w.npy --print \
// RUN:   | FileCheck %s --check-prefix=NEXT
// RUN: oriel-run %s --input i=random:i64:scalar:below=1 --cache-dir none --repeat 3 --print --no-fusion --threads 2 \
// RUN:   | FileCheck %s
// RUN: not oriel-run %s --input i=%S/Inputs/nine.npy --cache-dir none --output W=%t/none.npy 2>&1 \
// RUN:   | FileCheck %s --check-prefix=RANGE
// RUN: not ls %t/none.npy

// CHECK: old: float32 (2,)
// CHECK: [ 9. 12.]
// NEXT: old: float32 (2,)
// NEXT: [13. 17.]
// RANGE: oriel-run: index 9 is out of
// RANGE: Node that caused the error:

oriel.state @W : tensor<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>
func.func @step(%i: tensor<i64> {oriel.name = "i"}) -> (tensor<2xf32> {oriel.name = "old"}) {
  %w = oriel.state_read @W : tensor<2xf32>
  %t = oriel.constant dense<[[4.0, 5.0], [6.0, 7.0]]> : tensor<2x2xf32>
  %g = oriel.gather %t[%i] axis 0 : (tensor<2x2xf32>, tensor<i64>) -> tensor<2xf32>
  %n = oriel.add %w, %g : tensor<2xf32>
  oriel.state_update @W, %n : tensor<2xf32>
  return %w : tensor<2xf32>
}
