// Reference kernels of the ops that move elements without computing.
#include <cstring>

#include "runtime/ops/reference_internal.h"

namespace oriel::reference {

absl::Status Broadcast(const Call& call) {
  const Tensor& x = call.operands[0];
  const std::vector<int64_t> from = ElementStrides(x.shape());
  const std::vector<int64_t>& axes = call.Ints("axes");
  // An axis that repeats does not move in the operand.
  std::vector<int64_t> strides(call.results[0].shape().size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    if (x.shape()[i] != 1) strides[axes[i]] = from[i];
  }
  CopyStrided(x, 0, strides, call.results[0]);
  return absl::OkStatus();
}

absl::Status Transpose(const Call& call) {
  const Tensor& x = call.operands[0];
  const std::vector<int64_t> from = ElementStrides(x.shape());
  std::vector<int64_t> strides;
  for (int64_t axis : call.Ints("permutation")) strides.push_back(from[axis]);
  CopyStrided(x, 0, strides, call.results[0]);
  return absl::OkStatus();
}

absl::Status Slice(const Call& call) {
  const Tensor& x = call.operands[0];
  const std::vector<int64_t> from = ElementStrides(x.shape());
  const Extents starts = call.Shape("starts");
  const std::vector<int64_t>& steps = call.Ints("steps");
  int64_t offset = 0;
  std::vector<int64_t> strides(from.size());
  for (size_t axis = 0; axis < from.size(); ++axis) {
    offset += starts[axis] * from[axis];
    strides[axis] = steps[axis] * from[axis];
  }
  if (call.results[0].size() != 0) CopyStrided(x, offset, strides, call.results[0]);
  return absl::OkStatus();
}

absl::Status DynamicSlice(const Call& call) {
  const Tensor& x = call.operands[0];
  const std::vector<int64_t> strides = ElementStrides(x.shape());
  const Extents& sizes = call.results[0].shape();
  int64_t offset = 0;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    const int64_t start = *Data<int64_t>(call.operands[1 + axis]);
    // The starts that fit are [0, extent - size]: one more than that is the bound.
    const int64_t bound = x.shape()[axis] - sizes[axis] + 1;
    if (start < 0 || start >= bound) {
      return absl::OutOfRangeError("dynamic_slice: start " + std::to_string(start) + " of axis " +
                                   std::to_string(axis) + " is out of range: a block of size " +
                                   std::to_string(sizes[axis]) + " in extent " + std::to_string(x.shape()[axis]) +
                                   " starts at 0 to " + std::to_string(bound - 1));
    }
    offset += start * strides[axis];
  }
  if (call.results[0].size() != 0) CopyStrided(x, offset, strides, call.results[0]);
  return absl::OkStatus();
}

absl::Status Concatenate(const Call& call) {
  const int64_t axis = call.Int("axis");
  Tensor& result = call.results[0];
  const Extents& shape = result.shape();
  const int64_t rows = Product(absl::MakeSpan(shape).first(axis));
  char* to = static_cast<char*>(result.raw());
  if (result.bytes() == 0) return absl::OkStatus();
  // Row by row of the leading axes, each part gives the bytes it has.
  for (int64_t row = 0; row < rows; ++row) {
    for (const Tensor& part : call.operands) {
      const size_t bytes = part.bytes() / static_cast<size_t>(rows);
      if (bytes != 0) std::memcpy(to, static_cast<const char*>(part.raw()) + static_cast<size_t>(row) * bytes, bytes);
      to += bytes;
    }
  }
  return absl::OkStatus();
}

}  // namespace oriel::reference
