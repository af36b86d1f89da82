// What compiling cost: as text, as JSON, and of a program that was found compiled.
// RUN: rm -rf %t && mkdir %t
// RUN: oriel-run %s --compile-only --cache-dir %t/cache --compile-report | FileCheck %s
// RUN: oriel-run %s --compile-only --cache-dir none --compile-report=%t/report.json
// RUN: FileCheck %s --check-prefix=JSON < %t/report.json
// RUN: oriel-run %s --compile-only --cache-dir %t/cache --compile-report | FileCheck %s --check-prefix=AGAIN

// CHECK: Compilation of 'half' (compiled): {{[0-9.]+}} ms
// CHECK: Phase
// CHECK: parse
// CHECK: codegen
// CHECK: finish
// CHECK: prepare
// CHECK: Pass
// CHECK-DAG: codegen kernels
// CHECK-DAG: fused oriel-fuse-kernels
// CHECK: Kernel
// CHECK: 1 kernels, 0 from the cache, {{[1-9][0-9]*}} bytes of code
// CHECK: k0_mul
// CHECK: Node
// CHECK: mul at compile-report.mlir:[[# @LINE + 10]]

// JSON: {"function":"half","source":"compiled","total_ns":
// JSON-SAME: "pass":"oriel-simplify"
// JSON-SAME: "kernel":"k0_mul","uses":1,"from_cache":false,"code_bytes":{{[1-9]}}

// AGAIN: Compilation of 'half' (program cache): {{[0-9.]+}} ms; compiling it took {{[0-9.]+}} ms
// AGAIN: When it was compiled
// AGAIN: codegen
func.func @half(%x: tensor<?x70xf32> {oriel.name = "x"}) -> (tensor<?x70xf32> {oriel.name = "y"}) {
  %y = oriel.mul %x, %x : tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}
