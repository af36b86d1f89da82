// File: generic_reduce_test.cpp
//
// Row and column reductions against loops in C++ that follow the specified tree:
// equal to the bit for every vector width, for static and dynamic dims, for any
// split of the tasks and for misaligned inputs.
#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

template <typename T>
void CheckRowReduce(const std::string& type, const std::string& op, const std::string& neutral_text,
                    T neutral, T (*f)(T, T)) {
  for (unsigned bits : {128u, 256u, 512u})
    for (int variant = 0; variant < 2; ++variant) {
      std::unique_ptr<TestKernel> dynamic;
      for (int64_t n : kSizes) {
        const int64_t rows = 3;
        std::unique_ptr<TestKernel> own;
        if (variant || !dynamic)
          own = CompileGeneric(Expand(kRowReduceText, {{"$R", variant ? "3" : "?"}, {"$C", D(n, variant)}, {"$T", type},
                                       {"$O", op}, {"$N", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        // Huge elements hide the rounding of the others.
        for (int workers : {1, 2}) {
          Array<T> x({rows, n}), o({rows});
          Fill(x, 7, /*special=*/workers == 2);
          kernel.Run({x.arg(), o.arg()}, workers);
          std::vector<T> want;
          for (int64_t i = 0; i < rows; ++i) want.push_back(RowTree<T>(x.data() + i * n, n, neutral, f));
          ExpectSame(o, want, type + " " + op + " n=" + std::to_string(n) + " bits=" + std::to_string(bits) +
                                  (variant ? " static" : " dynamic"));
        }
        if (!variant && own) dynamic = std::move(own);
      }
    }
}
TEST(GenericReduce, RowSumF32) { CheckRowReduce<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(GenericReduce, RowSumF64) { CheckRowReduce<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(GenericReduce, RowMaxF32) {
  CheckRowReduce<float>("f32", "arith.maximumf", "0xFF800000", -std::numeric_limits<float>::infinity(), Max<float>);
}
TEST(GenericReduce, RowSumI64) { CheckRowReduce<int64_t>("i64", "arith.addi", "0", 0, Add<int64_t>); }
TEST(GenericReduce, RowOrI8) {
  CheckRowReduce<int8_t>("i8", "arith.ori", "0", 0, [](int8_t a, int8_t b) { return static_cast<int8_t>(a | b); });
}

template <typename T>
void CheckColumnReduce(const std::string& type, const std::string& op, const std::string& neutral_text,
                       T neutral, T (*f)(T, T)) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Ax$Nx$Cx$T>, %o0: tensor<$Ax1x$Cx$T> {oriel.output}) -> tensor<$Ax1x$Cx$T> attributes {oriel.class = "ColumnReduce"} {
    %n = arith.constant $I : $T
    %i0 = linalg.fill ins(%n : $T) outs(%o0 : tensor<$Ax1x$Cx$T>) -> tensor<$Ax1x$Cx$T>
    %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, 0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%x : tensor<$Ax$Nx$Cx$T>) outs(%i0 : tensor<$Ax1x$Cx$T>) attrs = {oriel.reduce = ["x"]} {
    ^bb0(%a: $T, %acc: $T):
      %1 = $O %acc, %a : $T
      linalg.yield %1 : $T
    } -> tensor<$Ax1x$Cx$T>
    return %0 : tensor<$Ax1x$Cx$T>
  })";
  struct S {
    int64_t a, n, c;
  };
  const S shapes[] = {{1, 0, 5}, {2, 1, 3}, {1, 7, 10}, {2, 256, 33}, {1, 257, 16}, {2, 1000, 70}, {1, 1030, 1500}, {1, 3000, 1}, {2, 4500, 3}, {1, 2048, 7}, {3, 2100, 2}};
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true}) {
      std::unique_ptr<TestKernel> dynamic;
      for (S s : shapes) {
        std::unique_ptr<TestKernel> own;
        if (is_static || !dynamic)
          own = CompileGeneric(Expand(kText, {{"$A", D(s.a, is_static)}, {"$N", D(s.n, is_static)}, {"$C", D(s.c, is_static)},
                                       {"$T", type}, {"$O", op}, {"$I", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        for (int workers : {1, 3}) {
          Array<T> x({s.a, s.n, s.c}), o({s.a, 1, s.c});
          Fill(x, 9, /*special=*/workers == 3);
          kernel.Run({x.arg(), o.arg()}, workers);
          std::vector<T> want;
          for (int64_t i = 0; i < s.a; ++i)
            for (int64_t j = 0; j < s.c; ++j)
              want.push_back(ColumnTree<T>(x.data() + i * s.n * s.c + j, s.n, s.c, neutral, f));
          ExpectSame(o, want, type + " columns " + std::to_string(s.n) + "x" + std::to_string(s.c) +
                                  (is_static ? " static" : " dynamic"));
        }
        if (!is_static && own) dynamic = std::move(own);
      }
    }
}
TEST(GenericReduce, ColumnSumF32) { CheckColumnReduce<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(GenericReduce, ColumnSumF64) { CheckColumnReduce<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(GenericReduce, ColumnAndI8) {
  CheckColumnReduce<int8_t>("i8", "arith.andi", "1", 1, [](int8_t a, int8_t b) { return static_cast<int8_t>(a & b); });
}

// Several reductions of the same columns, and a full result, in one sweep; the
// quotient of two of them after it.
TEST(GenericReduce, ColumnsTogether) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}, %o1: tensor<?xf32> {oriel.output}, %o2: tensor<?xf32> {oriel.output})
      -> (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) attributes {oriel.class = "ColumnReduce"} {
    %z = arith.constant 0.0 : f32
    %ninf = arith.constant 0xFF800000 : f32
    %c1 = arith.constant 1 : index
    %m = tensor.dim %x, %c1 : tensor<?x?xf32>
    %i1 = linalg.fill ins(%z : f32) outs(%o1 : tensor<?xf32>) -> tensor<?xf32>
    %e2 = tensor.empty(%m) : tensor<?xf32>
    %i2 = linalg.fill ins(%ninf : f32) outs(%e2 : tensor<?xf32>) -> tensor<?xf32>
    %p:3 = linalg.generic {indexing_maps = [#id, #id, #col, #col], iterator_types = ["reduction", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%o0, %i1, %i2 : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) attrs = {oriel.reduce = ["", "sum", "max"]} {
    ^bb0(%a: f32, %u: f32, %s: f32, %b: f32):
      %1 = arith.mulf %a, %a : f32
      %2 = arith.addf %s, %a : f32
      %3 = arith.maximumf %b, %1 : f32
      linalg.yield %1, %2, %3 : f32, f32, f32
    } -> (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>)
    %q = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%p#1, %p#2 : tensor<?xf32>, tensor<?xf32>) outs(%o2 : tensor<?xf32>) {
    ^bb0(%s: f32, %b: f32, %u: f32):
      %1 = arith.divf %s, %b : f32
      linalg.yield %1 : f32
    } -> tensor<?xf32>
    return %p#0, %p#1, %q : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(Expand(kText, {}), bits);
    ASSERT_TRUE(kernel);
    for (Shape2 s : {Shape2{1, 5}, {7, 33}, {256, 10}, {300, 70}, {600, 2100}}) {
      Array<float> x({s.rows, s.columns}), o0({s.rows, s.columns}), o1({s.columns}), o2({s.columns});
      Fill(x, 21);
      kernel->Run({x.arg(), o0.arg(), o1.arg(), o2.arg()}, 2);
      std::vector<float> squares, sums, quotients;
      for (int64_t i = 0; i < x.size(); ++i) squares.push_back(x[i] * x[i]);
      for (int64_t j = 0; j < s.columns; ++j) {
        sums.push_back(ColumnTree<float>(x.data() + j, s.rows, s.columns, 0.0f, Add<float>));
        quotients.push_back(sums.back() / ColumnTree<float>(squares.data() + j, s.rows, s.columns, -INFINITY, Max<float>));
      }
      ExpectSame(o0, squares, "squares");
      ExpectSame(o1, sums, "sums");
      ExpectSame(o2, quotients, "quotients");
    }
  }
}

// max, then (x - max) and its sum, then the quotient: softmax without exp, and
// per-row ops between the passes.
TEST(GenericReduce, RowChain) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Rx$Cxf32>, %o0: tensor<$Rx$Cxf32> {oriel.output}, %o1: tensor<$Rx1xf32> {oriel.output}) -> (tensor<$Rx$Cxf32>, tensor<$Rx1xf32>) attributes {oriel.class = "RowReduce"} {
    %ninf = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %x, %c0 : tensor<$Rx$Cxf32>
    %m = tensor.dim %x, %c1 : tensor<$Rx$Cxf32>
    %e0 = tensor.empty($n) : tensor<$Rxf32>
    %i0 = linalg.fill ins(%ninf : f32) outs(%e0 : tensor<$Rxf32>) -> tensor<$Rxf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<$Rx$Cxf32>) outs(%i0 : tensor<$Rxf32>) attrs = {oriel.reduce = ["max"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.maximumf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<$Rxf32>
    %e1 = tensor.empty($nm) : tensor<$Rx$Cxf32>
    %e2 = tensor.empty($n) : tensor<$Rxf32>
    %i1 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<$Rxf32>) -> tensor<$Rxf32>
    %p:2 = linalg.generic {indexing_maps = [#id, #row, #id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %max : tensor<$Rx$Cxf32>, tensor<$Rxf32>) outs(%e1, %i1 : tensor<$Rx$Cxf32>, tensor<$Rxf32>) attrs = {oriel.reduce = ["", "sum"]} {
    ^bb0(%a: f32, %mx: f32, %u: f32, %acc: f32):
      %1 = arith.subf %a, %mx : f32
      %3 = arith.addf %acc, %1 : f32
      linalg.yield %1, %3 : f32, f32
    } -> (tensor<$Rx$Cxf32>, tensor<$Rxf32>)
    %e3 = tensor.empty($n) : tensor<$Rxf32>
    %half:2 = linalg.generic {indexing_maps = [#map1, #map1, affine_map<(d0) -> (d0, 0)>], iterator_types = ["parallel"]}
        ins(%p#1 : tensor<$Rxf32>) outs(%e3, %o1 : tensor<$Rxf32>, tensor<$Rx1xf32>) {
    ^bb0(%a: f32, %u: f32, %u1: f32):
      %h = arith.constant 0.5 : f32
      %1 = arith.mulf %a, %h : f32
      linalg.yield %1, %a : f32, f32
    } -> (tensor<$Rxf32>, tensor<$Rx1xf32>)
    %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p#0, %half#0 : tensor<$Rx$Cxf32>, tensor<$Rxf32>) outs(%o0 : tensor<$Rx$Cxf32>) {
    ^bb0(%a: f32, %s: f32, %u: f32):
      %1 = arith.divf %a, %s : f32
      linalg.yield %1 : f32
    } -> tensor<$Rx$Cxf32>
    return %q, %half#1 : tensor<$Rx$Cxf32>, tensor<$Rx1xf32>
  })";
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true})
      for (Shape2 s : kShapes2) {
        auto kernel = CompileGeneric(
            Expand(kText, {{"$nm", is_static ? "" : "%n, %m"}, {"$n", is_static ? "" : "%n"},
                           {"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)}}), bits);
        ASSERT_TRUE(kernel);
        Array<float> x({s.rows, s.columns}), o({s.rows, s.columns}), sums({s.rows, 1});
        Fill(x, 5);
        kernel->Run({x.arg(), o.arg(), sums.arg()}, 2);
        std::vector<float> want, want_sums;
        for (int64_t i = 0; i < s.rows; ++i) {
          const float* row = x.data() + i * s.columns;
          float m = RowTree<float>(row, s.columns, -INFINITY, Max<float>);
          std::vector<float> d;
          for (int64_t j = 0; j < s.columns; ++j) d.push_back(row[j] - m);
          float sum = RowTree<float>(d.data(), s.columns, 0.0f, Add<float>);
          want_sums.push_back(sum);
          for (float v : d) want.push_back(v / (sum * 0.5f));
        }
        ExpectSame(o, want, "quotient");
        ExpectSame(sums, want_sums, "sums");
      }
}

// A one-dimensional sum splits over leaves; a per-row op follows it.
TEST(GenericReduce, SplitSum) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Cxf32>, %o0: tensor<f32> {oriel.output}) -> tensor<f32> attributes {oriel.class = "RowReduce"} {
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<f32>
    %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1_0], iterator_types = ["reduction"]}
        ins(%x : tensor<$Cxf32>) outs(%i0 : tensor<f32>) attrs = {oriel.reduce = ["sum"]} {
    ^bb0(%a: f32, %acc: f32):
      %s = arith.mulf %a, %a : f32
      %1 = arith.addf %acc, %s : f32
      linalg.yield %1 : f32
    } -> tensor<f32>
    %2 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = []}
        ins(%0 : tensor<f32>) outs(%o0 : tensor<f32>) {
    ^bb0(%a: f32, %u: f32):
      %3 = arith.negf %a : f32
      linalg.yield %3 : f32
    } -> tensor<f32>
    return %2 : tensor<f32>
  })";
  for (bool is_static : {false, true})
    for (int64_t n : {0, 1, 33, 4096, 4097, 8192, 50000, 123457}) {
      auto kernel = CompileGeneric(Expand(kText, {{"$C", D(n, is_static)}}), 256);
      ASSERT_TRUE(kernel);
      EXPECT_EQ(kernel->phases(), is_static && n <= 4096 ? 1u : 2u);
      for (int workers : {1, 4}) {
        Array<float> x({n}), o({});
        Fill(x, 3, false);
        kernel->Run({x.arg(), o.arg()}, workers);
        std::vector<float> squares;
        for (int64_t i = 0; i < n; ++i) squares.push_back(x[i] * x[i]);
        ExpectSame(o, {-RowTree<float>(squares.data(), n, 0.0f, Add<float>)}, "n=" + std::to_string(n));
      }
    }
}
// Accumulators of 16 and of 32 lanes in one pass, over one sweep.
TEST(GenericReduce, MixedAccumulators) {
  const char* kText = R"(
  func.func @k(%x: tensor<3x$Cxf32>, %o0: tensor<3xf64> {oriel.output}, %o1: tensor<3xf32> {oriel.output}, %o2: tensor<3xi8> {oriel.output})
      -> (tensor<3xf64>, tensor<3xf32>, tensor<3xi8>) attributes {oriel.class = "RowReduce"} {
    %z = arith.constant 0.0 : f64
    %ninf = arith.constant 0xFF800000 : f32
    %f = arith.constant 0 : i8
    %i0 = linalg.fill ins(%z : f64) outs(%o0 : tensor<3xf64>) -> tensor<3xf64>
    %i1 = linalg.fill ins(%ninf : f32) outs(%o1 : tensor<3xf32>) -> tensor<3xf32>
    %i2 = linalg.fill ins(%f : i8) outs(%o2 : tensor<3xi8>) -> tensor<3xi8>
    %0:3 = linalg.generic {indexing_maps = [#id, #row, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<3x$Cxf32>) outs(%i0, %i1, %i2 : tensor<3xf64>, tensor<3xf32>, tensor<3xi8>) attrs = {oriel.reduce = ["sum", "max", "any"]} {
    ^bb0(%a: f32, %s: f64, %m: f32, %any: i8):
      %limit = arith.constant 7.9 : f32
      %w = arith.extf %a : f32 to f64
      %1 = arith.addf %s, %w : f64
      %2 = arith.maximumf %m, %a : f32
      %big = arith.cmpf ogt, %a, %limit : f32
      %b8 = arith.extui %big : i1 to i8
      %3 = arith.ori %any, %b8 : i8
      linalg.yield %1, %2, %3 : f64, f32, i8
    } -> (tensor<3xf64>, tensor<3xf32>, tensor<3xi8>)
    return %0#0, %0#1, %0#2 : tensor<3xf64>, tensor<3xf32>, tensor<3xi8>
  })";
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true})
      for (int64_t n : kSizes) {
        auto kernel = CompileGeneric(Expand(kText, {{"$C", D(n, is_static)}}), bits);
        ASSERT_TRUE(kernel);
        Array<float> x({3, n}), o1({3});
        Array<double> o0({3});
        Array<int8_t> o2({3});
        Fill(x, 17);
        kernel->Run({x.arg(), o0.arg(), o1.arg(), o2.arg()});
        std::vector<double> w0;
        std::vector<float> w1;
        std::vector<int8_t> w2;
        for (int i = 0; i < 3; ++i) {
          const float* row = x.data() + i * n;
          std::vector<double> wide(row, row + n);
          w0.push_back(RowTree<double>(wide.data(), n, 0.0, Add<double>));
          w1.push_back(RowTree<float>(row, n, -INFINITY, Max<float>));
          w2.push_back(std::any_of(row, row + n, [](float v) { return v > 7.9f; }));
        }
        ExpectSame(o0, w0, "sum");
        ExpectSame(o1, w1, "max");
        ExpectSame(o2, w2, "any");
      }
}

const char* kSoftmax = R"(
  func.func @k(%x: tensor<$Rx$Cxf32>, %o0: tensor<$Rx$Cxf32> {oriel.output}) -> tensor<$Rx$Cxf32> attributes {oriel.class = "RowReduce"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %ninf = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<$Rx$Cxf32>
    %m = tensor.dim %x, %c1 : tensor<$Rx$Cxf32>
    %e0 = tensor.empty($n) : tensor<$Rxf32>
    %i0 = linalg.fill ins(%ninf : f32) outs(%e0 : tensor<$Rxf32>) -> tensor<$Rxf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<$Rx$Cxf32>) outs(%i0 : tensor<$Rxf32>) attrs = {oriel.reduce = ["max"]} {
    ^bb0(%a: f32, %acc: f32):
      %1 = arith.maximumf %acc, %a : f32
      linalg.yield %1 : f32
    } -> tensor<$Rxf32>
    %e1 = tensor.empty($nm) : tensor<$Rx$Cxf32>
    %e2 = tensor.empty($n) : tensor<$Rxf32>
    %i1 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<$Rxf32>) -> tensor<$Rxf32>
    %p:2 = linalg.generic {indexing_maps = [#id, #row, #id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %max : tensor<$Rx$Cxf32>, tensor<$Rxf32>) outs(%e1, %i1 : tensor<$Rx$Cxf32>, tensor<$Rxf32>) attrs = {oriel.reduce = ["", "sum"]} {
    ^bb0(%a: f32, %mx: f32, %u: f32, %acc: f32):
      %1 = arith.subf %a, %mx : f32
      %2 = math.exp %1 : f32
      %3 = arith.addf %acc, %2 : f32
      linalg.yield %2, %3 : f32, f32
    } -> (tensor<$Rx$Cxf32>, tensor<$Rxf32>)
    %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p#0, %p#1 : tensor<$Rx$Cxf32>, tensor<$Rxf32>) outs(%o0 : tensor<$Rx$Cxf32>) {
    ^bb0(%a: f32, %s: f32, %u: f32):
      %1 = arith.divf %a, %s : f32
      linalg.yield %1 : f32
    } -> tensor<$Rx$Cxf32>
    return %q : tensor<$Rx$Cxf32>
  })";

// The heavy tail (through memory), the known tail (one masked step) and every
// width give the same bits, which are near the true ones.
TEST(GenericReduce, SoftmaxBitsDoNotDependOnTheForm) {
  for (Shape2 s : kShapes2) {
    std::vector<float> first;
    for (unsigned bits : {128u, 256u, 512u})
      for (bool is_static : {false, true}) {
        auto kernel = CompileGeneric(
            Expand(kSoftmax, {{"$nm", is_static ? "" : "%n, %m"}, {"$n", is_static ? "" : "%n"},
                              {"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)}}), bits);
        ASSERT_TRUE(kernel);
        Array<float> x({s.rows, s.columns}), o({s.rows, s.columns});
        Fill(x, 4, /*special=*/false);
        kernel->Run({x.arg(), o.arg()}, 2);
        if (first.empty()) {
          first.assign(o.data(), o.data() + o.size());
          for (int64_t i = 0; i < s.rows; ++i) {
            double sum = 0;
            const float* row = x.data() + i * s.columns;
            for (int64_t j = 0; j < s.columns; ++j) sum += std::exp(static_cast<double>(row[j]));
            for (int64_t j = 0; j < s.columns; ++j) {
              double want = std::exp(static_cast<double>(row[j])) / sum;
              ASSERT_NEAR(first[i * s.columns + j], want, 1e-5 * want + 1e-40) << i << ", " << j;
            }
          }
        }
        ExpectSame(o, first, "softmax bits=" + std::to_string(bits) + (is_static ? " static" : " dynamic"));
      }
  }
}


}  // namespace
}  // namespace oriel
