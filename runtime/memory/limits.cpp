// File: limits.cpp
#include "runtime/memory/limits.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>

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

// The smallest limit of a group and its parents.
uint64_t WalkUp(const std::string& mount, std::string group, const char* file) {
  uint64_t limit = kNone;
  while (true) {
    limit = std::min(limit, ReadLimit(mount + group + "/" + file));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return limit;
    group.resize(slash);
  }
}

}  // namespace

uint64_t ControlGroupLimit(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream file(root + "/proc/self/cgroup");
  uint64_t limit = kNone;
  std::string line;
  while (std::getline(file, line)) {  // "0::/path" or "5:memory:/path"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers.empty()) {
      limit = std::min(limit, WalkUp(mount, group, "memory.max"));
    } else if (("," + std::string(controllers) + ",").find(",memory,") != std::string::npos) {
      limit = std::min(limit, WalkUp(mount + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  // In a container the group's path is often the host's while the mount shows
  // the container's own group at its root.
  limit = std::min(limit, ReadLimit(mount + "/memory.max"));
  limit = std::min(limit, ReadLimit(mount + "/memory/memory.limit_in_bytes"));
  return limit;
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
