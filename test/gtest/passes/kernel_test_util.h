// File: kernel_test_util.h
//
// For tests of generic kernels: arrays between guard bytes, misaligned as user
// inputs may be, comparison to the bit, and the specified reduction tree of
// docs/architecture.md written as plain loops.
#ifndef ORIEL_TEST_GTEST_PASSES_KERNEL_TEST_UTIL_H_
#define ORIEL_TEST_GTEST_PASSES_KERNEL_TEST_UTIL_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {

inline constexpr int64_t kSizes[] = {0, 1, 2, 5, 31, 32, 33, 1000, 4095, 4096, 4097, 10000};

inline std::unique_ptr<TestKernel> CompileGeneric(const std::string& text, unsigned bits) {
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
// The elements of a lane in a leaf: so many groups of `group`, each pairwise, in a
// chain, and a chain of what is left over.
template <typename T, typename Op>
T LaneTree(const std::vector<T>& x, size_t groups, size_t group, T neutral, Op op) {
  T sum = neutral, rest = neutral;
  size_t k = 0;
  for (; k < groups * group; k += group) {
    std::vector<T> pairs(x.begin() + k, x.begin() + k + group);
    for (size_t n = group / 2; n; n /= 2)
      for (size_t i = 0; i < n; ++i) pairs[i] = op(pairs[2 * i], pairs[2 * i + 1]);
    sum = op(sum, pairs[0]);
  }
  for (; k < x.size(); ++k) rest = op(rest, x[k]);
  return op(sum, rest);
}
template <typename T, typename Op>
T RowTree(const T* x, int64_t n, T neutral, Op op) {
  const int lanes = sizeof(T) == 8 ? 16 : 32;
  std::vector<T> leaves;
  for (int64_t from = 0; from < n; from += 4096) {
    std::vector<std::vector<T>> elements(lanes);
    std::vector<T> lane(lanes);
    const int64_t to = std::min(n, from + 4096);
    for (int64_t j = from; j < to; ++j) elements[(j - from) % lanes].push_back(x[j]);
    for (int k = 0; k < lanes; ++k) lane[k] = LaneTree<T>(elements[k], (to - from) / 256, 256 / lanes, neutral, op);
    for (int half = lanes / 2; half; half /= 2)
      for (int k = 0; k < half; ++k) lane[k] = op(lane[k], lane[k + half]);
    leaves.push_back(lane[0]);
  }
  return CombineLeaves(leaves, neutral, op);
}
template <typename T, typename Op>
T ColumnTree(const T* x, int64_t n, int64_t stride, T neutral, Op op) {
  std::vector<T> leaves;
  for (int64_t from = 0; from < n; from += 128) {
    std::vector<T> elements;
    for (int64_t j = from; j < std::min(n, from + 128); ++j) elements.push_back(x[j * stride]);
    leaves.push_back(LaneTree<T>(elements, elements.size() / 8, 8, neutral, op));
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

inline const std::string kMaps = R"(
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
inline std::string Expand(std::string text, std::vector<std::pair<std::string, std::string>> values) {
  for (auto& [from, to] : values)
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return kMaps + text;
}

inline std::string D(int64_t n, bool is_static) { return is_static ? std::to_string(n) : "?"; }

struct Shape2 {
  int64_t rows, columns;
};
inline constexpr Shape2 kShapes2[] = {{3, 0}, {0, 5}, {1, 1}, {7, 10}, {5, 33}, {3, 1000}, {2, 4097}, {1, 40000}, {130, 70}, {67, 31}, {2, 140001}};

// A reduction $O of the rows of an $R x $C tensor of $T, from $N.
inline constexpr char kRowReduceText[] = R"(
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

}  // namespace oriel

#endif  // ORIEL_TEST_GTEST_PASSES_KERNEL_TEST_UTIL_H_
