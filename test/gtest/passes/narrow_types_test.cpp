// File: narrow_types_test.cpp
//
// Conversions to and from 16-bit floats in compiled kernels, against the
// runtime's own (core/float16.h), to the bit.
#include <bit>
#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "runtime/core/float16.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

std::string Convert(const std::string& from, const std::string& to) {
  std::string op = to == "f64" || (to == "f32" && from != "f64") ? "extf" : "truncf";
  return "#id = affine_map<(i) -> (i)>\nmodule { func.func @c(%x: tensor<?x" + from + ">, %o0: tensor<?x" + to +
         "> {oriel.output}) -> tensor<?x" + to + "> attributes {oriel.class = \"Elementwise\"} {\n" +
         "%0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = [\"parallel\"]} ins(%x : tensor<?x" + from +
         ">) outs(%o0 : tensor<?x" + to + ">) {\n^bb0(%a: " + from + ", %u: " + to + "):\n%1 = arith." + op +
         " %a : " + from + " to " + to + "\nlinalg.yield %1 : " + to + " } -> tensor<?x" + to +
         ">\nreturn %0 : tensor<?x" + to + "> } }";
}

// Values around every rounding boundary of both 16-bit types, and at random.
template <typename T>
std::vector<T> Values() {
  std::vector<T> v = {T(0), -T(0), T(INFINITY), -T(INFINITY), T(NAN), T(65504), T(65519.99), T(65520), T(3.4e38),
                      T(3.3895e38), T(1e-40), T(-1e-45), T(6e-8), T(2.98e-8), T(2.99e-8), T(1e300), T(-1e-300)};
  std::mt19937_64 g(11);
  for (int i = 0; i < 20000; ++i) {
    uint16_t h = static_cast<uint16_t>(g());
    for (float f : {HalfToFloat(h), BfloatToFloat(h)}) {
      if (std::isnan(f) || std::isinf(f)) continue;
      uint16_t up = static_cast<uint16_t>(h + 1);
      float next = f == HalfToFloat(h) ? HalfToFloat(up) : BfloatToFloat(up);
      if (std::isnan(next) || std::isinf(next)) continue;
      T middle = (T(f) + T(next)) / 2;  // a tie, and both sides of it
      v.insert(v.end(), {T(f), middle, std::nextafter(middle, T(INFINITY)), std::nextafter(middle, -T(INFINITY))});
    }
    float any = std::bit_cast<float>(static_cast<uint32_t>(g()));
    if (!std::isnan(any)) v.push_back(any);
  }
  return v;
}

template <typename From>
void CheckNarrowing(const std::string& from, const std::string& to, uint16_t (*expected)(From)) {
  for (const char* cpu : {"", "x86-64-v3", "x86-64-v2"}) {
    std::string error;
    auto kernel = TestKernel::Compile(Convert(from, to), TestEmitter::kGeneric, &error, *cpu ? 128 : 0, true, cpu);
    ASSERT_TRUE(kernel) << error;
    auto x = Values<From>();
    int64_t n = x.size();
    std::vector<uint16_t> out(n);
    kernel->Run({{x.data(), {n}}, {out.data(), {n}}});
    bool is_half = to == "f16";
    for (int64_t i = 0; i < n; ++i) {
      uint16_t want = expected(x[i]);
      if (std::isnan(x[i])) {  // which NaN is free
        EXPECT_TRUE(std::isnan(is_half ? HalfToFloat(out[i]) : BfloatToFloat(out[i])));
        continue;
      }
      ASSERT_EQ(out[i], want) << from << " to " << to << ": " << x[i] << " (" << cpu << ")";
    }
  }
}

TEST(NarrowTypes, F32ToF16) { CheckNarrowing<float>("f32", "f16", FloatToHalf); }
TEST(NarrowTypes, F32ToBF16) { CheckNarrowing<float>("f32", "bf16", FloatToBfloat); }
TEST(NarrowTypes, F64ToF16) { CheckNarrowing<double>("f64", "f16", DoubleToHalf); }
TEST(NarrowTypes, F64ToBF16) { CheckNarrowing<double>("f64", "bf16", DoubleToBfloat); }

TEST(NarrowTypes, Widening) {
  for (int c = 0; c < 8; ++c) {
    const char *from = c & 1 ? "f16" : "bf16", *to = c & 2 ? "f32" : "f64";
    const char* cpu = c & 4 ? "x86-64-v2" : "x86-64-v3";
    std::string error;
    auto kernel = TestKernel::Compile(Convert(from, to), TestEmitter::kGeneric, &error, 128, true, cpu);
    ASSERT_TRUE(kernel) << error;
    const int64_t n = 1 << 16;
    std::vector<uint16_t> x(n);
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<uint16_t>(i);
    std::vector<double> wide(n);
    std::vector<float> narrow(n);
    bool is_wide = to[1] == '6';
    kernel->Run({{x.data(), {n}}, {is_wide ? static_cast<void*>(wide.data()) : narrow.data(), {n}}});
    for (int64_t i = 0; i < n; ++i) {
      double want = from[0] == 'f' ? HalfToFloat(x[i]) : BfloatToFloat(x[i]);
      double got = is_wide ? wide[i] : narrow[i];
      if (std::isnan(want))
        ASSERT_TRUE(std::isnan(got)) << i;
      else
        ASSERT_EQ(got, want) << from << " to " << to << " " << i;
    }
  }
}

}  // namespace
}  // namespace oriel
