// File: convert.h
//
// Conversion of one element from any dtype to any other, as NumPy's astype on
// x86-64 does it: integers wrap, floats truncate toward zero, and floats out of
// range (or NaN) give the values that machine's conversions give, without
// undefined behaviour. 16-bit floats are bit patterns in the wrappers below.
#ifndef ORIEL_CORE_CONVERT_H_
#define ORIEL_CORE_CONVERT_H_

#include <cstdint>
#include <limits>
#include <type_traits>

#include "oriel/dtype.h"
#include "runtime/core/float16.h"

namespace oriel {

struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

// Calls f(T{}) with the C++ type of a dtype's elements (Half, Bfloat and bool
// included) and returns its result.
template <typename F>
decltype(auto) VisitDType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64: return f(double{});
    case DType::f32: return f(float{});
    case DType::f16: return f(Half{});
    case DType::bf16: return f(Bfloat{});
    case DType::i8: return f(int8_t{});
    case DType::i16: return f(int16_t{});
    case DType::i32: return f(int32_t{});
    case DType::i64: return f(int64_t{});
    case DType::u8: return f(uint8_t{});
    case DType::u16: return f(uint16_t{});
    case DType::u32: return f(uint32_t{});
    case DType::u64: return f(uint64_t{});
    case DType::boolean: break;
  }
  return f(bool{});
}

// Truncation; out of range and NaN give the smallest value ("indefinite").
inline int64_t TruncateToI64(double d) {
  if (!(d >= -0x1p63 && d < 0x1p63)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(d);
}
inline int32_t TruncateToI32(double d) {
  if (!(d > -2147483649.0 && d < 2147483648.0)) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(d);
}
inline uint64_t TruncateToU64(double d) {
  if (!(d >= 0x1p63)) return static_cast<uint64_t>(TruncateToI64(d));
  return static_cast<uint64_t>(TruncateToI64(d - 0x1p63)) ^ (uint64_t{1} << 63);
}

template <typename To, typename From>
To ConvertElement(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (std::is_same_v<From, Half>) {
    return ConvertElement<To>(HalfToFloat(v.bits));
  } else if constexpr (std::is_same_v<From, Bfloat>) {
    return ConvertElement<To>(BfloatToFloat(v.bits));
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From{};
  } else if constexpr (std::is_same_v<To, Half>) {
    if constexpr (std::is_same_v<From, double>) return Half{DoubleToHalf(v)};
    else return Half{FloatToHalf(static_cast<float>(v))};
  } else if constexpr (std::is_same_v<To, Bfloat>) {
    if constexpr (std::is_same_v<From, double>) return Bfloat{DoubleToBfloat(v)};
    else return Bfloat{FloatToBfloat(static_cast<float>(v))};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_same_v<To, int64_t>) return TruncateToI64(v);
    else if constexpr (std::is_same_v<To, uint64_t>) return TruncateToU64(v);
    // 32-bit unsigned goes through the 64-bit conversion, 8 and 16 bits
    // through the 32-bit one.
    else if constexpr (std::is_same_v<To, uint32_t>) return static_cast<uint32_t>(TruncateToI64(v));
    else return static_cast<To>(TruncateToI32(v));
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace oriel

#endif  // ORIEL_CORE_CONVERT_H_
