// File: short_rows_test.cpp
//
// Reductions of rows taken side by side, short ones where there are many and those
// of a transposed operand: the bits of the specified tree, for extents known and
// unknown, every vector width, any split of the tasks and misaligned inputs.
#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

constexpr Shape2 kShort[] = {{8, 2}, {64, 3}, {130, 4}, {99, 5}, {33, 6}, {70, 7}, {65, 10}, {200, 16}, {100, 17}, {130, 20}, {63, 30}, {70, 31}, {128, 32}, {70, 33}, {9, 0}, {7, 10}};

template <typename T>
void CheckShortRows(const std::string& type, const std::string& op, const std::string& neutral_text,
                    T neutral, T (*f)(T, T)) {
  for (unsigned bits : {0u, 128u, 256u, 512u}) {  // 0: with all that this machine has
    std::unique_ptr<TestKernel> dynamic;
    for (bool is_static : {false, true})
      for (Shape2 s : kShort) {
        std::unique_ptr<TestKernel> own;
        if (is_static || !dynamic)
          own = CompileGeneric(Expand(kRowReduceText, {{"$R", D(s.rows, is_static && s.rows % 2)}, {"$C", D(s.columns, is_static)},
                                              {"$T", type}, {"$O", op}, {"$N", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        for (int workers : {1, 3}) {
          Array<T> x({s.rows, s.columns}), o({s.rows});
          Fill(x, 7 + s.columns, /*special=*/workers == 1);
          std::fill_n(x.data(), s.columns, T(-0.0));
          kernel.Run({x.arg(), o.arg()}, workers);
          std::vector<T> want;
          for (int64_t i = 0; i < s.rows; ++i) want.push_back(RowTree<T>(x.data() + i * s.columns, s.columns, neutral, f));
          ExpectSame(o, want, type + " " + op + " " + std::to_string(s.rows) + "x" + std::to_string(s.columns) +
                                  " bits=" + std::to_string(bits) + (is_static ? " static" : " dynamic"));
        }
        if (!is_static && own) dynamic = std::move(own);
      }
  }
}
TEST(ShortRows, SumF32) { CheckShortRows<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(ShortRows, SumF64) { CheckShortRows<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(ShortRows, MaxF32) {
  CheckShortRows<float>("f32", "arith.maximumf", "0xFF800000", -std::numeric_limits<float>::infinity(), Max<float>);
}
TEST(ShortRows, MaxF64) {
  CheckShortRows<double>("f64", "arith.maximumf", "0xFFF0000000000000", -std::numeric_limits<double>::infinity(), Max<double>);
}
TEST(ShortRows, ProductF32) {
  CheckShortRows<float>("f32", "arith.mulf", "1.0", 1.0f, [](float a, float b) { return a * b; });
}
TEST(ShortRows, SumI64) { CheckShortRows<int64_t>("i64", "arith.addi", "0", 0, Add<int64_t>); }
TEST(ShortRows, OrI8) {
  CheckShortRows<int8_t>("i8", "arith.ori", "0", 0, [](int8_t a, int8_t b) { return static_cast<int8_t>(a | b); });
}

// Row i is column i of what lies in memory; of several leaves too.
template <typename T>
void CheckTransposedRows(const std::string& type, const std::string& op, const std::string& neutral_text,
                         T neutral, T (*f)(T, T)) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Cx$Rx$T>, %b: tensor<$Cx$T>, %o0: tensor<$Rx$T> {oriel.output}) -> tensor<$Rx$T> attributes {oriel.class = "RowReduce"} {
    %n = arith.constant $N : $T
    %i0 = linalg.fill ins(%n : $T) outs(%o0 : tensor<$Rx$T>) -> tensor<$Rx$T>
    %0 = linalg.generic {indexing_maps = [#t, #col, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %b : tensor<$Cx$Rx$T>, tensor<$Cx$T>) outs(%i0 : tensor<$Rx$T>) attrs = {oriel.reduce = ["x"]} {
    ^bb0(%a: $T, %c: $T, %acc: $T):
      %1 = $O %a, %c : $T
      %2 = $O %acc, %1 : $T
      linalg.yield %2 : $T
    } -> tensor<$Rx$T>
    return %0 : tensor<$Rx$T>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    std::unique_ptr<TestKernel> dynamic;
    for (bool is_static : {false, true})
      for (Shape2 s : {Shape2{8, 0}, {64, 1}, {257, 33}, {300, 300}, {20, 4096}, {70, 4097}, {9, 30000}, {7, 500}}) {
        std::unique_ptr<TestKernel> own;
        if (is_static || !dynamic)
          own = CompileGeneric(Expand(kText, {{"$R", D(s.rows, is_static && s.rows % 2)}, {"$C", D(s.columns, is_static)},
                                              {"$T", type}, {"$O", op}, {"$N", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        Array<T> x({s.columns, s.rows}), b({s.columns}), o({s.rows});
        Fill(x, 7 + s.columns, /*special=*/s.rows % 2 == 0);
        Fill(b, 8);
        kernel.Run({x.arg(), b.arg(), o.arg()}, 2);
        std::vector<T> want;
        for (int64_t i = 0; i < s.rows; ++i) {
          std::vector<T> row;
          for (int64_t j = 0; j < s.columns; ++j) row.push_back(f(x[j * s.rows + i], b[j]));
          want.push_back(RowTree<T>(row.data(), s.columns, neutral, f));
        }
        ExpectSame(o, want, type + " " + op + " " + std::to_string(s.rows) + "x" + std::to_string(s.columns) +
                                " bits=" + std::to_string(bits) + (is_static ? " static" : " dynamic"));
        if (!is_static && own) dynamic = std::move(own);
      }
  }
}
TEST(TransposedRows, SumF32) { CheckTransposedRows<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(TransposedRows, SumF64) { CheckTransposedRows<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(TransposedRows, MaxF32) {
  CheckTransposedRows<float>("f32", "arith.maximumf", "0xFF800000", -std::numeric_limits<float>::infinity(), Max<float>);
}
TEST(TransposedRows, OrI8) {
  CheckTransposedRows<int8_t>("i8", "arith.ori", "0", 0, [](int8_t a, int8_t b) { return static_cast<int8_t>(a | b); });
}

// A chain: a row of what is added to every row, accumulators of 16 and of 32
// lanes in one pass, a full result that is read again and returned, an index.
TEST(ShortRows, Chain) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Rx$Cxf32>, %b: tensor<$Cxf32>, %o0: tensor<$Rx$Cxf32> {oriel.output}, %o1: tensor<$Rxf64> {oriel.output}, %o2: tensor<$Rx$Cxf32> {oriel.output})
      -> (tensor<$Rx$Cxf32>, tensor<$Rxf64>, tensor<$Rx$Cxf32>) attributes {oriel.class = "RowReduce"} {
    %z = arith.constant 0.0 : f64
    %ninf = arith.constant 0xFF800000 : f32
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<$Rx$Cxf32>
    %i1 = linalg.fill ins(%z : f64) outs(%o1 : tensor<$Rxf64>) -> tensor<$Rxf64>
    %e2 = tensor.empty($n) : tensor<$Rxf32>
    %i2 = linalg.fill ins(%ninf : f32) outs(%e2 : tensor<$Rxf32>) -> tensor<$Rxf32>
    %p:3 = linalg.generic {indexing_maps = [#id, #col, #id, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %b : tensor<$Rx$Cxf32>, tensor<$Cxf32>) outs(%o0, %i1, %i2 : tensor<$Rx$Cxf32>, tensor<$Rxf64>, tensor<$Rxf32>) attrs = {oriel.reduce = ["", "sum", "max"]} {
    ^bb0(%a: f32, %c: f32, %u: f32, %s: f64, %m: f32):
      %1 = arith.addf %a, %c : f32
      %2 = arith.extf %1 : f32 to f64
      %3 = arith.addf %s, %2 : f64
      %4 = arith.maximumf %m, %1 : f32
      linalg.yield %1, %3, %4 : f32, f64, f32
    } -> (tensor<$Rx$Cxf32>, tensor<$Rxf64>, tensor<$Rxf32>)
    %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p#0, %p#2 : tensor<$Rx$Cxf32>, tensor<$Rxf32>) outs(%o2 : tensor<$Rx$Cxf32>) {
    ^bb0(%a: f32, %m: f32, %u: f32):
      %j = linalg.index 1 : index
      %k = arith.index_cast %j : index to i32
      %f = arith.sitofp %k : i32 to f32
      %1 = arith.subf %a, %m : f32
      %2 = arith.mulf %1, %f : f32
      linalg.yield %2 : f32
    } -> tensor<$Rx$Cxf32>
    return %p#0, %p#1, %q : tensor<$Rx$Cxf32>, tensor<$Rxf64>, tensor<$Rx$Cxf32>
  })";
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true})
      for (Shape2 s : kShort) {
        if (is_static && s.columns != 10 && s.columns != 30) continue;
        auto kernel = CompileGeneric(Expand(kText, {{"$n", is_static ? "" : "%n"}, {"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)}}), bits);
        ASSERT_TRUE(kernel);
        Array<float> x({s.rows, s.columns}), b({s.columns}), o0({s.rows, s.columns}), o2({s.rows, s.columns});
        Array<double> o1({s.rows});
        Fill(x, 3);
        Fill(b, 4);
        kernel->Run({x.arg(), b.arg(), o0.arg(), o1.arg(), o2.arg()}, 2);
        std::vector<float> w0, w2;
        std::vector<double> w1;
        for (int64_t i = 0; i < s.rows; ++i) {
          std::vector<float> v;
          for (int64_t j = 0; j < s.columns; ++j) v.push_back(x[i * s.columns + j] + b[j]);
          std::vector<double> wide(v.begin(), v.end());
          w1.push_back(RowTree<double>(wide.data(), s.columns, 0.0, Add<double>));
          const float m = RowTree<float>(v.data(), s.columns, -INFINITY, Max<float>);
          for (int64_t j = 0; j < s.columns; ++j) {
            w0.push_back(v[j]);
            w2.push_back((v[j] - m) * static_cast<float>(j));
          }
        }
        const std::string what = std::to_string(s.rows) + "x" + std::to_string(s.columns) + " bits=" + std::to_string(bits);
        ExpectSame(o0, w0, "x + b " + what);
        ExpectSame(o1, w1, "sums " + what);
        ExpectSame(o2, w2, "scaled " + what);
      }
}

}  // namespace
}  // namespace oriel
