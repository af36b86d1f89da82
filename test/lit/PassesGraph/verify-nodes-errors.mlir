// RUN: oriel-opt %s --oriel-verify-nodes -verify-diagnostics -split-input-file

// expected-error @+1 {{has no node table 'oriel.nodes': run oriel-assign-nodes first}}
module {
}

// -----

module attributes {oriel.nodes = [#oriel.node<op = "exp">]} {
  func.func @unknown(%x: tensor<4xf32>) {
    // expected-error @unknown {{'oriel.exp' op has location loc(unknown), required loc("oriel-node":ID:0)}}
    %0 = oriel.exp %x : tensor<4xf32> loc(unknown)
    return
  }
}
