// File: generic_kernels_test.cpp
//
// The generic emitter against loops in C++ that follow the specified reduction
// tree: equal to the bit for every vector width, for static and dynamic dims,
// for any split of the tasks and for misaligned inputs.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

const int64_t kSizes[] = {0, 1, 2, 5, 31, 32, 33, 1000, 4095, 4096, 4097, 10000};

std::unique_ptr<TestKernel> Compile(const std::string& text, unsigned bits) {
  std::string error;
  auto kernel = TestKernel::Compile(text, TestEmitter::kGeneric, &error, bits);
  EXPECT_TRUE(kernel) << error << "\n" << text;
  return kernel;
}

// A buffer whose data start is one element past a 64-byte boundary, between
// guard bytes: user inputs are aligned to their element only.
template <typename T>
class Array {
 public:
  explicit Array(std::vector<int64_t> shape, T fill = T()) : shape_(std::move(shape)) {
    n_ = 1;
    for (int64_t d : shape_) n_ *= d;
    bytes_.assign(64 + sizeof(T) * (n_ + 1) + 64, 0xA5);
    auto base = reinterpret_cast<uintptr_t>(bytes_.data());
    data_ = reinterpret_cast<T*>((base + 63) / 64 * 64) + 1;
    std::fill(data_, data_ + n_, fill);
    guard_ = bytes_;
  }
  Array(const Array&) = delete;
  T* data() { return data_; }
  int64_t size() const { return n_; }
  T& operator[](int64_t i) { return data_[i]; }
  TestArg arg() { return {data_, shape_, 0}; }
  // Bytes outside the data are as they were.
  bool GuardsIntact() const {
    auto* first = reinterpret_cast<const unsigned char*>(data_);
    auto* last = reinterpret_cast<const unsigned char*>(data_ + n_);
    for (const unsigned char& b : bytes_)
      if ((&b < first || &b >= last) && b != 0xA5) return false;
    return true;
  }

 private:
  std::vector<int64_t> shape_;
  int64_t n_;
  std::vector<unsigned char> bytes_, guard_;
  T* data_;
};

template <typename T>
void Fill(Array<T>& a, uint32_t seed, bool special = true) {
  uint32_t s = seed * 2654435761u + 12345;
  for (int64_t i = 0; i < a.size(); ++i) {
    s = s * 1664525u + 1013904223u;
    if constexpr (std::is_floating_point_v<T>) {
      a[i] = static_cast<T>(static_cast<int32_t>(s >> 8) - (1 << 23)) / static_cast<T>(1 << 20);
      if (special && i % 97 == 13) {
        const T values[] = {T(0), -T(0), T(1e-40), T(3e37), std::numeric_limits<T>::denorm_min()};
        a[i] = values[(i / 97) % 5];
      }
    } else {
      a[i] = static_cast<T>(static_cast<int64_t>(static_cast<uint64_t>(s) * 0x9E3779B97F4A7C15ull) >> 20);
    }
  }
}

// Equal bits; any NaN equals any NaN.
template <typename T>
void ExpectSame(Array<T>& got, const std::vector<T>& want, const std::string& what) {
  ASSERT_EQ(got.size(), static_cast<int64_t>(want.size())) << what;
  for (int64_t i = 0; i < got.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(T)), 0)
        << what << ": element " << i << " is " << +got[i] << ", expected " << +want[i];
  }
  EXPECT_TRUE(got.GuardsIntact()) << what << ": wrote outside the output";
}

// The specified tree (architecture.md), written out.
template <typename T, typename Op>
T CombineLeaves(const std::vector<T>& leaves, T neutral, Op op) {
  if (leaves.empty()) return neutral;
  std::vector<T> stack;
  for (size_t k = 0; k < leaves.size(); ++k) {
    T v = leaves[k];
    for (size_t bit = 0; k >> bit & 1; ++bit) {
      v = op(stack.back(), v);
      stack.pop_back();
    }
    stack.push_back(v);
  }
  T acc = stack.back();
  stack.pop_back();
  while (!stack.empty()) {
    acc = op(stack.back(), acc);
    stack.pop_back();
  }
  return acc;
}
template <typename T, typename Op>
T RowTree(const T* x, int64_t n, T neutral, Op op) {
  const int lanes = sizeof(T) == 8 ? 16 : 32;
  std::vector<T> leaves;
  for (int64_t from = 0; from < n; from += 4096) {
    std::vector<T> lane(lanes, neutral);
    for (int64_t j = from; j < std::min(n, from + 4096); ++j)
      lane[(j - from) % lanes] = op(lane[(j - from) % lanes], x[j]);
    for (int half = lanes / 2; half; half /= 2)
      for (int k = 0; k < half; ++k) lane[k] = op(lane[k], lane[k + half]);
    leaves.push_back(lane[0]);
  }
  return CombineLeaves(leaves, neutral, op);
}
template <typename T, typename Op>
T ColumnTree(const T* x, int64_t n, int64_t stride, T neutral, Op op) {
  std::vector<T> leaves;
  for (int64_t from = 0; from < n; from += 256) {
    T v = neutral;
    for (int64_t j = from; j < std::min(n, from + 256); ++j) v = op(v, x[j * stride]);
    leaves.push_back(v);
  }
  return CombineLeaves(leaves, neutral, op);
}
template <typename T>
T Add(T a, T b) { return a + b; }
template <typename T>
T Max(T a, T b) {  // arith.maximumf: NaN wins, -0 < +0
  if (a != a) return a;
  if (b != b) return b;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

const std::string kMaps = R"(
#map0 = affine_map<() -> ()>
#map1 = affine_map<(d0) -> (d0)>
#map1_0 = affine_map<(d0) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#row1 = affine_map<(d0, d1) -> (d0, 0)>
#scalar = affine_map<(d0, d1) -> ()>
#t = affine_map<(d0, d1) -> (d1, d0)>
)";

// Replaces every "$name" by its value.
std::string Expand(std::string text, std::vector<std::pair<std::string, std::string>> values) {
  for (auto& [from, to] : values)
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return kMaps + text;
}

std::string D(int64_t n, bool is_static) { return is_static ? std::to_string(n) : "?"; }

struct Shape2 {
  int64_t rows, columns;
};
const Shape2 kShapes2[] = {{3, 0}, {0, 5}, {1, 1}, {7, 10}, {5, 33}, {3, 1000}, {2, 4097}, {1, 40000}, {130, 70}};

TEST(GenericKernels, ElementwiseBroadcasts) {
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
          own = Compile(Expand(kText, {{"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)}}), bits);
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
void CheckRowReduce(const std::string& type, const std::string& op, const std::string& neutral_text,
                    T neutral, T (*f)(T, T)) {
  const char* kText = R"(
  func.func @k(%x: tensor<$Rx$Cx$T>, %o0: tensor<$Rx$T> {oriel.output}) -> tensor<$Rx$T> attributes {oriel.class = "RowReduce"} {
    %n = arith.constant $N : $T
    %i0 = linalg.fill ins(%n : $T) outs(%o0 : tensor<$Rx$T>) -> tensor<$Rx$T>
    %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<$Rx$Cx$T>) outs(%i0 : tensor<$Rx$T>) attrs = {oriel.reduce = ["x"]} {
    ^bb0(%a: $T, %acc: $T):
      %1 = $O %acc, %a : $T
      linalg.yield %1 : $T
    } -> tensor<$Rx$T>
    return %0 : tensor<$Rx$T>
  })";
  for (unsigned bits : {128u, 256u, 512u})
    for (int variant = 0; variant < 2; ++variant) {
      std::unique_ptr<TestKernel> dynamic;
      for (int64_t n : kSizes) {
        const int64_t rows = 3;
        std::unique_ptr<TestKernel> own;
        if (variant || !dynamic)
          own = Compile(Expand(kText, {{"$R", variant ? "3" : "?"}, {"$C", D(n, variant)}, {"$T", type},
                                       {"$O", op}, {"$N", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        for (int workers : {1, 2}) {
          Array<T> x({rows, n}), o({rows});
          Fill(x, 7);
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
TEST(GenericKernels, RowSumF32) { CheckRowReduce<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(GenericKernels, RowSumF64) { CheckRowReduce<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(GenericKernels, RowMaxF32) {
  CheckRowReduce<float>("f32", "arith.maximumf", "0xFF800000", -std::numeric_limits<float>::infinity(), Max<float>);
}
TEST(GenericKernels, RowSumI64) { CheckRowReduce<int64_t>("i64", "arith.addi", "0", 0, Add<int64_t>); }
TEST(GenericKernels, RowOrI8) {
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
  const S shapes[] = {{1, 0, 5}, {2, 1, 3}, {1, 7, 10}, {2, 256, 33}, {1, 257, 16}, {2, 1000, 70}, {1, 1030, 1500}, {1, 3000, 1}};
  for (unsigned bits : {128u, 256u, 512u})
    for (bool is_static : {false, true}) {
      std::unique_ptr<TestKernel> dynamic;
      for (S s : shapes) {
        std::unique_ptr<TestKernel> own;
        if (is_static || !dynamic)
          own = Compile(Expand(kText, {{"$A", D(s.a, is_static)}, {"$N", D(s.n, is_static)}, {"$C", D(s.c, is_static)},
                                       {"$T", type}, {"$O", op}, {"$I", neutral_text}}), bits);
        ASSERT_TRUE(own || dynamic);
        TestKernel& kernel = own ? *own : *dynamic;
        for (int workers : {1, 3}) {
          Array<T> x({s.a, s.n, s.c}), o({s.a, 1, s.c});
          Fill(x, 9);
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
TEST(GenericKernels, ColumnSumF32) { CheckColumnReduce<float>("f32", "arith.addf", "0.0", 0.0f, Add<float>); }
TEST(GenericKernels, ColumnSumF64) { CheckColumnReduce<double>("f64", "arith.addf", "0.0", 0.0, Add<double>); }
TEST(GenericKernels, ColumnAndI8) {
  CheckColumnReduce<int8_t>("i8", "arith.andi", "1", 1, [](int8_t a, int8_t b) { return static_cast<int8_t>(a & b); });
}

// max, then (x - max) and its sum, then the quotient: softmax without exp, and
// per-row ops between the passes.
TEST(GenericKernels, RowChain) {
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
        auto kernel = Compile(
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
TEST(GenericKernels, SplitSum) {
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
      auto kernel = Compile(Expand(kText, {{"$C", D(n, is_static)}}), 256);
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
        auto kernel = Compile(Expand(add ? kAdd : kCopy, {{"$Osub", op}, {"$R", D(s.rows, is_static)},
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
TEST(GenericKernels, TransposeF32) { CheckTranspose<float>("f32", false); }
TEST(GenericKernels, TransposeF64) { CheckTranspose<double>("f64", false); }
TEST(GenericKernels, TransposeI8) { CheckTranspose<int8_t>("i8", false); }
TEST(GenericKernels, TransposedOperandF32) { CheckTranspose<float>("f32", true); }
TEST(GenericKernels, TransposedOperandF64) { CheckTranspose<double>("f64", true); }
TEST(GenericKernels, TransposedOperandI16) { CheckTranspose<int16_t>("i16", true); }

TEST(GenericKernels, SlicesAndReversal) {
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
    auto kernel = Compile(kMaps + kText, bits);
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
TEST(GenericKernels, IntegersAndBooleans) {
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
    auto kernel = Compile(kMaps + kText, bits);
    auto divide = Compile(kMaps + kDivide, bits);
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

const char* kGatherRows = R"(
  func.func @k(%x: tensor<?x?xf32>, %i: tensor<?xi64>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%i : tensor<?xi64>) outs(%o0 : tensor<?x?xf32>) {
    ^bb0(%a: i64, %u: f32):
      %1 = oriel.check_index %a, %n operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64 loc("kernel":16:0)
      %2 = linalg.index 1 : index
      %3 = tensor.extract %x[%1, %2] : tensor<?x?xf32>
      linalg.yield %3 : f32
    } -> tensor<?x?xf32>
    return %0 : tensor<?x?xf32>
  })";
const char* kGatherElements = R"(
  func.func @k(%p: tensor<?x?xf32>, %t: tensor<?xi64>, %o0: tensor<?xf32> {oriel.output}) -> tensor<?xf32> attributes {oriel.class = "Gather"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %p, %c0 : tensor<?x?xf32>
    %m = tensor.dim %p, %c1 : tensor<?x?xf32>
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%t : tensor<?xi64>) outs(%o0 : tensor<?xf32>) {
    ^bb0(%a: i64, %u: f32):
      %1 = linalg.index 0 : index
      %2 = arith.index_cast %1 : index to i64
      %3 = oriel.check_index %2, %n operand 0 axis 0 wrap {oriel.position = array<i64: 0>} : i64
      %4 = oriel.check_index %a, %m operand 1 axis 1 wrap {oriel.position = array<i64: 0>} : i64 loc("kernel":24:0)
      %5 = tensor.extract %p[%3, %4] : tensor<?x?xf32>
      %6 = arith.negf %5 : f32
      linalg.yield %6 : f32
    } -> tensor<?xf32>
    return %0 : tensor<?xf32>
  })";

TEST(GenericKernels, GatherRows) {
  auto kernel = Compile(kMaps + kGatherRows, 256);
  ASSERT_TRUE(kernel);
  for (int64_t c : {1, 10, 33, 100}) {
    Array<float> x({7, c}), o({20, c});
    Array<int64_t> index({20});
    Fill(x, 31);
    for (int64_t k = 0; k < 20; ++k) index[k] = k * 5 % 14 - 7;  // negative from the end
    EXPECT_EQ(kernel->Run({x.arg(), index.arg(), o.arg()}, 3).code, 0);
    std::vector<float> want;
    for (int64_t k = 0; k < 20; ++k)
      for (int64_t j = 0; j < c; ++j) want.push_back(x[(index[k] + 7) % 7 * c + j]);
    ExpectSame(o, want, "rows");
    index[11] = 7, index[4] = -8, index[17] = 1ll << 62;
    ErrorRecord e = kernel->Run({x.arg(), index.arg(), o.arg()}, 3);
    EXPECT_EQ(e.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
    EXPECT_EQ(e.position, 4);
    EXPECT_EQ(e.value, -8);
    EXPECT_EQ(e.bound, 7);
    EXPECT_EQ(e.axis, 0);
    EXPECT_EQ(e.ordinal, 2);
    EXPECT_TRUE(o.GuardsIntact());
  }
  // Nothing to index: the first index fails and nothing is read.
  Array<int64_t> index({3});
  index[0] = 5;
  Array<float> o({3, 100});
  TestArg empty{nullptr, {0, 100}, 0};
  ErrorRecord e = kernel->Run({empty, index.arg(), o.arg()});
  EXPECT_EQ(e.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
  EXPECT_EQ(e.position, 0);
  EXPECT_EQ(e.value, 5);
  EXPECT_EQ(e.bound, 0);
}

TEST(GenericKernels, GatherElements) {
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = Compile(kMaps + kGatherElements, bits);
    ASSERT_TRUE(kernel);
    for (int64_t n : kSizes) {
      Array<float> p({n, 10}), o({n});
      Array<int64_t> t({n});
      Fill(p, 6);
      for (int64_t i = 0; i < n; ++i) t[i] = i % 20 - 10;
      EXPECT_EQ(kernel->Run({p.arg(), t.arg(), o.arg()}, 2).code, 0);
      std::vector<float> want;
      for (int64_t i = 0; i < n; ++i) want.push_back(-p[i * 10 + (t[i] + 10) % 10]);
      ExpectSame(o, want, "elements");
      if (n < 3) continue;
      t[n - 1] = 10, t[n / 2] = 11;
      ErrorRecord e = kernel->Run({p.arg(), t.arg(), o.arg()}, 2);
      EXPECT_EQ(e.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
      EXPECT_EQ(e.position, n / 2);
      EXPECT_EQ(e.value, 11);
      EXPECT_EQ(e.bound, 10);
      EXPECT_EQ(e.operand, 1);
      EXPECT_EQ(e.ordinal, 3);
    }
    TestArg empty{nullptr, {5, 0}, 0};
    Array<int64_t> t({5});
    Array<float> o({5});
    t[0] = 2;
    ErrorRecord e = kernel->Run({empty, t.arg(), o.arg()});
    EXPECT_EQ(e.code, static_cast<int32_t>(KernelError::kIndexOutOfRange));
    EXPECT_EQ(e.position, 0);
    EXPECT_EQ(e.bound, 0);
  }
}

TEST(GenericKernels, IotaUsesDimsAndRank3Collapses) {
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
  auto kernel = Compile(kMaps + kText, 256);
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

TEST(GenericKernels, RefusalsNameOpAndType) {
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

}  // namespace
}  // namespace oriel
