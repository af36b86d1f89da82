// Loops and branches, in every mode.
// RUN: oriel-run %s --input n=random:i64:scalar:below=1 --print --cache-dir none | FileCheck %s --check-prefix=ZERO
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --print --cache-dir none | FileCheck %s --check-prefix=FIVE
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --print --cache-dir none --no-fusion --threads 2 | FileCheck %s --check-prefix=FIVE
// RUN: oriel-run %s --input n=%S/Inputs/five.npy --print --cache-dir none --guard-buffers | FileCheck %s --check-prefix=FIVE

// ZERO: r: float32 (2,)
// ZERO-NEXT: [1. 2.]
// FIVE: r: float32 (2,)
// FIVE-NEXT: [-40. -72.]

func.func @control(%n: tensor<i64> {oriel.name = "n"}) -> (tensor<2xf32> {oriel.name = "r"}) {
  %a = oriel.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = oriel.constant dense<[0.25, 0.25]> : tensor<2xf32>
  // Carried values that change places: (a, b) -> (a + a, b) for five trips.
  %0:2 = oriel.loop %i to %n with (%c = %a : tensor<2xf32>, %d = %b : tensor<2xf32>) {
    %1 = oriel.add %c, %c : tensor<2xf32>
    oriel.yield %1, %d : tensor<2xf32>, tensor<2xf32>
  }
  %three = oriel.constant dense<3> : tensor<i64>
  %p = oriel.compare gt %n, %three : tensor<i64>
  %2 = oriel.branch %p -> tensor<2xf32> {
    %3 = oriel.constant dense<[8.0, 8.0]> : tensor<2xf32>
    %4 = oriel.add %0#0, %3 : tensor<2xf32>
    %5 = oriel.neg %4 : tensor<2xf32>
    oriel.yield %5 : tensor<2xf32>
  } else {
    oriel.yield %0#0 : tensor<2xf32>
  }
  return %2 : tensor<2xf32>
}
