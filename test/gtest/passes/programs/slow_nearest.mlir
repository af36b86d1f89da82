module {
  oriel.state @centers : tensor<512x64xf32>
  func.func @nearest(%x: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>, oriel.name = "x"})
      -> (tensor<?xi64> {oriel.name = "output0"}) {
    %0 = oriel.reshape %x shape <n, 1, 64> : tensor<?x64xf32> -> tensor<?x1x64xf32>
    %1 = oriel.state_read @centers : tensor<512x64xf32>
    %2 = oriel.broadcast %0 shape <n, 512, 64> axes [0, 1, 2] : tensor<?x1x64xf32> -> tensor<?x512x64xf32>
    %3 = oriel.broadcast %1 shape <n, 512, 64> axes [1, 2] : tensor<512x64xf32> -> tensor<?x512x64xf32>
    %4 = oriel.sub %2, %3 : tensor<?x512x64xf32>
    %5 = oriel.mul %4, %4 : tensor<?x512x64xf32>
    %6 = oriel.reduce sum %5 axes [2] : tensor<?x512x64xf32> -> tensor<?x512xf32>
    %7 = oriel.argmin %6 axis 1 : tensor<?x512xf32> -> tensor<?xi64>
    return %7 : tensor<?xi64>
  }
}
