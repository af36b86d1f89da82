// RUN: oriel-opt %s --oriel-lower-to-llvm | FileCheck %s
// RUN: oriel-opt %s --oriel-lower-to-llvm --mlir-print-debuginfo | FileCheck %s --check-prefix=LINES

// Loops become blocks, vectors LLVM's own, and nothing else is left.
// CHECK-LABEL: llvm.func @sum
// CHECK-NOT: scf.
// CHECK-NOT: unrealized_conversion_cast
// CHECK: llvm.cond_br
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK: llvm.fadd %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: llvm.return
// LINES-DAG: #llvm.di_subprogram
// LINES-DAG: emissionKind = LineTablesOnly
module @sum {
  func.func @sum(%p: !llvm.ptr, %n: i64) -> vector<16xf32> {
    %c0 = arith.constant 0 : i64
    %c16 = arith.constant 16 : i64
    %zero = arith.constant dense<0.0> : vector<16xf32>
    %r = scf.for %i = %c0 to %n step %c16 iter_args(%acc = %zero) -> (vector<16xf32>) : i64 {
      %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %v = llvm.load %q {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
      %s = arith.addf %acc, %v : vector<16xf32>
      scf.yield %s : vector<16xf32>
    }
    return %r : vector<16xf32>
  }
}

// bf16 is computed in f32 and rounded by integer arithmetic: no library call,
// and no conversion instruction that flushes denormals.
// CHECK-LABEL: llvm.func @bf16
// CHECK-NOT: llvm.fptrunc
// CHECK: llvm.fadd %{{.*}} : vector<16xf32>
// CHECK: llvm.lshr %{{.*}} : vector<16xi32>
// CHECK: llvm.store %{{.*}} : vector<16xi16>
module @bf16 {
  func.func @bf16(%p: !llvm.ptr, %v: vector<16xbf16>) {
    %s = arith.addf %v, %v : vector<16xbf16>
    llvm.store %s, %p {alignment = 2 : i64} : vector<16xbf16>, !llvm.ptr
    return
  }
}

// f64 to f16 rounds once: through f32 rounded to odd.
// CHECK-LABEL: llvm.func @f16
// CHECK-NOT: llvm.fptrunc %{{.*}} : f64 to f16
// CHECK: llvm.fptrunc %{{.*}} : f64 to f32
// CHECK: llvm.or
// CHECK: llvm.fptrunc %{{.*}} : f32 to f16
module @f16 {
  func.func @f16(%x: f64) -> f16 {
    %h = arith.truncf %x : f64 to f16
    return %h : f16
  }
}

// A truth value is a byte at memory, never a packed bit.
// CHECK-LABEL: llvm.func @bools
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> vector<16xi8>
// CHECK: llvm.icmp "ne"
// CHECK: llvm.zext %{{.*}} : vector<16xi1> to vector<16xi8>
// CHECK: llvm.store %{{.*}} : vector<16xi8>
module @bools {
  func.func @bools(%p: !llvm.ptr, %q: !llvm.ptr) {
    %v = llvm.load %p : !llvm.ptr -> vector<16xi1>
    llvm.store %v, %q : vector<16xi1>, !llvm.ptr
    return
  }
}
