// What losses and their gradients become, kernel by kernel: the ops of each but views,
// numbers and casts.
// RUN: oriel-opt %s --split-input-file --compile-to="fused cpu=x86-64-v3" | FileCheck %s

// logsumexp and the target, gathered in the same pass over the rows, with what the
// gradient needs of them; the targets are scattered where the rows were.
// CHECK-LABEL: func.func @cross_entropy(
// CHECK: oriel.dispatch @k0_max_sub_exp_sum_log_add_gather_sub_cast::
// CHECK: oriel.dispatch @k1_sum_cast_div::
// CHECK: oriel.dispatch @k2_cast_div_cast_neg_scatter::
// CHECK: oriel.dispatch @k3_add::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_max_sub_exp_sum_log_add_gather_sub_cast({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce max 
// CHECK: oriel.sub 
// CHECK: oriel.exp 
// CHECK: oriel.reduce sum 
// CHECK: oriel.log 
// CHECK: oriel.add 
// CHECK: oriel.gather 
// CHECK: oriel.sub 
// CHECK: oriel.div 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.add 
// CHECK: oriel.compare 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.select 
// CHECK: func.func @k1_sum_cast_div({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: func.func @k2_cast_div_cast_neg_scatter({{.*}}oriel.class = "Scatter"
// CHECK: oriel.div 
// CHECK: oriel.neg 
// CHECK: oriel.scatter 
// CHECK: func.func @k3_add({{.*}}oriel.class = "Elementwise"
// CHECK: oriel.add 
module {
  func.func @cross_entropy(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %t: tensor<?xi64> {oriel.dims = #oriel.dims<n>, oriel.name = "t"})
      -> (tensor<f32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"}) {
    %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %2 = oriel.sub %x, %1 : tensor<?x?xf32>
    %3 = oriel.exp %2 : tensor<?x?xf32>
    %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %5 = oriel.log %4 : tensor<?x1xf32>
    %6 = oriel.add %5, %0 : tensor<?x1xf32>
    %7 = oriel.reshape %6 shape <n> : tensor<?x1xf32> -> tensor<?xf32>
    %8 = oriel.iota axis 0 shape <n> : tensor<?xi64>
    %9 = oriel.gather %x[%8, %t] axis 0 : (tensor<?x?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
    %10 = oriel.sub %7, %9 : tensor<?xf32>
    %11 = oriel.reduce mean %10 axes [0] : tensor<?xf32> -> tensor<f32>
    %12 = oriel.constant dense<1.0e+00> : tensor<f32>
    %13 = oriel.dim_value <n> : tensor<i64>
    %14 = oriel.cast %13 : tensor<i64> -> tensor<f64>
    %15 = oriel.constant dense<1.0e+00> : tensor<f64>
    %16 = oriel.div %15, %14 : tensor<f64>
    %17 = oriel.cast %16 : tensor<f64> -> tensor<f32>
    %18 = oriel.mul %12, %17 : tensor<f32>
    %19 = oriel.reshape %18 shape <1> : tensor<f32> -> tensor<1xf32>
    %20 = oriel.broadcast %19 shape <n> axes [0] : tensor<1xf32> -> tensor<?xf32>
    %21 = oriel.neg %20 : tensor<?xf32>
    %22 = oriel.constant dense<0.0e+00> : tensor<f32>
    %23 = oriel.broadcast %22 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %24 = oriel.scatter add %23[%8, %t], %21 axis 0 : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x?xf32>
    %25 = oriel.reshape %20 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %26 = oriel.div %25, %4 : tensor<?x1xf32>
    %27 = oriel.broadcast %26 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %28 = oriel.mul %27, %3 : tensor<?x?xf32>
    %29 = oriel.neg %28 : tensor<?x?xf32>
    %30 = oriel.add %24, %28 : tensor<?x?xf32>
    %31 = oriel.reduce sum %29 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %32 = oriel.reshape %31 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %33 = oriel.add %25, %32 : tensor<?x1xf32>
    %34 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %35 = oriel.compare eq %x, %34 : tensor<?x?xf32>
    %36 = oriel.cast %35 : tensor<?x?xi1> -> tensor<?x?xf32>
    %37 = oriel.reduce sum %36 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %38 = oriel.div %33, %37 : tensor<?x1xf32>
    %39 = oriel.broadcast %38 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %40 = oriel.constant dense<0.0e+00> : tensor<f32>
    %41 = oriel.broadcast %40 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %42 = oriel.select %35, %39, %41 : tensor<?x?xf32>
    %43 = oriel.add %30, %42 : tensor<?x?xf32>
    return %11, %43 : tensor<f32>, tensor<?x?xf32>
  }
}

// -----

// The logarithm of softmax, of which the targets are picked.
// CHECK-LABEL: func.func @nll(
// CHECK: oriel.dispatch @k0_cast_div_cast_mul_scatter::
// CHECK: oriel.dispatch @k1_max_sub_exp_sum_log_sum_compare_compare::
// CHECK: oriel.dispatch @k2_gather_gather_gather_sub_sub_sum_cast::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_cast_div_cast_mul_scatter({{.*}}oriel.class = "Scatter"
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.scatter 
// CHECK: func.func @k1_max_sub_exp_sum_log_sum_compare_compare({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce max 
// CHECK: oriel.sub 
// CHECK: oriel.exp 
// CHECK: oriel.reduce sum 
// CHECK: oriel.log 
// CHECK: oriel.reduce sum 
// CHECK: oriel.compare 
// CHECK: oriel.compare 
// CHECK: oriel.logical_and 
// CHECK: oriel.select 
// CHECK: oriel.div 
// CHECK: oriel.neg 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: func.func @k2_gather_gather_gather_sub_sub_sum_cast({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.gather 
// CHECK: oriel.gather 
// CHECK: oriel.gather 
// CHECK: oriel.sub 
// CHECK: oriel.sub 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.neg 
module {
  func.func @nll(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %t: tensor<?xi64> {oriel.dims = #oriel.dims<n>, oriel.name = "t"})
      -> (tensor<f32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"}) {
    %0 = oriel.reduce max %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %2 = oriel.sub %x, %1 : tensor<?x?xf32>
    %3 = oriel.exp %2 : tensor<?x?xf32>
    %4 = oriel.reduce sum %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %5 = oriel.broadcast %4 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %6 = oriel.div %3, %5 : tensor<?x?xf32>
    %7 = oriel.log %6 : tensor<?x?xf32>
    %8 = oriel.iota axis 0 shape <n> : tensor<?xi64>
    %9 = oriel.gather %7[%8, %t] axis 0 : (tensor<?x?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
    %10 = oriel.reduce mean %9 axes [0] : tensor<?xf32> -> tensor<f32>
    %11 = oriel.neg %10 : tensor<f32>
    %12 = oriel.constant dense<1.0e+00> : tensor<f32>
    %13 = oriel.neg %12 : tensor<f32>
    %14 = oriel.dim_value <n> : tensor<i64>
    %15 = oriel.cast %14 : tensor<i64> -> tensor<f64>
    %16 = oriel.constant dense<1.0e+00> : tensor<f64>
    %17 = oriel.div %16, %15 : tensor<f64>
    %18 = oriel.cast %17 : tensor<f64> -> tensor<f32>
    %19 = oriel.mul %13, %18 : tensor<f32>
    %20 = oriel.reshape %19 shape <1> : tensor<f32> -> tensor<1xf32>
    %21 = oriel.broadcast %20 shape <n> axes [0] : tensor<1xf32> -> tensor<?xf32>
    %22 = oriel.constant dense<0.0e+00> : tensor<f32>
    %23 = oriel.broadcast %22 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %24 = oriel.scatter add %23[%8, %t], %21 axis 0 : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x?xf32>
    %25 = oriel.reduce sum %24 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %26 = oriel.reshape %25 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %27 = oriel.constant dense<0.0e+00> : tensor<f32>
    %28 = oriel.broadcast %27 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %29 = oriel.compare eq %4, %28 : tensor<?x1xf32>
    %30 = oriel.constant dense<0.0e+00> : tensor<f32>
    %31 = oriel.broadcast %30 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %32 = oriel.compare eq %26, %31 : tensor<?x1xf32>
    %33 = oriel.logical_and %32, %29 : tensor<?x1xi1>
    %34 = oriel.constant dense<1.0e+00> : tensor<f32>
    %35 = oriel.broadcast %34 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %36 = oriel.select %33, %35, %4 : tensor<?x1xf32>
    %37 = oriel.div %26, %36 : tensor<?x1xf32>
    %38 = oriel.neg %37 : tensor<?x1xf32>
    %39 = oriel.broadcast %38 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %40 = oriel.mul %39, %3 : tensor<?x?xf32>
    %41 = oriel.add %24, %40 : tensor<?x?xf32>
    return %11, %41 : tensor<f32>, tensor<?x?xf32>
  }
}

// -----

// One pass for the sum, one for the gradient.
// CHECK-LABEL: func.func @mse(
// CHECK: oriel.dispatch @k0_sub_mul_sum_cast_div_cast_mul_add::
// CHECK: oriel.dispatch @k1_sum_cast_div::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_sub_mul_sum_cast_div_cast_mul_add({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.sub 
// CHECK: oriel.mul 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: func.func @k1_sum_cast_div({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
module {
  func.func @mse(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "y"})
      -> (tensor<f32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"}) {
    %0 = oriel.sub %x, %y : tensor<?x?xf32>
    %1 = oriel.mul %0, %0 : tensor<?x?xf32>
    %2 = oriel.reduce mean %1 axes [0, 1] : tensor<?x?xf32> -> tensor<f32>
    %3 = oriel.constant dense<1.0e+00> : tensor<f32>
    %4 = oriel.dim_value <"m*n"> : tensor<i64>
    %5 = oriel.cast %4 : tensor<i64> -> tensor<f64>
    %6 = oriel.constant dense<1.0e+00> : tensor<f64>
    %7 = oriel.div %6, %5 : tensor<f64>
    %8 = oriel.cast %7 : tensor<f64> -> tensor<f32>
    %9 = oriel.mul %3, %8 : tensor<f32>
    %10 = oriel.reshape %9 shape <1, 1> : tensor<f32> -> tensor<1x1xf32>
    %11 = oriel.broadcast %10 shape <n, m> axes [0, 1] : tensor<1x1xf32> -> tensor<?x?xf32>
    %12 = oriel.mul %11, %0 : tensor<?x?xf32>
    %13 = oriel.mul %11, %0 : tensor<?x?xf32>
    %14 = oriel.add %12, %13 : tensor<?x?xf32>
    return %2, %14 : tensor<f32>, tensor<?x?xf32>
  }
}

// -----

// Binary cross-entropy of logits: everything beside the gradient is one pass.
// CHECK-LABEL: func.func @bce(
// CHECK: oriel.dispatch @k0_abs_neg_exp_log1p_maximum_add_mul_sub::
// CHECK: oriel.dispatch @k1_sum_cast_div::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_abs_neg_exp_log1p_maximum_add_mul_sub({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.abs 
// CHECK: oriel.neg 
// CHECK: oriel.exp 
// CHECK: oriel.log1p 
// CHECK: oriel.maximum 
// CHECK: oriel.add 
// CHECK: oriel.mul 
// CHECK: oriel.sub 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.neg 
// CHECK: oriel.mul 
// CHECK: oriel.compare 
// CHECK: oriel.compare 
// CHECK: oriel.mul 
// CHECK: oriel.select 
// CHECK: oriel.select 
// CHECK: oriel.add 
// CHECK: oriel.add 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.neg 
// CHECK: oriel.sign 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: func.func @k1_sum_cast_div({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
module {
  func.func @bce(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "y"})
      -> (tensor<f32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"}) {
    %0 = oriel.abs %x : tensor<?x?xf32>
    %1 = oriel.neg %0 : tensor<?x?xf32>
    %2 = oriel.exp %1 : tensor<?x?xf32>
    %3 = oriel.log1p %2 : tensor<?x?xf32>
    %4 = oriel.constant dense<0.0e+00> : tensor<f32>
    %5 = oriel.broadcast %4 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %6 = oriel.maximum %x, %5 : tensor<?x?xf32>
    %7 = oriel.add %6, %3 : tensor<?x?xf32>
    %8 = oriel.mul %y, %x : tensor<?x?xf32>
    %9 = oriel.sub %7, %8 : tensor<?x?xf32>
    %10 = oriel.reduce mean %9 axes [0, 1] : tensor<?x?xf32> -> tensor<f32>
    %11 = oriel.constant dense<1.0e+00> : tensor<f32>
    %12 = oriel.dim_value <"m*n"> : tensor<i64>
    %13 = oriel.cast %12 : tensor<i64> -> tensor<f64>
    %14 = oriel.constant dense<1.0e+00> : tensor<f64>
    %15 = oriel.div %14, %13 : tensor<f64>
    %16 = oriel.cast %15 : tensor<f64> -> tensor<f32>
    %17 = oriel.mul %11, %16 : tensor<f32>
    %18 = oriel.reshape %17 shape <1, 1> : tensor<f32> -> tensor<1x1xf32>
    %19 = oriel.broadcast %18 shape <n, m> axes [0, 1] : tensor<1x1xf32> -> tensor<?x?xf32>
    %20 = oriel.neg %19 : tensor<?x?xf32>
    %21 = oriel.mul %20, %y : tensor<?x?xf32>
    %22 = oriel.compare gt %x, %5 : tensor<?x?xf32>
    %23 = oriel.compare lt %x, %5 : tensor<?x?xf32>
    %24 = oriel.constant dense<5.0e-01> : tensor<f32>
    %25 = oriel.broadcast %24 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %26 = oriel.mul %25, %19 : tensor<?x?xf32>
    %27 = oriel.constant dense<0.0e+00> : tensor<f32>
    %28 = oriel.broadcast %27 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %29 = oriel.select %23, %28, %26 : tensor<?x?xf32>
    %30 = oriel.select %22, %19, %29 : tensor<?x?xf32>
    %31 = oriel.add %21, %30 : tensor<?x?xf32>
    %32 = oriel.constant dense<1.0e+00> : tensor<f32>
    %33 = oriel.broadcast %32 shape <n, m> axes [] : tensor<f32> -> tensor<?x?xf32>
    %34 = oriel.add %33, %2 : tensor<?x?xf32>
    %35 = oriel.div %19, %34 : tensor<?x?xf32>
    %36 = oriel.mul %35, %2 : tensor<?x?xf32>
    %37 = oriel.neg %36 : tensor<?x?xf32>
    %38 = oriel.sign %x : tensor<?x?xf32>
    %39 = oriel.mul %37, %38 : tensor<?x?xf32>
    %40 = oriel.add %31, %39 : tensor<?x?xf32>
    return %10, %40 : tensor<f32>, tensor<?x?xf32>
  }
}
