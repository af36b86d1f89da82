// File: block_pool.h
//
// BlockPool: large blocks that come back to be used again. Fresh memory costs a
// page fault (and a page of zeros) every 4 KiB, often more than the kernel that
// fills it; a program that drops one result before it asks for the next gets the
// same pages.
#ifndef ORIEL_MEMORY_BLOCK_POOL_H_
#define ORIEL_MEMORY_BLOCK_POOL_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/memory/guarded.h"

namespace oriel {

// Thread-safe.
class BlockPool {
 public:
  // Blocks below this come from the C library, which keeps its own.
  static constexpr uint64_t kMinBytes = uint64_t{1} << 20;

  // A block of at least `bytes` and at most a quarter more, its contents
  // undefined. When none is kept that fits, those kept are freed first.
  absl::StatusOr<Block> Take(uint64_t bytes);

  // Keeps the block, unless what is kept would pass the capacity.
  void Give(Block block);

  // Frees those that are kept; their bytes.
  uint64_t Trim();

  // The most that is kept: what one call needs.
  void SetCapacity(uint64_t bytes);
  uint64_t kept_bytes() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Block> kept_;
  uint64_t kept_bytes_ = 0, capacity_ = 0;
};

}  // namespace oriel

#endif  // ORIEL_MEMORY_BLOCK_POOL_H_
