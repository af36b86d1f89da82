// File: hash.h
//
// Content hashes for caches and checksums: XXH3, inlined from its header, so
// nothing links against a shared xxHash. Not for secrets.
#ifndef ORIEL_CORE_HASH_H_
#define ORIEL_CORE_HASH_H_

#include <cstdint>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace oriel {

struct Hash128 {
  uint64_t low = 0, high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  // 32 lower-case hexadecimal digits, usable as a file name.
  std::string Hex() const {
    std::string out(32, '0');
    for (int i = 0; i < 16; ++i) {
      out[15 - i] = "0123456789abcdef"[(high >> (4 * i)) & 15];
      out[31 - i] = "0123456789abcdef"[(low >> (4 * i)) & 15];
    }
    return out;
  }
};

inline uint64_t HashBytes64(const void* data, size_t size, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(data, size, seed);
}
inline uint64_t HashBytes64(std::string_view s, uint64_t seed = 0) { return HashBytes64(s.data(), s.size(), seed); }
inline Hash128 HashBytes128(const void* data, size_t size) {
  const XXH128_hash_t h = XXH3_128bits(data, size);
  return {h.low64, h.high64};
}
inline Hash128 HashBytes128(std::string_view s) { return HashBytes128(s.data(), s.size()); }

}  // namespace oriel

#endif  // ORIEL_CORE_HASH_H_
