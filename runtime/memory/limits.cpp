// File: limits.cpp
#include "runtime/memory/limits.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

namespace oriel {
namespace {

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

// The number in a limit file; "max", an unreadable file or version 1's
// "unlimited" (a huge page multiple) is no limit.
uint64_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return kNone;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= (uint64_t{1} << 60)) return kNone;
  return value;
}

// The cores that a group's quota amounts to; infinity: none.
double ReadCores(const std::string& folder) {
  constexpr double kAll = std::numeric_limits<double>::infinity();
  std::string quota;
  double period = 0;
  if (std::ifstream v2(folder + "/cpu.max"); v2 >> quota >> period) {
    if (quota == "max" || period <= 0) return kAll;
  } else {
    std::ifstream v1(folder + "/cpu.cfs_quota_us"), v1_period(folder + "/cpu.cfs_period_us");
    if (!(v1 >> quota) || !(v1_period >> period) || period <= 0) return kAll;
  }
  int64_t us = 0;  // -1 in version 1: none
  const auto [end, error] = std::from_chars(quota.data(), quota.data() + quota.size(), us);
  return error == std::errc() && us > 0 ? static_cast<double>(us) / period : kAll;
}

// The smallest value of a group and its parents, `read` from their folders.
template <typename Read>
auto WalkUp(const std::string& mount, std::string group, Read read) {
  auto least = read(mount + group);
  while (true) {
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
    least = std::min(least, read(mount + group));
  }
}

// Calls visit(controllers, group) for each group of the process; version 2 has
// no controllers there.
template <typename Visit>
void VisitGroups(const std::string& root, Visit visit) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {  // "0::/path" or "5:memory:/path"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    visit("," + line.substr(first + 1, second - first - 1) + ",", group);
  }
}

}  // namespace

uint64_t ControlGroupLimit(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  uint64_t limit = kNone;
  VisitGroups(root, [&](const std::string& controllers, const std::string& group) {
    if (controllers == ",,") {
      limit = std::min(limit, WalkUp(mount, group, [](const std::string& folder) { return ReadLimit(folder + "/memory.max"); }));
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit = std::min(limit, WalkUp(mount + "/memory", group, [](const std::string& folder) { return ReadLimit(folder + "/memory.limit_in_bytes"); }));
    }
  });
  // In a container the group's path is often the host's while the mount shows
  // the container's own group at its root.
  limit = std::min(limit, ReadLimit(mount + "/memory.max"));
  limit = std::min(limit, ReadLimit(mount + "/memory/memory.limit_in_bytes"));
  return limit;
}

double ControlGroupCores(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  double cores = std::min(ReadCores(mount), ReadCores(mount + "/cpu"));
  VisitGroups(root, [&](const std::string& controllers, const std::string& group) {
    if (controllers == ",,") {
      cores = std::min(cores, WalkUp(mount, group, ReadCores));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      cores = std::min(cores, WalkUp(mount + "/cpu", group, ReadCores));
    }
  });
  return cores;
}

uint64_t DefaultMemoryLimit() {
  static const uint64_t limit = [] {
    uint64_t bytes = ControlGroupLimit("");
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) bytes = std::min(bytes, static_cast<uint64_t>(pages) * static_cast<uint64_t>(page));
    return std::max<uint64_t>(bytes, 1);
  }();
  return limit;
}

std::string BytesText(uint64_t bytes) {
  std::string text = std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  const auto rounded = [bytes](uint64_t unit) { return std::to_string(bytes / unit + (bytes % unit >= unit / 2)); };
  if (bytes >= 1000 * 1000) {
    text += " (" + rounded(1000 * 1000) + " MB)";
  } else if (bytes >= 1000) {
    text += " (" + rounded(1000) + " kB)";
  }
  return text;
}

}  // namespace oriel
