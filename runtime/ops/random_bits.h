// File: random_bits.h
//
// The reference of the op random_bits, also used on the host to derive keys.
#ifndef ORIEL_OPS_RANDOM_BITS_H_
#define ORIEL_OPS_RANDOM_BITS_H_

#include <bit>
#include <cstdint>

namespace oriel {

// Threefry-2x32-20 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011): 20 rounds of add, rotate, exclusive or; words of the key
// schedule are added after every fourth. Low halves are the first words.
constexpr uint64_t RandomBits(uint64_t key, uint64_t counter) {
  constexpr int kRotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  const uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  const uint32_t schedule[3] = {k0, k1, 0x1BD11BDAu ^ k0 ^ k1};
  uint32_t x0 = static_cast<uint32_t>(counter) + k0, x1 = static_cast<uint32_t>(counter >> 32) + k1;
  for (uint32_t round = 0; round < 20; ++round) {
    x0 += x1;
    x1 = std::rotl(x1, kRotations[round % 8]) ^ x0;
    if (round % 4 != 3) continue;
    const uint32_t step = round / 4 + 1;
    x0 += schedule[step % 3];
    x1 += schedule[(step + 1) % 3] + step;
  }
  return static_cast<uint64_t>(x1) << 32 | x0;
}

}  // namespace oriel

#endif  // ORIEL_OPS_RANDOM_BITS_H_
