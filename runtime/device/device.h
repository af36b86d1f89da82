// File: device.h
//
// Device: where buffers live and kernels run. The host is the only one so far;
// the executor talks to this interface and to nothing below it.
#ifndef ORIEL_DEVICE_DEVICE_H_
#define ORIEL_DEVICE_DEVICE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/engine/kernel_abi.h"
#include "runtime/memory/guarded.h"

namespace oriel {

// One phase of a kernel, ready to run.
struct Launch {
  KernelEntry entry = nullptr;
  const int64_t* args = nullptr;
  int64_t tasks = 0;
  int64_t grain = 1;     // the least tasks taken at once
  int threads = 1;       // 1: on the calling thread, waking nobody
  bool in_turn = false;  // always that many at once: tasks unlike each other
  // Of a short one (threads is 1): with so many where workers are awake.
  int short_threads = 1;
  int64_t short_grain = 1, cost_ns = 0;

  // On the calling thread, whatever the others do.
  bool alone() const { return threads <= 1 && short_threads <= 1; }
};

// Thread-safe.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;  // "cpu"
  virtual absl::StatusOr<Block> Allocate(uint64_t bytes) = 0;
  // The areas must not overlap. Uses up to `threads` threads.
  virtual void Copy(void* to, const void* from, uint64_t bytes, int threads) = 0;
  // Returns when all tasks are done.
  virtual void Run(const Launch& launch) = 0;
};

// Host memory and the shared thread pool.
Device& HostDevice();

}  // namespace oriel

#endif  // ORIEL_DEVICE_DEVICE_H_
