// RUN: oriel-opt %s --oriel-lower-to-llvm --oriel-print-asm="cpu=znver3" -o /dev/null 2>&1 | FileCheck %s

// What the code generator calls for a copy or a fill of unknown size is defined
// in the object itself.
// CHECK-LABEL: copy:
// CHECK: {{callq|jmp}} memcpy
// CHECK-LABEL: fill:
// CHECK: {{callq|jmp}} memset
// CHECK: .type memcpy,@function
// CHECK: memcpy:
// CHECK-NOT: callq
// CHECK: .type memset,@function
// CHECK: memset:
// CHECK-NOT: .globl mem
func.func @copy(%to: !llvm.ptr, %from: !llvm.ptr, %n: i64) {
  "llvm.intr.memcpy"(%to, %from, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  return
}
func.func @fill(%to: !llvm.ptr, %n: i64) {
  %zero = arith.constant 0 : i8
  "llvm.intr.memset"(%to, %zero, %n) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
  return
}
