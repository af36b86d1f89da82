// RUN: oriel-opt %s -verify-diagnostics -split-input-file

func.func @shapes(%a: tensor<3xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{operands must have equal shapes, got (3,) and (4,)}}
  %0 = oriel.add %a, %b : (tensor<3xf32>, tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @element_types(%a: tensor<3xf32>, %b: tensor<3xf64>) {
  // expected-error @+1 {{operands must have one element type, got float32 and float64}}
  %0 = oriel.add %a, %b : (tensor<3xf32>, tensor<3xf64>) -> tensor<3xf32>
  return
}

// -----

func.func @dtype(%x: tensor<3xi32>) {
  // expected-error @+1 {{does not take int32: computed in floating point, cast first}}
  %0 = oriel.exp %x : tensor<3xi32>
  return
}

// -----

func.func @result(%a: tensor<3xf32>) {
  // expected-error @+1 {{result type is 'tensor<4xf32>', required 'tensor<3xf32>'}}
  %0 = oriel.add %a, %a : (tensor<3xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @signed(%a: tensor<3xsi32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of}}
  %0 = oriel.neg %a : tensor<3xsi32>
  return
}

// -----

func.func @functional(%a: tensor<3xf32>) {
  // expected-error @+1 {{expected 2 operand types and one result type}}
  %0 = oriel.add %a, %a : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @devices(%a: tensor<3xf32>, %b: tensor<3xf32, #oriel.device<"sim:0">>) {
  // expected-error @+1 {{operand 1 is on another device than operand 0}}
  %0 = oriel.add %a, %b : (tensor<3xf32>, tensor<3xf32, #oriel.device<"sim:0">>) -> tensor<3xf32>
  return
}
