module {
  oriel.state @embedding : tensor<10x128xf32>
  oriel.state @"gru/W" : tensor<128x384xf32>
  oriel.state @"gru/b" : tensor<384xf32>
  oriel.state @"gru/U" : tensor<128x256xf32>
  oriel.state @"gru/V" : tensor<128x128xf32>
  oriel.state @"output/W" : tensor<10x128xf32>
  oriel.state @bias : tensor<10xf32>
  func.func @score(%words: tensor<?x?xi64> {oriel.dims = #oriel.dims<"words.2_0", "words.2_1">, oriel.name = "words"},
      %targets: tensor<?x?xi64> {oriel.dims = #oriel.dims<"targets.2_0", "targets.2_1">, oriel.name = "targets"},
      %h0: tensor<?x?xf32> {oriel.dims = #oriel.dims<"h0.2_0", "h0.2_1">, oriel.name = "h0"})
      -> (tensor<f32> {oriel.name = "output0"},
      tensor<?x128xf32> {oriel.name = "output1"}) {
    %0 = oriel.state_read @embedding : tensor<10x128xf32>
    %1 = oriel.gather %0[%words] axis 0 : (tensor<10x128xf32>, tensor<?x?xi64>) -> tensor<?x?x128xf32>
    %2 = oriel.state_read @"gru/W" : tensor<128x384xf32>
    %3 = oriel.reshape %1 shape <"words.2_0*words.2_1", 128> : tensor<?x?x128xf32> -> tensor<?x128xf32>
    %4 = oriel.matmul %3, %2 : (tensor<?x128xf32>, tensor<128x384xf32>) -> tensor<?x384xf32>
    %5 = oriel.reshape %4 shape <"words.2_0", "words.2_1", 384> : tensor<?x384xf32> -> tensor<?x?x384xf32>
    %6 = oriel.state_read @"gru/b" : tensor<384xf32>
    %7 = oriel.broadcast %6 shape <"words.2_0", "words.2_1", 384> axes [2] : tensor<384xf32> -> tensor<?x?x384xf32>
    %8 = oriel.add %5, %7 : tensor<?x?x384xf32>
    %9 = oriel.dim_value <"words.2_0"> : tensor<i64>
    %10 = oriel.state_read @"gru/U" : tensor<128x256xf32>
    %11 = oriel.state_read @"gru/V" : tensor<128x128xf32>
    %12:2 = oriel.loop %i13 to %9 extent <"words.2_0"> over (%e14 = %8 from <0> by 1 : tensor<?x?x384xf32>) with (%c15 = %h0 : tensor<?x?xf32>) collects (tensor<?x?x128xf32>) {
      %16 = oriel.slice %e14 starts <0, 0> limits <"words.2_1", 256> steps [1, 1] : tensor<?x384xf32> -> tensor<?x256xf32>
      %17 = oriel.matmul %c15, %10 : (tensor<?x?xf32>, tensor<128x256xf32>) -> tensor<?x256xf32>
      %18 = oriel.add %16, %17 : tensor<?x256xf32>
      %19 = oriel.sigmoid %18 : tensor<?x256xf32>
      %20 = oriel.slice %19 starts <0, 0> limits <"words.2_1", 128> steps [1, 1] : tensor<?x256xf32> -> tensor<?x128xf32>
      %21 = oriel.slice %19 starts <0, 128> limits <"words.2_1", 256> steps [1, 1] : tensor<?x256xf32> -> tensor<?x128xf32>
      %22 = oriel.slice %e14 starts <0, 256> limits <"words.2_1", 384> steps [1, 1] : tensor<?x384xf32> -> tensor<?x128xf32>
      %23 = oriel.mul %21, %c15 : (tensor<?x128xf32>, tensor<?x?xf32>) -> tensor<?x128xf32>
      %24 = oriel.matmul %23, %11 : (tensor<?x128xf32>, tensor<128x128xf32>) -> tensor<?x128xf32>
      %25 = oriel.add %22, %24 : tensor<?x128xf32>
      %26 = oriel.tanh %25 : tensor<?x128xf32>
      %27 = oriel.mul %20, %c15 : (tensor<?x128xf32>, tensor<?x?xf32>) -> tensor<?x128xf32>
      %28 = oriel.constant dense<1.0e+00> : tensor<f32>
      %29 = oriel.broadcast %28 shape <"words.2_1", 128> axes [] : tensor<f32> -> tensor<?x128xf32>
      %30 = oriel.sub %29, %20 : tensor<?x128xf32>
      %31 = oriel.mul %30, %26 : tensor<?x128xf32>
      %32 = oriel.add %27, %31 : tensor<?x128xf32>
      %33 = oriel.broadcast %32 shape <"h0.2_0", "h0.2_1"> axes [0, 1] : tensor<?x128xf32> -> tensor<?x?xf32>
      oriel.yield %33, %32 : tensor<?x?xf32>, tensor<?x128xf32>
    }
    %34 = oriel.reshape %12#1 shape <"words.2_0*words.2_1", 128> : tensor<?x?x128xf32> -> tensor<?x128xf32>
    %35 = oriel.state_read @"output/W" : tensor<10x128xf32>
    %36 = oriel.transpose %35 permutation [1, 0] : tensor<10x128xf32> -> tensor<128x10xf32>
    %37 = oriel.matmul %34, %36 : (tensor<?x128xf32>, tensor<128x10xf32>) -> tensor<?x10xf32>
    %38 = oriel.state_read @bias : tensor<10xf32>
    %39 = oriel.broadcast %38 shape <"words.2_0*words.2_1", 10> axes [1] : tensor<10xf32> -> tensor<?x10xf32>
    %40 = oriel.add %37, %39 : tensor<?x10xf32>
    %41 = oriel.reduce max %40 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %42 = oriel.broadcast %41 shape <"words.2_0*words.2_1", 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %43 = oriel.sub %40, %42 : tensor<?x10xf32>
    %44 = oriel.exp %43 : tensor<?x10xf32>
    %45 = oriel.reduce sum %44 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %46 = oriel.log %45 : tensor<?x1xf32>
    %47 = oriel.broadcast %46 shape <"words.2_0*words.2_1", 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %48 = oriel.sub %43, %47 : tensor<?x10xf32>
    %49 = oriel.iota axis 0 shape <"targets.2_0*targets.2_1"> : tensor<?xi64>
    %50 = oriel.reshape %targets shape <"targets.2_0*targets.2_1"> : tensor<?x?xi64> -> tensor<?xi64>
    %51 = oriel.gather %48[%49, %50] axis 0 : (tensor<?x10xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
    %52 = oriel.reduce sum %51 axes [0] : tensor<?xf32> -> tensor<f32>
    %53 = oriel.neg %52 : tensor<f32>
    %54 = oriel.slice %12#1 starts <"words.2_0-1", 0, 0> limits <"words.2_0", "words.2_1", 128> steps [1, 1, 1] : tensor<?x?x128xf32> -> tensor<1x?x128xf32>
    %55 = oriel.reshape %54 shape <"words.2_1", 128> : tensor<1x?x128xf32> -> tensor<?x128xf32>
    return %53, %55 : tensor<f32>, tensor<?x128xf32>
  }
}
