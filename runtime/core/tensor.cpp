// File: tensor.cpp
//
// Memory, views and conversion of Tensor. Text is in tensor_text.cpp, random
// numbers in random.cpp, files in npy.cpp, DLPack in tensor_dlpack.cpp.
#include "oriel/tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "runtime/core/convert.h"
#include "runtime/core/status.h"
#include "runtime/core/walk.h"

namespace oriel {
namespace {

constexpr size_t kAlignment = 64;

bool IsContiguous(const Extents& shape, const std::vector<int64_t>& strides, size_t element_bytes) {
  int64_t expected = static_cast<int64_t>(element_bytes);
  bool contiguous = true;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    // The stride of an axis of one element is never used.
    if (shape[i] != 1) contiguous = contiguous && strides[i] == expected;
    expected *= shape[i];
  }
  return contiguous;
}

// In pages of 4 KiB a kernel over large arrays waits for address translation (a
// fifth of the time of a fused chain over three of them), and new memory faults
// 512 times as often. Only whole pages inside the block are asked for, so that a
// tensor holds no more than its own bytes.
void AskForHugePages(void* data, size_t bytes) {
  constexpr size_t kFrom = size_t{4} << 20;
  if (bytes < kFrom) return;
  static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  // Advice: where it is refused the memory is as good, only slower.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

int64_t Product(const Extents& shape) {
  int64_t n = 1;
  for (int64_t e : shape) n *= e;
  return n;
}

// Copies between equal shapes, either side strided.
void CopyStrided(const void* from, const std::vector<int64_t>& from_strides, void* to, const Extents& shape,
                 size_t element_bytes) {
  char* out = static_cast<char*>(to);
  ForEachRow(from, shape, from_strides, [&](const char* row, int64_t n, int64_t stride) {
    if (stride == static_cast<int64_t>(element_bytes)) {
      std::memcpy(out, row, static_cast<size_t>(n) * element_bytes);
      out += static_cast<size_t>(n) * element_bytes;
      return;
    }
    for (int64_t i = 0; i < n; ++i, out += element_bytes) std::memcpy(out, row + i * stride, element_bytes);
  });
}

template <typename T>
T Read(const char* at) {
  if constexpr (std::is_same_v<T, bool>) {
    return *at != 0;  // any non-zero byte of borrowed memory is true
  } else {
    T v;
    std::memcpy(&v, at, sizeof v);
    return v;
  }
}

std::string Axes(const std::vector<int>& axes) {
  Extents e(axes.begin(), axes.end());
  return ToString(e);
}

}  // namespace

std::string ToString(const Extents& extents) {
  std::string out = "(";
  for (size_t i = 0; i < extents.size(); ++i) {
    if (i != 0) out += ", ";
    out += std::to_string(extents[i]);
  }
  return out + (extents.size() == 1 ? ",)" : ")");
}

std::vector<int64_t> ContiguousStrides(const Extents& shape, size_t element_bytes) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = static_cast<int64_t>(element_bytes);
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

absl::Status CheckExtents(const Extents& shape, DType dtype) {
  if (shape.size() > static_cast<size_t>(kMaxRank)) {
    return absl::InvalidArgumentError("a tensor has " + std::to_string(shape.size()) + " axes, at most " +
                                      std::to_string(kMaxRank) + " are supported");
  }
  int64_t bytes = static_cast<int64_t>(SizeOf(dtype));
  for (int64_t extent : shape) {
    if (extent < 0) {
      return absl::InvalidArgumentError("shape " + ToString(shape) + " has the negative extent " +
                                        std::to_string(extent));
    }
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes)) {
      return absl::InvalidArgumentError("shape " + ToString(shape) + " of " + std::string(NumpyName(dtype)) +
                                        " exceeds 2^63 bytes");
    }
  }
  return absl::OkStatus();
}

Tensor::Tensor() : Tensor(Zeros({}, DType::f32)) {}

// A tensor of shape (0,) for the factories that cannot report failure.
Tensor Tensor::Failed(DType dtype) {
  Tensor t{NoData{}};
  t.shape_ = {0};
  t.strides_ = {static_cast<int64_t>(SizeOf(dtype))};
  t.dtype_ = dtype;
  return t;
}

absl::StatusOr<Tensor> Tensor::Empty(Extents shape, DType dtype) {
  ORIEL_RETURN_IF_ERROR(CheckExtents(shape, dtype));
  Tensor t{NoData{}};
  t.strides_ = ContiguousStrides(shape, SizeOf(dtype));
  t.shape_ = std::move(shape);
  t.dtype_ = dtype;
  const size_t bytes = t.bytes();
  // aligned_alloc wants a multiple of the alignment; an empty tensor has an
  // address too.
  const size_t rounded = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  // Past the address space there is no point in asking.
  constexpr size_t kAddressSpace = size_t{1} << 47;
  void* data = rounded >= kAddressSpace ? nullptr : std::aligned_alloc(kAlignment, rounded);
  if (data == nullptr) {
    return absl::ResourceExhaustedError("no memory for a tensor of shape " + oriel::ToString(t.shape_) + ", " +
                                        std::string(NumpyName(dtype)) + ": " + std::to_string(bytes) + " bytes");
  }
  AskForHugePages(data, rounded);
  t.owner_ = std::shared_ptr<void>(data, std::free);
  t.data_ = data;
  return t;
}

Tensor Tensor::Zeros(Extents shape, DType dtype) {
  absl::StatusOr<Tensor> t = Empty(std::move(shape), dtype);
  if (!t.ok()) return Failed(dtype);
  std::memset(t->raw(), 0, t->bytes());
  return *std::move(t);
}

Tensor Tensor::Ones(Extents shape, DType dtype) { return Full(std::move(shape), 1.0, dtype); }

Tensor Tensor::Full(Extents shape, double value, DType dtype) {
  absl::StatusOr<Tensor> t = Empty(std::move(shape), dtype);
  if (!t.ok()) return Failed(dtype);
  VisitDType(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* out = static_cast<T*>(t->raw());
    std::fill(out, out + t->size(), ConvertElement<T>(value));
  });
  return *std::move(t);
}

absl::StatusOr<Tensor> Tensor::Borrow(void* data, Extents shape, std::vector<int64_t> strides, DType dtype,
                                      std::function<void()> release, bool read_only) {
  // The callback runs on every path, so that foreign memory is never leaked.
  std::shared_ptr<void> owner(data, [release = std::move(release)](void*) {
    if (release) release();
  });
  ORIEL_RETURN_IF_ERROR(CheckExtents(shape, dtype));
  const int64_t element = static_cast<int64_t>(SizeOf(dtype));
  if (strides.empty()) strides = ContiguousStrides(shape, SizeOf(dtype));
  if (strides.size() != shape.size()) {
    return absl::InvalidArgumentError("Tensor::Borrow: " + std::to_string(strides.size()) + " strides for shape " +
                                      oriel::ToString(shape));
  }
  const bool empty = std::any_of(shape.begin(), shape.end(), [](int64_t e) { return e == 0; });
  if (!empty) {
    if (data == nullptr) {
      return absl::InvalidArgumentError("Tensor::Borrow: null data for shape " + oriel::ToString(shape));
    }
    bool aligned = reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(element) == 0;
    int64_t low = 0, high = 0;  // the span of addresses, relative to data
    for (size_t i = 0; i < shape.size(); ++i) {
      aligned = aligned && (shape[i] <= 1 || strides[i] % element == 0);
      int64_t reach = 0;
      int64_t& side = strides[i] < 0 ? low : high;
      if (__builtin_mul_overflow(strides[i], shape[i] - 1, &reach) || __builtin_add_overflow(side, reach, &side)) {
        return absl::InvalidArgumentError("Tensor::Borrow: strides " + oriel::ToString(strides) + " of shape " +
                                          oriel::ToString(shape) + " exceed 2^63 bytes");
      }
    }
    if (!aligned) {
      return absl::InvalidArgumentError("Tensor::Borrow: data and strides of " + std::string(NumpyName(dtype)) +
                                        " must be multiples of " + std::to_string(element) + " bytes");
    }
  }
  Tensor t{NoData{}};
  t.owner_ = std::move(owner);
  t.data_ = data;
  t.shape_ = std::move(shape);
  t.strides_ = std::move(strides);
  t.dtype_ = dtype;
  t.read_only_ = read_only;
  return t;
}

int64_t Tensor::dim(int axis) const {
  if (axis < 0) axis += rank();
  return axis < 0 || axis >= rank() ? 0 : shape_[static_cast<size_t>(axis)];
}
int64_t Tensor::size() const { return Product(shape_); }
size_t Tensor::bytes() const { return static_cast<size_t>(size()) * SizeOf(dtype_); }
bool Tensor::contiguous() const { return IsContiguous(shape_, strides_, SizeOf(dtype_)); }

const char* Tensor::AddressOf(absl::Span<const int64_t> index) const {
  const char* at = static_cast<const char*>(data_);
  for (size_t i = 0; i < index.size() && i < strides_.size(); ++i) at += index[i] * strides_[i];
  return at;
}

double Tensor::ElementAsDouble(absl::Span<const int64_t> index) const {
  return VisitDType(dtype_, [&](auto zero) {
    using T = decltype(zero);
    return ConvertElement<double>(Read<T>(AddressOf(index)));
  });
}

int64_t Tensor::ElementAsInt(absl::Span<const int64_t> index) const {
  return VisitDType(dtype_, [&](auto zero) {
    using T = decltype(zero);
    return ConvertElement<int64_t>(Read<T>(AddressOf(index)));
  });
}

Tensor Tensor::Clone() const {
  absl::StatusOr<Tensor> copy = Empty(shape_, dtype_);
  if (!copy.ok()) return Failed(dtype_);
  CopyStrided(data_, strides_, copy->data_, shape_, SizeOf(dtype_));
  return *std::move(copy);
}

Tensor Tensor::Contiguous() const { return contiguous() ? *this : Clone(); }

absl::StatusOr<Tensor> Tensor::Cast(DType dtype) const {
  ORIEL_ASSIGN_OR_RETURN(Tensor out, Empty(shape_, dtype));
  if (dtype == dtype_) {
    CopyStrided(data_, strides_, out.data_, shape_, SizeOf(dtype));
    return out;
  }
  VisitDType(dtype_, [&](auto from_zero) {
    using From = decltype(from_zero);
    VisitDType(dtype, [&](auto to_zero) {
      using To = decltype(to_zero);
      To* to = static_cast<To*>(out.data_);
      ForEachRow(data_, shape_, strides_, [&](const char* row, int64_t n, int64_t stride) {
        for (int64_t i = 0; i < n; ++i) *to++ = ConvertElement<To>(Read<From>(row + i * stride));
      });
    });
  });
  return out;
}

absl::StatusOr<Tensor> Tensor::Reshape(Extents shape) const {
  const Extents wanted = shape;
  int64_t* unknown = nullptr;
  int64_t known = 1;
  for (int64_t& extent : shape) {
    if (extent == -1 && unknown == nullptr) {
      unknown = &extent;
    } else if (extent < 0 || __builtin_mul_overflow(known, extent, &known)) {
      return absl::InvalidArgumentError("Reshape: cannot reshape " + oriel::ToString(shape_) + " into " +
                                        oriel::ToString(wanted));
    }
  }
  if (unknown != nullptr && known != 0) *unknown = size() / known;
  if ((unknown != nullptr && known == 0) || Product(shape) != size()) {
    return absl::InvalidArgumentError("Reshape: cannot reshape " + oriel::ToString(shape_) + " (" +
                                      std::to_string(size()) + " elements) into " + oriel::ToString(wanted));
  }
  ORIEL_RETURN_IF_ERROR(CheckExtents(shape, dtype_));
  Tensor t = Contiguous();
  if (t.size() != size()) return absl::ResourceExhaustedError("Reshape: no memory for a copy");
  t.strides_ = ContiguousStrides(shape, SizeOf(dtype_));
  t.shape_ = std::move(shape);
  return t;
}

absl::StatusOr<Tensor> Tensor::Transpose(std::vector<int> permutation) const {
  const size_t n = shape_.size();
  if (permutation.empty()) {  // as NumPy: all axes reversed
    permutation.resize(n);
    std::iota(permutation.rbegin(), permutation.rend(), 0);
  }
  std::vector<bool> seen(n, false);
  bool valid = permutation.size() == n;
  for (size_t i = 0; valid && i < n; ++i) {
    int axis = permutation[i] < 0 ? permutation[i] + static_cast<int>(n) : permutation[i];
    valid = axis >= 0 && axis < static_cast<int>(n) && !seen[static_cast<size_t>(axis)];
    if (valid) seen[static_cast<size_t>(axis)] = true;
  }
  if (!valid) {
    return absl::InvalidArgumentError("Transpose: " + Axes(permutation) + " is no permutation of the " +
                                      std::to_string(n) + " axes of shape " + oriel::ToString(shape_));
  }
  Tensor t = *this;
  for (size_t i = 0; i < n; ++i) {
    const size_t axis = static_cast<size_t>(permutation[i] < 0 ? permutation[i] + static_cast<int>(n) : permutation[i]);
    t.shape_[i] = shape_[axis];
    t.strides_[i] = strides_[axis];
  }
  return t;
}

absl::StatusOr<Tensor> Tensor::Slice(int axis, int64_t start, int64_t stop, int64_t step) const {
  const int given = axis;
  if (axis < 0) axis += rank();
  if (axis < 0 || axis >= rank()) {
    return absl::InvalidArgumentError("Slice: axis " + std::to_string(given) + " of shape " +
                                      oriel::ToString(shape_));
  }
  if (step == 0) return absl::InvalidArgumentError("Slice: the step is 0");
  // No array has 2^62 elements, so this keeps the arithmetic below in range.
  step = std::clamp<int64_t>(step, -(int64_t{1} << 62), int64_t{1} << 62);
  const size_t a = static_cast<size_t>(axis);
  const int64_t n = shape_[a];
  const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
  const auto bound = [&](int64_t v) { return std::clamp(v < 0 ? (v < -n ? lowest : v + n) : v, lowest, highest); };
  start = bound(start);
  stop = bound(stop);
  int64_t count = 0;
  if (step > 0 && stop > start) count = (stop - start - 1) / step + 1;
  if (step < 0 && stop < start) count = (start - stop - 1) / -step + 1;
  Tensor t = *this;
  t.shape_[a] = count;
  if (count > 0) t.data_ = static_cast<char*>(data_) + start * strides_[a];
  // With one element the stride is never used; with more it cannot overflow.
  if (count > 1) t.strides_[a] = strides_[a] * step;
  return t;
}

bool BitEqual(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = a.Contiguous(), y = b.Contiguous();
  if (x.size() != a.size() || y.size() != b.size()) return false;
  return a.bytes() == 0 || std::memcmp(x.raw(), y.raw(), a.bytes()) == 0;
}

}  // namespace oriel
