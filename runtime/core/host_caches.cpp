// File: host_caches.cpp
#include "runtime/core/host_caches.h"

#include <unistd.h>

namespace oriel {

int64_t HostSecondLevelCacheBytes() {
  static const int64_t bytes = [] {
    int64_t found = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    found = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return found > 0 ? found : kDefaultSecondLevelCacheBytes;
  }();
  return bytes;
}

}  // namespace oriel
