module {
  oriel.state @embedding : tensor<10x128xf32>
  oriel.state @"gru/W" : tensor<128x384xf32>
  oriel.state @"gru/b" : tensor<384xf32>
  oriel.state @"gru/U" : tensor<128x256xf32>
  oriel.state @"gru/V" : tensor<128x128xf32>
  oriel.state @"output/W" : tensor<10x128xf32>
  oriel.state @bias : tensor<10xf32>
  func.func @next(%word: tensor<?xi64> {oriel.dims = #oriel.dims<word_0>, oriel.name = "word"},
      %h0: tensor<?x?xf32> {oriel.dims = #oriel.dims<"h0.3_0", "h0.3_1">, oriel.name = "h0"})
      -> (tensor<10xf32> {oriel.name = "output0"},
      tensor<?x128xf32> {oriel.name = "output1"}) {
    %0 = oriel.state_read @embedding : tensor<10x128xf32>
    %1 = oriel.gather %0[%word] axis 0 : (tensor<10x128xf32>, tensor<?xi64>) -> tensor<?x128xf32>
    %2 = oriel.state_read @"gru/W" : tensor<128x384xf32>
    %3 = oriel.matmul %1, %2 : (tensor<?x128xf32>, tensor<128x384xf32>) -> tensor<?x384xf32>
    %4 = oriel.state_read @"gru/b" : tensor<384xf32>
    %5 = oriel.broadcast %4 shape <word_0, 384> axes [1] : tensor<384xf32> -> tensor<?x384xf32>
    %6 = oriel.add %3, %5 : tensor<?x384xf32>
    %7 = oriel.slice %6 starts <0, 0> limits <word_0, 256> steps [1, 1] : tensor<?x384xf32> -> tensor<?x256xf32>
    %8 = oriel.state_read @"gru/U" : tensor<128x256xf32>
    %9 = oriel.matmul %h0, %8 : (tensor<?x?xf32>, tensor<128x256xf32>) -> tensor<?x256xf32>
    %10 = oriel.add %7, %9 : tensor<?x256xf32>
    %11 = oriel.sigmoid %10 : tensor<?x256xf32>
    %12 = oriel.slice %11 starts <0, 0> limits <word_0, 128> steps [1, 1] : tensor<?x256xf32> -> tensor<?x128xf32>
    %13 = oriel.slice %11 starts <0, 128> limits <word_0, 256> steps [1, 1] : tensor<?x256xf32> -> tensor<?x128xf32>
    %14 = oriel.slice %6 starts <0, 256> limits <word_0, 384> steps [1, 1] : tensor<?x384xf32> -> tensor<?x128xf32>
    %15 = oriel.mul %13, %h0 : (tensor<?x128xf32>, tensor<?x?xf32>) -> tensor<?x128xf32>
    %16 = oriel.state_read @"gru/V" : tensor<128x128xf32>
    %17 = oriel.matmul %15, %16 : (tensor<?x128xf32>, tensor<128x128xf32>) -> tensor<?x128xf32>
    %18 = oriel.add %14, %17 : tensor<?x128xf32>
    %19 = oriel.tanh %18 : tensor<?x128xf32>
    %20 = oriel.mul %12, %h0 : (tensor<?x128xf32>, tensor<?x?xf32>) -> tensor<?x128xf32>
    %21 = oriel.constant dense<1.0e+00> : tensor<f32>
    %22 = oriel.broadcast %21 shape <word_0, 128> axes [] : tensor<f32> -> tensor<?x128xf32>
    %23 = oriel.sub %22, %12 : tensor<?x128xf32>
    %24 = oriel.mul %23, %19 : tensor<?x128xf32>
    %25 = oriel.add %20, %24 : tensor<?x128xf32>
    %26 = oriel.state_read @"output/W" : tensor<10x128xf32>
    %27 = oriel.transpose %26 permutation [1, 0] : tensor<10x128xf32> -> tensor<128x10xf32>
    %28 = oriel.matmul %25, %27 : (tensor<?x128xf32>, tensor<128x10xf32>) -> tensor<?x10xf32>
    %29 = oriel.state_read @bias : tensor<10xf32>
    %30 = oriel.broadcast %29 shape <word_0, 10> axes [1] : tensor<10xf32> -> tensor<?x10xf32>
    %31 = oriel.add %28, %30 : tensor<?x10xf32>
    %32 = oriel.reduce max %31 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %33 = oriel.broadcast %32 shape <word_0, 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %34 = oriel.sub %31, %33 : tensor<?x10xf32>
    %35 = oriel.exp %34 : tensor<?x10xf32>
    %36 = oriel.reduce sum %35 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %37 = oriel.broadcast %36 shape <word_0, 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %38 = oriel.div %35, %37 : tensor<?x10xf32>
    %39 = oriel.slice %38 starts <0, 0> limits <1, 10> steps [1, 1] : tensor<?x10xf32> -> tensor<1x10xf32>
    %40 = oriel.reshape %39 shape <10> : tensor<1x10xf32> -> tensor<10xf32>
    return %40, %25 : tensor<10xf32>, tensor<?x128xf32>
  }
}
