// File: random.cpp
//
// Tensor::Normal and Tensor::Uniform. The logarithm, sine and cosine are our
// own, made of IEEE operations that every machine rounds alike (the C
// library's are not the same everywhere).
#include "runtime/core/random.h"

#include <bit>
#include <cmath>

#include "oriel/tensor.h"
#include "runtime/core/convert.h"

namespace oriel {
namespace {

// Two 64-bit words a block.
struct Block {
  uint64_t word[2];
};
Block BlockAt(uint64_t index, uint64_t seed) {
  const std::array<uint32_t, 4> r =
      Philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return {{r[0] | uint64_t{r[1]} << 32, r[2] | uint64_t{r[3]} << 32}};
}

// ln(x) for a positive normal x: x = 2^e * m with m near 1, and
// ln m = 2 atanh((m-1)/(m+1)) by its series.
double Log(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double series = 0;
  for (int k = 23; k >= 1; k -= 2) series = series * s2 + 1.0 / k;
  return exponent * 0.69314718055994531 + 2 * s * series;
}

// sin and cos of 2*pi*u for u in [0, 1): the nearest quarter turn apart, the
// rest (within an eighth of a turn) by Taylor series.
void SinCosTurn(double u, double* sine, double* cosine) {
  const int quarter = static_cast<int>(u * 4 + 0.5);
  const double t = (u - quarter * 0.25) * 6.2831853071795865, t2 = t * t;
  double s = 0, c = 0;
  for (int k = 17; k >= 1; k -= 2) s = 1 - s * t2 / ((k + 1.0) * (k + 2.0));
  for (int k = 16; k >= 0; k -= 2) c = 1 - c * t2 / ((k + 1.0) * (k + 2.0));
  s *= t;
  switch (quarter & 3) {
    case 0: *sine = s, *cosine = c; break;
    case 1: *sine = c, *cosine = -s; break;
    case 2: *sine = -s, *cosine = -c; break;
    default: *sine = -c, *cosine = s; break;
  }
}

// The significant bits of a float dtype: uniforms are made of so many, so that
// none rounds up to 1.
int Digits(DType dtype) {
  switch (dtype) {
    case DType::f64: return 53;
    case DType::f32: return 24;
    case DType::f16: return 11;
    default: return 8;
  }
}

template <typename Element>
Tensor Generate(Extents shape, uint64_t seed, DType dtype, Element element) {
  Tensor t = Tensor::Zeros(std::move(shape), dtype);
  const int64_t n = t.size();
  VisitDType(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* out = static_cast<T*>(t.raw());
    for (int64_t i = 0; i < n; i += 2) {
      const Block block = BlockAt(static_cast<uint64_t>(i / 2), seed);
      T pair[2];
      element(block, pair);
      out[i] = pair[0];
      if (i + 1 < n) out[i + 1] = pair[1];
    }
  });
  return t;
}

template <typename T>
T SmallInteger(uint64_t word) {
  if constexpr (std::is_same_v<T, bool>) {
    return (word & 1) != 0;
  } else {
    return ConvertElement<T>(static_cast<int64_t>((static_cast<unsigned __int128>(word) * 100) >> 64));
  }
}

}  // namespace

Tensor Tensor::Uniform(Extents shape, uint64_t seed, DType dtype) {
  const int digits = Digits(dtype);
  return Generate(std::move(shape), seed, dtype, [&](const Block& block, auto* pair) {
    using T = std::remove_reference_t<decltype(*pair)>;
    for (int k = 0; k < 2; ++k) {
      if constexpr (std::is_integral_v<T>) {
        pair[k] = SmallInteger<T>(block.word[k]);
      } else {
        pair[k] = ConvertElement<T>(std::ldexp(static_cast<double>(block.word[k] >> (64 - digits)), -digits));
      }
    }
  });
}

Tensor Tensor::Normal(Extents shape, uint64_t seed, DType dtype) {
  return Generate(std::move(shape), seed, dtype, [](const Block& block, auto* pair) {
    using T = std::remove_reference_t<decltype(*pair)>;
    if constexpr (std::is_integral_v<T>) {
      for (int k = 0; k < 2; ++k) pair[k] = SmallInteger<T>(block.word[k]);
    } else {
      // Box and Muller; u1 in (0, 1] so that its logarithm is finite.
      const double u1 = static_cast<double>((block.word[0] >> 11) + 1) * 0x1p-53;
      const double u2 = static_cast<double>(block.word[1] >> 11) * 0x1p-53;
      const double radius = std::sqrt(-2 * Log(u1));
      double sine, cosine;
      SinCosTurn(u2, &sine, &cosine);
      pair[0] = ConvertElement<T>(radius * cosine);
      pair[1] = ConvertElement<T>(radius * sine);
    }
  });
}

}  // namespace oriel
