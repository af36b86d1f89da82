// What normalisations and their gradients become, kernel by kernel: the ops of each but
// views, numbers and casts.
// RUN: oriel-opt %s --split-input-file --compile-to="fused cpu=x86-64-v3" | FileCheck %s

// Two passes over each row, and the gradient in them.
// CHECK-LABEL: func.func @variance(
// CHECK: oriel.dispatch @k0_sum_cast_div_sub_mul_sum_div_cast_div::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_sum_cast_div_sub_mul_sum_div_cast_div({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.sub 
// CHECK: oriel.mul 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.mul 
// CHECK: oriel.add 
module attributes {oriel.origins = [#oriel.node<op = "reduce", file = "l.cpp", line = 32, origin = dead>]} {
  func.func @variance(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"})
      -> (tensor<?xf32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"}) {
    %0 = oriel.reduce mean %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %2 = oriel.sub %x, %1 : tensor<?x?xf32>
    %3 = oriel.mul %2, %2 : tensor<?x?xf32>
    %4 = oriel.reduce mean %3 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %5 = oriel.constant dense<1.0e+00> : tensor<f32>
    %6 = oriel.reshape %5 shape <1> : tensor<f32> -> tensor<1xf32>
    %7 = oriel.broadcast %6 shape <n> axes [0] : tensor<1xf32> -> tensor<?xf32>
    %8 = oriel.dim_value <m> : tensor<i64>
    %9 = oriel.cast %8 : tensor<i64> -> tensor<f64>
    %10 = oriel.constant dense<1.0e+00> : tensor<f64>
    %11 = oriel.div %10, %9 : tensor<f64>
    %12 = oriel.cast %11 : tensor<f64> -> tensor<f32>
    %13 = oriel.broadcast %12 shape <n> axes [] : tensor<f32> -> tensor<?xf32>
    %14 = oriel.mul %7, %13 : tensor<?xf32>
    %15 = oriel.reshape %14 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %16 = oriel.broadcast %15 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %17 = oriel.mul %16, %2 : tensor<?x?xf32>
    %18 = oriel.mul %16, %2 : tensor<?x?xf32>
    %19 = oriel.add %17, %18 : tensor<?x?xf32>
    %20 = oriel.neg %19 : tensor<?x?xf32>
    %21 = oriel.reduce sum %20 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %22 = oriel.reshape %21 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %23 = oriel.dim_value <m> : tensor<i64>
    %24 = oriel.cast %23 : tensor<i64> -> tensor<f64>
    %25 = oriel.constant dense<1.0e+00> : tensor<f64>
    %26 = oriel.div %25, %24 : tensor<f64>
    %27 = oriel.cast %26 : tensor<f64> -> tensor<f32>
    %28 = oriel.broadcast %27 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %29 = oriel.mul %22, %28 : tensor<?x1xf32>
    %30 = oriel.broadcast %29 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %31 = oriel.add %19, %30 : tensor<?x?xf32>
    return %4, %31 : tensor<?xf32>, tensor<?x?xf32>
  }
}

// -----

// The rows of the gradient are one kernel with the result; scale and shift get sums
// over the columns.
// CHECK-LABEL: func.func @layer_norm(
// CHECK: oriel.dispatch @k0_sum::
// CHECK: oriel.dispatch @k1_sum_cast_div_sub_mul_sum_div_add_sqrt::
// CHECK: oriel.dispatch @k0_sum::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_sum({{.*}}oriel.class = "ColumnReduce"
// CHECK: oriel.reduce sum 
// CHECK: func.func @k1_sum_cast_div_sub_mul_sum_div_add_sqrt({{.*}}oriel.class = "RowReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.sub 
// CHECK: oriel.mul 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.add 
// CHECK: oriel.sqrt 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: oriel.mul 
// CHECK: oriel.mul 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.mul 
// CHECK: oriel.div 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: oriel.add 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.mul 
// CHECK: oriel.add 
module {
  func.func @layer_norm(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %g: tensor<?xf32> {oriel.dims = #oriel.dims<m>, oriel.name = "g"},
      %b: tensor<?xf32> {oriel.dims = #oriel.dims<m>, oriel.name = "b"},
      %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "y"})
      -> (tensor<?x?xf32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"},
      tensor<?xf32> {oriel.name = "output2"},
      tensor<?xf32> {oriel.name = "output3"}) {
    %0 = oriel.reduce mean %x axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %2 = oriel.sub %x, %1 : tensor<?x?xf32>
    %3 = oriel.mul %2, %2 : tensor<?x?xf32>
    %4 = oriel.reduce mean %3 axes [1] keepdims : tensor<?x?xf32> -> tensor<?x1xf32>
    %5 = oriel.constant dense<1.0e-05> : tensor<f32>
    %6 = oriel.broadcast %5 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %7 = oriel.add %4, %6 : tensor<?x1xf32>
    %8 = oriel.sqrt %7 : tensor<?x1xf32>
    %9 = oriel.broadcast %8 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %10 = oriel.div %2, %9 : tensor<?x?xf32>
    %11 = oriel.broadcast %g shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
    %12 = oriel.mul %10, %11 : tensor<?x?xf32>
    %13 = oriel.broadcast %b shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
    %14 = oriel.add %12, %13 : tensor<?x?xf32>
    %15 = oriel.reduce sum %y axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %16 = oriel.mul %y, %11 : tensor<?x?xf32>
    %17 = oriel.mul %y, %10 : tensor<?x?xf32>
    %18 = oriel.reduce sum %17 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %19 = oriel.div %16, %9 : tensor<?x?xf32>
    %20 = oriel.mul %19, %10 : tensor<?x?xf32>
    %21 = oriel.neg %20 : tensor<?x?xf32>
    %22 = oriel.reduce sum %21 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %23 = oriel.reshape %22 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %24 = oriel.constant dense<5.0e-01> : tensor<f32>
    %25 = oriel.broadcast %24 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %26 = oriel.mul %25, %23 : tensor<?x1xf32>
    %27 = oriel.div %26, %8 : tensor<?x1xf32>
    %28 = oriel.dim_value <m> : tensor<i64>
    %29 = oriel.cast %28 : tensor<i64> -> tensor<f64>
    %30 = oriel.constant dense<1.0e+00> : tensor<f64>
    %31 = oriel.div %30, %29 : tensor<f64>
    %32 = oriel.cast %31 : tensor<f64> -> tensor<f32>
    %33 = oriel.broadcast %32 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %34 = oriel.mul %27, %33 : tensor<?x1xf32>
    %35 = oriel.broadcast %34 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %36 = oriel.mul %35, %2 : tensor<?x?xf32>
    %37 = oriel.mul %35, %2 : tensor<?x?xf32>
    %38 = oriel.add %19, %36 : tensor<?x?xf32>
    %39 = oriel.add %38, %37 : tensor<?x?xf32>
    %40 = oriel.neg %39 : tensor<?x?xf32>
    %41 = oriel.reduce sum %40 axes [1] : tensor<?x?xf32> -> tensor<?xf32>
    %42 = oriel.reshape %41 shape <n, 1> : tensor<?xf32> -> tensor<?x1xf32>
    %43 = oriel.dim_value <m> : tensor<i64>
    %44 = oriel.cast %43 : tensor<i64> -> tensor<f64>
    %45 = oriel.constant dense<1.0e+00> : tensor<f64>
    %46 = oriel.div %45, %44 : tensor<f64>
    %47 = oriel.cast %46 : tensor<f64> -> tensor<f32>
    %48 = oriel.broadcast %47 shape <n, 1> axes [] : tensor<f32> -> tensor<?x1xf32>
    %49 = oriel.mul %42, %48 : tensor<?x1xf32>
    %50 = oriel.broadcast %49 shape <n, m> axes [0, 1] : tensor<?x1xf32> -> tensor<?x?xf32>
    %51 = oriel.add %39, %50 : tensor<?x?xf32>
    return %14, %51, %18, %15 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
  }
}

// -----

// Sums over the columns, each pass after the one that it needs.
// CHECK-LABEL: func.func @batch_norm(
// CHECK: oriel.dispatch @k0_sum_cast_div::
// CHECK: oriel.dispatch @k1_sub_mul_sum_cast_div_add_sqrt::
// CHECK: oriel.dispatch @k2_div_mul_add_sum_mul_mul_sum_div_mul_neg::
// CHECK: oriel.dispatch @k3_mul_add_add_neg_sum_cast_div_cast_mul::
// CHECK: oriel.dispatch @k4_add::
// CHECK-NOT: oriel.dispatch
// CHECK: return
// CHECK: func.func @k0_sum_cast_div({{.*}}oriel.class = "ColumnReduce"
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: func.func @k1_sub_mul_sum_cast_div_add_sqrt({{.*}}oriel.class = "ColumnReduce"
// CHECK: oriel.sub 
// CHECK: oriel.mul 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.add 
// CHECK: oriel.sqrt 
// CHECK: func.func @k2_div_mul_add_sum_mul_mul_sum_div_mul_neg({{.*}}oriel.class = "ColumnReduce"
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: oriel.reduce sum 
// CHECK: oriel.mul 
// CHECK: oriel.mul 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.mul 
// CHECK: oriel.div 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: func.func @k3_mul_add_add_neg_sum_cast_div_cast_mul({{.*}}oriel.class = "ColumnReduce"
// CHECK: oriel.mul 
// CHECK: oriel.add 
// CHECK: oriel.add 
// CHECK: oriel.neg 
// CHECK: oriel.reduce sum 
// CHECK: oriel.div 
// CHECK: oriel.mul 
// CHECK: func.func @k4_add({{.*}}oriel.class = "Elementwise"
// CHECK: oriel.add 
module {
  func.func @batch_norm(%x: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "x"},
      %g: tensor<?xf32> {oriel.dims = #oriel.dims<m>, oriel.name = "g"},
      %b: tensor<?xf32> {oriel.dims = #oriel.dims<m>, oriel.name = "b"},
      %y: tensor<?x?xf32> {oriel.dims = #oriel.dims<n, m>, oriel.name = "y"})
      -> (tensor<?x?xf32> {oriel.name = "output0"},
      tensor<?x?xf32> {oriel.name = "output1"},
      tensor<?xf32> {oriel.name = "output2"},
      tensor<?xf32> {oriel.name = "output3"}) {
    %0 = oriel.reduce mean %x axes [0] keepdims : tensor<?x?xf32> -> tensor<1x?xf32>
    %1 = oriel.broadcast %0 shape <n, m> axes [0, 1] : tensor<1x?xf32> -> tensor<?x?xf32>
    %2 = oriel.sub %x, %1 : tensor<?x?xf32>
    %3 = oriel.mul %2, %2 : tensor<?x?xf32>
    %4 = oriel.reduce mean %3 axes [0] keepdims : tensor<?x?xf32> -> tensor<1x?xf32>
    %5 = oriel.constant dense<1.0e-05> : tensor<f32>
    %6 = oriel.broadcast %5 shape <1, m> axes [] : tensor<f32> -> tensor<1x?xf32>
    %7 = oriel.add %4, %6 : tensor<1x?xf32>
    %8 = oriel.sqrt %7 : tensor<1x?xf32>
    %9 = oriel.broadcast %8 shape <n, m> axes [0, 1] : tensor<1x?xf32> -> tensor<?x?xf32>
    %10 = oriel.div %2, %9 : tensor<?x?xf32>
    %11 = oriel.broadcast %g shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
    %12 = oriel.mul %10, %11 : tensor<?x?xf32>
    %13 = oriel.broadcast %b shape <n, m> axes [1] : tensor<?xf32> -> tensor<?x?xf32>
    %14 = oriel.add %12, %13 : tensor<?x?xf32>
    %15 = oriel.reduce sum %y axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %16 = oriel.mul %y, %11 : tensor<?x?xf32>
    %17 = oriel.mul %y, %10 : tensor<?x?xf32>
    %18 = oriel.reduce sum %17 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %19 = oriel.div %16, %9 : tensor<?x?xf32>
    %20 = oriel.mul %19, %10 : tensor<?x?xf32>
    %21 = oriel.neg %20 : tensor<?x?xf32>
    %22 = oriel.reduce sum %21 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %23 = oriel.reshape %22 shape <1, m> : tensor<?xf32> -> tensor<1x?xf32>
    %24 = oriel.constant dense<5.0e-01> : tensor<f32>
    %25 = oriel.broadcast %24 shape <1, m> axes [] : tensor<f32> -> tensor<1x?xf32>
    %26 = oriel.mul %25, %23 : tensor<1x?xf32>
    %27 = oriel.div %26, %8 : tensor<1x?xf32>
    %28 = oriel.dim_value <n> : tensor<i64>
    %29 = oriel.cast %28 : tensor<i64> -> tensor<f64>
    %30 = oriel.constant dense<1.0e+00> : tensor<f64>
    %31 = oriel.div %30, %29 : tensor<f64>
    %32 = oriel.cast %31 : tensor<f64> -> tensor<f32>
    %33 = oriel.broadcast %32 shape <1, m> axes [] : tensor<f32> -> tensor<1x?xf32>
    %34 = oriel.mul %27, %33 : tensor<1x?xf32>
    %35 = oriel.broadcast %34 shape <n, m> axes [0, 1] : tensor<1x?xf32> -> tensor<?x?xf32>
    %36 = oriel.mul %35, %2 : tensor<?x?xf32>
    %37 = oriel.mul %35, %2 : tensor<?x?xf32>
    %38 = oriel.add %19, %36 : tensor<?x?xf32>
    %39 = oriel.add %38, %37 : tensor<?x?xf32>
    %40 = oriel.neg %39 : tensor<?x?xf32>
    %41 = oriel.reduce sum %40 axes [0] : tensor<?x?xf32> -> tensor<?xf32>
    %42 = oriel.reshape %41 shape <1, m> : tensor<?xf32> -> tensor<1x?xf32>
    %43 = oriel.dim_value <n> : tensor<i64>
    %44 = oriel.cast %43 : tensor<i64> -> tensor<f64>
    %45 = oriel.constant dense<1.0e+00> : tensor<f64>
    %46 = oriel.div %45, %44 : tensor<f64>
    %47 = oriel.cast %46 : tensor<f64> -> tensor<f32>
    %48 = oriel.broadcast %47 shape <1, m> axes [] : tensor<f32> -> tensor<1x?xf32>
    %49 = oriel.mul %42, %48 : tensor<1x?xf32>
    %50 = oriel.broadcast %49 shape <n, m> axes [0, 1] : tensor<1x?xf32> -> tensor<?x?xf32>
    %51 = oriel.add %39, %50 : tensor<?x?xf32>
    return %14, %51, %18, %15 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
  }
}
