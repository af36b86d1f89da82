// File: host_device.cpp
#include <algorithm>
#include <cstring>

#include "runtime/device/device.h"
#include "runtime/device/thread_pool.h"

namespace oriel {
namespace {

constexpr uint64_t kCopyPiece = uint64_t{1} << 18;

// A copy as a kernel: args are to, from, bytes; one task is one piece.
void CopyPieces(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  const uint64_t bytes = static_cast<uint64_t>(args[2]);
  const uint64_t from = static_cast<uint64_t>(begin) * kCopyPiece;
  const uint64_t to = std::min(static_cast<uint64_t>(end) * kCopyPiece, bytes);
  std::memcpy(reinterpret_cast<char*>(args[0]) + from, reinterpret_cast<const char*>(args[1]) + from, to - from);
}

class Host final : public Device {
 public:
  std::string_view name() const override { return "cpu"; }
  absl::StatusOr<Block> Allocate(uint64_t bytes) override { return Block::Allocate(bytes); }
  void Copy(void* to, const void* from, uint64_t bytes, int threads) override {
    if (bytes == 0) return;
    if (bytes < 4 * kCopyPiece || threads <= 1) {
      std::memcpy(to, from, bytes);
      return;
    }
    const int64_t args[3] = {reinterpret_cast<int64_t>(to), reinterpret_cast<int64_t>(from), static_cast<int64_t>(bytes)};
    ThreadPool::Shared().Run(CopyPieces, args, static_cast<int64_t>((bytes + kCopyPiece - 1) / kCopyPiece), 1, threads);
  }
  void Run(const Launch& launch) override {
    if (launch.alone()) {
      if (launch.tasks > 0) launch.entry(launch.args, 0, launch.tasks, 0);
      return;
    }
    if (launch.threads <= 1) {
      ThreadPool::Shared().RunShort(launch.entry, launch.args, launch.tasks, launch.short_grain, launch.short_threads, launch.cost_ns);
      return;
    }
    ThreadPool::Shared().Run(launch.entry, launch.args, launch.tasks, launch.grain, launch.threads, launch.in_turn);
  }
};

}  // namespace

Device& HostDevice() {
  static Host host;
  return host;
}

}  // namespace oriel
