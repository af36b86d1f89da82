// RUN: oriel-opt %s --oriel-lower-to-llvm --split-input-file --verify-diagnostics

// A math function without an instruction or an expansion would be a call a lane.
func.func @libm(%x: vector<16xf32>) -> vector<16xf32> {
  // expected-error @+1 {{no lowering handles 'math.acosh' on f32 on this device}}
  %0 = math.acosh %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// -----

func.func @tensors(%x: tensor<4xi32>) -> i32 {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{no lowering handles 'tensor.extract' on i32 on this device}}
  %0 = tensor.extract %x[%c0] : tensor<4xi32>
  return %0 : i32
}
