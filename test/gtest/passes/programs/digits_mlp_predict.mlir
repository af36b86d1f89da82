module {
  oriel.state @"hidden1/W" : tensor<64x128xf32>
  oriel.state @"hidden1/b" : tensor<128xf32>
  oriel.state @"hidden2/W" : tensor<128x128xf32>
  oriel.state @"hidden2/b" : tensor<128xf32>
  oriel.state @"output/W" : tensor<128x10xf32>
  oriel.state @"output/b" : tensor<10xf32>
  func.func @predict(%images: tensor<?x?xf32> {oriel.dims = #oriel.dims<"images.2_0", "images.2_1">, oriel.name = "images"})
      -> (tensor<?xi64> {oriel.name = "output0"}) {
    %0 = oriel.state_read @"hidden1/W" : tensor<64x128xf32>
    %1 = oriel.matmul %images, %0 : (tensor<?x?xf32>, tensor<64x128xf32>) -> tensor<?x128xf32>
    %2 = oriel.state_read @"hidden1/b" : tensor<128xf32>
    %3 = oriel.broadcast %2 shape <"images.2_0", 128> axes [1] : tensor<128xf32> -> tensor<?x128xf32>
    %4 = oriel.add %1, %3 : tensor<?x128xf32>
    %5 = oriel.tanh %4 : tensor<?x128xf32>
    %6 = oriel.state_read @"hidden2/W" : tensor<128x128xf32>
    %7 = oriel.matmul %5, %6 : (tensor<?x128xf32>, tensor<128x128xf32>) -> tensor<?x128xf32>
    %8 = oriel.state_read @"hidden2/b" : tensor<128xf32>
    %9 = oriel.broadcast %8 shape <"images.2_0", 128> axes [1] : tensor<128xf32> -> tensor<?x128xf32>
    %10 = oriel.add %7, %9 : tensor<?x128xf32>
    %11 = oriel.tanh %10 : tensor<?x128xf32>
    %12 = oriel.state_read @"output/W" : tensor<128x10xf32>
    %13 = oriel.matmul %11, %12 : (tensor<?x128xf32>, tensor<128x10xf32>) -> tensor<?x10xf32>
    %14 = oriel.state_read @"output/b" : tensor<10xf32>
    %15 = oriel.broadcast %14 shape <"images.2_0", 10> axes [1] : tensor<10xf32> -> tensor<?x10xf32>
    %16 = oriel.add %13, %15 : tensor<?x10xf32>
    %17 = oriel.argmax %16 axis 1 : tensor<?x10xf32> -> tensor<?xi64>
    return %17 : tensor<?xi64>
  }
}
