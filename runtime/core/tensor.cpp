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
#include "runtime/core/new_tensors.h"
#include "runtime/core/status.h"
#include "runtime/core/strided_copy.h"
#include "runtime/core/walk.h"

#if defined(__SANITIZE_ADDRESS__)
#define ORIEL_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ORIEL_ADDRESS_SANITIZER 1
#endif
#endif

namespace oriel {
namespace {

constexpr size_t kAlignment = 64;

// For a shared_ptr whose count lies in the block of what it owns: takes no memory,
// and frees the block when the count is no longer needed.
template <typename T>
struct InBlock {
  using value_type = T;
  InBlock(char* block, char* place) : block(block), place(place) {}
  template <typename U>
  explicit InBlock(const InBlock<U>& other) : block(other.block), place(other.place) {}

  T* allocate(size_t) {
    static_assert(sizeof(T) <= kAlignment && alignof(T) <= kAlignment);
    return reinterpret_cast<T*>(place);
  }
  void deallocate(T*, size_t) { std::free(block); }
  friend bool operator==(const InBlock& a, const InBlock& b) { return a.block == b.block; }

  char *block, *place;
};

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

const Tensor::Form& Tensor::ScalarForm() {
  static const Form* form = new Form;  // tensors may outlive static objects
  return *form;
}

std::shared_ptr<const Tensor::Form> Tensor::MakeForm(Extents shape, std::vector<int64_t> strides, DType dtype) {
  if (shape.empty()) return nullptr;
  auto form = std::make_shared<Form>();
  form->size = Product(shape);
  form->contiguous = IsContiguous(shape, strides, SizeOf(dtype));
  form->shape = std::move(shape);
  form->strides = std::move(strides);
  return form;
}

// A tensor of shape (0,) for the factories that cannot report failure.
Tensor Tensor::Failed(DType dtype) {
  Tensor t{NoData{}};
  t.form_ = MakeForm({0}, {static_cast<int64_t>(SizeOf(dtype))}, dtype);
  t.dtype_ = dtype;
  return t;
}

// Memory for so many bytes of elements. False: there is none.
bool Tensor::Allocate(size_t bytes) {
  // An empty tensor has an address too.
  const size_t rounded = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  // Past the address space there is no point in asking.
  constexpr size_t kAddressSpace = size_t{1} << 47;
  if (rounded >= kAddressSpace) return false;
#if ORIEL_ADDRESS_SANITIZER
  // A block of exactly the elements, so that a byte too far is found.
  data_ = std::aligned_alloc(kAlignment, rounded);
  if (data_ == nullptr) return false;
  owner_ = std::shared_ptr<void>(data_, std::free);
#else
  // One block, from malloc, which keeps what was freed at hand where aligned_alloc
  // searches: the count of sharers, then the elements. (A fifth of the time of a
  // pair of allocations.)
  constexpr size_t kMallocAlignment = alignof(std::max_align_t);
  char* const block = static_cast<char*>(std::malloc(rounded + 2 * kAlignment - kMallocAlignment));
  if (block == nullptr) return false;
  const uintptr_t after = reinterpret_cast<uintptr_t>(block) + 2 * kAlignment - kMallocAlignment;
  data_ = reinterpret_cast<void*>(after / kAlignment * kAlignment);
  owner_ = std::shared_ptr<void>(data_, [](void*) {}, InBlock<char>(block, static_cast<char*>(data_) - kAlignment));
#endif
  AskForHugePages(data_, rounded);
  return true;
}

absl::StatusOr<Tensor> Tensor::Empty(Extents shape, DType dtype) {
  ORIEL_RETURN_IF_ERROR(CheckExtents(shape, dtype));
  Tensor t{NoData{}};
  std::vector<int64_t> strides = ContiguousStrides(shape, SizeOf(dtype));
  t.form_ = MakeForm(std::move(shape), std::move(strides), dtype);
  t.dtype_ = dtype;
  if (!t.Allocate(t.bytes())) {
    return absl::ResourceExhaustedError("no memory for a tensor of shape " + oriel::ToString(t.shape()) + ", " +
                                        std::string(NumpyName(dtype)) + ": " + std::to_string(t.bytes()) + " bytes");
  }
  return t;
}

NewTensors::NewTensors(const Extents& shape, DType dtype)
    : form_(Tensor::MakeForm(shape, ContiguousStrides(shape, SizeOf(dtype)), dtype)), dtype_(dtype) {
  bytes_ = SizeOf(dtype) * static_cast<size_t>(form_ != nullptr ? form_->size : 1);
}

Tensor NewTensors::One() const {
  Tensor t{Tensor::NoData{}};
  if (!t.Allocate(bytes_)) return t;
  t.form_ = form_;
  t.dtype_ = dtype_;
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
  t.form_ = MakeForm(std::move(shape), std::move(strides), dtype);
  t.dtype_ = dtype;
  t.read_only_ = read_only;
  return t;
}

int64_t Tensor::dim(int axis) const {
  if (axis < 0) axis += rank();
  return axis < 0 || axis >= rank() ? 0 : shape()[static_cast<size_t>(axis)];
}

const char* Tensor::AddressOf(absl::Span<const int64_t> index) const {
  const char* at = static_cast<const char*>(data_);
  for (size_t i = 0; i < index.size() && i < strides().size(); ++i) at += index[i] * strides()[i];
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
  absl::StatusOr<Tensor> copy = Empty(shape(), dtype_);
  if (!copy.ok()) return Failed(dtype_);
  CopyStrided(data_, strides(), copy->data_, shape(), SizeOf(dtype_));
  return *std::move(copy);
}

Tensor Tensor::Contiguous() const { return contiguous() ? *this : Clone(); }

absl::StatusOr<Tensor> Tensor::Cast(DType dtype) const {
  ORIEL_ASSIGN_OR_RETURN(Tensor out, Empty(shape(), dtype));
  if (dtype == dtype_) {
    CopyStrided(data_, strides(), out.data_, shape(), SizeOf(dtype));
    return out;
  }
  VisitDType(dtype_, [&](auto from_zero) {
    using From = decltype(from_zero);
    VisitDType(dtype, [&](auto to_zero) {
      using To = decltype(to_zero);
      To* to = static_cast<To*>(out.data_);
      ForEachRow(data_, this->shape(), strides(), [&](const char* row, int64_t n, int64_t stride) {
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
      return absl::InvalidArgumentError("Reshape: cannot reshape " + oriel::ToString(this->shape()) + " into " +
                                        oriel::ToString(wanted));
    }
  }
  if (unknown != nullptr && known != 0) *unknown = size() / known;
  if ((unknown != nullptr && known == 0) || Product(shape) != size()) {
    return absl::InvalidArgumentError("Reshape: cannot reshape " + oriel::ToString(this->shape()) + " (" +
                                      std::to_string(size()) + " elements) into " + oriel::ToString(wanted));
  }
  ORIEL_RETURN_IF_ERROR(CheckExtents(shape, dtype_));
  Tensor t = Contiguous();
  if (t.size() != size()) return absl::ResourceExhaustedError("Reshape: no memory for a copy");
  std::vector<int64_t> strides = ContiguousStrides(shape, SizeOf(dtype_));
  t.form_ = MakeForm(std::move(shape), std::move(strides), dtype_);
  return t;
}

absl::StatusOr<Tensor> Tensor::Transpose(std::vector<int> permutation) const {
  const size_t n = shape().size();
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
                                      std::to_string(n) + " axes of shape " + oriel::ToString(this->shape()));
  }
  Extents permuted(n);
  std::vector<int64_t> strides(n);
  for (size_t i = 0; i < n; ++i) {
    const size_t axis = static_cast<size_t>(permutation[i] < 0 ? permutation[i] + static_cast<int>(n) : permutation[i]);
    permuted[i] = shape()[axis];
    strides[i] = this->strides()[axis];
  }
  Tensor t = *this;
  t.form_ = MakeForm(std::move(permuted), std::move(strides), dtype_);
  return t;
}

absl::StatusOr<Tensor> Tensor::Slice(int axis, int64_t start, int64_t stop, int64_t step) const {
  const int given = axis;
  if (axis < 0) axis += rank();
  if (axis < 0 || axis >= rank()) {
    return absl::InvalidArgumentError("Slice: axis " + std::to_string(given) + " of shape " +
                                      oriel::ToString(this->shape()));
  }
  if (step == 0) return absl::InvalidArgumentError("Slice: the step is 0");
  // No array has 2^62 elements, so this keeps the arithmetic below in range.
  step = std::clamp<int64_t>(step, -(int64_t{1} << 62), int64_t{1} << 62);
  const size_t a = static_cast<size_t>(axis);
  const int64_t n = shape()[a];
  const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
  const auto bound = [&](int64_t v) { return std::clamp(v < 0 ? (v < -n ? lowest : v + n) : v, lowest, highest); };
  start = bound(start);
  stop = bound(stop);
  int64_t count = 0;
  if (step > 0 && stop > start) count = (stop - start - 1) / step + 1;
  if (step < 0 && stop < start) count = (start - stop - 1) / -step + 1;
  Tensor t = *this;
  Extents sliced = shape();
  std::vector<int64_t> strides = this->strides();
  if (count > 0) t.data_ = static_cast<char*>(data_) + start * strides[a];
  sliced[a] = count;
  // With one element the stride is never used; with more it cannot overflow.
  if (count > 1) strides[a] *= step;
  t.form_ = MakeForm(std::move(sliced), std::move(strides), dtype_);
  return t;
}

bool BitEqual(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = a.Contiguous(), y = b.Contiguous();
  if (x.size() != a.size() || y.size() != b.size()) return false;
  return a.bytes() == 0 || std::memcmp(x.raw(), y.raw(), a.bytes()) == 0;
}

}  // namespace oriel
