module attributes {oriel.origins = [#oriel.node<op = "gather", file = "examples/digits-mlp/train.py", line = 69, origin = derived, from = [121], rule = "grad">]} {
  oriel.state @"hidden1/W" : tensor<64x128xf32>
  oriel.state @"hidden1/b" : tensor<128xf32>
  oriel.state @random_0 : tensor<2xui64>
  oriel.state @"hidden2/W" : tensor<128x128xf32>
  oriel.state @"hidden2/b" : tensor<128xf32>
  oriel.state @random_1 : tensor<2xui64>
  oriel.state @"output/W" : tensor<128x10xf32>
  oriel.state @"output/b" : tensor<10xf32>
  oriel.state @"hidden1/W/momentum" : tensor<64x128xf32>
  oriel.state @"hidden1/b/momentum" : tensor<128xf32>
  oriel.state @"hidden2/W/momentum" : tensor<128x128xf32>
  oriel.state @"hidden2/b/momentum" : tensor<128xf32>
  oriel.state @"output/W/momentum" : tensor<128x10xf32>
  oriel.state @"output/b/momentum" : tensor<10xf32>
  func.func @train(%images: tensor<?x?xf32> {oriel.dims = #oriel.dims<images_0, images_1>, oriel.name = "images"},
      %labels: tensor<?xi64> {oriel.dims = #oriel.dims<labels_0>, oriel.name = "labels"},
      %rate: tensor<f32> {oriel.dims = #oriel.dims<>, oriel.name = "rate"})
      -> (tensor<f32> {oriel.name = "cost"}) {
    %0 = oriel.state_read @"hidden1/W" : tensor<64x128xf32>
    %1 = oriel.matmul %images, %0 : (tensor<?x?xf32>, tensor<64x128xf32>) -> tensor<?x128xf32>
    %2 = oriel.state_read @"hidden1/b" : tensor<128xf32>
    %3 = oriel.broadcast %2 shape <images_0, 128> axes [1] : tensor<128xf32> -> tensor<?x128xf32>
    %4 = oriel.add %1, %3 : tensor<?x128xf32>
    %5 = oriel.tanh %4 : tensor<?x128xf32>
    %6 = oriel.constant dense<9.0e-01> : tensor<f64>
    %7 = oriel.broadcast %6 shape <images_0, 128> axes [] : tensor<f64> -> tensor<?x128xf64>
    %8 = oriel.state_read @random_0 : tensor<2xui64>
    %9 = oriel.iota axis 0 shape <2> : tensor<2xui64>
    %10 = oriel.add %8, %9 : tensor<2xui64>
    %11 = oriel.slice %8 starts <0> limits <1> steps [1] : tensor<2xui64> -> tensor<1xui64>
    %12 = oriel.reshape %11 shape <> : tensor<1xui64> -> tensor<ui64>
    %13 = oriel.slice %8 starts <1> limits <2> steps [1] : tensor<2xui64> -> tensor<1xui64>
    %14 = oriel.reshape %13 shape <> : tensor<1xui64> -> tensor<ui64>
    %15 = oriel.random_bits %12, %14 : tensor<ui64>
    %16 = oriel.constant dense<18446744073709551615> : tensor<ui64>
    %17 = oriel.random_bits %15, %16 : tensor<ui64>
    %18 = oriel.iota axis 2 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %19 = oriel.iota axis 1 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %20 = oriel.add %18, %19 : tensor<?x128x1xui64>
    %21 = oriel.iota axis 0 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %22 = oriel.dim_value <128> : tensor<i64>
    %23 = oriel.cast %22 : tensor<i64> -> tensor<ui64>
    %24 = oriel.broadcast %23 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %25 = oriel.mul %21, %24 : tensor<?x128x1xui64>
    %26 = oriel.add %20, %25 : tensor<?x128x1xui64>
    %27 = oriel.broadcast %17 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %28 = oriel.random_bits %27, %26 : tensor<?x128x1xui64>
    %29 = oriel.constant dense<2048> : tensor<ui64>
    %30 = oriel.broadcast %29 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %31 = oriel.floor_div %28, %30 : tensor<?x128x1xui64>
    %32 = oriel.cast %31 : tensor<?x128x1xui64> -> tensor<?x128x1xf64>
    %33 = oriel.constant dense<1.1102230246251565e-16> : tensor<f64>
    %34 = oriel.broadcast %33 shape <images_0, 128, 1> axes [] : tensor<f64> -> tensor<?x128x1xf64>
    %35 = oriel.mul %32, %34 : tensor<?x128x1xf64>
    %36 = oriel.reshape %7 shape <images_0, 128, 1> : tensor<?x128xf64> -> tensor<?x128x1xf64>
    %37 = oriel.compare lt %35, %36 : tensor<?x128x1xf64>
    %38 = oriel.cast %37 : tensor<?x128x1xi1> -> tensor<?x128x1xi64>
    %39 = oriel.reduce sum %38 axes [2] : tensor<?x128x1xi64> -> tensor<?x128xi64>
    %40 = oriel.cast %39 : tensor<?x128xi64> -> tensor<?x128xf32>
    %41 = oriel.mul %5, %40 : tensor<?x128xf32>
    %42 = oriel.constant dense<9.0e-01> : tensor<f32>
    %43 = oriel.broadcast %42 shape <images_0, 128> axes [] : tensor<f32> -> tensor<?x128xf32>
    %44 = oriel.div %41, %43 : tensor<?x128xf32>
    %45 = oriel.state_read @"hidden2/W" : tensor<128x128xf32>
    %46 = oriel.matmul %44, %45 : (tensor<?x128xf32>, tensor<128x128xf32>) -> tensor<?x128xf32>
    %47 = oriel.state_read @"hidden2/b" : tensor<128xf32>
    %48 = oriel.broadcast %47 shape <images_0, 128> axes [1] : tensor<128xf32> -> tensor<?x128xf32>
    %49 = oriel.add %46, %48 : tensor<?x128xf32>
    %50 = oriel.tanh %49 : tensor<?x128xf32>
    %51 = oriel.constant dense<9.0e-01> : tensor<f64>
    %52 = oriel.broadcast %51 shape <images_0, 128> axes [] : tensor<f64> -> tensor<?x128xf64>
    %53 = oriel.state_read @random_1 : tensor<2xui64>
    %54 = oriel.iota axis 0 shape <2> : tensor<2xui64>
    %55 = oriel.add %53, %54 : tensor<2xui64>
    %56 = oriel.slice %53 starts <0> limits <1> steps [1] : tensor<2xui64> -> tensor<1xui64>
    %57 = oriel.reshape %56 shape <> : tensor<1xui64> -> tensor<ui64>
    %58 = oriel.slice %53 starts <1> limits <2> steps [1] : tensor<2xui64> -> tensor<1xui64>
    %59 = oriel.reshape %58 shape <> : tensor<1xui64> -> tensor<ui64>
    %60 = oriel.random_bits %57, %59 : tensor<ui64>
    %61 = oriel.constant dense<18446744073709551615> : tensor<ui64>
    %62 = oriel.random_bits %60, %61 : tensor<ui64>
    %63 = oriel.iota axis 2 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %64 = oriel.iota axis 1 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %65 = oriel.add %63, %64 : tensor<?x128x1xui64>
    %66 = oriel.iota axis 0 shape <images_0, 128, 1> : tensor<?x128x1xui64>
    %67 = oriel.dim_value <128> : tensor<i64>
    %68 = oriel.cast %67 : tensor<i64> -> tensor<ui64>
    %69 = oriel.broadcast %68 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %70 = oriel.mul %66, %69 : tensor<?x128x1xui64>
    %71 = oriel.add %65, %70 : tensor<?x128x1xui64>
    %72 = oriel.broadcast %62 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %73 = oriel.random_bits %72, %71 : tensor<?x128x1xui64>
    %74 = oriel.constant dense<2048> : tensor<ui64>
    %75 = oriel.broadcast %74 shape <images_0, 128, 1> axes [] : tensor<ui64> -> tensor<?x128x1xui64>
    %76 = oriel.floor_div %73, %75 : tensor<?x128x1xui64>
    %77 = oriel.cast %76 : tensor<?x128x1xui64> -> tensor<?x128x1xf64>
    %78 = oriel.constant dense<1.1102230246251565e-16> : tensor<f64>
    %79 = oriel.broadcast %78 shape <images_0, 128, 1> axes [] : tensor<f64> -> tensor<?x128x1xf64>
    %80 = oriel.mul %77, %79 : tensor<?x128x1xf64>
    %81 = oriel.reshape %52 shape <images_0, 128, 1> : tensor<?x128xf64> -> tensor<?x128x1xf64>
    %82 = oriel.compare lt %80, %81 : tensor<?x128x1xf64>
    %83 = oriel.cast %82 : tensor<?x128x1xi1> -> tensor<?x128x1xi64>
    %84 = oriel.reduce sum %83 axes [2] : tensor<?x128x1xi64> -> tensor<?x128xi64>
    %85 = oriel.cast %84 : tensor<?x128xi64> -> tensor<?x128xf32>
    %86 = oriel.mul %50, %85 : tensor<?x128xf32>
    %87 = oriel.constant dense<9.0e-01> : tensor<f32>
    %88 = oriel.broadcast %87 shape <images_0, 128> axes [] : tensor<f32> -> tensor<?x128xf32>
    %89 = oriel.div %86, %88 : tensor<?x128xf32>
    %90 = oriel.state_read @"output/W" : tensor<128x10xf32>
    %91 = oriel.matmul %89, %90 : (tensor<?x128xf32>, tensor<128x10xf32>) -> tensor<?x10xf32>
    %92 = oriel.state_read @"output/b" : tensor<10xf32>
    %93 = oriel.broadcast %92 shape <images_0, 10> axes [1] : tensor<10xf32> -> tensor<?x10xf32>
    %94 = oriel.add %91, %93 : tensor<?x10xf32>
    %95 = oriel.reduce max %94 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %96 = oriel.broadcast %95 shape <images_0, 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %97 = oriel.sub %94, %96 : tensor<?x10xf32>
    %98 = oriel.exp %97 : tensor<?x10xf32>
    %99 = oriel.reduce sum %98 axes [1] keepdims : tensor<?x10xf32> -> tensor<?x1xf32>
    %100 = oriel.broadcast %99 shape <images_0, 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %101 = oriel.div %98, %100 : tensor<?x10xf32>
    %102 = oriel.iota axis 0 shape <labels_0> : tensor<?xi64>
    %103 = oriel.gather %101[%102, %labels] axis 0 : (tensor<?x10xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
    %104 = oriel.log %103 : tensor<?xf32>
    %105 = oriel.neg %104 : tensor<?xf32>
    %106 = oriel.reduce mean %105 axes [0] : tensor<?xf32> -> tensor<f32>
    %107 = oriel.constant dense<1.0e+00> : tensor<f32>
    %108 = oriel.dim_value <labels_0> : tensor<i64>
    %109 = oriel.cast %108 : tensor<i64> -> tensor<f64>
    %110 = oriel.constant dense<1.0e+00> : tensor<f64>
    %111 = oriel.div %110, %109 : tensor<f64>
    %112 = oriel.cast %111 : tensor<f64> -> tensor<f32>
    %113 = oriel.mul %107, %112 : tensor<f32>
    %114 = oriel.reshape %113 shape <1> : tensor<f32> -> tensor<1xf32>
    %115 = oriel.broadcast %114 shape <labels_0> axes [0] : tensor<1xf32> -> tensor<?xf32>
    %116 = oriel.neg %115 : tensor<?xf32>
    %117 = oriel.constant dense<0.0e+00> : tensor<f32>
    %118 = oriel.broadcast %117 shape <images_0, 10> axes [] : tensor<f32> -> tensor<?x10xf32>
    %119 = oriel.scatter add %118[%102, %labels], %116 axis 0 : (tensor<?x10xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x10xf32>
    %120 = oriel.reduce sum %119 axes [1] : tensor<?x10xf32> -> tensor<?xf32>
    %121 = oriel.reshape %120 shape <images_0, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %122 = oriel.div %121, %99 : tensor<?x1xf32>
    %123 = oriel.neg %122 : tensor<?x1xf32>
    %124 = oriel.broadcast %123 shape <images_0, 10> axes [0, 1] : tensor<?x1xf32> -> tensor<?x10xf32>
    %125 = oriel.mul %124, %98 : tensor<?x10xf32>
    %126 = oriel.add %119, %125 : tensor<?x10xf32>
    %127 = oriel.reduce sum %126 axes [0] : tensor<?x10xf32> -> tensor<10xf32>
    %128 = oriel.transpose %90 permutation [1, 0] : tensor<128x10xf32> -> tensor<10x128xf32>
    %129 = oriel.matmul %126, %128 : (tensor<?x10xf32>, tensor<10x128xf32>) -> tensor<?x128xf32>
    %130 = oriel.transpose %89 permutation [1, 0] : tensor<?x128xf32> -> tensor<128x?xf32>
    %131 = oriel.matmul %130, %126 : (tensor<128x?xf32>, tensor<?x10xf32>) -> tensor<128x10xf32>
    %132 = oriel.div %129, %88 : tensor<?x128xf32>
    %133 = oriel.mul %132, %85 : tensor<?x128xf32>
    %134 = oriel.mul %50, %50 : tensor<?x128xf32>
    %135 = oriel.constant dense<1.0e+00> : tensor<f32>
    %136 = oriel.broadcast %135 shape <images_0, 128> axes [] : tensor<f32> -> tensor<?x128xf32>
    %137 = oriel.sub %136, %134 : tensor<?x128xf32>
    %138 = oriel.mul %133, %137 : tensor<?x128xf32>
    %139 = oriel.reduce sum %138 axes [0] : tensor<?x128xf32> -> tensor<128xf32>
    %140 = oriel.transpose %45 permutation [1, 0] : tensor<128x128xf32> -> tensor<128x128xf32>
    %141 = oriel.matmul %138, %140 : (tensor<?x128xf32>, tensor<128x128xf32>) -> tensor<?x128xf32>
    %142 = oriel.transpose %44 permutation [1, 0] : tensor<?x128xf32> -> tensor<128x?xf32>
    %143 = oriel.matmul %142, %138 : (tensor<128x?xf32>, tensor<?x128xf32>) -> tensor<128x128xf32>
    %144 = oriel.div %141, %43 : tensor<?x128xf32>
    %145 = oriel.mul %144, %40 : tensor<?x128xf32>
    %146 = oriel.mul %5, %5 : tensor<?x128xf32>
    %147 = oriel.constant dense<1.0e+00> : tensor<f32>
    %148 = oriel.broadcast %147 shape <images_0, 128> axes [] : tensor<f32> -> tensor<?x128xf32>
    %149 = oriel.sub %148, %146 : tensor<?x128xf32>
    %150 = oriel.mul %145, %149 : tensor<?x128xf32>
    %151 = oriel.reduce sum %150 axes [0] : tensor<?x128xf32> -> tensor<128xf32>
    %152 = oriel.transpose %images permutation [1, 0] : tensor<?x?xf32> -> tensor<?x?xf32>
    %153 = oriel.matmul %152, %150 : (tensor<?x?xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    %154 = oriel.reshape %153 shape <64, 128> : tensor<?x128xf32> -> tensor<64x128xf32>
    %155 = oriel.constant dense<9.0e-01> : tensor<f32>
    %156 = oriel.state_read @"hidden1/W/momentum" : tensor<64x128xf32>
    %157 = oriel.broadcast %155 shape <64, 128> axes [] : tensor<f32> -> tensor<64x128xf32>
    %158 = oriel.mul %157, %156 : tensor<64x128xf32>
    %159 = oriel.broadcast %rate shape <64, 128> axes [] : tensor<f32> -> tensor<64x128xf32>
    %160 = oriel.mul %159, %154 : tensor<64x128xf32>
    %161 = oriel.sub %158, %160 : tensor<64x128xf32>
    %162 = oriel.state_read @"hidden1/W" : tensor<64x128xf32>
    %163 = oriel.add %162, %161 : tensor<64x128xf32>
    %164 = oriel.constant dense<9.0e-01> : tensor<f32>
    %165 = oriel.state_read @"hidden1/b/momentum" : tensor<128xf32>
    %166 = oriel.broadcast %164 shape <128> axes [] : tensor<f32> -> tensor<128xf32>
    %167 = oriel.mul %166, %165 : tensor<128xf32>
    %168 = oriel.broadcast %rate shape <128> axes [] : tensor<f32> -> tensor<128xf32>
    %169 = oriel.mul %168, %151 : tensor<128xf32>
    %170 = oriel.sub %167, %169 : tensor<128xf32>
    %171 = oriel.state_read @"hidden1/b" : tensor<128xf32>
    %172 = oriel.add %171, %170 : tensor<128xf32>
    %173 = oriel.constant dense<9.0e-01> : tensor<f32>
    %174 = oriel.state_read @"hidden2/W/momentum" : tensor<128x128xf32>
    %175 = oriel.broadcast %173 shape <128, 128> axes [] : tensor<f32> -> tensor<128x128xf32>
    %176 = oriel.mul %175, %174 : tensor<128x128xf32>
    %177 = oriel.broadcast %rate shape <128, 128> axes [] : tensor<f32> -> tensor<128x128xf32>
    %178 = oriel.mul %177, %143 : tensor<128x128xf32>
    %179 = oriel.sub %176, %178 : tensor<128x128xf32>
    %180 = oriel.state_read @"hidden2/W" : tensor<128x128xf32>
    %181 = oriel.add %180, %179 : tensor<128x128xf32>
    %182 = oriel.constant dense<9.0e-01> : tensor<f32>
    %183 = oriel.state_read @"hidden2/b/momentum" : tensor<128xf32>
    %184 = oriel.broadcast %182 shape <128> axes [] : tensor<f32> -> tensor<128xf32>
    %185 = oriel.mul %184, %183 : tensor<128xf32>
    %186 = oriel.broadcast %rate shape <128> axes [] : tensor<f32> -> tensor<128xf32>
    %187 = oriel.mul %186, %139 : tensor<128xf32>
    %188 = oriel.sub %185, %187 : tensor<128xf32>
    %189 = oriel.state_read @"hidden2/b" : tensor<128xf32>
    %190 = oriel.add %189, %188 : tensor<128xf32>
    %191 = oriel.constant dense<9.0e-01> : tensor<f32>
    %192 = oriel.state_read @"output/W/momentum" : tensor<128x10xf32>
    %193 = oriel.broadcast %191 shape <128, 10> axes [] : tensor<f32> -> tensor<128x10xf32>
    %194 = oriel.mul %193, %192 : tensor<128x10xf32>
    %195 = oriel.broadcast %rate shape <128, 10> axes [] : tensor<f32> -> tensor<128x10xf32>
    %196 = oriel.mul %195, %131 : tensor<128x10xf32>
    %197 = oriel.sub %194, %196 : tensor<128x10xf32>
    %198 = oriel.state_read @"output/W" : tensor<128x10xf32>
    %199 = oriel.add %198, %197 : tensor<128x10xf32>
    %200 = oriel.constant dense<9.0e-01> : tensor<f32>
    %201 = oriel.state_read @"output/b/momentum" : tensor<10xf32>
    %202 = oriel.broadcast %200 shape <10> axes [] : tensor<f32> -> tensor<10xf32>
    %203 = oriel.mul %202, %201 : tensor<10xf32>
    %204 = oriel.broadcast %rate shape <10> axes [] : tensor<f32> -> tensor<10xf32>
    %205 = oriel.mul %204, %127 : tensor<10xf32>
    %206 = oriel.sub %203, %205 : tensor<10xf32>
    %207 = oriel.state_read @"output/b" : tensor<10xf32>
    %208 = oriel.add %207, %206 : tensor<10xf32>
    oriel.state_update @"hidden1/W/momentum", %161 : tensor<64x128xf32>
    oriel.state_update @"hidden1/W", %163 : tensor<64x128xf32>
    oriel.state_update @"hidden1/b/momentum", %170 : tensor<128xf32>
    oriel.state_update @"hidden1/b", %172 : tensor<128xf32>
    oriel.state_update @"hidden2/W/momentum", %179 : tensor<128x128xf32>
    oriel.state_update @"hidden2/W", %181 : tensor<128x128xf32>
    oriel.state_update @"hidden2/b/momentum", %188 : tensor<128xf32>
    oriel.state_update @"hidden2/b", %190 : tensor<128xf32>
    oriel.state_update @"output/W/momentum", %197 : tensor<128x10xf32>
    oriel.state_update @"output/W", %199 : tensor<128x10xf32>
    oriel.state_update @"output/b/momentum", %206 : tensor<10xf32>
    oriel.state_update @"output/b", %208 : tensor<10xf32>
    oriel.state_update @random_0, %10 : tensor<2xui64>
    oriel.state_update @random_1, %55 : tensor<2xui64>
    return %106 : tensor<f32>
  }
}
