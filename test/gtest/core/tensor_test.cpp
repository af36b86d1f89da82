// Tensor: memory, views, conversion, random numbers, DLPack.
#include "oriel/tensor.h"

#include <dlpack/dlpack.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/core/random.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

Tensor Iota(Extents shape) {
  Tensor t = Tensor::Zeros(std::move(shape), DType::i32);
  std::iota(t.data<int32_t>(), t.data<int32_t>() + t.size(), 0);
  return t;
}

std::vector<int64_t> Values(const Tensor& t) {
  const Tensor c = t.Cast(DType::i64).value();
  return {c.data<int64_t>(), c.data<int64_t>() + c.size()};
}

TEST(Tensor, FactoriesAndAccess) {
  const Tensor z;
  EXPECT_EQ(z.rank(), 0);
  EXPECT_EQ(z.ElementAsDouble({}), 0.0);
  Tensor t = Tensor::Full({2, 3}, 2.5, DType::f16);
  EXPECT_EQ(t.bytes(), 12u);
  EXPECT_EQ(t.strides(), (std::vector<int64_t>{6, 2}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 64, 0u);
  EXPECT_EQ(t.ElementAsDouble({1, 2}), 2.5);
  EXPECT_EQ(t.data<float>(), nullptr);
  EXPECT_EQ(t.dim(-1), 3);
  EXPECT_EQ(Tensor::Ones({3}, DType::boolean).ElementAsInt({2}), 1);
  EXPECT_EQ(Tensor::Scalar(int64_t{7}).dtype(), DType::i64);
  EXPECT_EQ(Tensor::Zeros({0, 5}).size(), 0);
  const float values[] = {1, 2, 3};
  EXPECT_EQ(Tensor::From<float>(values, {3}).value().ElementAsDouble({1}), 2);
  const absl::StatusOr<Tensor> wrong = Tensor::From<float>(values, {2, 2});
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("3 values given for shape (2, 2), which has 4"));
}

TEST(Tensor, BadSizes) {
  const int64_t big = int64_t{1} << 40;
  EXPECT_EQ(Tensor::Empty({3, -1}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tensor::Empty({big, big}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tensor::Empty({0, big, big}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tensor::Empty(Extents(65, 1)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Tensor::Empty({big, 1 << 19}).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Tensor::Zeros({big, big}).shape(), Extents{0});
}

TEST(Tensor, Views) {
  const Tensor t = Iota({2, 3, 4});
  const Tensor p = t.Transpose({2, 0, 1}).value();
  EXPECT_EQ(p.shape(), (Extents{4, 2, 3}));
  EXPECT_FALSE(p.contiguous());
  EXPECT_EQ(p.ElementAsInt({3, 1, 2}), t.ElementAsInt({1, 2, 3}));
  EXPECT_EQ(p.Transpose({1, 2, 0}).value().raw(), t.raw());
  EXPECT_EQ(t.Transpose().value().shape(), (Extents{4, 3, 2}));
  EXPECT_TRUE(BitEqual(p.Clone(), p));
  EXPECT_TRUE(p.Clone().contiguous());
  EXPECT_EQ(t.Reshape({-1, 6}).value().shape(), (Extents{4, 6}));
  EXPECT_EQ(t.Reshape({24}).value().raw(), t.raw());
  EXPECT_EQ(Values(Iota({2, 2}).Transpose().value().Reshape({4}).value()), (std::vector<int64_t>{0, 2, 1, 3}));
  EXPECT_FALSE(t.Reshape({5, 5}).ok());
  EXPECT_FALSE(t.Reshape({-1, -1}).ok());
  EXPECT_FALSE(t.Reshape({-1, 0}).ok());
  EXPECT_FALSE(t.Reshape({int64_t{1} << 62, 4, 24}).ok());
  EXPECT_FALSE(t.Transpose({0, 0, 1}).ok());
  EXPECT_FALSE(t.Transpose({0, 1}).ok());
  EXPECT_FALSE(t.Slice(3, 0, 1).ok());
  EXPECT_FALSE(t.Slice(0, 0, 1, 0).ok());
}

// Python's rule, by walking.
std::vector<int64_t> PythonSlice(int64_t n, int64_t start, int64_t stop, int64_t step) {
  const auto clip = [&](int64_t v) {
    if (v < 0) v += n;
    return std::max(step > 0 ? int64_t{0} : int64_t{-1}, std::min(v, step > 0 ? n : n - 1));
  };
  std::vector<int64_t> out;
  for (int64_t i = clip(start), end = clip(stop); step > 0 ? i < end : i > end; i += step) out.push_back(i);
  return out;
}

TEST(Tensor, SliceAsPython) {
  for (int64_t n : {0, 1, 2, 5}) {
    const Tensor t = Iota({n});
    for (int64_t start = -7; start <= 7; ++start) {
      for (int64_t stop = -7; stop <= 7; ++stop) {
        for (int64_t step : {-3, -2, -1, 1, 2, 3}) {
          ASSERT_EQ(Values(t.Slice(0, start, stop, step).value()), PythonSlice(n, start, stop, step))
              << n << " [" << start << ":" << stop << ":" << step << "]";
        }
      }
    }
  }
  const int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Values(Iota({3}).Slice(0, most, least, -1).value()), (std::vector<int64_t>{2, 1, 0}));
  EXPECT_EQ(Values(Iota({3}).Slice(0, 1, most, most).value()), (std::vector<int64_t>{1}));
  EXPECT_EQ(Values(Iota({3}).Slice(0, most, least, least).value()), (std::vector<int64_t>{2}));
}

TEST(Tensor, BorrowSharesAndReleasesOnce) {
  float memory[6] = {0, 1, 2, 3, 4, 5};
  int released = 0;
  {
    const Tensor column =
        Tensor::Borrow(memory + 2, {2, 3}, {12, -4}, DType::f32, [&] { ++released; }, /*read_only=*/true).value();
    EXPECT_TRUE(column.read_only());
    const Tensor copy = column;
    const Tensor view = column.Slice(1, 0, 2).value();
    EXPECT_EQ(Values(view), (std::vector<int64_t>{2, 1, 5, 4}));
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
  const auto fails = [&](void* data, Extents shape, std::vector<int64_t> strides) {
    const int before = released;
    const absl::StatusOr<Tensor> t = Tensor::Borrow(data, shape, strides, DType::f32, [&] { ++released; });
    EXPECT_EQ(t.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(released, before + 1);
  };
  fails(nullptr, {2}, {});
  fails(memory, {2}, {4, 4});
  fails(memory, {-2}, {});
  fails(memory, {2}, {3});
  fails(reinterpret_cast<char*>(memory) + 1, {2}, {});
  fails(memory, {3, 3}, {int64_t{1} << 62, int64_t{1} << 62});
  EXPECT_TRUE(Tensor::Borrow(nullptr, {0}, {}, DType::f32).ok());
  const Tensor repeated = Tensor::Borrow(memory + 3, {2, 2}, {0, 0}, DType::f32).value();
  EXPECT_EQ(Values(repeated), (std::vector<int64_t>{3, 3, 3, 3}));
}

TEST(Tensor, CastOfViews) {
  const Tensor t = Iota({3, 4}).Transpose().value().Slice(0, -1, -5, -2).value();
  const Tensor f = t.Cast(DType::f64).value();
  EXPECT_TRUE(f.contiguous());
  EXPECT_EQ(Values(f), (std::vector<int64_t>{3, 7, 11, 1, 5, 9}));
  // A borrowed boolean of any non-zero byte is true.
  uint8_t bytes[] = {0, 1, 255};
  const Tensor b = Tensor::Borrow(bytes, {3}, {}, DType::boolean).value();
  EXPECT_EQ(Values(b), (std::vector<int64_t>{0, 1, 1}));
  const double wild[] = {-1.5, 300, std::nan(""), INFINITY};
  EXPECT_EQ(Values(Tensor::From<double>(wild, {4}).value().Cast(DType::u8).value()),
            (std::vector<int64_t>{255, 44, 0, 0}));
}

TEST(Tensor, BitEqual) {
  const Tensor a = Iota({2, 3});
  EXPECT_TRUE(BitEqual(a, a.Clone()));
  EXPECT_FALSE(BitEqual(a, a.Cast(DType::i64).value()));
  EXPECT_FALSE(BitEqual(a, a.Reshape({3, 2}).value()));
  const float x[] = {0.0f, NAN}, y[] = {-0.0f, NAN};
  EXPECT_FALSE(BitEqual(Tensor::From<float>(x, {2}).value(), Tensor::From<float>(y, {2}).value()));
  EXPECT_TRUE(BitEqual(Tensor::From<float>(x, {2}).value(), Tensor::From<float>(x, {2}).value()));
}

TEST(Random, PhiloxKnownAnswers) {
  // The generator's published test vectors.
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, Moments) {
  const Tensor n = Tensor::Normal({400, 501}, 3, DType::f64), u = Tensor::Uniform({200001}, 3, DType::f64);
  const auto moments = [](const Tensor& t) {
    double m[5] = {0, 0, 0, 0, 0};
    for (int64_t i = 0; i < t.size(); ++i) {
      const double v = t.data<double>()[i];
      for (int k = 1; k <= 4; ++k) m[k] += std::pow(v, k) / static_cast<double>(t.size());
    }
    return std::vector<double>(m + 1, m + 5);
  };
  const std::vector<double> mn = moments(n), mu = moments(u);
  EXPECT_NEAR(mn[0], 0, 0.01);
  EXPECT_NEAR(mn[1], 1, 0.02);
  EXPECT_NEAR(mn[2], 0, 0.05);
  EXPECT_NEAR(mn[3], 3, 0.1);
  EXPECT_NEAR(mu[0], 0.5, 0.005);
  EXPECT_NEAR(mu[1], 1.0 / 3, 0.005);
  EXPECT_FALSE(BitEqual(n, Tensor::Normal({400, 501}, 4, DType::f64)));
  EXPECT_TRUE(BitEqual(n, Tensor::Normal({400, 501}, 3, DType::f64)));
}

TEST(Random, NormalFollowsBoxAndMuller) {
  // The generator's own log, sin and cos against the C library's.
  const Tensor n = Tensor::Normal({20000}, 9, DType::f64);
  for (uint32_t i = 0; i < 10000; ++i) {
    const auto w = Philox4x32({i, 0, 0, 0}, {9, 0});
    const double u1 = static_cast<double>(((w[0] | uint64_t{w[1]} << 32) >> 11) + 1) * 0x1p-53;
    const double u2 = static_cast<double>((w[2] | uint64_t{w[3]} << 32) >> 11) * 0x1p-53;
    const double radius = std::sqrt(-2 * std::log(u1)), angle = 2 * M_PI * u2;
    ASSERT_NEAR(n.data<double>()[2 * i], radius * std::cos(angle), 1e-14);
    ASSERT_NEAR(n.data<double>()[2 * i + 1], radius * std::sin(angle), 1e-14);
  }
}

TEST(Random, NarrowTypesStayBelowOne) {
  for (DType t : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor u = Tensor::Uniform({100001}, 5, t).Cast(DType::f64).value();
    for (int64_t i = 0; i < u.size(); ++i) ASSERT_LT(u.data<double>()[i], 1.0);
  }
  for (int64_t v : Values(Tensor::Uniform({5000}, 5, DType::u8))) ASSERT_LT(v, 100);
  const Tensor b = Tensor::Uniform({5000}, 5, DType::boolean);
  int64_t ones = 0;
  for (int64_t v : Values(b)) ones += v;
  EXPECT_NEAR(static_cast<double>(ones), 2500, 200);
}

TEST(DLPack, RoundTripSharesMemory) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const Tensor t = Tensor::Uniform({3, 4}, 1, static_cast<DType>(i)).Transpose().value();
    const Tensor back = Tensor::FromDLPack(t.ToDLPack()).value();
    EXPECT_EQ(back.raw(), t.raw());
    EXPECT_TRUE(BitEqual(back, t));
  }
}

TEST(DLPack, ForeignTensors) {
  static int deleted;
  deleted = 0;
  float memory[] = {0, 1, 2, 3, 4, 5};
  int64_t shape[] = {2, 2}, strides[] = {1, 2};
  const auto make = [&] {
    auto* m = new DLManagedTensor{};
    m->dl_tensor.data = memory;
    m->dl_tensor.device = {kDLCPU, 0};
    m->dl_tensor.ndim = 2;
    m->dl_tensor.dtype = {kDLFloat, 32, 1};
    m->dl_tensor.shape = shape;
    m->dl_tensor.strides = strides;
    m->dl_tensor.byte_offset = 4;
    m->deleter = [](DLManagedTensor* self) { ++deleted, delete self; };
    return m;
  };
  EXPECT_EQ(Values(Tensor::FromDLPack(make()).value()), (std::vector<int64_t>{1, 3, 2, 4}));
  EXPECT_EQ(deleted, 1);
  DLManagedTensor* lanes = make();
  lanes->dl_tensor.dtype.lanes = 4;
  EXPECT_FALSE(Tensor::FromDLPack(lanes).ok());
  DLManagedTensor* device = make();
  device->dl_tensor.device.device_type = kDLCUDA;
  EXPECT_FALSE(Tensor::FromDLPack(device).ok());
  DLManagedTensor* rank = make();
  rank->dl_tensor.ndim = 1000;
  EXPECT_FALSE(Tensor::FromDLPack(rank).ok());
  EXPECT_EQ(deleted, 4);
  EXPECT_FALSE(Tensor::FromDLPack(nullptr).ok());
}

}  // namespace
}  // namespace oriel
