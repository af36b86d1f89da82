// File: block_pool.cpp
#include "runtime/memory/block_pool.h"

#include <new>
#include <utility>

namespace oriel {

absl::StatusOr<Block> BlockPool::Take(uint64_t bytes) {
  std::vector<Block> dropped;  // unmapped outside the lock
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = kept_.size(); i-- > 0;) {
      const uint64_t have = kept_[i].bytes();
      if (have < bytes || have - bytes > bytes / 4) continue;
      Block block = std::move(kept_[i]);
      kept_.erase(kept_.begin() + static_cast<ptrdiff_t>(i));
      kept_bytes_ -= have;
      return block;
    }
    dropped.swap(kept_);
    kept_bytes_ = 0;
  }
  dropped.clear();
  return Block::Allocate(bytes);
}

void BlockPool::Give(Block block) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t bytes = block.bytes();
  if (kept_bytes_ + bytes > capacity_) return;
  // Called where the last sharer of a tensor goes: it must not throw.
  try {
    kept_.push_back(std::move(block));
  } catch (const std::bad_alloc&) {
    return;  // given back to the system instead
  }
  kept_bytes_ += bytes;
}

uint64_t BlockPool::Trim() {
  std::vector<Block> dropped;  // unmapped outside the lock
  std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(kept_);
  return std::exchange(kept_bytes_, 0);
}

void BlockPool::SetCapacity(uint64_t bytes) {
  std::vector<Block> dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  capacity_ = bytes;
  if (kept_bytes_ > capacity_) {
    dropped.swap(kept_);
    kept_bytes_ = 0;
  }
}

uint64_t BlockPool::kept_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return kept_bytes_;
}

}  // namespace oriel
