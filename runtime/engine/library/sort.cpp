// File: sort.cpp
//
// sort_<type> and argsort_<type>: a task is one row of n elements that lie
// `stride` elements apart. Words: x, result, n, stride, and whether the scratch
// is the shared workspace (one row) or the worker's.
//
// A row becomes items of (key, index): keys are unsigned and in NumPy's order,
// -0.0 has the key of 0.0 and every NaN the largest, so that items are all
// different and ascending items are the stable order. Few items go through
// std::sort, many through a radix sort (least significant byte first, bytes that
// all keys share left out). Scratch: two arrays of items. An item has 8 bytes,
// 16 where the key has 64 bits or n does not fit 32.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "runtime/engine/library/library.h"

namespace oriel {
namespace {

constexpr int kDigitBits = 8;
constexpr size_t kDigits = size_t{1} << kDigitBits;

// ---- keys ----
struct F16 { uint16_t bits; };
struct Bf16 { uint16_t bits; };

// The bits of a float and those of its infinity: what is above is NaN.
template <typename T> struct FloatBits;
template <> struct FloatBits<float> { using Bits = uint32_t; static constexpr Bits kInfinity = 0x7f800000; };
template <> struct FloatBits<double> { using Bits = uint64_t; static constexpr Bits kInfinity = 0x7ff0000000000000; };
template <> struct FloatBits<F16> { using Bits = uint16_t; static constexpr Bits kInfinity = 0x7c00; };
template <> struct FloatBits<Bf16> { using Bits = uint16_t; static constexpr Bits kInfinity = 0x7f80; };

template <typename T>
struct Key {  // integers
  using Bits = std::make_unsigned_t<T>;
  static constexpr Bits kFlip = std::is_signed_v<T> ? Bits{1} << (8 * sizeof(T) - 1) : Bits{0};
  static Bits Of(T value) { return static_cast<Bits>(static_cast<Bits>(value) ^ kFlip); }
  // The value, where the key tells it.
  static bool Restore(Bits key, T* value) {
    *value = static_cast<T>(static_cast<Bits>(key ^ kFlip));
    return true;
  }
};

template <typename T>
  requires requires { typename FloatBits<T>::Bits; }
struct Key<T> {
  using Bits = typename FloatBits<T>::Bits;
  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(T) - 1));
  static constexpr Bits kNaN = static_cast<Bits>(~Bits{0});
  static Bits Of(T value) {
    const Bits bits = std::bit_cast<Bits>(value);
    const Bits magnitude = static_cast<Bits>(bits & ~kSign);
    if (magnitude > FloatBits<T>::kInfinity) return kNaN;
    if (magnitude == 0) return kSign;
    return static_cast<Bits>(bits & kSign ? ~bits : bits | kSign);
  }
  static bool Restore(Bits key, T* value) {
    if (key == kNaN || key == kSign) return false;
    *value = std::bit_cast<T>(static_cast<Bits>(key & kSign ? key & ~kSign : ~key));
    return true;
  }
};

// ---- items ----
struct Narrow {
  uint64_t bits;
  // Below this std::sort is faster, as measured on f32.
  static constexpr int64_t kRadixFrom = 256;
  static Narrow Of(uint64_t key, uint64_t index) { return {key << 32 | index}; }
  uint64_t key() const { return bits >> 32; }
  int64_t index() const { return static_cast<int64_t>(bits & 0xffffffff); }
  bool operator<(const Narrow& other) const { return bits < other.bits; }
};
struct Wide {
  uint64_t bits, position;
  static constexpr int64_t kRadixFrom = 1024;  // on f64
  static Wide Of(uint64_t key, uint64_t index) { return {key, index}; }
  uint64_t key() const { return bits; }
  int64_t index() const { return static_cast<int64_t>(position); }
  bool operator<(const Wide& other) const { return bits < other.bits || (bits == other.bits && position < other.position); }
};

// Sorts items whose indices ascend; the result is in `items` or in `other`.
template <size_t kKeyBytes, typename Item>
Item* SortItems(Item* items, Item* other, int64_t n) {
  if (n < Item::kRadixFrom) {
    std::sort(items, items + n);
    return items;
  }
  std::array<std::array<uint64_t, kDigits>, kKeyBytes> counts = {};
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = items[i].key();
    for (size_t digit = 0; digit < kKeyBytes; ++digit) ++counts[digit][key >> (kDigitBits * digit) & (kDigits - 1)];
  }
  for (size_t digit = 0; digit < kKeyBytes; ++digit) {
    const size_t shift = kDigitBits * digit;
    std::array<uint64_t, kDigits>& place = counts[digit];
    if (place[items[0].key() >> shift & (kDigits - 1)] == static_cast<uint64_t>(n)) continue;
    uint64_t sum = 0;
    for (uint64_t& count : place) sum += std::exchange(count, sum);
    for (int64_t i = 0; i < n; ++i) other[place[items[i].key() >> shift & (kDigits - 1)]++] = items[i];
    std::swap(items, other);
  }
  return items;
}

// ---- entries ----
template <typename T, bool kIndices, typename Item>
void SortRow(const T* x, void* result, int64_t n, int64_t stride, void* scratch) {
  Item* items = static_cast<Item*>(scratch);
  for (int64_t i = 0; i < n; ++i) items[i] = Item::Of(Key<T>::Of(x[i * stride]), static_cast<uint64_t>(i));
  const Item* sorted = SortItems<sizeof(T)>(items, items + n, n);
  if constexpr (kIndices) {
    int64_t* out = static_cast<int64_t*>(result);
    for (int64_t i = 0; i < n; ++i) out[i * stride] = sorted[i].index();
    return;
  }
  // The result may be x itself: what a key does not tell (zeros, NaN) is fetched
  // first, into the items' own place.
  T* out = static_cast<T*>(result);
  Item* fetched = const_cast<Item*>(sorted);
  for (int64_t i = 0; i < n; ++i) {
    T value;
    if (!Key<T>::Restore(static_cast<typename Key<T>::Bits>(sorted[i].key()), &value)) value = x[sorted[i].index() * stride];
    std::memcpy(&fetched[i].bits, &value, sizeof value);
  }
  for (int64_t i = 0; i < n; ++i) std::memcpy(&out[i * stride], &fetched[i].bits, sizeof(T));
}

template <typename T, bool kIndices>
void Sort(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  const int64_t* words = args + kArgFirst;
  const T* x = reinterpret_cast<const T*>(words[0]);
  const int64_t n = words[2], stride = words[3];
  char* scratch = reinterpret_cast<char*>(words[4] ? args[kArgShared] : args[kArgScratch] + worker * args[kArgScratchBytes]);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t from = row / stride * n * stride + row % stride;
    void* result = reinterpret_cast<char*>(words[1]) + from * static_cast<int64_t>(kIndices ? sizeof(int64_t) : sizeof(T));
    if (sizeof(T) < 8 && n <= std::numeric_limits<uint32_t>::max()) {
      SortRow<T, kIndices, Narrow>(x + from, result, n, stride, scratch);
    } else {
      SortRow<T, kIndices, Wide>(x + from, result, n, stride, scratch);
    }
  }
}

constexpr LibraryKernel kKernels[] = {
#define ORIEL_SORT(name, type) {"sort_" name, &Sort<type, false>}, {"argsort_" name, &Sort<type, true>}
    ORIEL_SORT("f64", double),   ORIEL_SORT("f32", float),    ORIEL_SORT("f16", F16),      ORIEL_SORT("bf16", Bf16),
    ORIEL_SORT("i8", int8_t),    ORIEL_SORT("i16", int16_t),  ORIEL_SORT("i32", int32_t),  ORIEL_SORT("i64", int64_t),
    ORIEL_SORT("u8", uint8_t),   ORIEL_SORT("u16", uint16_t), ORIEL_SORT("u32", uint32_t), ORIEL_SORT("u64", uint64_t),
#undef ORIEL_SORT
};

}  // namespace

absl::Span<const LibraryKernel> SortKernels() { return kKernels; }

}  // namespace oriel
