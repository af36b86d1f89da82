// File: index_kernels_test.cpp
//
// Scatter, concatenate, argmax and argmin kernels against loops.
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "gtest/gtest.h"
#include "runtime/core/float16.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

template <typename T>
std::vector<T> RandomVector(int64_t n, std::mt19937& g) {
  std::vector<T> v(n);
  for (T& x : v) x = static_cast<T>(static_cast<int>(g() % 100) - 50) / T(std::is_floating_point_v<T> ? 7 : 1);
  return v;
}

//===-- scatter ----------------------------------------------------------===//

std::string ScatterText(const std::string& kind, const std::string& type) {
  return "module { func.func @s(%x: tensor<?x?x" + type + ">, %u: tensor<?x?x" + type +
         ">, %i: tensor<?xi64>, %o0: tensor<?x?x" + type + "> {oriel.output}) -> tensor<?x?x" + type +
         "> {\n%0 = oriel.scatter " + kind + " %x[%i], %u axis 0 : (tensor<?x?x" + type + ">, tensor<?x?x" + type +
         ">, tensor<?xi64>) -> tensor<?x?x" + type + "> loc(\"kernel\":24:0)\nreturn %0 : tensor<?x?x" + type + "> } }";
}

template <typename T>
void CheckScatter(TestKernel& kernel, bool add, int64_t rows, int64_t width, int64_t count, bool in_place,
                  int workers) {
  std::mt19937 g(rows + width * 31 + count * 7);
  auto x = RandomVector<T>(rows * width, g), u = RandomVector<T>(count * width, g);
  std::vector<int64_t> index(count);
  for (int64_t& i : index) i = static_cast<int64_t>(g() % (2 * rows)) - rows;  // negative ones too
  std::vector<T> expected = x;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t c = 0; c < width; ++c) {
      T& at = expected[(index[n] < 0 ? index[n] + rows : index[n]) * width + c];
      at = add ? static_cast<T>(at + u[n * width + c]) : u[n * width + c];
    }
  std::vector<T> out = in_place ? x : std::vector<T>(rows * width, T(99));
  std::vector<T>& base = in_place ? out : x;
  auto record = kernel.Run({{base.data(), {rows, width}}, {u.data(), {count, width}}, {index.data(), {count}},
                            {out.data(), {rows, width}}}, workers);
  EXPECT_EQ(record.code, 0);
  EXPECT_EQ(out, expected) << rows << " " << width << " " << count;
}

template <typename T>
void CheckScatters(const std::string& type) {
  for (bool add : {true, false}) {
    std::string error;
    auto kernel = TestKernel::Compile(ScatterText(add ? "add" : "set", type), TestEmitter::kScatter, &error);
    ASSERT_TRUE(kernel) << error;
    EXPECT_EQ(kernel->phases(), 3u);
    for (auto [rows, width, count] : {std::array<int64_t, 3>{10, 1, 1000}, {7, 33, 40}, {1, 1, 5}, {100, 64, 0},
                                      {3, 17000, 9}, {20000, 1, 10000}, {5, 0, 3}})
      for (bool in_place : {false, true})
        for (int workers : {1, 3}) CheckScatter<T>(*kernel, add, rows, width, count, in_place, workers);
  }
}

TEST(ScatterKernel, F32) { CheckScatters<float>("f32"); }
TEST(ScatterKernel, F64) { CheckScatters<double>("f64"); }
TEST(ScatterKernel, I8) { CheckScatters<int8_t>("i8"); }
TEST(ScatterKernel, I64) { CheckScatters<int64_t>("i64"); }

TEST(ScatterKernel, LowestBadPositionAndNothingWritten) {
  std::string error;
  auto kernel = TestKernel::Compile(ScatterText("add", "f32"), TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  const int64_t rows = 10, count = 9000;
  std::vector<float> x(rows, 1), u(count, 1);
  std::vector<int64_t> index(count, 3);
  index[8000] = 10;
  index[5003] = -11;
  index[5005] = 77;
  for (int workers : {1, 2, 3}) {
    std::vector<float> out = x;
    auto record = kernel->Run({{out.data(), {rows, 1}}, {u.data(), {count, 1}}, {index.data(), {count}},
                               {out.data(), {rows, 1}}}, workers);
    EXPECT_EQ(record.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
    EXPECT_EQ(record.position, 5003);
    EXPECT_EQ(record.value, -11);
    EXPECT_EQ(record.bound, 10);
    EXPECT_EQ(record.axis, 0);
    EXPECT_EQ(record.ordinal, 3);
    EXPECT_EQ(out, x);
  }
}

// Two index operands on the middle axes of (a, n, m, b), and bf16 sums rounded
// at each addition.
TEST(ScatterKernel, TwoIndicesBetweenAxes) {
  const std::string text = R"(
module { func.func @s(%x: tensor<?x4x5x?xbf16>, %u: tensor<?x?x?xbf16>, %i: tensor<?xi64>, %j: tensor<?xi64>, %o0: tensor<?x4x5x?xbf16> {oriel.output}) -> tensor<?x4x5x?xbf16> {
  %0 = oriel.scatter add %x[%i, %j], %u axis 1 : (tensor<?x4x5x?xbf16>, tensor<?x?x?xbf16>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x4x5x?xbf16>
  return %0 : tensor<?x4x5x?xbf16>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  std::mt19937 g(5);
  const int64_t a = 3, n = 50, b = 37;
  auto make = [&](int64_t size) {
    std::vector<uint16_t> v(size);
    for (auto& x : v) x = FloatToBfloat(static_cast<int>(g() % 1000) / 97.0f);
    return v;
  };
  auto x = make(a * 20 * b), u = make(a * n * b);
  std::vector<int64_t> i(n), j(n);
  for (auto& v : i) v = g() % 4;
  for (auto& v : j) v = static_cast<int64_t>(g() % 10) - 5;
  auto expected = x, out = x;
  for (int64_t p = 0; p < a; ++p)
    for (int64_t k = 0; k < n; ++k)
      for (int64_t c = 0; c < b; ++c) {
        uint16_t& at = expected[((p * 4 + i[k]) * 5 + (j[k] < 0 ? j[k] + 5 : j[k])) * b + c];
        at = FloatToBfloat(BfloatToFloat(at) + BfloatToFloat(u[(p * n + k) * b + c]));
      }
  kernel->Run({{x.data(), {a, 4, 5, b}}, {u.data(), {a, n, b}}, {i.data(), {n}}, {j.data(), {n}}, {out.data(), {a, 4, 5, b}}}, 2);
  EXPECT_EQ(out, expected);
  j[9] = 5;
  auto record = kernel->Run({{x.data(), {a, 4, 5, b}}, {u.data(), {a, n, b}}, {i.data(), {n}}, {j.data(), {n}}, {out.data(), {a, 4, 5, b}}}, 2);
  EXPECT_EQ(record.position, 9);
  EXPECT_EQ(record.operand, 1);
  EXPECT_EQ(record.axis, 2);
  EXPECT_EQ(record.bound, 5);
}

TEST(ScatterKernel, IntoAFill) {
  const std::string text = R"(
module { func.func @s(%u: tensor<?xf32>, %i: tensor<?xi64>, %o0: tensor<100xf32> {oriel.output}) -> tensor<100xf32> {
  %one = arith.constant 1.5 : f32
  %x = linalg.fill ins(%one : f32) outs(%o0 : tensor<100xf32>) -> tensor<100xf32>
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<100xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<100xf32>
  return %0 : tensor<100xf32>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  std::vector<float> u = {1, 2, 3}, out(100, -1), expected(100, 1.5f);
  std::vector<int64_t> i = {4, 99, 4};
  expected[4] = 5.5f;
  expected[99] = 3.5f;
  kernel->Run({{u.data(), {3}}, {i.data(), {3}}, {out.data(), {100}}});
  EXPECT_EQ(out, expected);
  // Negative ones count from the end; the first bad one of several is told.
  i = {-96, -1, 4};
  auto record = kernel->Run({{u.data(), {3}}, {i.data(), {3}}, {out.data(), {100}}});
  EXPECT_EQ(record.code, 0);
  EXPECT_EQ(out, expected);
  i = {4, -101, 100};
  record = kernel->Run({{u.data(), {3}}, {i.data(), {3}}, {out.data(), {100}}});
  EXPECT_EQ(record.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
  EXPECT_EQ(record.position, 1);
  EXPECT_EQ(record.value, -101);
  EXPECT_EQ(record.bound, 100);
  kernel->Run({{u.data(), {0}}, {i.data(), {0}}, {out.data(), {100}}});
  EXPECT_EQ(out, std::vector<float>(100, 1.5f));
}

TEST(ScatterKernel, TwoIndicesIntoAFill) {
  const std::string text = R"(
module { func.func @s(%u: tensor<?xf32>, %i: tensor<?xi64>, %j: tensor<?xi64>, %o0: tensor<20x3xf32> {oriel.output}) -> tensor<20x3xf32> {
  %zero = arith.constant 0.0 : f32
  %x = linalg.fill ins(%zero : f32) outs(%o0 : tensor<20x3xf32>) -> tensor<20x3xf32>
  %0 = oriel.scatter add %x[%i, %j], %u axis 0 : (tensor<20x3xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<20x3xf32>
  return %0 : tensor<20x3xf32>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  const int64_t n = 500;
  std::mt19937 g(7);
  std::vector<float> u(n), out(60, -1), expected(60, 0);
  std::vector<int64_t> i(n), j(n);
  for (int64_t k = 0; k < n; ++k) {
    u[k] = static_cast<float>(g() % 100);
    i[k] = static_cast<int64_t>(g() % 40) - 20;
    j[k] = static_cast<int64_t>(g() % 6) - 3;
    expected[(i[k] + 20) % 20 * 3 + (j[k] + 3) % 3] += u[k];
  }
  auto run = [&] {
    return kernel->Run({{u.data(), {n}}, {i.data(), {n}}, {j.data(), {n}}, {out.data(), {20, 3}}}, 2);
  };
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(out, expected);
  j[400] = 3;
  i[401] = 20;
  const auto record = run();
  EXPECT_EQ(record.position, 400);
  EXPECT_EQ(record.operand, 1);
  EXPECT_EQ(record.bound, 3);
}

//===-- concatenate ------------------------------------------------------===//

TEST(ConcatenateKernel, AnyAxisAndExtents) {
  for (int axis : {0, 1, 2}) {
    std::string t = "tensor<?x?x?xi16>";
    std::string error;
    auto kernel = TestKernel::Compile(
        "module { func.func @c(%a: " + t + ", %b: " + t + ", %d: " + t + ", %o0: " + t + " {oriel.output}) -> " + t +
            " {\n%0 = oriel.concatenate %a, %b, %d axis " + std::to_string(axis) + " : (" + t + ", " + t + ", " + t +
            ") -> " + t + "\nreturn %0 : " + t + " } }",
        TestEmitter::kConcatenate, &error);
    ASSERT_TRUE(kernel) << error;
    for (auto [n0, n1, n2] : {std::array<int64_t, 3>{3, 4, 5}, {1, 1, 1}, {40, 70, 33}, {2, 0, 7}, {1, 20000, 1}})
      for (int workers : {1, 3}) {
        int64_t extents[3] = {4, 0, 37};  // of the three parts along the axis
        std::vector<int64_t> shape = {n0, n1, n2}, whole = shape;
        whole[axis] = 41;
        std::vector<int16_t> parts[3];
        std::vector<int64_t> shapes[3];
        int16_t next = 1;
        for (int p = 0; p < 3; ++p) {
          shapes[p] = shape;
          shapes[p][axis] = extents[p];
          parts[p].resize(shapes[p][0] * shapes[p][1] * shapes[p][2]);
          for (auto& x : parts[p]) x = next++;
        }
        std::vector<int16_t> out(whole[0] * whole[1] * whole[2], -1), expected = out;
        int64_t start = 0;
        for (int p = 0; p < 3; ++p) {
          for (int64_t i = 0; i < shapes[p][0]; ++i)
            for (int64_t j = 0; j < shapes[p][1]; ++j)
              for (int64_t k = 0; k < shapes[p][2]; ++k) {
                int64_t at[3] = {i, j, k};
                at[axis] += start;
                expected[(at[0] * whole[1] + at[1]) * whole[2] + at[2]] =
                    parts[p][(i * shapes[p][1] + j) * shapes[p][2] + k];
              }
          start += extents[p];
        }
        auto record = kernel->Run({{parts[0].data(), shapes[0]}, {parts[1].data(), shapes[1]},
                                   {parts[2].data(), shapes[2]}, {out.data(), whole}}, workers);
        EXPECT_EQ(record.code, 0);
        EXPECT_EQ(out, expected) << "axis " << axis << " n0 " << n0;
      }
  }
}

//===-- argmax, argmin ---------------------------------------------------===//

template <typename T>
void CheckArgReduce(const std::string& type, bool is_unsigned, const std::vector<T>& values) {
  for (const char* name : {"argmax", "argmin"})
    for (int axis : {0, 1, 2, 12, 21, 22}) {
      const unsigned bits = axis > 2 ? (axis > 20 ? 256 : 128) : 0;  // narrower machines for some
      axis %= 10;
      std::string in = "tensor<?x?x?x" + type + ">", error;
      auto kernel = TestKernel::Compile(
          "module { func.func @r(%x: " + in + ", %o0: tensor<?x?xi64> {oriel.output}) -> tensor<?x?xi64> {\n%0 = oriel." +
              name + " %x axis " + std::to_string(axis) + (is_unsigned ? " {oriel.unsigned}" : "") + " : " + in +
              " -> tensor<?x?xi64>\nreturn %0 : tensor<?x?xi64> } }",
          TestEmitter::kArgReduce, &error, bits);
      ASSERT_TRUE(kernel) << error;
      bool is_max = name[3] == 'm' && name[4] == 'a';
      auto better = [&](T a, T b) {  // a beats an earlier b
        if constexpr (std::is_floating_point_v<T>) {
          if (std::isnan(b)) return false;
          if (std::isnan(a)) return true;
        }
        return is_max ? a > b : a < b;
      };
      for (auto [n0, n1, n2] : {std::array<int64_t, 3>{3, 4, 5}, {1, 1, 1}, {6, 40, 70}, {35, 3, 100}, {2, 0, 7}, {2, 3, 5000}, {1, 2100, 3}, {1, 19, 1100}}) {
        int64_t shape[3] = {n0, n1, n2};
        if (shape[axis] == 0) continue;
        std::mt19937 g(n2);
        std::vector<T> x(n0 * n1 * n2);
        for (T& v : x) v = values[g() % values.size()];
        int64_t outer = 1, inner = 1, n = shape[axis];
        for (int d = 0; d < 3; ++d) (d < axis ? outer : d > axis ? inner : n) *= d == axis ? 1 : shape[d];
        std::vector<int64_t> out(outer * inner, -1), expected(outer * inner);
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t i = 0; i < inner; ++i) {
            int64_t best = 0;
            for (int64_t k = 1; k < n; ++k)
              if (better(x[(o * n + k) * inner + i], x[(o * n + best) * inner + i])) best = k;
            expected[o * inner + i] = best;
          }
        std::vector<int64_t> result;
        for (int d = 0; d < 3; ++d)
          if (d != axis) result.push_back(shape[d]);
        kernel->Run({{x.data(), {n0, n1, n2}}, {out.data(), result}}, 3);
        EXPECT_EQ(out, expected) << name << " axis " << axis << " of " << n0 << "x" << n1 << "x" << n2;
      }
    }
}

TEST(ArgReduceKernel, F32) { CheckArgReduce<float>("f32", false, {1, 2, 3, -4, 0.0f, -0.0f, INFINITY, -INFINITY}); }
TEST(ArgReduceKernel, F32WithNaN) { CheckArgReduce<float>("f32", false, {1, 2, 3, -4, 5, 6, 7, 8, 9, 10, 11, NAN}); }
TEST(ArgReduceKernel, F64) { CheckArgReduce<double>("f64", false, {1, 2, 3, -4, 2.5, NAN}); }
TEST(ArgReduceKernel, I8) { CheckArgReduce<int8_t>("i8", false, {-128, -3, 0, 4, 127}); }
TEST(ArgReduceKernel, U8) { CheckArgReduce<uint8_t>("i8", true, {200, 3, 0, 4, 255}); }
TEST(ArgReduceKernel, I64) { CheckArgReduce<int64_t>("i64", false, {-(1ll << 60), 5, 1ll << 61, 7}); }
TEST(ArgReduceKernel, U64) { CheckArgReduce<uint64_t>("i64", true, {1ull << 63, 5, 1ull << 61, 7}); }

}  // namespace
}  // namespace oriel
