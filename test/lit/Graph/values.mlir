// RUN: oriel-opt %s --oriel-evaluate -o /dev/null
// Folded and decomposed it is the same.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify --oriel-decompose --oriel-evaluate -o /dev/null

func.func @shapes() {
  %x = oriel.iota axis 1 shape <2, 3> : tensor<2x3xi64>
  %x_e = oriel.constant dense<[[0, 1, 2], [0, 1, 2]]> : tensor<2x3xi64>
  check.expect_eq %x, %x_e : tensor<2x3xi64>
  %row = oriel.constant dense<[10, 20, 30]> : tensor<3xi64>
  %b = oriel.broadcast %row shape <2, 3> axes [1] : tensor<3xi64> -> tensor<2x3xi64>
  %b_e = oriel.constant dense<[[10, 20, 30], [10, 20, 30]]> : tensor<2x3xi64>
  check.expect_eq %b, %b_e : tensor<2x3xi64>
  %s = oriel.add %x, %b : tensor<2x3xi64>
  %r = oriel.reshape %s shape <3, 2> : tensor<2x3xi64> -> tensor<3x2xi64>
  %r_e = oriel.constant dense<[[10, 21], [32, 10], [21, 32]]> : tensor<3x2xi64>
  check.expect_eq %r, %r_e : tensor<3x2xi64>
  %t = oriel.transpose %r permutation [1, 0] : tensor<3x2xi64> -> tensor<2x3xi64>
  %t_e = oriel.constant dense<[[10, 32, 21], [21, 10, 32]]> : tensor<2x3xi64>
  check.expect_eq %t, %t_e : tensor<2x3xi64>
  %v = oriel.slice %t starts <0, 2> limits <1, -1> steps [1, -2] : tensor<2x3xi64> -> tensor<1x2xi64>
  %v_e = oriel.constant dense<[[21, 10]]> : tensor<1x2xi64>
  check.expect_eq %v, %v_e : tensor<1x2xi64>
  %one = oriel.dim_value <1> : tensor<i64>
  %d = oriel.dynamic_slice %t[%one, %one] sizes <1, 2> : tensor<2x3xi64> -> tensor<1x2xi64>
  %d_e = oriel.constant dense<[[10, 32]]> : tensor<1x2xi64>
  check.expect_eq %d, %d_e : tensor<1x2xi64>
  %c = oriel.concatenate %v, %d axis 0 : (tensor<1x2xi64>, tensor<1x2xi64>) -> tensor<2x2xi64>
  %c_e = oriel.constant dense<[[21, 10], [10, 32]]> : tensor<2x2xi64>
  check.expect_eq %c, %c_e : tensor<2x2xi64>
  return
}

func.func @combining() {
  %x = oriel.constant dense<[[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]]> : tensor<2x3xf32>
  %sum = oriel.reduce sum %x axes [1] keepdims : tensor<2x3xf32> -> tensor<2x1xf32>
  %sum_e = oriel.constant dense<[[9.0], [12.0]]> : tensor<2x1xf32>
  check.expect_eq %sum, %sum_e : tensor<2x1xf32>
  %mean = oriel.reduce mean %x axes [0, 1] : tensor<2x3xf32> -> tensor<f32>
  %mean_e = oriel.constant dense<3.5> : tensor<f32>
  check.expect_eq %mean, %mean_e : tensor<f32>
  %max = oriel.reduce max %x axes [0] : tensor<2x3xf32> -> tensor<3xf32>
  %max_e = oriel.constant dense<[4.0, 5.0, 6.0]> : tensor<3xf32>
  check.expect_eq %max, %max_e : tensor<3xf32>
  %am = oriel.argmax %x axis 1 : tensor<2x3xf32> -> tensor<2xi64>
  %am_e = oriel.constant dense<[1, 2]> : tensor<2xi64>
  check.expect_eq %am, %am_e : tensor<2xi64>
  %an = oriel.argmin %x axis 0 keepdims : tensor<2x3xf32> -> tensor<1x3xi64>
  %an_e = oriel.constant dense<[[0, 1, 0]]> : tensor<1x3xi64>
  check.expect_eq %an, %an_e : tensor<1x3xi64>
  %sort = oriel.sort %x axis 1 : tensor<2x3xf32>
  %sort_e = oriel.constant dense<[[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]> : tensor<2x3xf32>
  check.expect_eq %sort, %sort_e : tensor<2x3xf32>
  %order = oriel.argsort %x axis 0 : tensor<2x3xf32> -> tensor<2x3xi64>
  %order_e = oriel.constant dense<[[0, 1, 0], [1, 0, 1]]> : tensor<2x3xi64>
  check.expect_eq %order, %order_e : tensor<2x3xi64>
  %t = oriel.transpose %x permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %mm = oriel.matmul %x, %t : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %mm_e = oriel.constant dense<[[35.0, 32.0], [32.0, 56.0]]> : tensor<2x2xf32>
  check.expect_eq %mm, %mm_e : tensor<2x2xf32>
  return
}

func.func @indexing() {
  %x = oriel.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %i = oriel.constant dense<[2, -3, 2]> : tensor<3xi64>
  %g = oriel.gather %x[%i] axis 0 : (tensor<3xf32>, tensor<3xi64>) -> tensor<3xf32>
  %g_e = oriel.constant dense<[30.0, 10.0, 30.0]> : tensor<3xf32>
  check.expect_eq %g, %g_e : tensor<3xf32>
  %u = oriel.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %a = oriel.scatter add %x[%i], %u axis 0 : (tensor<3xf32>, tensor<3xf32>, tensor<3xi64>) -> tensor<3xf32>
  %a_e = oriel.constant dense<[12.0, 20.0, 34.0]> : tensor<3xf32>
  check.expect_eq %a, %a_e : tensor<3xf32>
  // The last of equal indices wins.
  %s = oriel.scatter set %x[%i], %u axis 0 : (tensor<3xf32>, tensor<3xf32>, tensor<3xi64>) -> tensor<3xf32>
  %s_e = oriel.constant dense<[2.0, 20.0, 3.0]> : tensor<3xf32>
  check.expect_eq %s, %s_e : tensor<3xf32>
  return
}

oriel.state @W : tensor<2xf32> = dense<[5.0, 7.0]> : tensor<2xf32>

func.func @control() {
  %w = oriel.state_read @W : tensor<2xf32>
  %five = oriel.constant dense<5> : tensor<i64>
  %x = oriel.constant dense<0> : tensor<i64>
  // 0 + 1 + 2 + 3 + 4.
  %sum = oriel.loop %i to %five with (%c = %x : tensor<i64>) {
    %0 = oriel.add %c, %i : tensor<i64>
    oriel.yield %0 : tensor<i64>
  }
  %sum_e = oriel.constant dense<10> : tensor<i64>
  check.expect_eq %sum, %sum_e : tensor<i64>
  %big = oriel.compare gt %sum, %five : tensor<i64>
  %r = oriel.branch %big -> tensor<2xf32> {
    oriel.yield %w : tensor<2xf32>
  } else {
    %0 = oriel.neg %w : tensor<2xf32>
    oriel.yield %0 : tensor<2xf32>
  }
  %r_e = oriel.constant dense<[5.0, 7.0]> : tensor<2xf32>
  check.expect_eq %r, %r_e : tensor<2xf32>
  %k = oriel.kernel "Elementwise" (%a = %r : tensor<2xf32>) -> tensor<2xf32> {
    %0 = oriel.mul %a, %a : tensor<2xf32>
    oriel.yield %0 : tensor<2xf32>
  }
  %k_e = oriel.constant dense<[25.0, 49.0]> : tensor<2xf32>
  check.expect_eq %k, %k_e : tensor<2xf32>
  return
}
