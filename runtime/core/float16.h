// File: float16.h
//
// IEEE binary16 and bfloat16 as bit patterns: conversions from and to float and
// double, rounding to nearest even once (never through a second format), NaNs
// stay (quiet) NaNs and keep what fits of their payload.
#ifndef ORIEL_CORE_FLOAT16_H_
#define ORIEL_CORE_FLOAT16_H_

#include <bit>
#include <cstdint>

namespace oriel {

inline float HalfToFloat(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  const uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  // Zero or subnormal: mantissa * 2^-24, exact in binary32.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

namespace float16_internal {

// Rounds sign/exponent/mantissa of a wider binary format to binary16.
// `bits` holds the magnitude, kMantissa its fraction bits, kBias its bias.
template <typename U, int kMantissa, int kBias>
inline uint16_t RoundToHalf(U magnitude, uint16_t sign) {
  constexpr U kInf = ((U{1} << (8 * sizeof(U) - 1 - kMantissa)) - 1) << kMantissa;
  constexpr int kShift = kMantissa - 10;
  if (magnitude >= kInf) {
    if (magnitude == kInf) return sign | 0x7c00u;
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> kShift) & 0x1ffu));
  }
  const int exponent = static_cast<int>(magnitude >> kMantissa) - kBias;
  if (exponent > 15) return sign | 0x7c00u;
  if (exponent < -25) return sign;
  const U fraction = (magnitude & ((U{1} << kMantissa) - 1)) | (U{1} << kMantissa);
  // Normal halves drop kShift bits; each step below 2^-14 drops one more.
  const int drop = exponent >= -14 ? kShift : kShift + (-14 - exponent);
  U kept = fraction >> drop;
  const U rest = fraction & ((U{1} << drop) - 1), half = U{1} << (drop - 1);
  if (rest > half || (rest == half && (kept & 1))) ++kept;
  // A carry out of the mantissa moves into the exponent, which is right both
  // from subnormal to normal and from the largest finite to infinity.
  if (exponent >= -14) kept += static_cast<U>(exponent + 14) << 10;
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(kept));
}

}  // namespace float16_internal

inline uint16_t FloatToHalf(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  return float16_internal::RoundToHalf<uint32_t, 23, 127>(bits & 0x7fffffffu,
                                                          static_cast<uint16_t>((bits >> 16) & 0x8000u));
}
inline uint16_t DoubleToHalf(double d) {
  const uint64_t bits = std::bit_cast<uint64_t>(d);
  return float16_internal::RoundToHalf<uint64_t, 52, 1023>(bits & 0x7fffffffffffffffull,
                                                           static_cast<uint16_t>((bits >> 48) & 0x8000u));
}

inline float BfloatToFloat(uint16_t b) { return std::bit_cast<float>(static_cast<uint32_t>(b) << 16); }

inline uint16_t FloatToBfloat(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
// Rounds once: the double is first rounded to ODD in binary32, which keeps
// enough to round correctly to 8 bits.
inline uint16_t DoubleToBfloat(double d) {
  float f = static_cast<float>(d);
  const double back = static_cast<double>(f);
  uint32_t bits = std::bit_cast<uint32_t>(f);
  if (back != d && d == d) {
    // Step to the neighbour toward zero when rounding went away from zero,
    // then set the sticky (odd) bit.
    const double magnitude = d < 0 ? -d : d, rounded = back < 0 ? -back : back;
    if (rounded > magnitude) --bits;
    bits |= 1u;
  }
  return FloatToBfloat(std::bit_cast<float>(bits));
}

}  // namespace oriel

#endif  // ORIEL_CORE_FLOAT16_H_
