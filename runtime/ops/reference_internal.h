// File: reference_internal.h
//
// What the reference kernels share: element access by type, and index walks.
#ifndef ORIEL_OPS_REFERENCE_INTERNAL_H_
#define ORIEL_OPS_REFERENCE_INTERNAL_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "oriel/tensor.h"
#include "runtime/core/float16.h"
#include "runtime/core/status.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/op_table.h"

namespace oriel::reference {

// Operands are contiguous, dims in attributes are static, results are
// allocated with the inferred types and uninitialised.
struct Call {
  OpKind kind;
  const Attrs& attrs;
  absl::Span<const Tensor> operands;
  std::vector<Tensor>& results;

  std::string Enum(std::string_view name) const { return *attrs.Get<std::string>(name); }
  int64_t Int(std::string_view name) const { return *attrs.Get<int64_t>(name); }
  const std::vector<int64_t>& Ints(std::string_view name) const { return *attrs.Get<std::vector<int64_t>>(name); }
  Extents Shape(std::string_view name) const;  // of a (static) dims attribute
};

absl::Status Unary(const Call& call);
absl::Status Binary(const Call& call);
absl::Status Compare(const Call& call);
absl::Status Select(const Call& call);
absl::Status Iota(const Call& call);
absl::Status Broadcast(const Call& call);
absl::Status Transpose(const Call& call);
absl::Status Slice(const Call& call);
absl::Status Concatenate(const Call& call);
absl::Status DynamicSlice(const Call& call);
absl::Status Reduce(const Call& call);
absl::Status ArgReduce(const Call& call);
absl::Status Sort(const Call& call);
absl::Status MatMul(const Call& call);
absl::Status Gather(const Call& call);
absl::Status Scatter(const Call& call);

// ---- element types ----
// The 16-bit floats as memory holds them. Kernels compute them in float and
// round each op's result, as NumPy does for float16.
struct F16 { uint16_t bits; };
struct Bf16 { uint16_t bits; };

template <typename T> inline T Get(T x) { return x; }
inline float Get(F16 x) { return HalfToFloat(x.bits); }
inline float Get(Bf16 x) { return BfloatToFloat(x.bits); }

// The type a kernel computes T in.
template <typename T> using Compute = decltype(Get(T{}));

// From the computing type (or a wider one) back to what memory holds; integers
// wrap.
template <typename T, typename C>
inline T Put(C value) {
  if constexpr (std::is_same_v<T, F16>) {
    if constexpr (std::is_same_v<C, double>) return {DoubleToHalf(value)};
    return {FloatToHalf(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<T, Bf16>) {
    if constexpr (std::is_same_v<C, double>) return {DoubleToBfloat(value)};
    return {FloatToBfloat(static_cast<float>(value))};
  } else {
    return static_cast<T>(value);
  }
}

template <typename T> const T* Data(const Tensor& t) { return static_cast<const T*>(t.raw()); }
template <typename T> T* Data(Tensor& t) { return static_cast<T*>(t.raw()); }

// Calls fn.template operator()<T>() with the memory type of `dtype`.
template <typename Fn>
auto VisitDType(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::f64: return fn.template operator()<double>();
    case DType::f32: return fn.template operator()<float>();
    case DType::f16: return fn.template operator()<F16>();
    case DType::bf16: return fn.template operator()<Bf16>();
    case DType::i8: return fn.template operator()<int8_t>();
    case DType::i16: return fn.template operator()<int16_t>();
    case DType::i32: return fn.template operator()<int32_t>();
    case DType::i64: return fn.template operator()<int64_t>();
    case DType::u8: return fn.template operator()<uint8_t>();
    case DType::u16: return fn.template operator()<uint16_t>();
    case DType::u32: return fn.template operator()<uint32_t>();
    case DType::u64: return fn.template operator()<uint64_t>();
    case DType::boolean: break;
  }
  return fn.template operator()<bool>();
}

// The ops that only move elements see them as bytes of this size.
template <typename Fn>
auto VisitSize(DType dtype, Fn&& fn) {
  switch (SizeOf(dtype)) {
    case 1: return fn.template operator()<uint8_t>();
    case 2: return fn.template operator()<uint16_t>();
    case 4: return fn.template operator()<uint32_t>();
    default: return fn.template operator()<uint64_t>();
  }
}

// ---- index walks ----
inline int64_t Product(absl::Span<const int64_t> extents) {
  int64_t n = 1;
  for (int64_t extent : extents) n *= extent;
  return n;
}

// Strides in elements of a contiguous tensor of that shape.
inline std::vector<int64_t> ElementStrides(const Extents& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

// fn(index) for each index of `shape` in C order; none when an extent is zero.
template <typename Fn>
void ForEachIndex(const Extents& shape, Fn&& fn) {
  if (Product(shape) == 0) return;
  std::vector<int64_t> index(shape.size(), 0);
  while (true) {
    fn(static_cast<const std::vector<int64_t>&>(index));
    size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

// result[index] = x[offset + sum of index[axis] * strides[axis]] (in elements).
inline void CopyStrided(const Tensor& x, int64_t offset, const std::vector<int64_t>& strides, Tensor& result) {
  VisitSize(x.dtype(), [&]<typename T>() {
    const T* from = Data<T>(x) + offset;
    T* to = Data<T>(result);
    ForEachIndex(result.shape(), [&](const std::vector<int64_t>& index) {
      int64_t at = 0;
      for (size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * strides[axis];
      *to++ = from[at];
    });
  });
}

// A sum of doubles with what rounding lost added at the end (Neumaier): the
// reference for sums of any length, also of equal numbers, whose roundings all
// go one way.
class CarefulSum {
 public:
  void Add(double x) {
    const double sum = sum_ + x;
    lost_ += std::fabs(sum_) >= std::fabs(x) ? (sum_ - sum) + x : (x - sum) + sum_;
    sum_ = sum;
  }
  // Infinities and NaN lose nothing.
  double Get() const { return std::isfinite(sum_) ? sum_ + lost_ : sum_; }

 private:
  double sum_ = 0, lost_ = 0;
};

}  // namespace oriel::reference

#endif  // ORIEL_OPS_REFERENCE_INTERNAL_H_
