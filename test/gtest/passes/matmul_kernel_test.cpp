// File: matmul_kernel_test.cpp
//
// Matmul kernels against the specified chain of each element (architecture.md):
// to the bit, for every shape, layout, dtype, vector width and task split.
#include <cmath>
#include <cstring>
#include <random>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "runtime/core/float16.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

// How a dtype is stored and accumulated, and what its kernel's body says.
struct F32 {
  using Stored = float;
  using Sum = float;
  static constexpr const char* kStored = "f32";
  static constexpr const char* kSum = "f32";
  static Sum Widen(Stored x) { return x; }
  static Stored Narrow(Sum x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return std::fma(a, b, c); }
  static Sum Add(Sum a, Sum b) { return a + b; }
  static Stored Random(std::mt19937& g) {
    return std::uniform_real_distribution<float>(-1, 1)(g);
  }
};
struct F64 {
  using Stored = double;
  using Sum = double;
  static constexpr const char* kStored = "f64";
  static constexpr const char* kSum = "f64";
  static Sum Widen(Stored x) { return x; }
  static Stored Narrow(Sum x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return std::fma(a, b, c); }
  static Sum Add(Sum a, Sum b) { return a + b; }
  static Stored Random(std::mt19937& g) {
    return std::uniform_real_distribution<double>(-1, 1)(g);
  }
};
struct F16 : F32 {
  using Stored = uint16_t;
  static constexpr const char* kStored = "f16";
  static Sum Widen(Stored x) { return HalfToFloat(x); }
  static Stored Narrow(Sum x) { return FloatToHalf(x); }
  static Stored Random(std::mt19937& g) { return FloatToHalf(F32::Random(g)); }
};
struct BF16 : F32 {
  using Stored = uint16_t;
  static constexpr const char* kStored = "bf16";
  static Sum Widen(Stored x) { return BfloatToFloat(x); }
  static Stored Narrow(Sum x) { return FloatToBfloat(x); }
  static Stored Random(std::mt19937& g) { return FloatToBfloat(F32::Random(g)); }
};
template <typename T>
struct Integer {
  using Stored = T;
  using Sum = uint64_t;
  static Sum Widen(Stored x) { return static_cast<Sum>(x); }
  static Stored Narrow(Sum x) { return static_cast<Stored>(x); }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return a * b + c; }
  static Sum Add(Sum a, Sum b) { return a + b; }
  static Stored Random(std::mt19937& g) { return static_cast<Stored>((uint64_t(g()) << 32) | g()); }
};
struct I8 : Integer<int8_t> { static constexpr const char *kStored = "i8", *kSum = "i8"; };
struct I16 : Integer<int16_t> { static constexpr const char *kStored = "i16", *kSum = "i16"; };
struct I32 : Integer<int32_t> { static constexpr const char *kStored = "i32", *kSum = "i32"; };
struct I64 : Integer<int64_t> { static constexpr const char *kStored = "i64", *kSum = "i64"; };
struct Bool {
  using Stored = uint8_t;
  using Sum = uint8_t;
  static constexpr const char *kStored = "i8", *kSum = "i8";
  static Sum Widen(Stored x) { return x; }
  static Stored Narrow(Sum x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return (a & b) | c; }
  static Sum Add(Sum a, Sum b) { return a | b; }
  static Stored Random(std::mt19937& g) { return g() % 8 == 0; }
};

template <typename T>
std::string Body() {
  std::string s = T::kStored, a = T::kSum;
  std::string args = "^bb0(%x: " + s + ", %y: " + s + ", %acc: " + a + "):\n";
  if (std::is_same_v<T, Bool>) {
    return args +
           "%z = arith.constant 0 : i8\n %xb = arith.cmpi ne, %x, %z : i8\n"
           "%yb = arith.cmpi ne, %y, %z : i8\n %ab = arith.cmpi ne, %acc, %z : i8\n"
           "%p = arith.andi %xb, %yb : i1\n %q = arith.ori %ab, %p : i1\n"
           "%r = arith.extui %q : i1 to i8\n linalg.yield %r : i8\n";
  }
  std::string x = "%x", y = "%y";
  if (s != a) {
    args += "%xe = arith.extf %x : " + s + " to " + a + "\n%ye = arith.extf %y : " + s + " to " + a + "\n";
    x = "%xe", y = "%ye";
  }
  std::string f = s[0] == 'i' ? "i" : "f";
  return args + "%p = arith.mul" + f + " " + x + ", " + y + " : " + a + "\n%q = arith.add" + f +
         " %acc, %p : " + a + "\nlinalg.yield %q : " + a + "\n";
}

struct Layout {
  bool transpose_a = false, transpose_b = false;
  int batch = 0;  // number of batch dims, 0 or 1
};

std::string Extent(int64_t n, bool is_static) { return is_static ? std::to_string(n) : "?"; }

template <typename T>
std::string Text(int64_t m, int64_t n, int64_t k, int64_t batch, bool is_static, Layout layout) {
  auto e = [&](int64_t x) { return Extent(x, is_static) + "x"; };
  std::string head = layout.batch ? e(batch) : "";
  std::string d = layout.batch ? "b, " : "";
  std::string ta = "tensor<" + head + (layout.transpose_a ? e(k) + e(m) : e(m) + e(k)) + T::kStored + ">";
  std::string tb = "tensor<" + head + (layout.transpose_b ? e(n) + e(k) : e(k) + e(n)) + T::kStored + ">";
  std::string tc = "tensor<" + head + e(m) + e(n), to = tc + T::kStored + ">";
  tc += std::string(T::kSum) + ">";
  std::string loops = layout.batch ? "(b, i, j, k)" : "(i, j, k)";
  std::string ma = "affine_map<" + loops + " -> (" + d + (layout.transpose_a ? "k, i" : "i, k") + ")>";
  std::string mb = "affine_map<" + loops + " -> (" + d + (layout.transpose_b ? "j, k" : "k, j") + ")>";
  std::string mc = "affine_map<" + loops + " -> (" + d + "i, j)>";
  std::string par = layout.batch ? "\"parallel\", " : "";
  bool widens = std::string(T::kStored) != T::kSum;
  std::string text = "module { func.func @mm(%a: " + ta + ", %b: " + tb + ", %o0: " + to +
                     " {oriel.output}) -> " + to + " attributes {oriel.class = \"MatMul\"} {\n";
  std::string zero = T::kSum[0] == 'i' ? "0" : "0.0";
  text += std::string("%zero = arith.constant ") + zero + " : " + T::kSum + "\n";
  std::string out = "%o0";
  if (widens) {
    std::string sizes;
    if (!is_static) {
      int rank = layout.batch ? 3 : 2;
      for (int r = 0; r < rank; ++r) {
        std::string c = std::to_string(r);
        text += "%c" + c + " = arith.constant " + c + " : index\n%s" + c + " = tensor.dim %o0, %c" + c + " : " + to + "\n";
        sizes += (r ? ", %s" : "%s") + c;
      }
    }
    text += "%e = tensor.empty(" + sizes + ") : " + tc + "\n";
    out = "%e";
  }
  text += "%i = linalg.fill ins(%zero : " + std::string(T::kSum) + ") outs(" + out + " : " + tc + ") -> " + tc + "\n" +
          "%0 = linalg.generic {indexing_maps = [" + ma + ", " + mb + ", " + mc + "], iterator_types = [" + par +
          "\"parallel\", \"parallel\", \"reduction\"]} ins(%a, %b : " + ta + ", " + tb + ") outs(%i : " + tc +
          ") attrs = {oriel.matmul} {\n" + Body<T>() + "} -> " + tc + "\n";
  if (!widens) return text + "return %0 : " + to + " } }";
  text += "%r = linalg.generic {indexing_maps = [" + std::string(layout.batch ? "affine_map<(b, i, j) -> (b, i, j)>" : "affine_map<(i, j) -> (i, j)>");
  text += ", " + std::string(layout.batch ? "affine_map<(b, i, j) -> (b, i, j)>" : "affine_map<(i, j) -> (i, j)>");
  text += "], iterator_types = [" + par + "\"parallel\", \"parallel\"]} ins(%0 : " + tc + ") outs(%o0 : " + to +
          ") {\n^bb0(%v: " + T::kSum + ", %u: " + T::kStored + "):\n%t = arith.truncf %v : " + T::kSum + " to " +
          T::kStored + "\nlinalg.yield %t : " + T::kStored + " } -> " + to + "\n";
  return text + "return %r : " + to + " } }";
}

template <typename T>
std::vector<typename T::Stored> Reference(const std::vector<typename T::Stored>& a,
                                          const std::vector<typename T::Stored>& b, int64_t batch, int64_t m,
                                          int64_t n, int64_t k, Layout layout) {
  std::vector<typename T::Stored> c(batch * m * n);
  for (int64_t p = 0; p < batch; ++p)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        typename T::Sum total{};
        for (int64_t k0 = 0; k0 < k; k0 += 256) {
          typename T::Sum block{};
          for (int64_t x = k0; x < std::min(k, k0 + 256); ++x)
            block = T::MulAdd(T::Widen(a[p * m * k + (layout.transpose_a ? x * m + i : i * k + x)]),
                              T::Widen(b[p * k * n + (layout.transpose_b ? j * k + x : x * n + j)]), block);
          total = k0 ? T::Add(total, block) : block;
        }
        c[(p * m + i) * n + j] = T::Narrow(total);
      }
  return c;
}

struct Shape {
  int64_t m, n, k;
};

template <typename T>
void Check(TestKernel& kernel, Shape s, int64_t batch, Layout layout, int workers, const std::string& what) {
  std::mt19937 g(s.m * 7919 + s.n * 104729 + s.k + batch);
  auto make = [&](int64_t n) {
    std::vector<typename T::Stored> v(n);
    for (auto& x : v) x = T::Random(g);
    return v;
  };
  auto a = make(batch * s.m * s.k), b = make(batch * s.k * s.n);
  std::vector<typename T::Stored> c = make(batch * s.m * s.n + 1);
  auto guard = c.back();
  std::vector<int64_t> sa = layout.transpose_a ? std::vector<int64_t>{s.k, s.m} : std::vector<int64_t>{s.m, s.k};
  std::vector<int64_t> sb = layout.transpose_b ? std::vector<int64_t>{s.n, s.k} : std::vector<int64_t>{s.k, s.n};
  std::vector<int64_t> sc = {s.m, s.n};
  if (layout.batch)
    for (auto* x : {&sa, &sb, &sc}) x->insert(x->begin(), batch);
  ErrorRecord record = kernel.Run({{a.data(), sa}, {b.data(), sb}, {c.data(), sc}}, workers);
  ASSERT_EQ(record.code, 0) << what;
  ASSERT_EQ(std::memcmp(&guard, &c.back(), sizeof guard), 0) << what << ": wrote past the result";
  c.pop_back();
  auto expected = Reference<T>(a, b, batch, s.m, s.n, s.k, layout);
  for (size_t i = 0; i < c.size(); ++i)
    ASSERT_EQ(std::memcmp(&c[i], &expected[i], sizeof c[i]), 0)
        << what << " " << s.m << "x" << s.n << "x" << s.k << " workers " << workers << " at " << i << ": " << +c[i]
        << " expected " << +expected[i];
}

const Shape kShapes[] = {{0, 5, 3},   {5, 0, 3},    {5, 3, 0},    {1, 1, 1},     {1, 130, 70}, {1, 17, 600}, {40, 1, 30},
                         {3, 17, 5},  {8, 48, 4},   {9, 49, 257}, {97, 100, 31}, {12, 65, 513}, {5, 33, 256}, {100, 7, 9},
                         {2, 1000, 3}, {200, 50, 20}, {140, 250, 40}, {1, 2100, 9}};

template <typename T>
class MatMulKernel : public testing::Test {};
using Types = testing::Types<F32, F64, F16, BF16, I8, I16, I32, I64, Bool>;
TYPED_TEST_SUITE(MatMulKernel, Types);

TYPED_TEST(MatMulKernel, EveryShapeOfOneKernel) {
  std::string error;
  auto kernel = TestKernel::Compile(Text<TypeParam>(0, 0, 0, 1, false, {}), TestEmitter::kMatMul, &error);
  ASSERT_TRUE(kernel) << error;
  for (Shape s : kShapes)
    for (int workers : {1, 2, 3}) Check<TypeParam>(*kernel, s, 1, {}, workers, "dynamic");
}

TYPED_TEST(MatMulKernel, OtherMachinesHaveTheSameBits) {
  for (unsigned bits : {128u, 256u}) {
    std::string error;
    auto kernel = TestKernel::Compile(Text<TypeParam>(0, 0, 0, 1, false, {}), TestEmitter::kMatMul, &error, bits);
    ASSERT_TRUE(kernel) << error;
    for (Shape s : kShapes) Check<TypeParam>(*kernel, s, 1, {}, 2, std::to_string(bits) + " bits");
  }
}

// Without fused multiply-adds a product is rounded, then the sum: the same for all
// shapes, tiles and tasks there, and never a call.
struct F32Apart : F32 {
  static Sum MulAdd(Sum a, Sum b, Sum c) {
    volatile float product = a * b;  // not contracted here either
    return product + c;
  }
};
struct F64Apart : F64 {
  static Sum MulAdd(Sum a, Sum b, Sum c) {
    volatile double product = a * b;
    return product + c;
  }
};
struct BF16Apart : BF16 {
  static Sum MulAdd(Sum a, Sum b, Sum c) { return F32Apart::MulAdd(a, b, c); }
};
struct F16Apart : F16 {
  static Sum MulAdd(Sum a, Sum b, Sum c) { return F32Apart::MulAdd(a, b, c); }
};

template <typename T>
class MatMulKernelApart : public testing::Test {};
using ApartTypes = testing::Types<F32Apart, F64Apart, F16Apart, BF16Apart, I8, I32>;
TYPED_TEST_SUITE(MatMulKernelApart, ApartTypes);

TYPED_TEST(MatMulKernelApart, MachinesWithoutFusedMultiplyAdds) {
  for (bool transposed : {false, true}) {
    std::string error;
    const Layout layout{transposed, transposed, 0};
    auto kernel = TestKernel::Compile(Text<TypeParam>(0, 0, 0, 1, false, layout), TestEmitter::kMatMul, &error, 128,
                                      true, "x86-64-v2");
    ASSERT_TRUE(kernel) << error;
    for (Shape s : kShapes) Check<TypeParam>(*kernel, s, 1, layout, 2, transposed ? "v2 tt" : "v2");
  }
}

TYPED_TEST(MatMulKernel, Layouts) {
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      Layout layout{ta, tb, 1};
      std::string error;
      auto kernel = TestKernel::Compile(Text<TypeParam>(0, 0, 0, 0, false, layout), TestEmitter::kMatMul, &error);
      ASSERT_TRUE(kernel) << error;
      for (Shape s : {Shape{9, 50, 21}, Shape{1, 20, 13}, Shape{13, 3, 300}, Shape{1, 75, 300}, Shape{70, 1, 270},
                      Shape{17, 210, 9}, Shape{133, 20, 40}})
        for (int64_t batch : {0, 1, 3})
          Check<TypeParam>(*kernel, s, batch, layout, 2, ta ? tb ? "tt" : "tn" : tb ? "nt" : "nn");
    }
}

TEST(MatMulKernelF32, StaticShapesHaveTheSameBits) {
  for (Shape s : {Shape{9, 49, 257}, Shape{1, 40, 300}, Shape{64, 10, 20}, Shape{3, 3, 0}}) {
    std::string error;
    auto kernel = TestKernel::Compile(Text<F32>(s.m, s.n, s.k, 1, true, {}), TestEmitter::kMatMul, &error);
    ASSERT_TRUE(kernel) << error;
    Check<F32>(*kernel, s, 1, {}, 2, "static");
  }
}

// out0 = relu(a@b + bias[j] + residual[i, j]), out1 = out0 < 0.5 as bytes, for a
// K of several blocks: sums wait in the workspace, and the residual may share
// the result's storage.
TEST(MatMulKernelF32, EpilogueWithResidualInPlace) {
  const std::string text = R"(
#ma = affine_map<(i, j, k) -> (i, k)>
#mb = affine_map<(i, j, k) -> (k, j)>
#mc = affine_map<(i, j, k) -> (i, j)>
#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i, 0)>
module { func.func @mm(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %bias: tensor<?xf32>, %res: tensor<?x?xf32>, %scale: tensor<?x1xf32>,
    %o0: tensor<?x?xf32> {oriel.output}, %o1: tensor<?x?xi8> {oriel.output}) -> (tensor<?x?xf32>, tensor<?x?xi8>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %o0, %c0 : tensor<?x?xf32>
  %n = tensor.dim %o0, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = linalg.generic {indexing_maps = [#ma, #mb, #mc], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%i : tensor<?x?xf32>) attrs = {oriel.matmul} {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %1 = arith.mulf %x, %y : f32
    %2 = arith.addf %acc, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %r:2 = linalg.generic {indexing_maps = [#col, #id, #id, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%bias, %0, %res, %scale : tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x1xf32>) outs(%o0, %o1 : tensor<?x?xf32>, tensor<?x?xi8>) {
  ^bb0(%vb: f32, %v: f32, %vr: f32, %vs: f32, %u0: f32, %u1: i8):
    %half = arith.constant 0.5 : f32
    %1 = arith.addf %v, %vb : f32
    %2 = arith.addf %1, %vr : f32
    %3 = arith.mulf %2, %vs : f32
    %4 = arith.maximumf %3, %zero : f32
    %5 = arith.cmpf olt, %4, %half : f32
    %6 = arith.extui %5 : i1 to i8
    linalg.yield %4, %6 : f32, i8
  } -> (tensor<?x?xf32>, tensor<?x?xi8>)
  return %r#0, %r#1 : tensor<?x?xf32>, tensor<?x?xi8>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kMatMul, &error);
  ASSERT_TRUE(kernel) << error;
  for (Shape s : {Shape{13, 50, 600}, Shape{1, 70, 300}, Shape{20, 16, 5}}) {
    std::mt19937 g(1);
    auto make = [&](int64_t n) {
      std::vector<float> v(n);
      for (float& x : v) x = F32::Random(g);
      return v;
    };
    auto a = make(s.m * s.k), b = make(s.k * s.n), bias = make(s.n), residual = make(s.m * s.n), scale = make(s.m);
    auto product = Reference<F32>(a, b, 1, s.m, s.n, s.k, {});
    std::vector<float> out = residual;  // in place
    std::vector<uint8_t> less(s.m * s.n, 7);
    kernel->Run({{a.data(), {s.m, s.k}}, {b.data(), {s.k, s.n}}, {bias.data(), {s.n}}, {out.data(), {s.m, s.n}},
                 {scale.data(), {s.m, 1}}, {out.data(), {s.m, s.n}}, {less.data(), {s.m, s.n}}}, 2);
    for (int64_t i = 0; i < s.m * s.n; ++i) {
      float x = (product[i] + bias[i % s.n] + residual[i]) * scale[i / s.n];
      float expected = x > 0 ? x : 0;
      ASSERT_EQ(out[i], expected) << i;
      ASSERT_EQ(less[i], expected < 0.5f) << i;
    }
  }
}

// matrix @ vector: reshapes around the contraction, and -0 and NaN kept.
TEST(MatMulKernelF32, MatrixVector) {
  const std::string text = R"(
module { func.func @mv(%a: tensor<?x?xf32>, %x: tensor<?xf32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %a, %c0 : tensor<?x?xf32>
  %k = tensor.dim %x, %c0 : tensor<?xf32>
  %x2 = tensor.expand_shape %x [[0, 1]] output_shape [%k, 1] : tensor<?xf32> into tensor<?x1xf32>
  %e = tensor.empty(%n) : tensor<?x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1xf32>) -> tensor<?x1xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %x2 : tensor<?x?xf32>, tensor<?x1xf32>) outs(%i : tensor<?x1xf32>) attrs = {oriel.matmul} {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %1 = arith.mulf %p, %q : f32
    %2 = arith.addf %acc, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x1xf32>
  %r = tensor.collapse_shape %0 [[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
  return %r : tensor<?xf32>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kMatMul, &error);
  ASSERT_TRUE(kernel) << error;
  std::mt19937 g(3);
  const int64_t m = 37, k = 300;
  std::vector<float> a(m * k), x(k), out(m);
  for (float& v : a) v = F32::Random(g);
  for (float& v : x) v = F32::Random(g);
  a[5 * k + 3] = NAN;
  a[6 * k + 3] = INFINITY;
  kernel->Run({{a.data(), {m, k}}, {x.data(), {k}}, {out.data(), {m}}}, 3);
  auto expected = Reference<F32>(a, x, 1, m, 1, k, {});
  for (int64_t i = 0; i < m; ++i) {
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(out[i])) << i;
    else
      EXPECT_EQ(out[i], expected[i]) << i;
  }
}

// Operands narrower than the sums: casts in the body, of each its own.
template <typename A, typename B, typename C>
void CheckWidened(const std::string& types, const std::string& cast_a, const std::string& cast_b, unsigned bits) {
  std::vector<std::string> t = absl::StrSplit(types, ' ');  // of a, b and the result
  const bool is_float = t[2][0] == 'f';
  for (bool transposed : {false, true}) {
    const std::string ta = "tensor<?x?x" + t[0] + ">", tb = "tensor<?x?x" + t[1] + ">", tc = "tensor<?x?x" + t[2] + ">";
    const std::string f = is_float ? "f" : "i";
    const std::string text = "module { func.func @mm(%a: " + ta + ", %b: " + tb + ", %o0: " + tc +
        " {oriel.output}) -> " + tc + " attributes {oriel.class = \"MatMul\"} {\n%zero = arith.constant " +
        (is_float ? "0.0" : "0") + " : " + t[2] + "\n%i = linalg.fill ins(%zero : " + t[2] + ") outs(%o0 : " + tc +
        ") -> " + tc + "\n%0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> " +
        (transposed ? "(j, k)" : "(k, j)") + ">, affine_map<(i, j, k) -> (i, j)>], iterator_types = [\"parallel\", " +
        "\"parallel\", \"reduction\"]} ins(%a, %b : " + ta + ", " + tb + ") outs(%i : " + tc +
        ") attrs = {oriel.matmul} {\n^bb0(%x: " + t[0] + ", %y: " + t[1] + ", %acc: " + t[2] + "):\n%xe = " + cast_a +
        " %x : " + t[0] + " to " + t[2] + "\n%ye = " + cast_b + " %y : " + t[1] + " to " + t[2] + "\n%p = arith.mul" + f +
        " %xe, %ye : " + t[2] + "\n%q = arith.add" + f + " %acc, %p : " + t[2] + "\nlinalg.yield %q : " + t[2] + "\n} -> " +
        tc + "\nreturn %0 : " + tc + " } }";
    std::string error;
    auto kernel = TestKernel::Compile(text, TestEmitter::kMatMul, &error, bits);
    ASSERT_TRUE(kernel) << error;
    for (Shape s : {Shape{9, 50, 21}, Shape{1, 70, 300}, Shape{30, 1, 40}, Shape{140, 17, 270}, Shape{3, 3, 0}}) {
      std::mt19937 g(5);
      std::vector<A> a(s.m * s.k);
      std::vector<B> b(s.k * s.n);
      std::vector<C> c(s.m * s.n, C(7));
      for (A& x : a) x = static_cast<A>(g());
      for (B& x : b) x = static_cast<B>(g());
      kernel->Run({{a.data(), {s.m, s.k}}, {b.data(), transposed ? std::vector<int64_t>{s.n, s.k} : std::vector<int64_t>{s.k, s.n}},
                   {c.data(), {s.m, s.n}}}, 2);
      for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
          C sum = 0;  // exact in every order: the values are small integers
          for (int64_t k = 0; k < s.k; ++k) sum += C(a[i * s.k + k]) * C(b[transposed ? j * s.k + k : k * s.n + j]);
          ASSERT_EQ(c[i * s.n + j], sum) << types << " " << bits << " bits, " << s.m << "x" << s.n << "x" << s.k << " at " << i << ", " << j;
        }
    }
  }
}

TEST(MatMulKernelWidened, SignsAndKinds) {
  for (unsigned bits : {0u, 128u, 256u}) {
    CheckWidened<int8_t, int8_t, int32_t>("i8 i8 i32", "arith.extsi", "arith.extsi", bits);
    CheckWidened<uint8_t, int8_t, int32_t>("i8 i8 i32", "arith.extui", "arith.extsi", bits);
    CheckWidened<int8_t, int8_t, float>("i8 i8 f32", "arith.sitofp", "arith.sitofp", bits);
    CheckWidened<int16_t, int8_t, double>("i16 i8 f64", "arith.sitofp", "arith.sitofp", bits);
    CheckWidened<uint8_t, int16_t, int64_t>("i8 i16 i64", "arith.extui", "arith.extsi", bits);
  }
}

TEST(MatMulKernelF32, OtherContractionsAreRefused) {
  std::string text = Text<F32>(0, 0, 0, 1, false, {});
  text.replace(text.find("arith.addf"), 10, "arith.maximumf");
  std::string error;
  EXPECT_FALSE(TestKernel::Compile(text, TestEmitter::kMatMul, &error));
  EXPECT_NE(error.find("no matmul on"), std::string::npos) << error;
}

}  // namespace
}  // namespace oriel
