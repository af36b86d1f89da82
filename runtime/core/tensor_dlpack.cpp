// File: tensor_dlpack.cpp
//
// Tensors to and from other libraries, without a copy.
#include <dlpack/dlpack.h>

#include <memory>
#include <optional>

#include "oriel/tensor.h"
#include "runtime/core/status.h"
#include "runtime/core/walk.h"

namespace oriel {
namespace {

// DLPack 0.8 added a code for booleans; older headers lack the name.
constexpr uint8_t kBoolCode = 6;

DLDataType ToDL(DType dtype) {
  DLDataType t;
  t.lanes = 1;
  t.bits = static_cast<uint8_t>(8 * SizeOf(dtype));
  t.code = dtype == DType::bf16 ? static_cast<uint8_t>(kDLBfloat)
           : IsFloat(dtype)     ? static_cast<uint8_t>(kDLFloat)
           : IsSigned(dtype)    ? static_cast<uint8_t>(kDLInt)
           : IsBool(dtype)      ? kBoolCode
                                : static_cast<uint8_t>(kDLUInt);
  return t;
}

std::optional<DType> FromDL(DLDataType t) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const DLDataType candidate = ToDL(static_cast<DType>(i));
    if (t.lanes == 1 && t.code == candidate.code && t.bits == candidate.bits) return static_cast<DType>(i);
  }
  return std::nullopt;
}

struct Exported {
  Tensor tensor;
  Extents shape, strides;  // strides in elements
  DLManagedTensor managed;
};

struct Release {
  void operator()(DLManagedTensor* managed) const {
    if (managed->deleter != nullptr) managed->deleter(managed);
  }
};

}  // namespace

DLManagedTensor* Tensor::ToDLPack() const {
  auto exported = std::make_unique<Exported>();
  exported->tensor = *this;
  exported->shape = shape();
  const int64_t element = static_cast<int64_t>(SizeOf(dtype_));
  for (int64_t stride : strides()) exported->strides.push_back(stride / element);
  DLManagedTensor& m = exported->managed;
  m = {};
  m.dl_tensor.data = data_;
  m.dl_tensor.device = {kDLCPU, 0};
  m.dl_tensor.ndim = rank();
  m.dl_tensor.dtype = ToDL(dtype_);
  m.dl_tensor.shape = exported->shape.data();
  m.dl_tensor.strides = exported->strides.data();
  m.dl_tensor.byte_offset = 0;
  m.manager_ctx = exported.get();
  m.deleter = [](DLManagedTensor* self) { delete static_cast<Exported*>(self->manager_ctx); };
  return &exported.release()->managed;
}

absl::StatusOr<Tensor> Tensor::FromDLPack(DLManagedTensor* managed) {
  if (managed == nullptr) return absl::InvalidArgumentError("FromDLPack: null");
  std::unique_ptr<DLManagedTensor, Release> owner(managed);
  const DLTensor& t = managed->dl_tensor;
  if (t.device.device_type != kDLCPU && t.device.device_type != kDLCUDAHost) {
    return absl::InvalidArgumentError("FromDLPack: device type " + std::to_string(t.device.device_type) +
                                      ", expected host memory (1)");
  }
  const std::optional<DType> dtype = FromDL(t.dtype);
  if (!dtype) {
    return absl::InvalidArgumentError("FromDLPack: data type (code " + std::to_string(t.dtype.code) + ", bits " +
                                      std::to_string(t.dtype.bits) + ", lanes " + std::to_string(t.dtype.lanes) +
                                      ") is none of Oriel's");
  }
  if (t.ndim < 0 || t.ndim > kMaxRank || (t.ndim > 0 && t.shape == nullptr)) {
    return absl::InvalidArgumentError("FromDLPack: " + std::to_string(t.ndim) + " axes, expected 0 to " +
                                      std::to_string(kMaxRank));
  }
  Extents shape(t.shape, t.shape + t.ndim);
  std::vector<int64_t> strides;
  if (t.strides != nullptr) {
    for (int i = 0; i < t.ndim; ++i) {
      int64_t bytes = 0;
      if (__builtin_mul_overflow(t.strides[i], static_cast<int64_t>(SizeOf(*dtype)), &bytes)) {
        return absl::InvalidArgumentError("FromDLPack: stride " + std::to_string(t.strides[i]) + " is too large");
      }
      strides.push_back(bytes);
    }
  }
  void* data = t.data == nullptr ? nullptr : static_cast<char*>(t.data) + t.byte_offset;
  DLManagedTensor* released = owner.release();
  return Borrow(data, std::move(shape), std::move(strides), *dtype, [released] { Release()(released); });
}

}  // namespace oriel
