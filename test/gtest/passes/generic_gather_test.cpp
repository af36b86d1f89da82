// File: generic_gather_test.cpp
//
// Gathers: rows and elements, negative indices, and the error record.
#include "test/gtest/passes/kernel_test_util.h"

namespace oriel {
namespace {

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

TEST(GenericGather, GatherRows) {
  auto kernel = CompileGeneric(kMaps + kGatherRows, 256);
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

TEST(GenericGather, GatherElements) {
  for (unsigned bits : {128u, 256u, 512u}) {
    auto kernel = CompileGeneric(kMaps + kGatherElements, bits);
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

}  // namespace
}  // namespace oriel
