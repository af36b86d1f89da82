// Promotion against NumPy 2's table, names, and the 16-bit formats.
#include "oriel/dtype.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>

#include "gtest/gtest.h"
#include "runtime/core/convert.h"

namespace oriel {
namespace {

// np.promote_types of NumPy 2.1 for every pair, in the order of the header
// row; the bfloat16 entries are those that oriel/dtype.h states.
constexpr char kTable[] = R"(
     f64 f32 f16 bf16 i8   i16 i32 i64 u8   u16 u32 u64 bool
f64  f64 f64 f64 f64  f64  f64 f64 f64 f64  f64 f64 f64 f64
f32  f64 f32 f32 f32  f32  f32 f64 f64 f32  f32 f64 f64 f32
f16  f64 f32 f16 f32  f16  f32 f64 f64 f16  f32 f64 f64 f16
bf16 f64 f32 f32 bf16 bf16 f32 f64 f64 bf16 f32 f64 f64 bf16
i8   f64 f32 f16 bf16 i8   i16 i32 i64 i16  i32 i64 f64 i8
i16  f64 f32 f32 f32  i16  i16 i32 i64 i16  i32 i64 f64 i16
i32  f64 f64 f64 f64  i32  i32 i32 i64 i32  i32 i64 f64 i32
i64  f64 f64 f64 f64  i64  i64 i64 i64 i64  i64 i64 f64 i64
u8   f64 f32 f16 bf16 i16  i16 i32 i64 u8   u16 u32 u64 u8
u16  f64 f32 f32 f32  i32  i32 i32 i64 u16  u16 u32 u64 u16
u32  f64 f64 f64 f64  i64  i64 i64 i64 u32  u32 u32 u64 u32
u64  f64 f64 f64 f64  f64  f64 f64 f64 u64  u64 u64 u64 u64
bool f64 f32 f16 bf16 i8   i16 i32 i64 u8   u16 u32 u64 bool
)";

TEST(DType, PromotionTable) {
  std::istringstream in(kTable);
  std::string columns[kNumDTypes], row, cell;
  for (std::string& c : columns) in >> c;
  int cells = 0;
  while (in >> row) {
    for (const std::string& column : columns) {
      in >> cell;
      EXPECT_EQ(ShortName(Promote(*ParseDType(row), *ParseDType(column))), cell) << row << " with " << column;
      ++cells;
    }
  }
  EXPECT_EQ(cells, kNumDTypes * kNumDTypes);
}

TEST(DType, WeakScalars) {
  EXPECT_EQ(PromoteWeak(DType::f32, WeakKind::kFloat), DType::f32);
  EXPECT_EQ(PromoteWeak(DType::f16, WeakKind::kInt), DType::f16);
  EXPECT_EQ(PromoteWeak(DType::i8, WeakKind::kFloat), DType::f64);
  EXPECT_EQ(PromoteWeak(DType::u8, WeakKind::kInt), DType::u8);
  EXPECT_EQ(PromoteWeak(DType::boolean, WeakKind::kInt), DType::i64);
  EXPECT_EQ(PromoteWeak(DType::boolean, WeakKind::kFloat), DType::f64);
  EXPECT_EQ(PromoteWeak(DType::boolean, WeakKind::kBool), DType::boolean);
  EXPECT_EQ(PromoteWeak(DType::i64, WeakKind::kBool), DType::i64);
}

TEST(DType, NamesReadBack) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const DType t = static_cast<DType>(i);
    EXPECT_EQ(ParseDType(NumpyName(t)), t);
    EXPECT_EQ(ParseDType(ShortName(t)), t);
    EXPECT_EQ(ParseDType(MlirName(t)), t);
  }
  EXPECT_EQ(ParseDType("float128"), std::nullopt);
  EXPECT_EQ(ParseDType(""), std::nullopt);
  EXPECT_EQ(NumpyName(DType::boolean), "bool");
  EXPECT_EQ(MlirName(DType::u16), "ui16");
}

// The nearest value of a 16-bit format, found by trying all of them: of two at
// equal distance the one with the even pattern.
template <typename ToFloat>
uint16_t NearestByTrial(double d, uint16_t infinity, ToFloat to_float) {
  const uint16_t sign = std::signbit(d) ? 0x8000 : 0;
  const double magnitude = std::fabs(d);
  if (std::isinf(magnitude)) return sign | infinity;
  // Beyond the largest finite value, infinity stands for the next power of two.
  const double step = to_float(infinity - 1) - to_float(infinity - 2);
  const auto value = [&](int bits) { return bits == infinity ? to_float(infinity - 1) + step : to_float(bits); };
  int low = 0, high = infinity;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (value(middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - value(low), above = value(high) - magnitude;
  const int nearest = below < above ? low : above < below ? high : low % 2 == 0 ? low : high;
  return static_cast<uint16_t>(sign | nearest);
}
uint16_t NearestHalf(double d) {
  return NearestByTrial(d, 0x7c00, [](int b) { return static_cast<double>(HalfToFloat(static_cast<uint16_t>(b))); });
}
uint16_t NearestBfloat(double d) {
  return NearestByTrial(d, 0x7f80, [](int b) { return static_cast<double>(BfloatToFloat(static_cast<uint16_t>(b))); });
}

TEST(Float16, EveryPatternRoundTrips) {
  for (int i = 0; i < 65536; ++i) {
    const uint16_t h = static_cast<uint16_t>(i);
    const float f = HalfToFloat(h);
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(f))));
      EXPECT_TRUE(std::isnan(HalfToFloat(DoubleToHalf(f))));
    } else {
      ASSERT_EQ(FloatToHalf(f), h);
      ASSERT_EQ(DoubleToHalf(f), h);
    }
    const float b = BfloatToFloat(h);
    if (std::isnan(b)) {
      EXPECT_TRUE(std::isnan(BfloatToFloat(FloatToBfloat(b))));
    } else {
      ASSERT_EQ(FloatToBfloat(b), h);
      ASSERT_EQ(DoubleToBfloat(b), h);
    }
  }
  EXPECT_EQ(HalfToFloat(0x3555), 0.333251953125f);
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f);
  EXPECT_EQ(HalfToFloat(0xfbff), -65504.f);
}

TEST(Float16, RoundsToNearestEvenOnce) {
  std::mt19937_64 rng(1);
  // Random magnitudes, exact ties between neighbours, and ties off by the last
  // bit of a double (which a detour through float would round twice).
  for (int i = 0; i < 200000; ++i) {
    double d = std::ldexp(static_cast<double>(rng()) / 1.8e19 + 0.5, static_cast<int>(rng() % 50) - 30);
    const uint16_t low = static_cast<uint16_t>(rng() % 0x7bff);
    if (i % 2 == 1) d = (HalfToFloat(low) + static_cast<double>(HalfToFloat(static_cast<uint16_t>(low + 1)))) / 2;
    if (i % 4 == 1) d = std::nextafter(d, i % 8 == 1 ? 1e9 : 0.0);
    if (rng() % 2) d = -d;
    ASSERT_EQ(DoubleToHalf(d), NearestHalf(d)) << d;
    const float f = static_cast<float>(d);
    ASSERT_EQ(FloatToHalf(f), NearestHalf(f)) << f;
    if (i % 2 == 1) {
      const uint16_t b = static_cast<uint16_t>(rng() % 0x7f7f);
      d = (BfloatToFloat(b) + static_cast<double>(BfloatToFloat(static_cast<uint16_t>(b + 1)))) / 2;
      if (i % 4 == 1) d = std::nextafter(d, i % 8 == 1 ? 1e300 : 0.0);
    }
    ASSERT_EQ(DoubleToBfloat(d), NearestBfloat(d)) << d;
    ASSERT_EQ(FloatToBfloat(static_cast<float>(d)), NearestBfloat(static_cast<float>(d))) << d;
  }
  EXPECT_EQ(DoubleToHalf(65519.99), 0x7bff);
  EXPECT_EQ(DoubleToHalf(65520.0), 0x7c00);
  EXPECT_EQ(DoubleToBfloat(1e300), 0x7f80);
  EXPECT_EQ(DoubleToBfloat(-1e-300), 0x8000);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::infinity()), 0x7c00);
}

TEST(Convert, FloatsToIntegersAsNumPy) {
  const double nan = std::nan(""), inf = INFINITY;
  EXPECT_EQ((ConvertElement<int32_t>(-1.9)), -1);
  EXPECT_EQ((ConvertElement<int32_t>(3e9)), std::numeric_limits<int32_t>::min());
  EXPECT_EQ((ConvertElement<int32_t>(-2147483648.5)), std::numeric_limits<int32_t>::min());
  EXPECT_EQ((ConvertElement<int32_t>(2147483647.9)), 2147483647);
  EXPECT_EQ((ConvertElement<int64_t>(nan)), std::numeric_limits<int64_t>::min());
  EXPECT_EQ((ConvertElement<int64_t>(-inf)), std::numeric_limits<int64_t>::min());
  EXPECT_EQ((ConvertElement<uint8_t>(300.0)), 44);
  EXPECT_EQ((ConvertElement<uint8_t>(-1.0)), 255);
  EXPECT_EQ((ConvertElement<int8_t>(200.0f)), -56);
  EXPECT_EQ((ConvertElement<uint32_t>(-1.0)), 4294967295u);
  EXPECT_EQ((ConvertElement<uint32_t>(4294967295.0)), 4294967295u);
  EXPECT_EQ((ConvertElement<uint64_t>(1.8e19)), 18000000000000000000ull);
  EXPECT_EQ((ConvertElement<uint64_t>(-1.0)), 18446744073709551615ull);
  EXPECT_EQ((ConvertElement<bool>(nan)), true);
  EXPECT_EQ((ConvertElement<bool>(-0.0)), false);
  EXPECT_EQ((ConvertElement<int8_t>(int64_t{511})), -1);
  EXPECT_EQ((ConvertElement<double>(true)), 1.0);
  EXPECT_EQ((ConvertElement<float>(uint64_t{18446744073709551615ull})), 0x1p64f);
}

}  // namespace
}  // namespace oriel
