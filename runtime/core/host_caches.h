// File: host_caches.h
//
// The caches of this machine, for code that blocks its work by them.
//
//   int64_t bytes = HostSecondLevelCacheBytes();  // 1048576 on a Zen 4 core
#ifndef ORIEL_CORE_HOST_CACHES_H_
#define ORIEL_CORE_HOST_CACHES_H_

#include <cstdint>

namespace oriel {

// What is assumed of a machine that is not this one, or does not say.
inline constexpr int64_t kDefaultSecondLevelCacheBytes = 512 << 10;

// Bytes of a core's second-level cache, the same for the life of the process.
// Thread-safe.
int64_t HostSecondLevelCacheBytes();

}  // namespace oriel

#endif  // ORIEL_CORE_HOST_CACHES_H_
