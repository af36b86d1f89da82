// File: limits.h
//
// How much memory a call may hold when the user sets no limit. An overcommitting
// system never refuses an allocation, it kills later: so the default is what the
// control group or the machine really has.
#ifndef ORIEL_MEMORY_LIMITS_H_
#define ORIEL_MEMORY_LIMITS_H_

#include <cstdint>
#include <string>

namespace oriel {

// The smallest of: the machine's memory, the limits of this process's control
// group and its parents (version 2, else version 1). Never 0.
uint64_t DefaultMemoryLimit();

// The same for files under `root` ("" for the real system), for tests: reads
// root/proc/self/cgroup and root/sys/fs/cgroup. UINT64_MAX: no limit set.
uint64_t ControlGroupLimit(const std::string& root);
// The cores that the process's control groups grant it by quota; infinity: no quota.
double ControlGroupCores(const std::string& root);

// "7713792000 bytes (7714 MB)": as every report prints sizes. Under a megabyte
// the second number is in kB, under a kilobyte there is none.
std::string BytesText(uint64_t bytes);

}  // namespace oriel

#endif  // ORIEL_MEMORY_LIMITS_H_
