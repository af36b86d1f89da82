// RUN: oriel-opt %s --split-input-file --verify-diagnostics --oriel-place

// expected-error@+1 {{has a value on device 'sim:0', only the host can run code}}
func.func @argument(%x: tensor<4xf32, #oriel.device<"sim:0">>) {
  return
}

// -----

func.func @transfer(%x: tensor<4xf32>) {
  // expected-error@+1 {{has a value on device 'sim:0', only the host can run code}}
  %0 = oriel.transfer %x : tensor<4xf32> -> tensor<4xf32, #oriel.device<"sim:0">>
  return
}
