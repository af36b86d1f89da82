// File: scatter_kernels_test.cpp
//
// Scatter kernels against the loop `for n: x[index[n]] += update[n]`, to the
// bit: every dtype, patterns of equal indices, any split of the tasks, updates
// that the kernel computes itself; and what the kernels say they met.
#include <bit>
#include <cstring>
#include <functional>
#include <random>

#include "gtest/gtest.h"
#include "runtime/core/float16.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

std::string VectorText(const std::string& kind, const std::string& type, const std::string& attributes = "") {
  const std::string t = "tensor<?x" + type + ">";
  return "module { func.func @s(%x: " + t + ", %u: " + t + ", %i: tensor<?xi64>, %o0: " + t + " {oriel.output}) -> " + t +
         " {\n%0 = oriel.scatter " + kind + " %x[%i], %u axis 0 " + attributes + " : (" + t + ", " + t + ", tensor<?xi64>) -> " + t +
         " loc(\"kernel\":24:0)\nreturn %0 : " + t + " } }";
}

// Indices whose runs begin, end and alternate at places of no round number.
struct Pattern {
  const char* name;
  std::function<int64_t(int64_t n, int64_t size)> index;
};
const Pattern kPatterns[] = {
    {"uniform", [](int64_t n, int64_t size) { return static_cast<int64_t>(static_cast<uint64_t>(n) * 0x9E3779B97F4A7C15ull >> 20) % size; }},
    {"all_equal", [](int64_t, int64_t size) { return size / 2; }},
    {"all_equal_negative", [](int64_t, int64_t) { return -1; }},
    {"two_in_turns", [](int64_t n, int64_t size) { return n % 2 == 0 ? size - 1 : 0; }},
    {"eight", [](int64_t n, int64_t size) { return static_cast<int64_t>(static_cast<uint64_t>(n) * 0x9E3779B97F4A7C15ull >> 20) % 8 % size; }},
    {"runs_of_300", [](int64_t n, int64_t size) { return n / 300 % size; }},
    {"runs_then_turns", [](int64_t n, int64_t size) { return n / 777 % 2 ? n % 2 : (n / 1000) % size; }},
    {"a_run_that_stops_at_15", [](int64_t n, int64_t size) { return n % 256 == 15 ? size - 1 : 0; }},
    {"a_run_that_stops_at_16", [](int64_t n, int64_t size) { return n % 256 == 16 ? size - 1 : 0; }},
};

// `add` of two stored values, as the kernel's dtype adds.
template <typename T>
void CheckPatterns(const std::string& type, const std::function<T(int)>& make, const std::function<T(T, T)>& add,
                   const std::string& attributes = "") {
  for (const bool is_add : {true, false}) {
    for (unsigned bits : {0u, 128u}) {
      std::string error;
      auto kernel = TestKernel::Compile(VectorText(is_add ? "add" : "set", type, attributes), TestEmitter::kScatter, &error, bits);
      ASSERT_TRUE(kernel) << error;
      for (const Pattern& pattern : kPatterns) {
        for (auto [size, count] : {std::pair<int64_t, int64_t>{10001, 5000}, {140000, 3001}, {3, 700}, {50, 17}, {50, 1}, {9, 0}}) {
          std::mt19937 g(static_cast<unsigned>(size + count));
          std::vector<T> x(size), u(count);
          for (T& v : x) v = make(static_cast<int>(g() % 200) - 100);
          for (T& v : u) v = make(static_cast<int>(g() % 200) - 100);
          std::vector<int64_t> index(count);
          for (int64_t n = 0; n < count; ++n) index[n] = pattern.index(n, size);
          std::vector<T> expected = x;
          for (int64_t n = 0; n < count; ++n) {
            T& at = expected[(index[n] + size) % size];
            at = is_add ? add(at, u[n]) : u[n];
          }
          for (int workers : {1, 2, 5, 8}) {
            std::vector<T> out(size);
            const ErrorRecord record = kernel->Run({{x.data(), {size}}, {u.data(), {count}}, {index.data(), {count}}, {out.data(), {size}}}, workers);
            EXPECT_EQ(record.code, 0);
            EXPECT_EQ(std::memcmp(out.data(), expected.data(), size * sizeof(T)), 0)
                << type << " " << (is_add ? "add " : "set ") << pattern.name << " size " << size << " count " << count << " workers " << workers;
          }
        }
      }
    }
  }
}

template <typename T>
T Sum(T a, T b) { return static_cast<T>(a + b); }

TEST(ScatterPatterns, F32) { CheckPatterns<float>("f32", [](int v) { return v / 7.0f; }, Sum<float>); }
TEST(ScatterPatterns, F64) { CheckPatterns<double>("f64", [](int v) { return v / 7.0; }, Sum<double>); }
TEST(ScatterPatterns, BF16) {
  CheckPatterns<uint16_t>("bf16", [](int v) { return FloatToBfloat(v / 7.0f); },
                          [](uint16_t a, uint16_t b) { return FloatToBfloat(BfloatToFloat(a) + BfloatToFloat(b)); });
}
TEST(ScatterPatterns, F16) {
  CheckPatterns<uint16_t>("f16", [](int v) { return FloatToHalf(v / 7.0f); },
                          [](uint16_t a, uint16_t b) { return FloatToHalf(HalfToFloat(a) + HalfToFloat(b)); });
}
TEST(ScatterPatterns, I8) { CheckPatterns<uint8_t>("i8", [](int v) { return static_cast<uint8_t>(v); }, Sum<uint8_t>); }
TEST(ScatterPatterns, I16) { CheckPatterns<uint16_t>("i16", [](int v) { return static_cast<uint16_t>(v * 300); }, Sum<uint16_t>); }
TEST(ScatterPatterns, I32) { CheckPatterns<uint32_t>("i32", [](int v) { return static_cast<uint32_t>(v) * 100000000u; }, Sum<uint32_t>); }
TEST(ScatterPatterns, I64) { CheckPatterns<uint64_t>("i64", [](int v) { return static_cast<uint64_t>(v) << 55; }, Sum<uint64_t>); }
// The sum of truth values is whether any is true.
TEST(ScatterPatterns, Bool) {
  CheckPatterns<uint8_t>("i8", [](int v) { return static_cast<uint8_t>(v & 1); }, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a | b); },
                         "{oriel.bool, oriel.unsigned}");
}

ScatterCounts Total(const TestKernel& kernel) {
  ScatterCounts sum = {};
  for (const ScatterCounts& c : kernel.counts()) {
    sum.updates += c.updates;
    sum.combined += c.combined;
    sum.longest_run = std::max(sum.longest_run, c.longest_run);
    sum.sampled += c.sampled;
    sum.repeated += c.repeated;
    for (int i = 0; i < 4; ++i) sum.sweeps[i] += c.sweeps[i];
  }
  return sum;
}

TEST(ScatterCounts, SayWhatTheIndicesWereLike) {
  std::string error;
  auto kernel = TestKernel::Compile(VectorText("add", "f32"), TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  const int64_t size = 300000, count = 8192;
  std::vector<float> x(size), u(count, 1), out(size);
  std::vector<int64_t> index(count);
  auto run = [&](const std::function<int64_t(int64_t)>& at, int workers = 1) {
    for (int64_t n = 0; n < count; ++n) index[n] = at(n);
    EXPECT_EQ(kernel->Run({{x.data(), {size}}, {u.data(), {count}}, {index.data(), {count}}, {out.data(), {size}}}, workers).code, 0);
    return Total(*kernel);
  };
  ScatterCounts c = run([](int64_t n) { return n; });
  EXPECT_EQ(c.updates, count);
  EXPECT_EQ(c.combined, 0);
  EXPECT_EQ(c.sampled, 16 * count / 2048);
  EXPECT_EQ(c.repeated, 0);
  EXPECT_EQ(c.sweeps[static_cast<int>(ScatterSweep::kSerial)], 1);
  c = run([](int64_t) { return 5; });
  EXPECT_EQ(c.combined, count);
  EXPECT_EQ(c.longest_run, count);
  EXPECT_EQ(c.repeated, c.sampled);
  c = run([](int64_t n) { return n % 2; });
  EXPECT_EQ(c.combined, count);
  // Two of each sixteen are one.
  c = run([](int64_t n) { return n % 16 == 7 ? n - 1 : n; });
  EXPECT_EQ(c.combined, 0);
  EXPECT_EQ(c.repeated, 2 * c.sampled / 16);
  // By ranges, each update is written once.
  c = run([](int64_t n) { return n * 11; }, 3);
  EXPECT_EQ(c.updates, count);
  EXPECT_EQ(c.sweeps[static_cast<int>(ScatterSweep::kSerial)], 0);
  EXPECT_EQ(c.sweeps[static_cast<int>(ScatterSweep::kRange)], 3);
}

// Many integers into a small destination: threads add to copies, one thread does not.
TEST(ScatterCopies, IntegersOnly) {
  for (const char* type : {"i32", "f32"}) {
    std::string error;
    std::string text = VectorText("add", type);
    // One element a slice, known when compiling.
    auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
    ASSERT_TRUE(kernel) << error;
    const bool is_integer = type[0] == 'i';
    EXPECT_EQ(kernel->phases(), is_integer ? 5u : 3u);
    for (auto [size, count] : {std::pair<int64_t, int64_t>{1001, 300'001}, {3, 140'000}, {16'383, 131'072}, {16'384, 300'000}, {1001, 131'071}}) {
      std::vector<int32_t> x(size), u(count), out(size);
      std::vector<int64_t> index(count);
      std::mt19937 g(static_cast<unsigned>(count));
      for (int32_t& v : x) v = is_integer ? static_cast<int32_t>(g()) : std::bit_cast<int32_t>(static_cast<float>(g() % 1000) / 7);
      for (int32_t& v : u) v = is_integer ? static_cast<int32_t>(g()) : std::bit_cast<int32_t>(static_cast<float>(g() % 1000) / 7);
      for (int64_t& i : index) i = static_cast<int64_t>(g() % (2 * size)) - size;
      std::vector<int32_t> expected = x;
      for (int64_t n = 0; n < count; ++n) {
        int32_t& at = expected[(index[n] + size) % size];
        at = is_integer ? static_cast<int32_t>(static_cast<uint32_t>(at) + static_cast<uint32_t>(u[n]))
                        : std::bit_cast<int32_t>(std::bit_cast<float>(at) + std::bit_cast<float>(u[n]));
      }
      for (int workers : {1, 2, 3, 8}) {
        EXPECT_EQ(kernel->Run({{x.data(), {size}}, {u.data(), {count}}, {index.data(), {count}}, {out.data(), {size}}}, workers).code, 0);
        EXPECT_EQ(out, expected) << type << " " << size << " " << count << " workers " << workers;
        const ScatterCounts c = Total(*kernel);
        EXPECT_EQ(c.updates, count);
        const bool copies = is_integer && workers > 1 && size < 16'384 && count >= 131'072;
        EXPECT_EQ(c.sweeps[static_cast<int>(ScatterSweep::kCopy)] > 0, copies) << type << " " << size << " " << count << " workers " << workers;
      }
      index[count - 5] = size;
      const ErrorRecord record = kernel->Run({{x.data(), {size}}, {u.data(), {count}}, {index.data(), {count}}, {out.data(), {size}}}, 2);
      EXPECT_EQ(record.position, count - 5);
    }
  }
}

// Slices of several elements, by ranges and by columns.
TEST(ScatterRows, AnySplitHasTheLoopsBits) {
  const std::string text = R"(
module { func.func @s(%x: tensor<?x?xf32>, %u: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> {
  %0 = oriel.scatter add %x[%i], %u axis 0 : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  for (auto [rows, width, count] : {std::array<int64_t, 3>{15000, 20, 999}, {3, 40000, 11}, {2000, 64, 500}, {140000, 2, 300}}) {
    std::mt19937 g(static_cast<unsigned>(rows));
    std::vector<float> x(rows * width), u(count * width);
    for (float& v : x) v = static_cast<float>(g() % 1000) / 7;
    for (float& v : u) v = static_cast<float>(g() % 1000) / 7;
    std::vector<int64_t> index(count);
    for (int64_t n = 0; n < count; ++n) index[n] = n % 5 ? static_cast<int64_t>(g() % (2 * rows)) - rows : 1;
    std::vector<float> expected = x;
    for (int64_t n = 0; n < count; ++n)
      for (int64_t c = 0; c < width; ++c) expected[(index[n] + rows) % rows * width + c] += u[n * width + c];
    for (int workers : {1, 2, 3, 8}) {
      std::vector<float> out(rows * width);
      EXPECT_EQ(kernel->Run({{x.data(), {rows, width}}, {u.data(), {count, width}}, {index.data(), {count}}, {out.data(), {rows, width}}}, workers).code, 0);
      EXPECT_EQ(out, expected) << rows << " " << width << " workers " << workers;
    }
  }
}

// x[i] += -(u * rate): the updates are made in the kernel's scratch.
TEST(ScatterProducers, Elements) {
  const std::string text = R"(
#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
module { func.func @s(%x: tensor<?xf32>, %i: tensor<?xi64>, %u: tensor<?xf32>, %rate: tensor<f32>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %u, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %g = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel"]} ins(%u, %rate : tensor<?xf32>, tensor<f32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %r: f32, %b: f32):
    %m = arith.mulf %a, %r : f32
    %s = arith.negf %m : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %0 = oriel.scatter add %x[%i], %g axis 0 : (tensor<?xf32>, tensor<?xf32>, tensor<?xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
} })";
  for (unsigned bits : {0u, 256u, 128u}) {
    std::string error;
    auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error, bits);
    ASSERT_TRUE(kernel) << error;
    for (const Pattern& pattern : kPatterns)
      for (auto [size, count] : {std::pair<int64_t, int64_t>{10001, 5000}, {140000, 777}, {5, 3}}) {
        std::mt19937 g(static_cast<unsigned>(count));
        std::vector<float> x(size), u(count);
        for (float& v : x) v = static_cast<float>(g() % 1000) / 7;
        for (float& v : u) v = static_cast<float>(g() % 1000) / 7;
        float rate = 0.3f;
        std::vector<int64_t> index(count);
        std::vector<float> expected = x;
        for (int64_t n = 0; n < count; ++n) {
          index[n] = pattern.index(n, size);
          float update = u[n] * rate;
          asm volatile("" : "+x"(update));  // two roundings, as the kernel
          expected[(index[n] + size) % size] -= update;
        }
        for (int workers : {1, 4}) {
          std::vector<float> out(size);
          EXPECT_EQ(kernel->Run({{x.data(), {size}}, {index.data(), {count}}, {u.data(), {count}}, {&rate, {}}, {out.data(), {size}}}, workers).code, 0);
          EXPECT_EQ(std::memcmp(out.data(), expected.data(), size * sizeof(float)), 0) << pattern.name << " " << size << " workers " << workers;
        }
      }
  }
}

// Rows that are one row of all times a number of their own: not one long row.
TEST(ScatterProducers, Rows) {
  const std::string text = R"(
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#column = affine_map<(d0, d1) -> (d0)>
module { func.func @s(%x: tensor<?x?xf32>, %i: tensor<?xi64>, %r: tensor<?xf32>, %c: tensor<?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %c, %c0 : tensor<?xf32>
  %m = tensor.dim %r, %c0 : tensor<?xf32>
  %e = tensor.empty(%n, %m) : tensor<?x?xf32>
  %g = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %c : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %0 = oriel.scatter add %x[%i], %g axis 0 : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
} })";
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  for (auto [rows, width, count] : {std::array<int64_t, 3>{500, 37, 99}, {4000, 2500, 20}, {7, 1, 40}, {3, 20000, 5}}) {
    std::mt19937 g(static_cast<unsigned>(rows));
    std::vector<float> x(rows * width), r(width), c(count);
    for (float& v : x) v = static_cast<float>(g() % 1000) / 7;
    for (float& v : r) v = static_cast<float>(g() % 1000) / 7;
    for (float& v : c) v = static_cast<float>(g() % 1000) / 7;
    std::vector<int64_t> index(count);
    for (int64_t& i : index) i = static_cast<int64_t>(g() % (2 * rows)) - rows;
    std::vector<float> expected = x;
    for (int64_t n = 0; n < count; ++n)
      for (int64_t k = 0; k < width; ++k) {
        float update = r[k] * c[n];
        asm volatile("" : "+x"(update));
        expected[(index[n] + rows) % rows * width + k] += update;
      }
    for (int workers : {1, 3}) {
      std::vector<float> out(rows * width);
      EXPECT_EQ(kernel->Run({{x.data(), {rows, width}}, {index.data(), {count}}, {r.data(), {width}}, {c.data(), {count}}, {out.data(), {rows, width}}}, workers).code, 0);
      EXPECT_EQ(out, expected) << rows << " " << width << " workers " << workers;
    }
  }
}

// x[i, c] += u: an index that is the same for all updates lies nowhere.
TEST(ScatterKernelIndices, OneForAllUpdates) {
  const std::string text = R"(
module { func.func @s(%x: tensor<?x3xf32>, %u: tensor<?xf32>, %i: tensor<?xi64>, %o0: tensor<?x3xf32> {oriel.output}) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %u, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xi64>
  %c = arith.constant COLUMN : i64
  %j = linalg.fill ins(%c : i64) outs(%e : tensor<?xi64>) -> tensor<?xi64>
  %0 = oriel.scatter add %x[%i, %j], %u axis 0 : (tensor<?x3xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
} })";
  const int64_t rows = 60000, count = 3000;
  std::vector<float> x(rows * 3, 1), u(count), out(rows * 3);
  std::vector<int64_t> i(count);
  for (int64_t n = 0; n < count; ++n) {
    u[n] = static_cast<float>(n) / 7;
    i[n] = n < 1500 ? 5 : n * 7919 % (2 * rows) - rows;
  }
  for (int64_t column : {0, 2, -1, 3}) {
    std::string error, with = text;
    with.replace(with.find("COLUMN"), 6, std::to_string(column));
    auto kernel = TestKernel::Compile(with, TestEmitter::kScatter, &error);
    ASSERT_TRUE(kernel) << error;
    std::vector<float> expected = x;
    for (int64_t n = 0; n < count; ++n) expected[(i[n] + rows) % rows * 3 + (column + 3) % 3] += u[n];
    for (int workers : {1, 2}) {
      const ErrorRecord record = kernel->Run({{x.data(), {rows, 3}}, {u.data(), {count}}, {i.data(), {count}}, {out.data(), {rows, 3}}}, workers);
      if (column == 3) {
        EXPECT_EQ(record.position, 0);
        EXPECT_EQ(record.operand, 1);
        EXPECT_EQ(record.bound, 3);
        continue;
      }
      EXPECT_EQ(record.code, 0);
      EXPECT_EQ(out, expected) << column << " workers " << workers;
      if (workers == 1 && column == 0) {
        EXPECT_EQ(Total(*kernel).combined, 1024 + 464);  // the run, but for its last few
      }
    }
  }
}

// Wherever the bad index stands, it is found, and nothing is written.
TEST(ScatterErrors, FirstMiddleLast) {
  std::string error;
  auto kernel = TestKernel::Compile(VectorText("add", "f32"), TestEmitter::kScatter, &error);
  ASSERT_TRUE(kernel) << error;
  const int64_t size = 400000, count = 9001;
  for (int64_t bad : {int64_t{0}, int64_t{4095}, int64_t{4500}, count - 1})
    for (int64_t value : {size, -size - 1, INT64_MAX, INT64_MIN})
      for (int workers : {1, 3}) {
        std::vector<float> x(size, 1), u(count, 1), out = x;
        std::vector<int64_t> index(count, 3);
        index[bad] = value;
        const ErrorRecord record = kernel->Run({{out.data(), {size}}, {u.data(), {count}}, {index.data(), {count}}, {out.data(), {size}}}, workers);
        EXPECT_EQ(record.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
        EXPECT_EQ(record.position, bad);
        EXPECT_EQ(record.value, value);
        EXPECT_EQ(out, x);
      }
}

}  // namespace
}  // namespace oriel
