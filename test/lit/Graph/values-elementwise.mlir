// RUN: oriel-opt %s --oriel-evaluate -o /dev/null
// Folded and decomposed it is the same.
// RUN: oriel-opt %s --oriel-assign-nodes --oriel-simplify --oriel-decompose --oriel-evaluate -o /dev/null

func.func @unary() {
  %x = oriel.constant dense<[-1.5, -0.0, 0.5, 2.5]> : tensor<4xf64>
  %neg = oriel.neg %x : tensor<4xf64>
  %neg_e = oriel.constant dense<[1.5, 0.0, -0.5, -2.5]> : tensor<4xf64>
  check.expect_eq %neg, %neg_e : tensor<4xf64>
  %abs = oriel.abs %x : tensor<4xf64>
  %abs_e = oriel.constant dense<[1.5, 0.0, 0.5, 2.5]> : tensor<4xf64>
  check.expect_eq %abs, %abs_e : tensor<4xf64>
  %sign = oriel.sign %x : tensor<4xf64>
  %sign_e = oriel.constant dense<[-1.0, 0.0, 1.0, 1.0]> : tensor<4xf64>
  check.expect_close %sign, %sign_e ulps 1 : tensor<4xf64>
  %exp = oriel.exp %x : tensor<4xf64>
  %exp_e = oriel.constant dense<[0.22313016014842982, 1.0, 1.6487212707001282, 12.182493960703473]> : tensor<4xf64>
  check.expect_close %exp, %exp_e ulps 1 : tensor<4xf64>
  %expm1 = oriel.expm1 %x : tensor<4xf64>
  %expm1_e = oriel.constant dense<[-0.7768698398515702, -0.0, 0.6487212707001282, 11.182493960703473]> : tensor<4xf64>
  check.expect_close %expm1, %expm1_e ulps 1 : tensor<4xf64>
  %log = oriel.log %abs : tensor<4xf64>
  %log_e = oriel.constant dense<[0.4054651081081644, 0xFFF0000000000000, -0.6931471805599453, 0.9162907318741551]> : tensor<4xf64>
  check.expect_close %log, %log_e ulps 1 : tensor<4xf64>
  %log1p = oriel.log1p %abs : tensor<4xf64>
  %log1p_e = oriel.constant dense<[0.9162907318741551, 0.0, 0.4054651081081644, 1.252762968495368]> : tensor<4xf64>
  check.expect_close %log1p, %log1p_e ulps 1 : tensor<4xf64>
  %sqrt = oriel.sqrt %x : tensor<4xf64>
  %sqrt_e = oriel.constant dense<[0x7FF8000000000000, -0.0, 0.7071067811865476, 1.5811388300841898]> : tensor<4xf64>
  check.expect_eq %sqrt, %sqrt_e : tensor<4xf64>
  %rsqrt = oriel.rsqrt %abs : tensor<4xf64>
  %rsqrt_e = oriel.constant dense<[0.8164965809277261, 0x7FF0000000000000, 1.414213562373095, 0.6324555320336759]> : tensor<4xf64>
  check.expect_close %rsqrt, %rsqrt_e ulps 1 : tensor<4xf64>
  %tanh = oriel.tanh %x : tensor<4xf64>
  %tanh_e = oriel.constant dense<[-0.9051482536448664, -0.0, 0.46211715726000973, 0.9866142981514303]> : tensor<4xf64>
  check.expect_close %tanh, %tanh_e ulps 1 : tensor<4xf64>
  %sigmoid = oriel.sigmoid %x : tensor<4xf64>
  %sigmoid_e = oriel.constant dense<[0.18242552380635635, 0.5, 0.6224593312018546, 0.9241418199787566]> : tensor<4xf64>
  check.expect_close %sigmoid, %sigmoid_e ulps 2 : tensor<4xf64>
  %erf = oriel.erf %x : tensor<4xf64>
  %erf_e = oriel.constant dense<[-0.9661051464753108, -0.0, 0.5204998778130465, 0.999593047982555]> : tensor<4xf64>
  check.expect_close %erf, %erf_e ulps 1 : tensor<4xf64>
  %sin = oriel.sin %x : tensor<4xf64>
  %sin_e = oriel.constant dense<[-0.9974949866040544, -0.0, 0.479425538604203, 0.5984721441039564]> : tensor<4xf64>
  check.expect_close %sin, %sin_e ulps 1 : tensor<4xf64>
  %cos = oriel.cos %x : tensor<4xf64>
  %cos_e = oriel.constant dense<[0.0707372016677029, 1.0, 0.8775825618903728, -0.8011436155469337]> : tensor<4xf64>
  check.expect_close %cos, %cos_e ulps 1 : tensor<4xf64>
  %floor = oriel.floor %x : tensor<4xf64>
  %floor_e = oriel.constant dense<[-2.0, -0.0, 0.0, 2.0]> : tensor<4xf64>
  check.expect_eq %floor, %floor_e : tensor<4xf64>
  %ceil = oriel.ceil %x : tensor<4xf64>
  %ceil_e = oriel.constant dense<[-1.0, -0.0, 1.0, 3.0]> : tensor<4xf64>
  check.expect_eq %ceil, %ceil_e : tensor<4xf64>
  %round = oriel.round %x : tensor<4xf64>
  %round_e = oriel.constant dense<[-2.0, -0.0, 0.0, 2.0]> : tensor<4xf64>
  check.expect_eq %round, %round_e : tensor<4xf64>
  return
}

func.func @integers() {
  %a = oriel.constant dense<[7, -7, 7, -128]> : tensor<4xi8>
  %b = oriel.constant dense<[3, 3, -3, 0]> : tensor<4xi8>
  %add = oriel.add %a, %b : tensor<4xi8>
  %add_e = oriel.constant dense<[10, -4, 4, -128]> : tensor<4xi8>
  check.expect_eq %add, %add_e : tensor<4xi8>
  %sub = oriel.sub %b, %a : tensor<4xi8>
  %sub_e = oriel.constant dense<[-4, 10, -10, -128]> : tensor<4xi8>
  check.expect_eq %sub, %sub_e : tensor<4xi8>
  %mul = oriel.mul %a, %b : tensor<4xi8>
  %mul_e = oriel.constant dense<[21, -21, -21, 0]> : tensor<4xi8>
  check.expect_eq %mul, %mul_e : tensor<4xi8>
  %div = oriel.floor_div %a, %b : tensor<4xi8>
  %div_e = oriel.constant dense<[2, -3, -3, 0]> : tensor<4xi8>
  check.expect_eq %div, %div_e : tensor<4xi8>
  %mod = oriel.mod %a, %b : tensor<4xi8>
  %mod_e = oriel.constant dense<[1, 2, -2, 0]> : tensor<4xi8>
  check.expect_eq %mod, %mod_e : tensor<4xi8>
  %max = oriel.maximum %a, %b : tensor<4xi8>
  %max_e = oriel.constant dense<[7, 3, 7, 0]> : tensor<4xi8>
  check.expect_eq %max, %max_e : tensor<4xi8>
  %min = oriel.minimum %a, %b : tensor<4xi8>
  %min_e = oriel.constant dense<[3, -7, -3, -128]> : tensor<4xi8>
  check.expect_eq %min, %min_e : tensor<4xi8>
  %u = oriel.constant dense<[2, 3]> : tensor<2xui8>
  %v = oriel.constant dense<[7, 5]> : tensor<2xui8>
  %pow = oriel.pow %u, %v : tensor<2xui8>
  %pow_e = oriel.constant dense<[128, 243]> : tensor<2xui8>
  check.expect_eq %pow, %pow_e : tensor<2xui8>
  return
}

func.func @floats() {
  %a = oriel.constant dense<[7.5, -7.5, 0x7FC00000, 1.0]> : tensor<4xf32>
  %b = oriel.constant dense<[2.0, 2.0, 1.0, 0.0]> : tensor<4xf32>
  %div = oriel.div %a, %b : tensor<4xf32>
  %div_e = oriel.constant dense<[3.75, -3.75, 0x7FC00000, 0x7F800000]> : tensor<4xf32>
  check.expect_eq %div, %div_e : tensor<4xf32>
  %mod = oriel.mod %a, %b : tensor<4xf32>
  %mod_e = oriel.constant dense<[1.5, 0.5, 0x7FC00000, 0x7FC00000]> : tensor<4xf32>
  check.expect_eq %mod, %mod_e : tensor<4xf32>
  // A NaN wins.
  %max = oriel.maximum %a, %b : tensor<4xf32>
  %max_e = oriel.constant dense<[7.5, 2.0, 0x7FC00000, 1.0]> : tensor<4xf32>
  check.expect_eq %max, %max_e : tensor<4xf32>
  %lt = oriel.compare lt %a, %b : tensor<4xf32>
  %lt_e = oriel.constant dense<[false, true, false, false]> : tensor<4xi1>
  check.expect_eq %lt, %lt_e : tensor<4xi1>
  %ne = oriel.compare ne %a, %a : tensor<4xf32>
  %ne_e = oriel.constant dense<[false, false, true, false]> : tensor<4xi1>
  check.expect_eq %ne, %ne_e : tensor<4xi1>
  %choice = oriel.select %lt, %a, %b : tensor<4xf32>
  %choice_e = oriel.constant dense<[2.0, -7.5, 1.0, 0.0]> : tensor<4xf32>
  check.expect_eq %choice, %choice_e : tensor<4xf32>
  %int = oriel.cast %choice : tensor<4xf32> -> tensor<4xi32>
  %int_e = oriel.constant dense<[2, -7, 1, 0]> : tensor<4xi32>
  check.expect_eq %int, %int_e : tensor<4xi32>
  %bool = oriel.cast %choice : tensor<4xf32> -> tensor<4xi1>
  %bool_e = oriel.constant dense<[true, true, true, false]> : tensor<4xi1>
  check.expect_eq %bool, %bool_e : tensor<4xi1>
  return
}

func.func @random_bits() {
  %key = oriel.constant dense<[0, 18446744073709551615]> : tensor<2xui64>
  %counter = oriel.constant dense<[0, 18446744073709551615]> : tensor<2xui64>
  %bits = oriel.random_bits %key, %counter : tensor<2xui64>
  %bits_e = oriel.constant dense<[11077253088097075545, 13474818356711888636]> : tensor<2xui64>
  check.expect_eq %bits, %bits_e : tensor<2xui64>
  return
}

func.func @logical() {
  %a = oriel.constant dense<[true, true, false, false]> : tensor<4xi1>
  %b = oriel.constant dense<[true, false, true, false]> : tensor<4xi1>
  %and = oriel.logical_and %a, %b : tensor<4xi1>
  %and_e = oriel.constant dense<[true, false, false, false]> : tensor<4xi1>
  check.expect_eq %and, %and_e : tensor<4xi1>
  %or = oriel.logical_or %a, %b : tensor<4xi1>
  %or_e = oriel.constant dense<[true, true, true, false]> : tensor<4xi1>
  check.expect_eq %or, %or_e : tensor<4xi1>
  %xor = oriel.logical_xor %a, %b : tensor<4xi1>
  %xor_e = oriel.constant dense<[false, true, true, false]> : tensor<4xi1>
  check.expect_eq %xor, %xor_e : tensor<4xi1>
  %not = oriel.logical_not %a : tensor<4xi1>
  %not_e = oriel.constant dense<[false, false, true, true]> : tensor<4xi1>
  check.expect_eq %not, %not_e : tensor<4xi1>
  return
}
