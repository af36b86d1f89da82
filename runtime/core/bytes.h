// File: bytes.h
//
// ByteWriter and ByteReader: little-endian records for files we write and must
// read back safely. The reader never looks past its end, never allocates more
// than the bytes left could describe, and keeps the first error: callers read
// a whole structure and test ok() once.
#ifndef ORIEL_CORE_BYTES_H_
#define ORIEL_CORE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace oriel {

static_assert(std::endian::native == std::endian::little, "files are little endian");

class ByteWriter {
 public:
  void U8(uint8_t v) { Raw(&v, 1); }
  void U16(uint16_t v) { Raw(&v, sizeof v); }
  void U32(uint32_t v) { Raw(&v, sizeof v); }
  void U64(uint64_t v) { Raw(&v, sizeof v); }
  void I32(int32_t v) { Raw(&v, sizeof v); }
  void I64(int64_t v) { Raw(&v, sizeof v); }
  void F64(double v) { Raw(&v, sizeof v); }
  void Bool(bool v) { U8(v ? 1 : 0); }
  // The number of elements that follow.
  void Count(size_t n) { U64(n); }
  void Str(std::string_view s) {
    Count(s.size());
    Raw(s.data(), s.size());
  }
  void Bytes(const void* data, size_t size) {
    Count(size);
    Raw(data, size);
  }
  // Without a length before it.
  void Raw(const void* data, size_t size) {
    if (size != 0) out_.append(static_cast<const char*>(data), size);
  }
  // Zeros up to a multiple of `alignment`.
  void Align(size_t alignment) {
    while (out_.size() % alignment != 0) out_.push_back('\0');
  }

  size_t size() const { return out_.size(); }
  const std::string& data() const { return out_; }
  std::string Take() { return std::move(out_); }
  // Overwrites 8 bytes written earlier (for lengths known later).
  void PatchU64(size_t at, uint64_t v) { std::memcpy(&out_[at], &v, sizeof v); }

 private:
  std::string out_;
};

class ByteReader {
 public:
  ByteReader(const void* data, size_t size) : begin_(static_cast<const char*>(data)), size_(size) {}
  explicit ByteReader(std::string_view s) : ByteReader(s.data(), s.size()) {}

  bool ok() const { return error_.empty(); }
  size_t position() const { return at_; }
  size_t left() const { return ok() ? size_ - at_ : 0; }
  // DataLoss with the position of the first error.
  absl::Status status() const {
    return ok() ? absl::OkStatus() : absl::DataLossError(error_ + " at byte " + std::to_string(error_at_));
  }
  void Fail(std::string_view why) {
    if (!ok()) return;
    error_ = why.empty() ? "malformed data" : std::string(why);
    error_at_ = at_;
  }

  // All return zero (or nothing) after an error.
  uint8_t U8() { return Fixed<uint8_t>(); }
  uint16_t U16() { return Fixed<uint16_t>(); }
  uint32_t U32() { return Fixed<uint32_t>(); }
  uint64_t U64() { return Fixed<uint64_t>(); }
  int32_t I32() { return Fixed<int32_t>(); }
  int64_t I64() { return Fixed<int64_t>(); }
  double F64() { return Fixed<double>(); }
  bool Bool() {
    const uint8_t v = U8();
    if (v > 1) Fail("a boolean is neither 0 nor 1");
    return v == 1;
  }
  // An enum stored in a byte, at most `last`.
  template <typename E>
  E Enum(E last, std::string_view what) {
    const uint8_t v = U8();
    if (v > static_cast<uint8_t>(last)) {
      Fail(std::string(what) + " is " + std::to_string(v) + ", at most " +
           std::to_string(static_cast<int>(last)) + " is known");
      return static_cast<E>(0);
    }
    return static_cast<E>(v);
  }
  // The number of elements that follow, each of at least `min_bytes_each` bytes:
  // a count that the bytes left cannot hold is an error, so vectors may be
  // sized by it.
  size_t Count(size_t min_bytes_each = 1) {
    const uint64_t n = U64();
    if (!ok()) return 0;
    const size_t each = min_bytes_each == 0 ? 1 : min_bytes_each;
    if (n > left() / each) {
      Fail("a count of " + std::to_string(n) + " exceeds the " + std::to_string(left()) + " bytes left");
      return 0;
    }
    return static_cast<size_t>(n);
  }
  // A view into the buffer.
  std::string_view View() {
    const size_t n = Count();
    return Raw(n);
  }
  std::string Str() { return std::string(View()); }
  std::string_view Raw(size_t n) {
    if (!ok() || n > left()) {
      Fail("truncated");
      return {};
    }
    const std::string_view v(begin_ + at_, n);
    at_ += n;
    return v;
  }
  void Align(size_t alignment) {
    while (ok() && at_ % alignment != 0) {
      if (U8() != 0) Fail("padding is not zero");
    }
  }
  // Everything must have been consumed.
  void ExpectEnd() {
    if (ok() && at_ != size_) Fail(std::to_string(size_ - at_) + " bytes too many");
  }

  // Guards recursive structures: ByteReader::Nest nest(&reader); if (!nest) return;
  class Nest {
   public:
    explicit Nest(ByteReader* reader) : reader_(reader) {
      if (++reader_->depth_ > kMaxDepth) reader_->Fail("nested too deeply");
    }
    ~Nest() { --reader_->depth_; }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    explicit operator bool() const { return reader_->ok(); }

   private:
    ByteReader* reader_;
  };
  static constexpr int kMaxDepth = 64;

 private:
  template <typename T>
  T Fixed() {
    T v{};
    if (!ok() || left() < sizeof(T)) {
      Fail("truncated");
      return v;
    }
    std::memcpy(&v, begin_ + at_, sizeof v);
    at_ += sizeof v;
    return v;
  }

  const char* begin_;
  size_t size_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string error_;
  size_t error_at_ = 0;
};

}  // namespace oriel

#endif  // ORIEL_CORE_BYTES_H_
