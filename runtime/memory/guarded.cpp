// File: guarded.cpp
#include "runtime/memory/guarded.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "runtime/memory/arena.h"

namespace oriel {
namespace {

constexpr uint64_t kMapFrom = uint64_t{1} << 20;
constexpr unsigned char kCanary = 0xC9, kFill = 0xA5;

uint64_t PageBytes() {
  static const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return page;
}

absl::Status NoMemory(uint64_t bytes) {
  return absl::ResourceExhaustedError("the system has no " + std::to_string(bytes) + " bytes more: " + std::strerror(errno));
}

}  // namespace

Block& Block::operator=(Block&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Block::~Block() {
  if (data_ == nullptr) return;
  if (mapped_) {
    munmap(data_, bytes_);
  } else {
    free(data_);
  }
}

absl::StatusOr<Block> Block::Allocate(uint64_t bytes) {
  Block block;
  const uint64_t size = RoundToAlignment(bytes == 0 ? 1 : bytes);
  if (size < bytes || size > (uint64_t{1} << 62)) {
    errno = ENOMEM;
    return NoMemory(bytes);
  }
  if (size >= kMapFrom) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NoMemory(bytes);
    // Large temporaries are walked end to end: huge pages spare most faults.
    (void)madvise(p, size, MADV_HUGEPAGE);
    block.data_ = static_cast<char*>(p);
    block.mapped_ = true;
  } else {
    block.data_ = static_cast<char*>(aligned_alloc(kMemoryAlignment, size));
    if (block.data_ == nullptr) return NoMemory(bytes);
  }
  block.bytes_ = size;
  return block;
}

GuardedBuffer& GuardedBuffer::operator=(GuardedBuffer&& other) noexcept {
  std::swap(pages_, other.pages_);
  std::swap(pages_bytes_, other.pages_bytes_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(counter_, other.counter_);
  return *this;
}

GuardedBuffer::~GuardedBuffer() {
  if (counter_ != nullptr) counter_->Remove(RoundToAlignment(bytes_));
  if (pages_ != nullptr) munmap(pages_, pages_bytes_);
}

absl::StatusOr<GuardedBuffer> GuardedBuffer::Reserve(uint64_t bytes, uint64_t alignment) {
  const uint64_t page = PageBytes();
  if (bytes > (uint64_t{1} << 46)) {
    errno = ENOMEM;
    return NoMemory(bytes);
  }
  GuardedBuffer buffer;
  // At least one byte of canary before the buffer, so round up past it.
  const uint64_t inner = (bytes + alignment + page) / page * page;
  void* p = mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return NoMemory(bytes);
  buffer.pages_ = static_cast<char*>(p);
  buffer.pages_bytes_ = inner + 2 * page;
  buffer.bytes_ = bytes;
  buffer.data_ = buffer.pages_ + page + (inner - bytes) / alignment * alignment;
  return buffer;
}

absl::Status GuardedBuffer::Open(MemoryCounter* counter) {
  if (counter_ != nullptr) return absl::InternalError("a guarded buffer is opened twice");
  const uint64_t page = PageBytes();
  if (mprotect(pages_ + page, pages_bytes_ - 2 * page, PROT_READ | PROT_WRITE) != 0) return NoMemory(bytes_);
  std::memset(pages_ + page, kCanary, static_cast<size_t>(data_ - (pages_ + page)));
  if (bytes_ != 0) std::memset(data_, kFill, bytes_);
  char* end = pages_ + pages_bytes_ - page;
  std::memset(data_ + bytes_, kCanary, static_cast<size_t>(end - (data_ + bytes_)));
  counter_ = counter;
  counter_->Add(RoundToAlignment(bytes_));
  return absl::OkStatus();
}

absl::Status GuardedBuffer::MakeReadOnly() {
  const uint64_t page = PageBytes();
  if (mprotect(pages_ + page, pages_bytes_ - 2 * page, PROT_READ) != 0) return NoMemory(bytes_);
  return absl::OkStatus();
}

absl::Status GuardedBuffer::CheckCanaries(const std::string& name) const {
  const uint64_t page = PageBytes();
  const char* begin = pages_ + page;
  const char* end = pages_ + pages_bytes_ - page;
  for (const char* p = begin; p < end; ++p) {
    if (p == data_) p += bytes_;
    if (p >= end) break;
    if (static_cast<unsigned char>(*p) != kCanary) {
      return absl::InternalError("buffer '" + name + "' of " + std::to_string(bytes_) + " bytes: byte " +
                                 std::to_string(p - data_) + ", outside it, was overwritten");
    }
  }
  return absl::OkStatus();
}

absl::Status GuardedBuffer::Close(const std::string& name) {
  if (counter_ == nullptr) return absl::OkStatus();
  absl::Status status = CheckCanaries(name);
  counter_->Remove(RoundToAlignment(bytes_));
  counter_ = nullptr;
  const uint64_t page = PageBytes();
  // Pages given back and inaccessible: a use after release faults.
  (void)madvise(pages_ + page, pages_bytes_ - 2 * page, MADV_DONTNEED);
  if (mprotect(pages_ + page, pages_bytes_ - 2 * page, PROT_NONE) != 0 && status.ok()) status = NoMemory(bytes_);
  return status;
}

}  // namespace oriel
