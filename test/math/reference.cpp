#include "test/math/reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace oriel {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// NaNs, infinities and zeros must be equal; nullopt: a finite value.
std::optional<double> SpecialUlps(double got, double value) {
  if (std::isnan(value) || std::isnan(got)) return std::isnan(value) && std::isnan(got) ? 0 : kInfinity;
  if (std::isinf(value)) return got == value ? 0 : kInfinity;
  if (value == 0) return got == 0 && std::signbit(got) == std::signbit(value) ? 0 : kInfinity;
  if (got == 0 && std::signbit(got) != std::signbit(value)) return kInfinity;
  return std::nullopt;
}

// The exponent of frexp's kind of the ulp of a number with exponent `exponent`.
int UnitExponent(int exponent, const Format& format) {
  return std::max(exponent, format.min_exponent) - format.digits;
}

double Finite(double got, const Format& format) {
  return std::isinf(got) ? std::copysign(std::ldexp(1.0, format.max_exponent), got) : got;
}

}  // namespace

double Ulps(double got, double value, const Format& format) {
  // Nearly all: finite, not zero. Billions of these are measured.
  const auto field = [](double x) { return static_cast<int>(std::bit_cast<uint64_t>(x) >> 52 & 0x7ff); };
  if (field(value) > 300 && field(value) < 1023 + format.max_exponent && field(value) < 1700 && field(got) > 300 &&
      field(got) != 0x7ff) {
    const int unit = UnitExponent(field(value) - 1022, format);
    return std::fabs(got - value) * std::bit_cast<double>(static_cast<uint64_t>(1023 - unit) << 52);
  }
  if (std::optional<double> special = SpecialUlps(got, value)) return *special;
  int exponent;
  std::frexp(value, &exponent);
  // Beyond the largest number infinity is the right answer.
  if (std::isinf(got) && std::fabs(value) >= std::ldexp(1.0, format.max_exponent)) {
    return std::signbit(got) == std::signbit(value) ? 0 : kInfinity;
  }
  return std::ldexp(std::fabs(Finite(got, format) - value), -UnitExponent(exponent, format));
}

double Ulps(double got, Real& value, const Format& format) {
  // Zero and infinity here are exact: the exponents' range is far wider.
  const double sign = mpfr_signbit(value.get()) ? -1 : 1;
  const double kind = mpfr_nan_p(value.get())    ? std::nan("")
                      : mpfr_inf_p(value.get())  ? sign * kInfinity
                      : mpfr_zero_p(value.get()) ? sign * 0.0
                                                 : sign;
  if (std::optional<double> special = SpecialUlps(got, kind)) return *special;
  const mpfr_exp_t exponent = mpfr_get_exp(value.get());
  if (std::isinf(got)) {
    if (exponent > format.max_exponent) return std::signbit(got) == std::signbit(sign) ? 0 : kInfinity;
    if (format.max_exponent >= 1024) {
      // 2^1024 is no double: half of everything.
      Real half;
      mpfr_div_2ui(half.get(), value.get(), 1, MPFR_RNDN);
      Real limit(std::copysign(0x1p1023, got));
      mpfr_sub(half.get(), limit.get(), half.get(), MPFR_RNDN);
      mpfr_mul_2si(half.get(), half.get(), 1 - UnitExponent(static_cast<int>(exponent), format), MPFR_RNDN);
      return std::fabs(half.ToDouble());
    }
  }
  Real difference(Finite(got, format));
  mpfr_sub(difference.get(), difference.get(), value.get(), MPFR_RNDN);
  const int clamped = static_cast<int>(std::clamp<mpfr_exp_t>(exponent, -2000, 2000));
  mpfr_mul_2si(difference.get(), difference.get(), -UnitExponent(clamped, format), MPFR_RNDN);
  return std::fabs(difference.ToDouble());
}

double Round(Real& value, const Format& format) {
  if (!mpfr_number_p(value.get()) || mpfr_zero_p(value.get())) return value.ToDouble();
  const mpfr_exp_t exponent = mpfr_get_exp(value.get());
  const int unit = UnitExponent(static_cast<int>(std::clamp<mpfr_exp_t>(exponent, -2000, 2000)), format);
  Real scaled;
  mpfr_mul_2si(scaled.get(), value.get(), -unit, MPFR_RNDN);
  mpfr_rint(scaled.get(), scaled.get(), MPFR_RNDN);
  mpfr_mul_2si(scaled.get(), scaled.get(), unit, MPFR_RNDN);
  if (!mpfr_zero_p(scaled.get()) && mpfr_get_exp(scaled.get()) > format.max_exponent) {
    return std::copysign(kInfinity, mpfr_signbit(scaled.get()) ? -1.0 : 1.0);
  }
  return std::copysign(scaled.ToDouble(), mpfr_signbit(value.get()) ? -1.0 : 1.0);
}

}  // namespace oriel
