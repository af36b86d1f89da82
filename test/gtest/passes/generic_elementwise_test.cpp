// File: generic_elementwise_test.cpp
//
// Elementwise kernels, views, transposes and copies against plain loops, to the
// bit.
#include "gmock/gmock.h"
#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

TEST(GenericElementwise, ElementwiseBroadcasts) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Rx$Cxf32>, %b: tensor<$Cxf32>, %c: tensor<$Rx1xf32>, %s: tensor<f32>,
               %o0: tensor<$Rx$Cxf32> {oriel.output}, %o1: tensor<$Rx$Cxf32> {oriel.output})
      -> (tensor<$Rx$Cxf32>, tensor<$Rx$Cxf32>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#id, #col, #row1, #scalar, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %b, %c, %s : tensor<$Rx$Cxf32>, tensor<$Cxf32>, tensor<$Rx1xf32>, tensor<f32>)
        outs(%o0, %o1 : tensor<$Rx$Cxf32>, tensor<$Rx$Cxf32>) {
    ^bb0(%vx: f32, %vb: f32, %vc: f32, %vs: f32, %u0: f32, %u1: f32):
      %one = arith.constant 1.5 : f32
      %1 = arith.addf %vx, %vb : f32
      %2 = arith.mulf %vc, %vs : f32
      %3 = arith.mulf %1, %2 : f32
      %4 = math.sqrt %vs : f32
      %5 = arith.divf %3, %4 : f32
      %6 = arith.addf %5, %one : f32
      linalg.yield %3, %6 : f32, f32
    } -> (tensor<$Rx$Cxf32>, tensor<$Rx$Cxf32>)
    return %0#0, %0#1 : tensor<$Rx$Cxf32>, tensor<$Rx$Cxf32>
  })";
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true}) {
      std::unique_ptr<TestKernel> dynamic;
      for (Shape2 s : kShapes2) {
        std::unique_ptr<TestKernel> own;
        if (is_static || !dynamic)
          own = CompileGeneric(Expand(kText, {{"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        for (int workers : {1, 3}) {
          Array<float> x({s.rows, s.columns}), b({s.columns}), c({s.rows, 1}), sc({});
          Array<float> o0({s.rows, s.columns}), o1({s.rows, s.columns});
          Fill(x, 1), Fill(b, 2), Fill(c, 3), sc[0] = 2.75f;
          kernel.Run({x.arg(), b.arg(), c.arg(), sc.arg(), o0.arg(), o1.arg()}, workers);
          std::vector<float> w0, w1;
          for (int64_t i = 0; i < s.rows; ++i)
            for (int64_t j = 0; j < s.columns; ++j) {
              float y = (x[i * s.columns + j] + b[j]) * (c[i] * sc[0]);
              w0.push_back(y);
              w1.push_back(y / std::sqrt(sc[0]) + 1.5f);
            }
          ExpectSame(o0, w0, "o0");
          ExpectSame(o1, w1, "o1");
        }
        if (!is_static && own) dynamic = std::move(own);
      }
    }
}

template <typename T>
void CheckTranspose(const std::string& type, bool add) {
  const char* kCopy = R"(
  func.func @k(%x: tensor<$Cx$Rx$T>, %o0: tensor<$Rx$Cx$T> {oriel.output}) -> tensor<$Rx$Cx$T> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<$Cx$Rx$T>) outs(%o0 : tensor<$Rx$Cx$T>) {
    ^bb0(%a: $T, %u: $T):
      linalg.yield %a : $T
    } -> tensor<$Rx$Cx$T>
    return %0 : tensor<$Rx$Cx$T>
  })";
  const char* kAdd = R"(
  func.func @k(%x: tensor<$Cx$Rx$T>, %y: tensor<$Rx$Cx$T>, %o0: tensor<$Rx$Cx$T> {oriel.output}) -> tensor<$Rx$Cx$T> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#t, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %y : tensor<$Cx$Rx$T>, tensor<$Rx$Cx$T>) outs(%o0 : tensor<$Rx$Cx$T>) {
    ^bb0(%a: $T, %b: $T, %u: $T):
      %1 = arith.$Osub %a, %b : $T
      linalg.yield %1 : $T
    } -> tensor<$Rx$Cx$T>
    return %0 : tensor<$Rx$Cx$T>
  })";
  const Shape2 shapes[] = {{1, 1}, {8, 8}, {3, 5}, {64, 64}, {67, 130}, {10, 200}, {200, 10}, {0, 4}};
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true})
      for (Shape2 s : shapes) {
        std::string op = std::is_floating_point_v<T> ? "subf" : "subi";
        auto kernel = CompileGeneric(Expand(add ? kAdd : kCopy, {{"$Osub", op}, {"$R", D(s.rows, is_static)},
                                                          {"$C", D(s.columns, is_static)}, {"$T", type}}), bits);
        ASSERT_TRUE(kernel);
        Array<T> x({s.columns, s.rows}), y({s.rows, s.columns}), o({s.rows, s.columns});
        Fill(x, 21), Fill(y, 22);
        if (add)
          kernel->Run({x.arg(), y.arg(), o.arg()}, 3);
        else
          kernel->Run({x.arg(), o.arg()}, 3);
        std::vector<T> want;
        for (int64_t i = 0; i < s.rows; ++i)
          for (int64_t j = 0; j < s.columns; ++j) {
            T a = x[j * s.rows + i];
            want.push_back(add ? static_cast<T>(a - y[i * s.columns + j]) : a);
          }
        ExpectSame(o, want, type);
      }
}
TEST(GenericElementwise, TransposeF32) { CheckTranspose<float>("f32", false); }
TEST(GenericElementwise, TransposeF64) { CheckTranspose<double>("f64", false); }
TEST(GenericElementwise, TransposeI8) { CheckTranspose<int8_t>("i8", false); }
TEST(GenericElementwise, TransposedOperandF32) { CheckTranspose<float>("f32", true); }
TEST(GenericElementwise, TransposedOperandF64) { CheckTranspose<double>("f64", true); }
TEST(GenericElementwise, TransposedOperandI16) { CheckTranspose<int16_t>("i16", true); }

TEST(GenericElementwise, SlicesAndReversal) {
  const char* kText = R"(
  func.func @k(%x: tensor<?xf32>, %start: index, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %c0 = arith.constant 0 : index
    %k = tensor.dim %o0, %c0 : tensor<?xf32>
    %v = tensor.extract_slice %x[1] [%k] [2] : tensor<?xf32> to tensor<?xf32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%v : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %cm1 = arith.constant -1 : index
      %i = linalg.index 0 : index
      %s = arith.muli %i, %cm1 : index
      %j = arith.addi %s, %start : index
      %r = tensor.extract %x[%j] : tensor<?xf32>
      %1 = arith.subf %a, %r : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(kMaps + kText, bits);
    ASSERT_TRUE(kernel);
    for (int64_t n : {3, 10, 70, 40001}) {
      int64_t k = (n - 1) / 2;
      Array<float> x({n}), o({k});
      Fill(x, 8);
      TestArg start;
      start.value = n - 1;
      kernel->Run({x.arg(), start, o.arg()}, 2);
      std::vector<float> want;
      for (int64_t i = 0; i < k; ++i) want.push_back(x[1 + 2 * i] - x[n - 1 - i]);
      ExpectSame(o, want, "n=" + std::to_string(n));
    }
  }
}

// Division traps on zero and on INT_MIN / -1: neither the lowering's guard nor a
// masked lane may let one through.
TEST(GenericElementwise, IntegersAndBooleans) {
  const char* kText = R"(
  func.func @k(%x: tensor<?xi64>, %y: tensor<?xi64>, %p: tensor<?xi8>, %o0: tensor<?xi64> {oriel.output}, %o1: tensor<?xi8> {oriel.output})
      -> (tensor<?xi64>, tensor<?xi8>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#map1, #map1, #map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y, %p : tensor<?xi64>, tensor<?xi64>, tensor<?xi8>) outs(%o0, %o1 : tensor<?xi64>, tensor<?xi8>) {
    ^bb0(%a: i64, %b: i64, %c: i8, %u: i64, %v: i8):
      %c0 = arith.constant 0 : i64
      %c1 = arith.constant 1 : i64
      %z8 = arith.constant 0 : i8
      %isz = arith.cmpi eq, %b, %c0 : i64
      %d = arith.select %isz, %c1, %b : i64
      %q = arith.divsi %a, %d : i64
      %t = arith.cmpi ne, %c, %z8 : i8
      %g = arith.cmpi sgt, %a, %b : i64
      %and = arith.andi %t, %g : i1
      %q1 = arith.select %and, %q, %c0 : i64
      %st = arith.extui %and : i1 to i8
      linalg.yield %q1, %st : i64, i8
    } -> (tensor<?xi64>, tensor<?xi8>)
    return %0#0, %0#1 : tensor<?xi64>, tensor<?xi8>
  })";
  const char* kDivide = R"(
  func.func @k(%x: tensor<?xi32>, %y: tensor<?xi32>, %o0: tensor<?xi32> {oriel.output}) -> tensor<?xi32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y : tensor<?xi32>, tensor<?xi32>) outs(%o0 : tensor<?xi32>) {
    ^bb0(%a: i32, %b: i32, %u: i32):
      %q = arith.divsi %a, %b : i32
      linalg.yield %q : i32
    } -> tensor<?xi32>
    return %0 : tensor<?xi32>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(kMaps + kText, bits);
    auto divide = CompileGeneric(kMaps + kDivide, bits);
    ASSERT_TRUE(kernel && divide);
    for (int64_t n : kSizes) {
      Array<int64_t> x({n}), y({n}), o0({n});
      Array<int8_t> p({n}), o1({n});
      Fill(x, 1), Fill(y, 2);
      for (int64_t i = 0; i < n; ++i) p[i] = i % 3 == 0, y[i] = i % 7 == 0 ? 0 : y[i] % 1000 + (y[i] % 1000 == -1);
      kernel->Run({x.arg(), y.arg(), p.arg(), o0.arg(), o1.arg()});
      std::vector<int64_t> w0;
      std::vector<int8_t> w1;
      for (int64_t i = 0; i < n; ++i) {
        bool both = p[i] && x[i] > y[i];
        w0.push_back(both ? x[i] / (y[i] ? y[i] : 1) : 0);
        w1.push_back(both);
      }
      ExpectSame(o0, w0, "quotient");
      ExpectSame(o1, w1, "flags");

      Array<int32_t> a({n}), b({n}), o({n});
      Fill(a, 4);
      std::vector<int32_t> want;
      for (int64_t i = 0; i < n; ++i) b[i] = 1 + i % 13, want.push_back(a[i] / b[i]);
      divide->Run({a.arg(), b.arg(), o.arg()});
      ExpectSame(o, want, "divsi");
    }
  }
}
TEST(GenericElementwise, IotaUsesDimsAndRank3Collapses) {
  const char* kText = R"(
  func.func @k(%s: tensor<f32>, %n: index, %o0: tensor<?x?x4xf32> {oriel.output}) -> tensor<?x?x4xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> ()>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : tensor<f32>) outs(%o0 : tensor<?x?x4xf32>) {
    ^bb0(%a: f32, %u: f32):
      %j = linalg.index 0 : index
      %j1 = arith.index_cast %j : index to i64
      %j2 = arith.sitofp %j1 : i64 to f32
      %l = linalg.index 2 : index
      %l1 = arith.index_cast %l : index to i64
      %l2 = arith.sitofp %l1 : i64 to f32
      %n1 = arith.index_cast %n : index to i64
      %n2 = arith.sitofp %n1 : i64 to f32
      %1 = arith.mulf %j2, %a : f32
      %2 = arith.addf %1, %n2 : f32
      %3 = arith.subf %2, %l2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x?x4xf32>
    return %0 : tensor<?x?x4xf32>
  })";
  auto kernel = CompileGeneric(kMaps + kText, 256);
  ASSERT_TRUE(kernel);
  Array<float> s({}), o({3, 5, 4});
  s[0] = 0.5f;
  TestArg n;
  n.value = 40;
  kernel->Run({s.arg(), n, o.arg()}, 2);
  std::vector<float> want;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5; ++j)
      for (int k = 0; k < 4; ++k) want.push_back(i * 0.5f + 40 - k);
  ExpectSame(o, want, "iota");
}

TEST(GenericElementwise, RefusalsNameOpAndType) {
  const char* kText = R"(
  func.func @k(%x: tensor<?xi32>, %o0: tensor<?xi32> {oriel.output}) -> tensor<?xi32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%x : tensor<?xi32>) outs(%o0 : tensor<?xi32>) {
    ^bb0(%a: i32, %u: i32):
      %1 = func.call @f(%a) : (i32) -> i32
      linalg.yield %1 : i32
    } -> tensor<?xi32>
    return %0 : tensor<?xi32>
  }
  func.func private @f(i32) -> i32)";
  std::string error;
  EXPECT_FALSE(TestKernel::Compile(kMaps + kText, TestEmitter::kGeneric, &error));
  EXPECT_THAT(error, testing::HasSubstr("'func.call'"));
  EXPECT_THAT(error, testing::HasSubstr("i32"));
}
// Bytes: wide vectors, then eights, then single elements; never a masked access.
TEST(GenericElementwise, Bytes) {
  const char* kText = R"(
  func.func @k(%x: tensor<3x?xi8>, %y: tensor<?xi8>, %o0: tensor<3x?xi8> {oriel.output}) -> tensor<3x?xi8> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %y : tensor<3x?xi8>, tensor<?xi8>) outs(%o0 : tensor<3x?xi8>) {
    ^bb0(%a: i8, %b: i8, %u: i8):
      %k = arith.constant 3 : i8
      %1 = arith.maxui %a, %k : i8
      %2 = arith.addi %1, %b : i8
      linalg.yield %2 : i8
    } -> tensor<3x?xi8>
    return %0 : tensor<3x?xi8>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(kMaps + kText, bits);
    ASSERT_TRUE(kernel);
    for (int64_t n : kSizes) {
      Array<uint8_t> x({3, n}), y({n}), o({3, n});
      Fill(x, 41), Fill(y, 42);
      kernel->Run({x.arg(), y.arg(), o.arg()}, 2);
      std::vector<uint8_t> want;
      for (int64_t i = 0; i < 3 * n; ++i)
        want.push_back(static_cast<uint8_t>(std::max<uint8_t>(x[i], 3) + y[i % n]));
      ExpectSame(o, want, "bytes n=" + std::to_string(n));
    }
  }
}

// exp of a value that is fixed along the row is computed once, as a scalar; in
// tails it is a masked vector, in wide loops 16 or 32 lanes: the same bits.
TEST(GenericElementwise, ScalarAndVectorMathAgree) {
  const char* kExp = R"(
  func.func @k(%x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%x : tensor<?xf32>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: f32, %u: f32):
      %1 = math.exp %a : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  })";
  const char* kRows = R"(
  func.func @k(%x: tensor<?x?xf32>, %c: tensor<?x1xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#id, #row1, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %c : tensor<?x?xf32>, tensor<?x1xf32>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %u: f32):
      %1 = math.exp %b : f32
      %2 = arith.mulf %a, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  })";
  std::vector<float> first;
  const int64_t n = 1003;
  for (unsigned bits : {128u, 256u, 512u}) {
    auto exp = CompileGeneric(kMaps + kExp, bits), rows = CompileGeneric(kMaps + kRows, bits);
    ASSERT_TRUE(exp && rows);
    Array<float> x({n}), o({n});
    Fill(x, 12);
    exp->Run({x.arg(), o.arg()});
    if (first.empty()) first.assign(o.data(), o.data() + n);
    ExpectSame(o, first, "exp");
    // One element at a time: the tail only.
    for (int64_t i = 0; i < n; i += 7) {
      Array<float> a({1}), b({1});
      a[0] = x[i];
      exp->Run({a.arg(), b.arg()});
      ExpectSame(b, {first[i]}, "tail");
    }
    Array<float> ones({n, 3}, 1.0f), c({n, 1}), y({n, 3});
    std::copy(x.data(), x.data() + n, c.data());
    rows->Run({ones.arg(), c.arg(), y.arg()}, 2);
    std::vector<float> want;
    for (float v : first) want.insert(want.end(), 3, v);
    ExpectSame(y, want, "scalar");
  }
}


}  // namespace
}  // namespace oriel
