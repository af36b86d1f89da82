// File: dtype.cpp
#include "oriel/dtype.h"

#include <algorithm>

namespace oriel {
namespace {

struct Info {
  std::string_view numpy, shortname, mlir;
};
// Indexed by the DType's value.
constexpr Info kInfo[kNumDTypes] = {
    {"float64", "f64", "f64"}, {"float32", "f32", "f32"}, {"float16", "f16", "f16"},
    {"bfloat16", "bf16", "bf16"}, {"int8", "i8", "i8"}, {"int16", "i16", "i16"},
    {"int32", "i32", "i32"}, {"int64", "i64", "i64"}, {"uint8", "u8", "ui8"},
    {"uint16", "u16", "ui16"}, {"uint32", "u32", "ui32"}, {"uint64", "u64", "ui64"},
    {"bool", "bool", "i1"},
};
constexpr Info kUnknown = {"unknown", "unknown", "unknown"};

const Info& Of(DType t) {
  const auto i = static_cast<size_t>(t);
  return i < kNumDTypes ? kInfo[i] : kUnknown;
}

DType SignedOf(size_t bytes) {
  switch (bytes) {
    case 1: return DType::i8;
    case 2: return DType::i16;
    case 4: return DType::i32;
    default: return DType::i64;
  }
}

DType PromoteIntegers(DType a, DType b) {
  if (IsSigned(a) == IsSigned(b)) return SizeOf(a) >= SizeOf(b) ? a : b;
  const DType s = IsSigned(a) ? a : b, u = IsSigned(a) ? b : a;
  if (SizeOf(s) > SizeOf(u)) return s;
  // The next wider signed type holds both; there is none past 64 bits.
  return SizeOf(u) == 8 ? DType::f64 : SignedOf(2 * SizeOf(u));
}

DType PromoteFloatInteger(DType f, DType i) {
  const size_t need = SizeOf(i);  // 1: any float; 2: f32; 4 and 8: f64
  if (f == DType::f64 || need >= 4) return DType::f64;
  if (f == DType::f32 || need == 2) return DType::f32;
  return f;
}

}  // namespace

std::string_view NumpyName(DType dtype) { return Of(dtype).numpy; }
std::string_view ShortName(DType dtype) { return Of(dtype).shortname; }
std::string_view MlirName(DType dtype) { return Of(dtype).mlir; }

std::optional<DType> ParseDType(std::string_view text) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const Info& info = kInfo[i];
    if (text == info.numpy || text == info.shortname || text == info.mlir) return static_cast<DType>(i);
  }
  return std::nullopt;
}

DType Promote(DType a, DType b) {
  if (a == b) return a;
  if (IsBool(a)) return b;
  if (IsBool(b)) return a;
  if (IsFloat(a) && IsFloat(b)) {
    // Neither 16-bit format holds the other.
    if (SizeOf(a) == SizeOf(b)) return DType::f32;
    return SizeOf(a) > SizeOf(b) ? a : b;
  }
  if (IsFloat(a)) return PromoteFloatInteger(a, b);
  if (IsFloat(b)) return PromoteFloatInteger(b, a);
  return PromoteIntegers(a, b);
}

DType PromoteWeak(DType dtype, WeakKind weak) {
  switch (weak) {
    case WeakKind::kBool: return dtype;
    case WeakKind::kInt: return IsBool(dtype) ? DType::i64 : dtype;
    case WeakKind::kFloat: return IsFloat(dtype) ? dtype : DType::f64;
  }
  return dtype;
}

}  // namespace oriel
