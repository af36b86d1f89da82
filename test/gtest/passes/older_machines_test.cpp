// File: older_machines_test.cpp
//
// Code for x86-64-v2 (SSE4.2: no fused multiply-add, no conversions of f16),
// run here: functions have the bits they have with the instructions, and
// nothing is called (emitObject would refuse it).
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "gtest/gtest.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

std::string Text(const std::string& type, const std::string& body,
                 const char* tail) {
  std::string text =
      "#id = affine_map<(i) -> (i)>\nmodule { func.func @f(%x: tensor<?xTY>, "
      "%y: tensor<?xTY>, %o0: "
      "tensor<?xTY> {oriel.output}) -> tensor<?xTY> attributes {oriel.class = "
      "\"Elementwise\"} {\n"
      "%0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = "
      "[\"parallel\"]} ins(%x, %y "
      ": tensor<?xTY>, tensor<?xTY>) outs(%o0 : tensor<?xTY>) {\n^bb0(%a: TY, "
      "%b: TY, %u: TY):\n" +
      body + tail +
      "linalg.yield %r : TY } -> tensor<?xTY>\nreturn %0 : tensor<?xTY> } }";
  for (size_t at; (at = text.find("TY")) != std::string::npos;)
    text.replace(at, 2, type);
  return text;
}

template <typename T>
std::vector<T> Values(int seed) {
  std::mt19937_64 g(seed);
  std::vector<T> v = {T(0),         -T(0),  T(1),  T(-1),   T(0.5), T(INFINITY),
                      -T(INFINITY), T(NAN), T(88), T(-104), T(710)};
  for (int i = 0; i < 3000; ++i) {
    v.push_back(std::uniform_real_distribution<T>(-12, 12)(g));
    v.push_back(std::exp(std::uniform_real_distribution<T>(-40, 40)(g)));
  }
  if constexpr (sizeof(T) == 4) {
    for (int i = 0; i < 6000; ++i)
      v.push_back(std::bit_cast<float>(static_cast<uint32_t>(g())));
  }
  return v;
}

template <typename T>
void CheckSameBits(const std::string& type, const std::string& op,
                   bool is_binary) {
  std::string text = Text(
      type, "%r = " + op + (is_binary ? " %a, %b : TY\n" : " %a : TY\n"), "");
  std::vector<T> x = Values<T>(1), y = Values<T>(2), results[2];
  const int64_t n = x.size();
  for (int old : {0, 1}) {
    std::string error;
    auto kernel = TestKernel::Compile(text, TestEmitter::kGeneric, &error,
                                      old ? 128 : 256, true,
                                      old ? "x86-64-v2" : "x86-64-v3");
    ASSERT_TRUE(kernel) << op << ": " << error;
    results[old].assign(n, T(7));
    kernel->Run({{x.data(), {n}}, {y.data(), {n}}, {results[old].data(), {n}}},
                2);
  }
  for (int64_t i = 0; i < n; ++i) {
    T with = results[0][i], without = results[1][i];
    if (std::isnan(with) && std::isnan(without)) continue;
    ASSERT_EQ(std::memcmp(&with, &without, sizeof with), 0)
        << op << " " << type << " of " << x[i] << ", " << y[i] << ": " << with
        << " and without " << without;
  }
}

// Of f64 near the ends of their range, where halves of a factor would overflow.
TEST(OlderMachines, RemaindersOfLargeNumbersHaveTheSameBits) {
  std::mt19937_64 g(3);
  std::vector<double> x, y, results[2];
  for (int i = 0; i < 4000; ++i) {
    const int exponent = std::uniform_int_distribution<int>(850, 1015)(g);
    y.push_back(std::ldexp(std::uniform_real_distribution<double>(1, 2)(g), exponent));
    x.push_back(std::ldexp(std::uniform_real_distribution<double>(-2, 2)(g), std::min(1023, exponent + i % 60)));
  }
  const int64_t n = x.size();
  for (int old : {0, 1}) {
    std::string error;
    auto kernel = TestKernel::Compile(Text("f64", "%r = arith.remf %a, %b : f64\n", ""), TestEmitter::kGeneric, &error,
                                      old ? 128 : 256, true, old ? "x86-64-v2" : "x86-64-v3");
    ASSERT_TRUE(kernel) << error;
    results[old].assign(n, 7);
    kernel->Run({{x.data(), {n}}, {y.data(), {n}}, {results[old].data(), {n}}}, 2);
  }
  for (int64_t i = 0; i < n; ++i) {
    ASSERT_EQ(results[0][i], std::fmod(x[i], y[i])) << x[i] << ", " << y[i];
    ASSERT_EQ(results[1][i], results[0][i]) << x[i] << ", " << y[i];
  }
}

TEST(OlderMachines, FunctionsHaveTheSameBits) {
  for (const char* op :
       {"math.exp", "math.expm1", "math.log", "math.log1p", "math.tanh",
        "math.erf", "math.sin", "math.cos", "math.floor", "math.ceil",
        "math.roundeven", "math.sqrt"}) {
    CheckSameBits<float>("f32", op, false);
    CheckSameBits<double>("f64", op, false);
  }
  for (const char* op :
       {"math.powf", "arith.remf", "arith.maximumf", "arith.divf"}) {
    CheckSameBits<float>("f32", op, true);
    CheckSameBits<double>("f64", op, true);
  }
}

}  // namespace
}  // namespace oriel
