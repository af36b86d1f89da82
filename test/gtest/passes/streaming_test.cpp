// File: streaming_test.cpp
//
// Results large enough to be written past the caches: the same elements, whether
// the rows start at cache lines or not, and nothing beside them.
#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

// Data at a cache line as the engine's are, or `shift` elements past one.
template <typename T>
struct Lines {
  explicit Lines(int64_t n, int64_t shift = 0) : bytes(n * sizeof(T) + 256, 0x5A), n(n) {
    auto base = reinterpret_cast<uintptr_t>(bytes.data());
    data = reinterpret_cast<T*>((base + 127) / 64 * 64) + shift;
  }
  bool GuardsIntact() const {
    const auto* first = reinterpret_cast<const unsigned char*>(data);
    const auto* last = reinterpret_cast<const unsigned char*>(data + n);
    return std::all_of(bytes.data(), first, [](unsigned char b) { return b == 0x5A; }) &&
           std::all_of(last, static_cast<const unsigned char*>(bytes.data() + bytes.size()),
                       [](unsigned char b) { return b == 0x5A; });
  }
  std::vector<unsigned char> bytes;
  int64_t n;
  T* data;
};

template <typename T>
void CheckTranspose(const std::string& type, int64_t rows, int64_t columns) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x?x$T>, %o0: tensor<?x?x$T> {oriel.output}) -> tensor<?x?x$T> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?x$T>) outs(%o0 : tensor<?x?x$T>) {
    ^bb0(%a: $T, %u: $T):
      linalg.yield %a : $T
    } -> tensor<?x?x$T>
    return %0 : tensor<?x?x$T>
  })";
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(Expand(kText, {{"$T", type}}), bits);
    ASSERT_TRUE(kernel);
    for (int64_t shift : {0, 3}) {
      Lines<T> x(rows * columns, 1), o(rows * columns, shift);
      for (int64_t i = 0; i < x.n; ++i) x.data[i] = static_cast<T>(i * 2654435761u >> 7);
      kernel->Run({{x.data, {rows, columns}, 0}, {o.data, {columns, rows}, 0}}, 2);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          ASSERT_EQ(o.data[j * rows + i], x.data[i * columns + j]) << type << " " << i << ", " << j << " bits=" << bits;
      EXPECT_TRUE(o.GuardsIntact());
    }
  }
}
// Rows of the result are whole lines; some tiles are not whole.
TEST(Streaming, TransposeF32) { CheckTranspose<float>("f32", 1472, 1501); }
TEST(Streaming, TransposeF64) { CheckTranspose<double>("f64", 1032, 1030); }
TEST(Streaming, TransposeI16) { CheckTranspose<int16_t>("i16", 2080, 2050); }
TEST(Streaming, TransposeI8) { CheckTranspose<int8_t>("i8", 2944, 2901); }
TEST(Streaming, TransposeRowsOfPartsOfLines) { CheckTranspose<float>("f32", 1471, 1501); }

// Two results of different sizes of element, one row more than the threshold.
TEST(Streaming, Elementwise) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}, %o1: tensor<?x?xi8> {oriel.output}) -> (tensor<?x?xf32>, tensor<?x?xi8>) attributes {oriel.class = "Elementwise"} {
    %0:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%o0, %o1 : tensor<?x?xf32>, tensor<?x?xi8>) {
    ^bb0(%a: f32, %u: f32, %v: i8):
      %1 = arith.addf %a, %a : f32
      %2 = arith.fptosi %a : f32 to i8
      linalg.yield %1, %2 : f32, i8
    } -> (tensor<?x?xf32>, tensor<?x?xi8>)
    return %0#0, %0#1 : tensor<?x?xf32>, tensor<?x?xi8>
  })";
  for (unsigned bits : {128u, 512u}) {
    auto kernel = CompileGeneric(Expand(kText, {}), bits);
    ASSERT_TRUE(kernel);
    const int64_t rows = 4100, columns = 2049, n = rows * columns;
    for (int64_t shift : {0, 5}) {
      Lines<float> x(n, 1), o0(n, shift);
      Lines<int8_t> o1(n, shift);
      for (int64_t i = 0; i < n; ++i) x.data[i] = static_cast<float>(i % 101 - 50);
      kernel->Run({{x.data, {rows, columns}, 0}, {o0.data, {rows, columns}, 0}, {o1.data, {rows, columns}, 0}}, 2);
      for (int64_t i = 0; i < n; ++i) {
        ASSERT_EQ(o0.data[i], 2 * x.data[i]) << i;
        ASSERT_EQ(o1.data[i], static_cast<int8_t>(x.data[i])) << i;
      }
      EXPECT_TRUE(o0.GuardsIntact() && o1.GuardsIntact());
    }
  }
}

// Parts that start anywhere in a line.
TEST(Streaming, Concatenate) {
  const char* kText = R"(module { func.func @c(%a: tensor<?x?xi8>, %b: tensor<?x?xi8>, %o0: tensor<?x?xi8> {oriel.output}) -> tensor<?x?xi8> {
    %0 = oriel.concatenate %a, %b axis 1 : (tensor<?x?xi8>, tensor<?x?xi8>) -> tensor<?x?xi8>
    return %0 : tensor<?x?xi8> } })";
  for (unsigned bits : {128u, 512u}) {
    std::string error;
    auto kernel = TestKernel::Compile(kText, TestEmitter::kConcatenate, &error, bits);
    ASSERT_TRUE(kernel) << error;
    const int64_t rows = 11000, m = 2001, k = 1100;
    Lines<int8_t> a(rows * m, 1), b(rows * k, 2), o(rows * (m + k), 3);
    for (int64_t i = 0; i < a.n; ++i) a.data[i] = static_cast<int8_t>(i * 7);
    for (int64_t i = 0; i < b.n; ++i) b.data[i] = static_cast<int8_t>(i * 11 + 1);
    kernel->Run({{a.data, {rows, m}, 0}, {b.data, {rows, k}, 0}, {o.data, {rows, m + k}, 0}}, 2);
    for (int64_t i = 0; i < rows; ++i) {
      ASSERT_EQ(std::memcmp(o.data + i * (m + k), a.data + i * m, m), 0) << i;
      ASSERT_EQ(std::memcmp(o.data + i * (m + k) + m, b.data + i * k, k), 0) << i;
    }
    EXPECT_TRUE(o.GuardsIntact());
  }
}

}  // namespace
}  // namespace oriel
