module @argmax {
  func.func @argmax(%x: tensor<?x?xf32>, %o0: tensor<?xi64> {oriel.output}) -> tensor<?xi64> attributes {oriel.class = "Library"} {
    %0 = oriel.argmax %x axis 1 : tensor<?x?xf32> -> tensor<?xi64>
    return %0 : tensor<?xi64>
  }
}
