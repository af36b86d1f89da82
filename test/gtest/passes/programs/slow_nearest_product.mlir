module {
  oriel.state @centers : tensor<512x64xf32>
  func.func @nearest_product(%x: tensor<?x64xf32> {oriel.dims = #oriel.dims<n, 64>, oriel.name = "x"})
      -> (tensor<?xi64> {oriel.name = "output0"}) {
    %0 = oriel.mul %x, %x : tensor<?x64xf32>
    %1 = oriel.reduce sum %0 axes [1] keepdims : tensor<?x64xf32> -> tensor<?x1xf32>
    %2 = oriel.state_read @centers : tensor<512x64xf32>
    %3 = oriel.transpose %2 permutation [1, 0] : tensor<512x64xf32> -> tensor<64x512xf32>
    %4 = oriel.matmul %x, %3 : (tensor<?x64xf32>, tensor<64x512xf32>) -> tensor<?x512xf32>
    %5 = oriel.constant dense<2.0e+00> : tensor<f32>
    %6 = oriel.broadcast %5 shape <n, 512> axes [] : tensor<f32> -> tensor<?x512xf32>
    %7 = oriel.mul %6, %4 : tensor<?x512xf32>
    %8 = oriel.broadcast %1 shape <n, 512> axes [0, 1] : tensor<?x1xf32> -> tensor<?x512xf32>
    %9 = oriel.sub %8, %7 : tensor<?x512xf32>
    %10 = oriel.state_read @centers : tensor<512x64xf32>
    %11 = oriel.mul %10, %10 : tensor<512x64xf32>
    %12 = oriel.reduce sum %11 axes [1] : tensor<512x64xf32> -> tensor<512xf32>
    %13 = oriel.broadcast %12 shape <n, 512> axes [1] : tensor<512xf32> -> tensor<?x512xf32>
    %14 = oriel.add %9, %13 : tensor<?x512xf32>
    %15 = oriel.argmin %14 axis 1 : tensor<?x512xf32> -> tensor<?xi64>
    return %15 : tensor<?xi64>
  }
}
