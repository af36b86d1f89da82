// File: dtype.h
//
// DType: the element types of tensors, with NumPy's names, sizes and promotion.
#ifndef ORIEL_DTYPE_H_
#define ORIEL_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace oriel {

// The element type of a tensor. The numeric values are part of the program
// file format: append, never renumber.
enum class DType : uint8_t {
  f64 = 0,
  f32 = 1,
  f16 = 2,   // IEEE binary16
  bf16 = 3,  // bfloat16: the upper half of a binary32
  i8 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  u8 = 8,
  u16 = 9,
  u32 = 10,
  u64 = 11,
  boolean = 12,  // one byte in memory, 0 or 1
};
inline constexpr int kNumDTypes = 13;

// Bytes of one element.
constexpr size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::i8: case DType::u8: case DType::boolean: return 1;
    case DType::f16: case DType::bf16: case DType::i16: case DType::u16: return 2;
    case DType::f32: case DType::i32: case DType::u32: return 4;
    case DType::f64: case DType::i64: case DType::u64: return 8;
  }
  return 0;  // none of these
}

// NumPy's name: "float32", "int64", "bool", "bfloat16".
std::string_view NumpyName(DType dtype);

// Oriel's short name: "f32", "i64", "bool".
std::string_view ShortName(DType dtype);

// The element type as MLIR text prints it: "f32", "i64", "ui8", "i1".
std::string_view MlirName(DType dtype);

// Accepts a NumPy name, a short name or an MLIR name; nullopt when it is none.
std::optional<DType> ParseDType(std::string_view text);

inline bool IsFloat(DType t) { return t <= DType::bf16; }
inline bool IsSigned(DType t) { return t >= DType::i8 && t <= DType::i64; }
inline bool IsUnsigned(DType t) { return t >= DType::u8 && t <= DType::u64; }
inline bool IsInteger(DType t) { return IsSigned(t) || IsUnsigned(t); }
inline bool IsBool(DType t) { return t == DType::boolean; }

// np.promote_types (NumPy 2). bfloat16, which NumPy lacks: with an integer of
// up to 8 bits or bool it stays bfloat16, with float16 or a wider integer it
// becomes float32 (float64 from 32-bit integers on), with wider floats the wider.
DType Promote(DType a, DType b);

// The kind of a Python- or C++-like scalar with no dtype of its own (NEP 50).
enum class WeakKind : uint8_t { kBool, kInt, kFloat };

// The result dtype of combining an array of `dtype` with a weak scalar:
// the array's dtype unless the scalar is of a higher kind (bool < int < float),
// then int64 or float64.
DType PromoteWeak(DType dtype, WeakKind weak);

}  // namespace oriel

#endif  // ORIEL_DTYPE_H_
