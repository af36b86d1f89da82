func.func @main(%x: tensor<?x8xf32> {oriel.name = "x", oriel.dims = #oriel.dims<n, 8>}) -> (tensor<?xf32> {oriel.name = "y"}) {
  %0 = oriel.add %x, %x : tensor<?x8xf32>
  %1 = oriel.reduce mean %0 axes [1] : tensor<?x8xf32> -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
