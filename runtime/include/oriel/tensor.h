// File: tensor.h
//
// Tensor: a strided n-dimensional array in host memory.
#ifndef ORIEL_TENSOR_H_
#define ORIEL_TENSOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dtype.h"

struct DLManagedTensor;  // from dlpack.h

namespace oriel {

// Concrete extents of a tensor, in elements.
using Extents = std::vector<int64_t>;

// "(3, 4)", "(10001,)", "()".
std::string ToString(const Extents& extents);

template <typename T>
struct DTypeOf;  // DTypeOf<float>::value == DType::f32 and so on
// clang-format off
template <> struct DTypeOf<double>   { static constexpr DType value = DType::f64; };
template <> struct DTypeOf<float>    { static constexpr DType value = DType::f32; };
template <> struct DTypeOf<int8_t>   { static constexpr DType value = DType::i8; };
template <> struct DTypeOf<int16_t>  { static constexpr DType value = DType::i16; };
template <> struct DTypeOf<int32_t>  { static constexpr DType value = DType::i32; };
template <> struct DTypeOf<int64_t>  { static constexpr DType value = DType::i64; };
template <> struct DTypeOf<uint8_t>  { static constexpr DType value = DType::u8; };
template <> struct DTypeOf<uint16_t> { static constexpr DType value = DType::u16; };
template <> struct DTypeOf<uint32_t> { static constexpr DType value = DType::u32; };
template <> struct DTypeOf<uint64_t> { static constexpr DType value = DType::u64; };
template <> struct DTypeOf<bool>     { static constexpr DType value = DType::boolean; };
// clang-format on

// A Tensor is a value: copying shares the buffer (use Clone for a deep copy).
// Distinct Tensors may be used from different threads; writing through data()
// while another thread reads the same buffer is the caller's race.
//
// Owned memory is aligned to 64 bytes. Borrowed memory (Borrow, FromDLPack)
// must outlive every Tensor that shares it; a release callback tells when.
class Tensor {
 public:
  Tensor();  // a float32 scalar 0, so that Tensors fit in containers

  // An uninitialised, C-contiguous tensor. Negative extents or an overflowing
  // size are InvalidArgument; no memory is ResourceExhausted.
  static absl::StatusOr<Tensor> Empty(Extents shape, DType dtype = DType::f32);

  // The factories below allocate small, trusted shapes; they die on no error:
  // on failure they return an empty Tensor of shape (0,), check with bytes().
  static Tensor Zeros(Extents shape, DType dtype = DType::f32);
  static Tensor Ones(Extents shape, DType dtype = DType::f32);
  static Tensor Full(Extents shape, double value, DType dtype = DType::f32);
  // Normal(0, 1) and uniform [0, 1) numbers of a counter-based generator
  // (Philox4x32-10): the same seed gives the same values on every machine.
  // Integers: uniform over [0, 100).
  static Tensor Normal(Extents shape, uint64_t seed, DType dtype = DType::f32);
  static Tensor Uniform(Extents shape, uint64_t seed,
                        DType dtype = DType::f32);
  // Copies `values` (C order); their number must equal the shape's size.
  template <typename T>
  static absl::StatusOr<Tensor> From(absl::Span<const T> values, Extents shape);
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  static Tensor Scalar(T value);

  // Shares foreign memory, aligned to its elements. `strides` are in BYTES and
  // may be negative or zero; empty means C-contiguous. `release` runs once when
  // the last sharer goes, and at once when Borrow fails.
  static absl::StatusOr<Tensor> Borrow(void* data, Extents shape,
                                       std::vector<int64_t> strides,
                                       DType dtype,
                                       std::function<void()> release = {},
                                       bool read_only = false);

  DType dtype() const { return dtype_; }
  const Extents& shape() const { return form().shape; }
  int64_t dim(int axis) const;  // negative axes count from the end
  int rank() const { return static_cast<int>(form().shape.size()); }
  int64_t size() const { return form().size; }  // elements
  size_t bytes() const { return static_cast<size_t>(size()) * SizeOf(dtype_); }
  const std::vector<int64_t>& strides() const { return form().strides; }  // bytes
  bool contiguous() const { return form().contiguous; }  // C order, no gaps
  bool read_only() const { return read_only_; }

  // The address of element (0, ..., 0). Typed access requires the dtype to be
  // DTypeOf<T> (nullptr otherwise) and, to be walked as an array, contiguous().
  void* raw() { return data_; }
  const void* raw() const { return data_; }
  template <typename T> T* data();
  template <typename T> const T* data() const;

  // One element converted to double / int64 (exact for the dtypes that fit).
  double ElementAsDouble(absl::Span<const int64_t> index) const;
  int64_t ElementAsInt(absl::Span<const int64_t> index) const;

  Tensor Clone() const;        // a deep, C-contiguous copy
  Tensor Contiguous() const;   // itself when contiguous, else Clone()
  // Same elements, converted as NumPy's astype does.
  absl::StatusOr<Tensor> Cast(DType dtype) const;
  // Views (no copy). Errors: InvalidArgument. Axes may be negative.
  // One extent may be -1; a tensor that is not contiguous is copied.
  absl::StatusOr<Tensor> Reshape(Extents shape) const;
  absl::StatusOr<Tensor> Transpose(std::vector<int> permutation = {}) const;
  absl::StatusOr<Tensor> Slice(int axis, int64_t start, int64_t stop,
                               int64_t step = 1) const;  // NumPy bounds

  // NumPy-like text, large tensors elided in the middle.
  std::string ToString() const;

  // DLPack 0.x: zero copy both ways; the exported struct shares ownership and
  // is freed by its deleter. FromDLPack takes ownership also when it fails.
  DLManagedTensor* ToDLPack() const;
  static absl::StatusOr<Tensor> FromDLPack(DLManagedTensor* managed);

  // .npy, versions 1.0 to 3.0, C and Fortran order, little endian; see npy.h.
  static absl::StatusOr<Tensor> Load(const std::string& path);
  absl::Status Save(const std::string& path) const;

 private:
  friend class NewTensors;  // runtime/core/new_tensors.h
  struct NoData {};
  explicit Tensor(NoData) {}
  // How the elements lie. Immutable: tensors share it.
  struct Form {
    Extents shape;
    std::vector<int64_t> strides;  // bytes
    int64_t size = 1;              // elements
    bool contiguous = true;
  };
  static const Form& ScalarForm();
  static std::shared_ptr<const Form> MakeForm(Extents shape, std::vector<int64_t> strides, DType dtype);
  const Form& form() const { return form_ != nullptr ? *form_ : ScalarForm(); }
  static Tensor Failed(DType dtype);
  bool Allocate(size_t bytes);
  const char* AddressOf(absl::Span<const int64_t> index) const;

  std::shared_ptr<void> owner_;
  void* data_ = nullptr;
  std::shared_ptr<const Form> form_;  // null: a scalar's
  DType dtype_ = DType::f32;
  bool read_only_ = false;
};

// Equal dtype, shape and bytes of every element (NaNs with equal bits equal).
bool BitEqual(const Tensor& a, const Tensor& b);

// ---- implementation details only below ----

template <typename T>
T* Tensor::data() {
  return DTypeOf<T>::value == dtype_ ? static_cast<T*>(data_) : nullptr;
}
template <typename T>
const T* Tensor::data() const {
  return DTypeOf<T>::value == dtype_ ? static_cast<const T*>(data_) : nullptr;
}
template <typename T>
absl::StatusOr<Tensor> Tensor::From(absl::Span<const T> values, Extents shape) {
  absl::StatusOr<Tensor> t = Empty(std::move(shape), DTypeOf<T>::value);
  if (!t.ok()) return t;
  if (static_cast<int64_t>(values.size()) != t->size()) {
    return absl::InvalidArgumentError(
        "Tensor::From: " + std::to_string(values.size()) +
        " values given for shape " + oriel::ToString(t->shape()) + ", which has " +
        std::to_string(t->size()) + " elements");
  }
  T* out = t->template data<T>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return t;
}
template <typename T, typename>
Tensor Tensor::Scalar(T value) {
  Tensor t = Zeros({}, DTypeOf<T>::value);
  *t.template data<T>() = value;
  return t;
}

}  // namespace oriel

#endif  // ORIEL_TENSOR_H_
