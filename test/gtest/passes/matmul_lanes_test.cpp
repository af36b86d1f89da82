// File: matmul_lanes_test.cpp
//
// Products with a vector that are marked oriel.lanes, against the specified lanes
// of each element (architecture.md): to the bit, for every layout, dtype, vector
// width and task split, known and unknown extents.
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/core/float16.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

struct F32 {
  using Stored = float;
  using Sum = float;
  static constexpr const char *kStored = "f32", *kSum = "f32", *kCast = nullptr;
  static Sum Widen(Stored x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return std::fma(a, b, c); }
  static Stored Random(std::mt19937& g) { return std::uniform_real_distribution<float>(-1, 1)(g); }
};
struct F64 {
  using Stored = double;
  using Sum = double;
  static constexpr const char *kStored = "f64", *kSum = "f64", *kCast = nullptr;
  static Sum Widen(Stored x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return std::fma(a, b, c); }
  static Stored Random(std::mt19937& g) { return std::uniform_real_distribution<double>(-1, 1)(g); }
};
struct F16 : F32 {
  using Stored = uint16_t;
  static constexpr const char *kStored = "f16", *kCast = "arith.extf";
  static Sum Widen(Stored x) { return HalfToFloat(x); }
  static Stored Random(std::mt19937& g) { return FloatToHalf(F32::Random(g)); }
};
struct BF16 : F16 {
  static constexpr const char* kStored = "bf16";
  static Sum Widen(Stored x) { return BfloatToFloat(x); }
  static Stored Random(std::mt19937& g) { return FloatToBfloat(F32::Random(g)); }
};
struct I8 {
  using Stored = int8_t;
  using Sum = int32_t;
  static constexpr const char *kStored = "i8", *kSum = "i32", *kCast = "arith.extsi";
  static Sum Widen(Stored x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return a * b + c; }
  static Stored Random(std::mt19937& g) { return static_cast<Stored>(g()); }
};
struct I64 {
  using Stored = int64_t;
  using Sum = int64_t;
  static constexpr const char *kStored = "i64", *kSum = "i64", *kCast = nullptr;
  static Sum Widen(Stored x) { return x; }
  static Sum MulAdd(Sum a, Sum b, Sum c) { return a * b + c; }
  static Stored Random(std::mt19937& g) { return static_cast<int32_t>(g()); }
};
// Machines without fused multiply-adds.
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

// Where element (b, j, k) of the matrix lies, and how its map says so.
enum class Layout { kAlong, kAcross, kBatchLast };

struct Shape {
  int64_t batch, n, k;
};

std::string Extent(int64_t n, bool is_static) { return (is_static ? std::to_string(n) : "?") + "x"; }

template <typename T>
std::string Text(Layout layout, bool vector_is_left, Shape s, bool is_static) {
  auto e = [&](int64_t n) { return Extent(n, is_static); };
  const std::string stored = T::kStored, sum = T::kSum;
  const std::string j = vector_is_left ? "j" : "i";
  const std::string shape = layout == Layout::kAlong    ? e(s.batch) + e(s.n) + e(s.k)
                            : layout == Layout::kAcross ? e(s.batch) + e(s.k) + e(s.n)
                                                        : e(s.n) + e(s.k) + e(s.batch);
  const std::string map = layout == Layout::kAlong    ? "(b, " + j + ", k)"
                          : layout == Layout::kAcross ? "(b, k, " + j + ")"
                                                      : "(" + j + ", k, b)";
  const std::string m = "tensor<" + shape + stored + ">", x = "tensor<" + e(s.k) + stored + ">";
  const std::string x2 = "tensor<" + (vector_is_left ? "1x" + e(s.k) : e(s.k) + "1x") + stored + ">";
  const std::string out = "tensor<" + e(s.batch) + (vector_is_left ? "1x" + e(s.n) : e(s.n) + "1x") + sum + ">";
  const std::string loops = "affine_map<(b, i, j, k) -> ";
  const std::string vector_map = loops + (vector_is_left ? "(i, k)>" : "(k, j)>");
  std::string text = "module { func.func @mv(%x: " + x + ", %m: " + m + ", %o0: " + out + " {oriel.output}) -> " + out +
                     " attributes {oriel.class = \"MatMul\"} {\n%zero = arith.constant " +
                     (sum[0] == 'i' ? "0" : "0.0") + " : " + sum + "\n%c0 = arith.constant 0 : index\n";
  text += is_static ? "" : "%k = tensor.dim %x, %c0 : " + x + "\n";
  const std::string k = is_static ? std::to_string(s.k) : "%k";
  text += "%x2 = tensor.expand_shape %x [[0, 1]] output_shape [" + (vector_is_left ? "1, " + k : k + ", 1") + "] : " + x +
          " into " + x2 + "\n%i = linalg.fill ins(%zero : " + sum + ") outs(%o0 : " + out + ") -> " + out + "\n";
  const std::string maps = vector_is_left ? vector_map + ", " + loops + map + ">" : loops + map + ">, " + vector_map;
  const std::string ins = vector_is_left ? "%x2, %m : " + x2 + ", " + m : "%m, %x2 : " + m + ", " + x2;
  text += "%0 = linalg.generic {indexing_maps = [" + maps + ", " + loops +
          "(b, i, j)>], iterator_types = [\"parallel\", \"parallel\", \"parallel\", \"reduction\"]} ins(" + ins +
          ") outs(%i : " + out + ") attrs = {oriel.matmul, oriel.lanes} {\n^bb0(%p: " + stored + ", %q: " + stored +
          ", %acc: " + sum + "):\n";
  std::string p = "%p", q = "%q";
  if (T::kCast) {
    for (std::string v : {"p", "q"}) text += "%" + v + "e = " + T::kCast + " %" + v + " : " + stored + " to " + sum + "\n";
    p = "%pe", q = "%qe";
  }
  const std::string f = sum[0] == 'i' ? "i" : "f";
  return text + "%z = arith.mul" + f + " " + p + ", " + q + " : " + sum + "\n%y = arith.add" + f + " %acc, %z : " + sum +
         "\nlinalg.yield %y : " + sum + "\n} -> " + out + "\nreturn %0 : " + out + " } }";
}

// The specified sum: lanes of a leaf of 4096, halved; leaves by the binary counter.
template <typename T, typename At>
typename T::Sum InLanes(const std::vector<typename T::Stored>& x, int64_t k, At at) {
  using Sum = typename T::Sum;
  constexpr int64_t kLeaf = 4096, kLanes = 128 / sizeof(Sum);
  std::vector<Sum> stack;
  int64_t leaf = 0;
  do {
    std::vector<Sum> lanes(kLanes, Sum{});
    for (int64_t i = leaf * kLeaf; i < std::min(k, (leaf + 1) * kLeaf); ++i) {
      Sum& lane = lanes[i % kLanes];
      lane = T::MulAdd(T::Widen(x[i]), T::Widen(at(i)), lane);
    }
    for (int64_t half = kLanes / 2; half > 0; half /= 2)
      for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    Sum value = lanes[0];
    for (int64_t bits = leaf; bits & 1; bits >>= 1) {
      value = stack.back() + value;
      stack.pop_back();
    }
    stack.push_back(value);
  } while (++leaf * kLeaf < k);
  Sum total = stack.back();
  for (stack.pop_back(); !stack.empty(); stack.pop_back()) total = stack.back() + total;
  return total;
}

template <typename T>
void Check(TestKernel& kernel, Layout layout, bool vector_is_left, Shape s, int workers) {
  std::mt19937 g(s.n * 104729 + s.k * 31 + s.batch);
  auto make = [&](int64_t n) {
    std::vector<typename T::Stored> v(n);
    for (auto& x : v) x = T::Random(g);
    return v;
  };
  auto x = make(s.k), m = make(s.batch * s.n * s.k);
  std::vector<typename T::Sum> out(s.batch * s.n + 1, 42);
  std::vector<int64_t> shape = {s.batch, s.n, s.k}, result = {s.batch, 1, s.n};
  if (layout == Layout::kAcross) shape = {s.batch, s.k, s.n};
  if (layout == Layout::kBatchLast) shape = {s.n, s.k, s.batch};
  if (!vector_is_left) result = {s.batch, s.n, 1};
  std::vector<TestArg> args = {{x.data(), {s.k}}, {m.data(), shape}, {out.data(), result}};
  ASSERT_EQ(kernel.Run(args, workers).code, 0);
  ASSERT_EQ(out.back(), 42) << "wrote past the result";
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t j = 0; j < s.n; ++j) {
      auto at = [&](int64_t k) {
        return layout == Layout::kAlong    ? m[(b * s.n + j) * s.k + k]
               : layout == Layout::kAcross ? m[(b * s.k + k) * s.n + j]
                                           : m[(j * s.k + k) * s.batch + b];
      };
      const typename T::Sum expected = InLanes<T>(x, s.k, at);
      ASSERT_EQ(std::memcmp(&out[b * s.n + j], &expected, sizeof expected), 0)
          << "batch " << s.batch << " n " << s.n << " k " << s.k << " layout " << static_cast<int>(layout) << " workers "
          << workers << " at " << b << ", " << j << ": " << out[b * s.n + j] << " expected " << expected;
    }
}

const Shape kShapes[] = {{1, 1, 1},   {1, 1, 0},    {1, 3, 0},    {0, 3, 4},    {2, 0, 4},    {1, 1, 31},
                         {1, 5, 32},  {1, 70, 33},  {3, 17, 7},   {1, 130, 64}, {2, 16, 300}, {1, 100, 1000},
                         {1, 2, 4096}, {1, 3, 4097}, {2, 20, 9000}, {1, 1, 70001}, {3, 2, 65536}, {1, 33, 20000}};

template <typename T>
void CheckAll(unsigned bits, const char* cpu) {
  for (Layout layout : {Layout::kAlong, Layout::kAcross, Layout::kBatchLast})
    for (bool vector_is_left : {true, false}) {
      std::string error;
      auto kernel = TestKernel::Compile(Text<T>(layout, vector_is_left, {}, false), TestEmitter::kMatMul, &error, bits,
                                        true, cpu);
      ASSERT_TRUE(kernel) << error;
      for (const Shape& s : kShapes)
        for (int workers : {1, 3}) Check<T>(*kernel, layout, vector_is_left, s, workers);
    }
}

template <typename T>
class MatMulLanes : public testing::Test {};
using Types = testing::Types<F32, F64, F16, BF16, I8, I64>;
TYPED_TEST_SUITE(MatMulLanes, Types);

TYPED_TEST(MatMulLanes, EveryShapeAndLayout) { CheckAll<TypeParam>(0, "x86-64-v3"); }

TYPED_TEST(MatMulLanes, NarrowerMachinesHaveTheSameBits) {
  CheckAll<TypeParam>(256, "x86-64-v3");
  CheckAll<TypeParam>(128, "x86-64-v3");
}

TYPED_TEST(MatMulLanes, KnownExtentsHaveTheSameBits) {
  for (Shape s : {Shape{1, 40, 300}, Shape{2, 3, 5000}, Shape{1, 1, 70001}, Shape{1, 9, 0}})
    for (Layout layout : {Layout::kAlong, Layout::kAcross, Layout::kBatchLast}) {
      std::string error;
      auto kernel = TestKernel::Compile(Text<TypeParam>(layout, true, s, true), TestEmitter::kMatMul, &error);
      ASSERT_TRUE(kernel) << error;
      Check<TypeParam>(*kernel, layout, true, s, 2);
    }
}

TEST(MatMulLanesApart, MachinesWithoutFusedMultiplyAdds) {
  CheckAll<F32Apart>(128, "x86-64-v2");
  CheckAll<F64Apart>(128, "x86-64-v2");
}

// Few columns of a long k are leaves side by side: more phases, the same bits.
TEST(MatMulLanesF32, LongSumsAreSplit) {
  std::string error;
  auto kernel = TestKernel::Compile(Text<F32>(Layout::kAlong, true, {}, false), TestEmitter::kMatMul, &error);
  ASSERT_TRUE(kernel) << error;
  EXPECT_EQ(kernel->phases(), 3u);
  auto known = TestKernel::Compile(Text<F32>(Layout::kAlong, true, {1, 8, 1000}, true), TestEmitter::kMatMul, &error);
  ASSERT_TRUE(known) << error;
  EXPECT_EQ(known->phases(), 1u);
  for (int workers : {1, 2, 5}) Check<F32>(*kernel, Layout::kAlong, true, {1, 40, 70001}, workers);
}

}  // namespace
}  // namespace oriel
