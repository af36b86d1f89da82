// RUN: oriel-opt %s | oriel-opt | FileCheck %s

// CHECK-LABEL: func @taps
func.func @taps(%x: tensor<3x?xf64>, %p: tensor<i1>, %q: tensor<4xi1>, %n: tensor<i64>) -> tensor<3x?xf64> {
  // CHECK: oriel.tap print %{{.*}} message "identity" lines "shape,min" : tensor<3x?xf64>
  %0 = oriel.tap print %x message "identity" lines "shape,min" : tensor<3x?xf64>
  // CHECK: oriel.tap watch %{{.*}} message "h" : tensor<3x?xf64>
  %1 = oriel.tap watch %0 message "h" : tensor<3x?xf64>
  // CHECK: oriel.tap watch %{{.*}} : tensor<3x?xf64>
  %2 = oriel.tap watch %1 : tensor<3x?xf64>
  // CHECK: oriel.tap assert %{{.*}} when(%{{.*}}, %{{.*}} : tensor<i1>, tensor<4xi1>) of(%{{.*}}, %{{.*}} : tensor<i64>, tensor<i64>) counts [2, 0] message "m" : tensor<3x?xf64>
  %3 = oriel.tap assert %2 when(%p, %q : tensor<i1>, tensor<4xi1>) of(%n, %n : tensor<i64>, tensor<i64>) counts [2, 0] message "m" : tensor<3x?xf64>
  // CHECK: oriel.observe <kind = print, tap = 0, node = 1, message = "h", lines = "shape"> %{{.*}} : tensor<3x?xf64>
  oriel.observe #oriel.tap_info<kind = print, tap = 0, node = 1, message = "h", lines = "shape"> %3 : tensor<3x?xf64>
  return %3 : tensor<3x?xf64>
}
