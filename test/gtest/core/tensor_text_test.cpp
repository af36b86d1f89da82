// Tensor::ToString against what NumPy prints.
#include <cmath>
#include <numeric>

#include "gtest/gtest.h"
#include "oriel/tensor.h"

namespace oriel {
namespace {

template <typename T>
std::string Text(std::vector<T> values, Extents shape) {
  return Tensor::From<T>(values, std::move(shape)).value().ToString();
}

TEST(TensorText, AsNumPyPrints) {
  EXPECT_EQ(Text<float>({1, 2.5, -3}, {3}), "[ 1.   2.5 -3. ]");
  EXPECT_EQ(Text<double>({1, 2, 3, 4}, {2, 2}), "[[1. 2.]\n [3. 4.]]");
  EXPECT_EQ(Text<int32_t>({1, -20, 3}, {3}), "[  1 -20   3]");
  EXPECT_EQ(Text<double>({NAN, INFINITY, 1}, {3}), "[nan inf  1.]");
  EXPECT_EQ(Text<float>({0.1f, 1e-5f}, {2}), "[1.e-01 1.e-05]");
  EXPECT_EQ(Text<double>({1.0 / 3, 2}, {2}), "[0.33333333 2.        ]");
  EXPECT_EQ(Text<double>({1.5e10, 1}, {2}), "[1.5e+10 1.0e+00]");
  EXPECT_EQ(Tensor::Scalar(2.5f).ToString(), "2.5");
  EXPECT_EQ(Tensor::Scalar(2.0).ToString(), "2.0");
  EXPECT_EQ(Tensor::Scalar(int64_t{-3}).ToString(), "-3");
  EXPECT_EQ(Tensor::Scalar(true).ToString(), "True");
  EXPECT_EQ(Tensor::Scalar(uint64_t{18446744073709551615ull}).ToString(), "18446744073709551615");
  EXPECT_EQ(Tensor::Zeros({0}).ToString(), "[]");
  EXPECT_EQ(Tensor::Zeros({2, 1, 2}).ToString(), "[[[0. 0.]]\n\n [[0. 0.]]]");
  EXPECT_EQ(Tensor::Full({2}, 0.1, DType::f16).ToString(), "[0.09997559 0.09997559]");
}

TEST(TensorText, LargeTensorsAreElidedAndWrapped) {
  Tensor t = Tensor::Zeros({10001}, DType::i64);
  std::iota(t.data<int64_t>(), t.data<int64_t>() + t.size(), 0);
  EXPECT_EQ(t.ToString(), "[    0     1     2 ...  9998  9999 10000]");
  EXPECT_EQ(Tensor::Zeros({2000, 2}, DType::i8).ToString(),
            "[[0 0]\n [0 0]\n [0 0]\n ...\n [0 0]\n [0 0]\n [0 0]]");
  const std::string wrapped = Tensor::Zeros({40}, DType::i32).ToString();
  EXPECT_EQ(wrapped.find('\n'), 74u);
  EXPECT_EQ(wrapped.substr(74, 4), "\n 0 ");
}

}  // namespace
}  // namespace oriel
