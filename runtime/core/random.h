// File: random.h
//
// Philox4x32-10 (Salmon et al., SC 2011): a counter-based generator. Block
// `counter` of stream `key` is four 32-bit words, a pure function of both.
#ifndef ORIEL_CORE_RANDOM_H_
#define ORIEL_CORE_RANDOM_H_

#include <array>
#include <cstdint>

namespace oriel {

inline std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key[0] += 0x9E3779B9u;  // golden ratio
      key[1] += 0xBB67AE85u;  // sqrt(3) - 1
    }
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0], p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
  }
  return counter;
}

}  // namespace oriel

#endif  // ORIEL_CORE_RANDOM_H_
