// File: vector_corners_test.cpp
//
// Accesses that are no plain contiguous vectors: every step, transposed rows,
// tails of every element size. Arrays end (or begin) at a page that may not be
// touched, so that a read too far ends the test.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

constexpr int64_t kOddSizes[] = {1, 2, 7, 8, 15, 31, 33, 63, 65, 100, 129};

// Elements against a page without access: after the last one, or before the
// first.
template <typename T>
class Fenced {
 public:
  Fenced(std::vector<int64_t> shape, bool at_end) : shape_(std::move(shape)) {
    for (int64_t d : shape_) n_ *= d;
    page_ = sysconf(_SC_PAGESIZE);
    size_t inner = (n_ * sizeof(T) + page_ - 1) / page_ * page_;
    bytes_ = inner + 2 * page_;
    base_ = static_cast<char*>(mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (inner) mprotect(base_ + page_, inner, PROT_READ | PROT_WRITE);
    char* first = base_ + page_;
    data_ = reinterpret_cast<T*>(at_end ? first + inner - n_ * sizeof(T) : first);
  }
  ~Fenced() { munmap(base_, bytes_); }
  Fenced(const Fenced&) = delete;
  T& operator[](int64_t i) { return data_[i]; }
  int64_t size() const { return n_; }
  TestArg arg() { return {data_, shape_, 0}; }

 private:
  std::vector<int64_t> shape_;
  int64_t n_ = 1;
  size_t page_, bytes_;
  char* base_;
  T* data_;
};

template <typename T>
void Count(Fenced<T>& x, int64_t factor = 7) {
  for (int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i * factor % 251);
}

template <typename T>
std::string TypeName() {
  std::string kind = std::is_floating_point_v<T> ? "f" : "i";
  return kind + std::to_string(8 * sizeof(T));
}

// o[i] = x[start + i * step] + y[i].
template <typename T>
void CheckSteps(unsigned bits) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x$T>, %start: index, %y: tensor<?x$T>, %o0: tensor<?x$T> {oriel.output}) -> tensor<?x$T> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel"]}
        ins(%y : tensor<?x$T>) outs(%o0 : tensor<?x$T>) {
    ^bb0(%a: $T, %u: $T):
      %step = arith.constant $S : index
      %i = linalg.index 0 : index
      %s = arith.muli %i, %step : index
      %j = arith.addi %s, %start : index
      %r = tensor.extract %x[%j] : tensor<?x$T>
      %1 = arith.add$K %r, %a : $T
      linalg.yield %1 : $T
    } -> tensor<?x$T>
    return %0 : tensor<?x$T>
  })";
  for (int64_t step : {-9, -5, -3, -2, -1, 2, 3, 4, 5, 8, 11}) {
    auto kernel = CompileGeneric(Expand(kText, {{"$S", std::to_string(step)}, {"$T", TypeName<T>()},
                                                {"$K", std::is_floating_point_v<T> ? "f" : "i"}}), bits);
    ASSERT_TRUE(kernel);
    for (int64_t n : kOddSizes)
      for (bool at_end : {false, true}) {
        const int64_t span = (n - 1) * std::abs(step) + 1;
        Fenced<T> x({span}, at_end), y({n}, at_end), o({n}, at_end);
        Count(x), Count(y, 3);
        TestArg start;
        start.value = step > 0 ? 0 : span - 1;
        kernel->Run({x.arg(), start, y.arg(), o.arg()}, 1);
        for (int64_t i = 0; i < n; ++i)
          ASSERT_EQ(o[i], static_cast<T>(x[start.value + i * step] + y[i]))
              << TypeName<T>() << " step " << step << " n " << n << " at " << i << " bits " << bits;
      }
  }
}

template <typename T>
class VectorCorners : public testing::Test {};
using ElementTypes = testing::Types<int8_t, int16_t, int32_t, int64_t, float, double>;
TYPED_TEST_SUITE(VectorCorners, ElementTypes);

// bits 0: this machine; others: AVX2 with vectors that wide.
constexpr unsigned kBits[] = {0, 128, 256};

TYPED_TEST(VectorCorners, EveryStepStaysInside) {
  for (unsigned bits : kBits) CheckSteps<TypeParam>(bits);
}

// A column of a matrix: a step that is not known before the call.
TYPED_TEST(VectorCorners, ColumnsOfUnknownPitch) {
  const char* kText = R"(
  #x = affine_map<(d0, d1) -> (d1, 0)>
  func.func @k(%x: tensor<?x?x$T>, %o0: tensor<?x?x$T> {oriel.output}) -> tensor<?x?x$T> attributes {oriel.class = "Elementwise"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x?x$T>
    %v = tensor.extract_slice %x[0, 0] [%n, 1] [1, 1] : tensor<?x?x$T> to tensor<?x1x$T>
    %0 = linalg.generic {indexing_maps = [#x, #id], iterator_types = ["parallel", "parallel"]}
        ins(%v : tensor<?x1x$T>) outs(%o0 : tensor<?x?x$T>) {
    ^bb0(%a: $T, %u: $T):
      %1 = arith.add$K %a, %a : $T
      linalg.yield %1 : $T
    } -> tensor<?x?x$T>
    return %0 : tensor<?x?x$T>
  })";
  using T = TypeParam;
  for (unsigned bits : kBits) {
    auto kernel = CompileGeneric(Expand(kText, {{"$T", TypeName<T>()},
                                                {"$K", std::is_floating_point_v<T> ? "f" : "i"}}), bits);
    ASSERT_TRUE(kernel);
    for (int64_t n : kOddSizes)
      for (int64_t pitch : {1, 2, 5}) {
        Fenced<T> x({n, pitch}, pitch == 1), o({2, n}, true);
        Count(x);
        kernel->Run({x.arg(), o.arg()}, 2);
        for (int64_t i = 0; i < 2; ++i)
          for (int64_t j = 0; j < n; ++j)
            ASSERT_EQ(o[i * n + j], static_cast<T>(2 * x[j * pitch])) << n << " by " << pitch << " bits " << bits;
      }
  }
}

// Tails of contiguous rows, cheap bodies and dear ones (a division).
TYPED_TEST(VectorCorners, TailsOfEveryLength) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x$T>, %y: tensor<?x$T>, %o0: tensor<?x$T> {oriel.output}) -> tensor<?x$T> attributes {oriel.class = "Elementwise"} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel"]}
        ins(%x, %y : tensor<?x$T>, tensor<?x$T>) outs(%o0 : tensor<?x$T>) {
    ^bb0(%a: $T, %b: $T, %u: $T):
      %1 = arith.$O %a, %b : $T
      linalg.yield %1 : $T
    } -> tensor<?x$T>
    return %0 : tensor<?x$T>
  })";
  using T = TypeParam;
  const bool is_float = std::is_floating_point_v<T>;
  for (unsigned bits : kBits)
    for (bool dear : {false, true}) {
      std::string op = dear ? (is_float ? "divf" : "divsi") : (is_float ? "addf" : "addi");
      auto kernel = CompileGeneric(Expand(kText, {{"$T", TypeName<T>()}, {"$O", op}}), bits);
      ASSERT_TRUE(kernel);
      for (int64_t n = 0; n <= 140; ++n)
        for (bool at_end : {false, true}) {
          Fenced<T> x({n}, at_end), y({n}, at_end), o({n}, at_end);
          Count(x), Count(y, 3);
          for (int64_t i = 0; i < n; ++i) y[i] = std::max<T>(1, y[i]);
          kernel->Run({x.arg(), y.arg(), o.arg()}, 1);
          for (int64_t i = 0; i < n; ++i)
            ASSERT_EQ(o[i], static_cast<T>(dear ? x[i] / y[i] : x[i] + y[i])) << op << " n " << n << " at " << i;
        }
    }
}

constexpr const char* kSums = R"(
  func.func @k(%x: tensor<$Cx$Rx$T>, %o0: tensor<$Nx$T> {oriel.output}) -> tensor<$Nx$T> attributes {oriel.class = "$P"} {
    %z = arith.constant $Z : $T
    %f = linalg.fill ins(%z : $T) outs(%o0 : tensor<$Nx$T>) -> tensor<$Nx$T>
    %0 = linalg.generic {indexing_maps = [#t, #$M], iterator_types = [$I], oriel.reduce = ["sum"]}
        ins(%x : tensor<$Cx$Rx$T>) outs(%f : tensor<$Nx$T>) {
    ^bb0(%a: $T, %s: $T):
      %1 = arith.add$K %s, %a : $T
      linalg.yield %1 : $T
    } -> tensor<$Nx$T>
    return %0 : tensor<$Nx$T>
  })";

// Sums over rows (or columns) of a transposed operand: the specified tree.
template <typename T>
void CheckTransposedSums(bool rows, unsigned bits, bool is_static) {
  const Shape2 shapes[] = {{1, 1}, {3, 5}, {8, 64}, {17, 33}, {40, 100}, {9, 4097}, {300, 70}, {70, 300}, {33, 9000}};
  std::unique_ptr<TestKernel> kernel;
  for (Shape2 s : shapes) {
    const bool is_float = std::is_floating_point_v<T>;
    if (is_static || !kernel)
      kernel = CompileGeneric(
          Expand(kSums, {{"$P", rows ? "RowReduce" : "ColumnReduce"},
                         {"$M", rows ? "row" : "col"},
                         {"$I", rows ? R"("parallel", "reduction")" : R"("reduction", "parallel")"},
                         {"$N", D(rows ? s.rows : s.columns, is_static)},
                         {"$R", D(s.rows, is_static)}, {"$C", D(s.columns, is_static)},
                         {"$Z", is_float ? "0.0" : "0"}, {"$T", TypeName<T>()}, {"$K", is_float ? "f" : "i"}}), bits);
    ASSERT_TRUE(kernel);
    for (int workers : {1, 3}) {
      Fenced<T> x({s.columns, s.rows}, true), o({rows ? s.rows : s.columns}, true);
      Count(x, 31);
      if (is_float)
        for (int64_t i = 0; i < x.size(); ++i) x[i] /= static_cast<T>(7);
      kernel->Run({x.arg(), o.arg()}, workers);
      for (int64_t i = 0; i < o.size(); ++i) {
        std::vector<T> line;
        for (int64_t j = 0; j < (rows ? s.columns : s.rows); ++j)
          line.push_back(rows ? x[j * s.rows + i] : x[i * s.rows + j]);
        const T want = rows ? RowTree<T>(line.data(), line.size(), T(0), Add<T>)
                            : ColumnTree<T>(line.data(), line.size(), 1, T(0), Add<T>);
        ASSERT_EQ(o[i], want) << TypeName<T>() << (rows ? " rows " : " columns ") << s.rows << " by " << s.columns
                              << " at " << i << " bits " << bits;
      }
    }
  }
}
TYPED_TEST(VectorCorners, TransposedRowSums) {
  for (unsigned bits : kBits)
    for (bool is_static : {false, true}) CheckTransposedSums<TypeParam>(true, bits, is_static);
}
TYPED_TEST(VectorCorners, TransposedColumnSums) {
  for (unsigned bits : kBits)
    for (bool is_static : {false, true}) CheckTransposedSums<TypeParam>(false, bits, is_static);
}

// Plain transposes of odd shapes: edges of blocks.
TYPED_TEST(VectorCorners, TransposeEdgesStayInside) {
  const char* kText = R"(
  func.func @k(%x: tensor<?x?x$T>, %o0: tensor<?x?x$T> {oriel.output}) -> tensor<?x?x$T> attributes {oriel.class = "Copy"} {
    %0 = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?x$T>) outs(%o0 : tensor<?x?x$T>) {
    ^bb0(%a: $T, %u: $T):
      linalg.yield %a : $T
    } -> tensor<?x?x$T>
    return %0 : tensor<?x?x$T>
  })";
  using T = TypeParam;
  for (unsigned bits : kBits) {
    auto kernel = CompileGeneric(Expand(kText, {{"$T", TypeName<T>()}}), bits);
    ASSERT_TRUE(kernel);
    for (int64_t rows : kOddSizes)
      for (int64_t columns : kOddSizes)
        for (bool at_end : {false, true}) {
          Fenced<T> x({columns, rows}, at_end), o({rows, columns}, at_end);
          Count(x);
          kernel->Run({x.arg(), o.arg()}, 1);
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < columns; ++j)
              ASSERT_EQ(o[i * columns + j], x[j * rows + i]) << rows << " by " << columns;
        }
  }
}

}  // namespace
}  // namespace oriel
