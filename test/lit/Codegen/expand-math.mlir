// RUN: oriel-opt %s --oriel-expand-math | FileCheck %s
// RUN: oriel-opt %s --oriel-expand-math --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC
// RUN: oriel-opt %s --oriel-expand-math --oriel-lower-to-llvm | FileCheck %s --check-prefix=LLVM

// A function becomes fused multiply-adds and bit operations of its own type.
// CHECK-LABEL: func.func @exp
// CHECK-NOT: math.exp
// CHECK: math.fma %{{.*}}, %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// CHECK-NOT: math.exp
// CHECK: return
// Every operation has the location of the one it stands for.
// LOC-LABEL: func.func @exp
// LOC: math.fma {{.*}} loc("kernel":8:0)
// LOC: arith.bitcast {{.*}} loc("kernel":8:0)
// LOC-NOT: loc(unknown)
// LOC: return
func.func @exp(%x: vector<16xf32> loc("kernel":0:0)) -> vector<16xf32> {
  %r = math.exp %x : vector<16xf32> loc("kernel":8:0)
  return %r : vector<16xf32> loc("kernel":16:0)
} loc("kernel":0:0)

// Scalars go through the same operations.
// CHECK-LABEL: func.func @scalar
// CHECK-NOT: math.log
// CHECK: arith.divf %{{.*}}, %{{.*}} : f64
// CHECK: return
func.func @scalar(%x: f64) -> f64 {
  %r = math.log %x : f64
  return %r : f64
}

// Large arguments are reduced lane by lane, behind one test for the vector.
// CHECK-LABEL: func.func @sin
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %{{.*}} : vector<8xi1>
// CHECK-SAME: into i1
// CHECK: scf.if %[[ANY]]
// CHECK: scf.for
// CHECK: arith.mului_extended
// CHECK: return
// LLVM-LABEL: llvm.func @sin
// LLVM-NOT: llvm.call
// LLVM: llvm.return
func.func @sin(%x: vector<8xf64>) -> vector<8xf64> {
  %r = math.sin %x : vector<8xf64>
  return %r : vector<8xf64>
}

// The sigmoid as the lowering writes it is one function of x, other uses of the
// exponential stay.
// CHECK-LABEL: func.func @sigmoid
// CHECK-NOT: math.absf
// CHECK: arith.divf
// CHECK-NOT: arith.divf
// CHECK: return
func.func @sigmoid(%x: vector<8xf32>) -> vector<8xf32> {
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %one = arith.constant dense<1.0> : vector<8xf32>
  %a = math.absf %x : vector<8xf32>
  %n = arith.negf %a : vector<8xf32>
  %e = math.exp %n : vector<8xf32>
  %c = arith.cmpf olt, %x, %zero : vector<8xf32>
  %s = arith.select %c, %e, %one : vector<8xi1>, vector<8xf32>
  %d = arith.addf %e, %one : vector<8xf32>
  %r = arith.divf %s, %d : vector<8xf32>
  return %r : vector<8xf32>
}
// CHECK-LABEL: func.func @shared_exponential
// CHECK: %[[A:.*]] = math.absf
// CHECK: arith.negf %[[A]]
// CHECK: %[[S:.*]] = arith.divf
// CHECK: return %[[S]], %{{.*}}
func.func @shared_exponential(%x: f64) -> (f64, f64) {
  %zero = arith.constant 0.0 : f64
  %one = arith.constant 1.0 : f64
  %a = math.absf %x : f64
  %n = arith.negf %a : f64
  %e = math.exp %n : f64
  %c = arith.cmpf olt, %x, %zero : f64
  %s = arith.select %c, %e, %one : f64
  %d = arith.addf %e, %one : f64
  %r = arith.divf %s, %d : f64
  return %r, %e : f64, f64
}
// Something else over the same exponential is no sigmoid.
// CHECK-LABEL: func.func @no_sigmoid
// CHECK-SAME: %{{.*}}: f32, %[[Y:.*]]: f32
// CHECK: math.absf
// CHECK: %[[C:.*]] = arith.cmpf olt, %[[Y]]
// CHECK: %[[S:.*]] = arith.select %[[C]]
// CHECK: arith.divf %[[S]]
// CHECK: return
func.func @no_sigmoid(%x: f32, %y: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %a = math.absf %x : f32
  %n = arith.negf %a : f32
  %e = math.exp %n : f32
  %c = arith.cmpf olt, %y, %zero : f32
  %s = arith.select %c, %e, %one : f32
  %d = arith.addf %e, %one : f32
  %r = arith.divf %s, %d : f32
  return %r : f32
}

// The remainder has no instruction either.
// CHECK-LABEL: func.func @rem
// CHECK-NOT: arith.remf
// CHECK: math.trunc %{{.*}} : vector<4xf32>
// CHECK: scf.while
// CHECK: return
func.func @rem(%x: vector<4xf32>, %y: vector<4xf32>) -> vector<4xf32> {
  %r = arith.remf %x, %y : vector<4xf32>
  return %r : vector<4xf32>
}

// Other element types, and what has an instruction, are left alone.
// CHECK-LABEL: func.func @others
// CHECK: math.exp %{{.*}} : vector<8xf16>
// CHECK: math.floor %{{.*}} : vector<4xf32>
func.func @others(%h: vector<8xf16>, %x: vector<4xf32>) -> (vector<8xf16>, vector<4xf32>) {
  %a = math.exp %h : vector<8xf16>
  %b = math.floor %x : vector<4xf32>
  return %a, %b : vector<8xf16>, vector<4xf32>
}

// Vectors of integers of up to 32 bits are divided in floating point, where that is
// exact; 64 bits, scalars and known divisors are not.
// CHECK-LABEL: func.func @division
// CHECK: arith.divf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK: arith.divf %{{.*}}, %{{.*}} : vector<8xf64>
// CHECK: arith.divui %{{.*}}, %{{.*}} : vector<8xi64>
// CHECK: arith.divsi %{{.*}}, %{{.*}} : i16
// CHECK: arith.divsi %{{.*}}, %{{.*}} : vector<8xi16>
// CHECK: return
func.func @division(%a: vector<8xi16>, %b: vector<8xi32>, %c: vector<8xi64>, %d: i16)
    -> (vector<8xi16>, vector<8xi32>, vector<8xi64>, i16, vector<8xi16>) {
  %seven = arith.constant dense<7> : vector<8xi16>
  %0 = arith.divsi %a, %a : vector<8xi16>
  %1 = arith.divui %b, %b : vector<8xi32>
  %2 = arith.divui %c, %c : vector<8xi64>
  %3 = arith.divsi %d, %d : i16
  %4 = arith.divsi %a, %seven : vector<8xi16>
  return %0, %1, %2, %3, %4 : vector<8xi16>, vector<8xi32>, vector<8xi64>, i16, vector<8xi16>
}

// Maxima and minima of vectors: what is further both ways round, their bits joined.
// No compare of a NaN is waited for.
// CHECK-LABEL: func.func @extremes
// CHECK-COUNT-2: arith.cmpf ogt
// CHECK: arith.ori
// CHECK: arith.andi
// CHECK-NOT: arith.maximumf
// CHECK-COUNT-2: arith.cmpf olt
// CHECK: arith.ori
// CHECK-NOT: arith.minimumf
// CHECK: return
func.func @extremes(%a: vector<16xf32>, %b: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>) {
  %0 = arith.maximumf %a, %b : vector<16xf32>
  %1 = arith.minimumf %a, %b : vector<16xf32>
  return %0, %1 : vector<16xf32>, vector<16xf32>
}
