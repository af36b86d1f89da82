// File: input_copy.cpp
#include "runtime/engine/input_copy.h"

#include <algorithm>

#include "absl/status/status.h"
#include "oriel/dtype.h"
#include "runtime/core/status.h"
#include "runtime/core/strided_copy.h"
#include "runtime/device/thread_pool.h"
#include "runtime/engine/trim.h"

namespace oriel {
namespace {

// The least bytes worth a thread's turn, and worth more threads than one.
constexpr int64_t kCopyPiece = int64_t{1} << 16, kShared = int64_t{1} << 19;

void RunParts(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  reinterpret_cast<const StridedCopy*>(args[0])->Run(begin, end);
}

}  // namespace

absl::StatusOr<Tensor> CopyInput(const Tensor& input, const std::string& name,
                                 int threads) {
  Tensor out;
  ORIEL_RETURN_IF_ERROR(TrimAndRetry([&]() -> absl::Status {
    absl::StatusOr<Tensor> empty = Tensor::Empty(input.shape(), input.dtype());
    if (!empty.ok())
      return absl::ResourceExhaustedError(
          "no memory for a contiguous copy of input '" + name + "'");
    out = *std::move(empty);
    return absl::OkStatus();
  }));
  const StridedCopy copy(input.raw(), input.strides(), out.raw(), input.shape(),
                         SizeOf(input.dtype()));
  const int64_t bytes = static_cast<int64_t>(out.bytes());
  if (threads <= 1 || bytes < kShared || copy.parts() < 2) {
    copy.Run(0, copy.parts());
    return out;
  }
  const int64_t args[1] = {reinterpret_cast<int64_t>(&copy)};
  const int64_t grain =
      std::max<int64_t>(1, kCopyPiece / std::max<int64_t>(1, copy.part_bytes()));
  ThreadPool::Shared().Run(RunParts, args, copy.parts(), grain, threads);
  return out;
}

}  // namespace oriel
