// File: guarded.h
//
// Memory obtained from the system for buffers: plain aligned blocks, and blocks
// between guard pages for tests. Both are counted by a MemoryCounter, which
// knows nothing of any plan.
#ifndef ORIEL_MEMORY_GUARDED_H_
#define ORIEL_MEMORY_GUARDED_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oriel {

// Counts what is held now and the most that was. Thread-safe.
class MemoryCounter {
 public:
  void Add(uint64_t bytes) {
    const uint64_t now = held_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }
  void Remove(uint64_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  void ResetPeak() { peak_.store(held(), std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> held_{0}, peak_{0};
};

// A 64-byte aligned block of anonymous memory, released with the object.
// Large blocks come straight from the system (pages untouched cost nothing).
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept { *this = static_cast<Block&&>(other); }
  Block& operator=(Block&& other) noexcept;
  ~Block();

  // ResourceExhausted when the system has no more. Zero bytes give a valid,
  // aligned address too.
  static absl::StatusOr<Block> Allocate(uint64_t bytes);

  char* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  char* data_ = nullptr;
  uint64_t bytes_ = 0;
  bool mapped_ = false;
};

// One buffer in pages of its own: an inaccessible page before and after, the
// buffer's end flush against the page after (so that one byte too far faults),
// and a known pattern before its begin, checked when it closes. Bytes are
// accessible only between Open and Close.
class GuardedBuffer {
 public:
  GuardedBuffer() = default;
  GuardedBuffer(GuardedBuffer&& other) noexcept { *this = static_cast<GuardedBuffer&&>(other); }
  GuardedBuffer& operator=(GuardedBuffer&& other) noexcept;
  ~GuardedBuffer();

  // `alignment` is that of the element type or 64: the buffer's begin keeps it,
  // so up to alignment - 1 bytes (a canary too) may lie between its end and the
  // guard page.
  static absl::StatusOr<GuardedBuffer> Reserve(uint64_t bytes, uint64_t alignment);

  // Makes the bytes accessible and adds them (rounded to 64) to `counter`. The
  // bytes are filled with 0xA5, so that nothing relies on zeros.
  absl::Status Open(MemoryCounter* counter);
  // From here on, until Close, writing faults.
  absl::Status MakeReadOnly();
  // Takes access away again. Internal error when a canary was overwritten:
  // `name` says of which buffer.
  absl::Status Close(const std::string& name);

  char* data() const { return data_; }
  bool is_open() const { return counter_ != nullptr; }

 private:
  absl::Status CheckCanaries(const std::string& name) const;
  char* pages_ = nullptr;       // the guard page before
  uint64_t pages_bytes_ = 0;    // with both guard pages
  char* data_ = nullptr;
  uint64_t bytes_ = 0;
  MemoryCounter* counter_ = nullptr;
};

}  // namespace oriel

#endif  // ORIEL_MEMORY_GUARDED_H_
