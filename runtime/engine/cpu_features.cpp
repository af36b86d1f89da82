// File: cpu_features.cpp
#include "runtime/engine/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace oriel {
namespace {

enum Register { kEax, kEbx, kEcx, kEdx };
// What the operating system must save for the feature to be usable.
enum Saved { kNothing, kYmm, kZmm, kTiles };

struct Feature {
  const char* name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  Saved saved;
};

// Index = bit of the mask. Append only.
constexpr Feature kFeatures[] = {
    {"sse3", 1, 0, kEcx, 0, kNothing},
    {"pclmul", 1, 0, kEcx, 1, kNothing},
    {"ssse3", 1, 0, kEcx, 9, kNothing},
    {"fma", 1, 0, kEcx, 12, kYmm},
    {"cx16", 1, 0, kEcx, 13, kNothing},
    {"sse4.1", 1, 0, kEcx, 19, kNothing},
    {"sse4.2", 1, 0, kEcx, 20, kNothing},
    {"movbe", 1, 0, kEcx, 22, kNothing},
    {"popcnt", 1, 0, kEcx, 23, kNothing},
    {"aes", 1, 0, kEcx, 25, kNothing},
    {"avx", 1, 0, kEcx, 28, kYmm},
    {"f16c", 1, 0, kEcx, 29, kYmm},
    {"rdrnd", 1, 0, kEcx, 30, kNothing},
    {"fsgsbase", 7, 0, kEbx, 0, kNothing},
    {"bmi", 7, 0, kEbx, 3, kNothing},
    {"avx2", 7, 0, kEbx, 5, kYmm},
    {"bmi2", 7, 0, kEbx, 8, kNothing},
    {"avx512f", 7, 0, kEbx, 16, kZmm},
    {"avx512dq", 7, 0, kEbx, 17, kZmm},
    {"rdseed", 7, 0, kEbx, 18, kNothing},
    {"adx", 7, 0, kEbx, 19, kNothing},
    {"avx512ifma", 7, 0, kEbx, 21, kZmm},
    {"clflushopt", 7, 0, kEbx, 23, kNothing},
    {"clwb", 7, 0, kEbx, 24, kNothing},
    {"avx512cd", 7, 0, kEbx, 28, kZmm},
    {"sha", 7, 0, kEbx, 29, kNothing},
    {"avx512bw", 7, 0, kEbx, 30, kZmm},
    {"avx512vl", 7, 0, kEbx, 31, kZmm},
    {"avx512vbmi", 7, 0, kEcx, 1, kZmm},
    {"avx512vbmi2", 7, 0, kEcx, 6, kZmm},
    {"gfni", 7, 0, kEcx, 8, kNothing},
    {"vaes", 7, 0, kEcx, 9, kYmm},
    {"vpclmulqdq", 7, 0, kEcx, 10, kYmm},
    {"avx512vnni", 7, 0, kEcx, 11, kZmm},
    {"avx512bitalg", 7, 0, kEcx, 12, kZmm},
    {"avx512vpopcntdq", 7, 0, kEcx, 14, kZmm},
    {"avx512vp2intersect", 7, 0, kEdx, 8, kZmm},
    {"avx512fp16", 7, 0, kEdx, 23, kZmm},
    {"amx-bf16", 7, 0, kEdx, 22, kTiles},
    {"amx-tile", 7, 0, kEdx, 24, kTiles},
    {"amx-int8", 7, 0, kEdx, 25, kTiles},
    {"avxvnni", 7, 1, kEax, 4, kYmm},
    {"avx512bf16", 7, 1, kEax, 5, kZmm},
    {"avxifma", 7, 1, kEax, 23, kYmm},
    {"avxvnniint8", 7, 1, kEdx, 4, kYmm},
    {"avxneconvert", 7, 1, kEdx, 5, kYmm},
    {"lzcnt", 0x80000001, 0, kEcx, 5, kNothing},
    {"sse4a", 0x80000001, 0, kEcx, 6, kNothing},
    {"prfchw", 0x80000001, 0, kEcx, 8, kNothing},
    {"sahf", 0x80000001, 0, kEcx, 0, kNothing},
    {"sse", 1, 0, kEdx, 25, kNothing},
    {"sse2", 1, 0, kEdx, 26, kNothing},
    {"cx8", 1, 0, kEdx, 8, kNothing},
    {"cmov", 1, 0, kEdx, 15, kNothing},
    {"mmx", 1, 0, kEdx, 23, kNothing},
    {"fxsr", 1, 0, kEdx, 24, kNothing},
    {"xsave", 1, 0, kEcx, 26, kNothing},
    {"crc32", 1, 0, kEcx, 20, kNothing},
};
constexpr int kNumFeatures = sizeof(kFeatures) / sizeof(kFeatures[0]);
static_assert(kNumFeatures <= 64);

uint64_t Detect() {
#if defined(__x86_64__)
  uint32_t max_basic = __get_cpuid_max(0, nullptr);
  uint32_t max_extended = __get_cpuid_max(0x80000000u, nullptr);
  uint32_t r[4] = {0, 0, 0, 0};
  if (!__get_cpuid(1, &r[0], &r[1], &r[2], &r[3])) return 0;
  uint64_t xcr0 = 0;
  if (r[kEcx] & (1u << 27)) {  // OSXSAVE: XGETBV may be used
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    xcr0 = (static_cast<uint64_t>(hi) << 32) | lo;
  }
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  const bool tiles = (xcr0 & 0x60000) == 0x60000;
  uint64_t mask = 0;
  for (int i = 0; i < kNumFeatures; ++i) {
    const Feature& f = kFeatures[i];
    if (f.leaf > (f.leaf >= 0x80000000u ? max_extended : max_basic)) continue;
    if (f.saved == kYmm && !ymm) continue;
    if (f.saved == kZmm && !zmm) continue;
    if (f.saved == kTiles && !tiles) continue;
    if (f.leaf == 7 && f.subleaf > 0) {
      __cpuid_count(7, 0, r[0], r[1], r[2], r[3]);
      if (r[kEax] < f.subleaf) continue;
    }
    __cpuid_count(f.leaf, f.subleaf, r[0], r[1], r[2], r[3]);
    if (r[f.reg] >> f.bit & 1u) mask |= uint64_t{1} << i;
  }
  return mask;
#else
  return 0;
#endif
}

}  // namespace

std::optional<uint64_t> CpuFeatureBit(std::string_view name) {
  for (int i = 0; i < kNumFeatures; ++i) {
    if (name == kFeatures[i].name) return uint64_t{1} << i;
  }
  return std::nullopt;
}

uint64_t CpuFeatureMask(const std::vector<std::string>& names,
                        std::vector<std::string>* unknown) {
  uint64_t mask = 0;
  for (const std::string& full : names) {
    std::string_view name = full;
    if (name.empty() || name[0] == '-') continue;
    if (name[0] == '+') name.remove_prefix(1);
    if (std::optional<uint64_t> bit = CpuFeatureBit(name)) {
      mask |= *bit;
    } else if (unknown != nullptr) {
      unknown->emplace_back(name);
    }
  }
  return mask;
}

std::string CpuFeatureNames(uint64_t mask) {
  std::string text;
  for (int i = 0; i < 64; ++i) {
    if (!(mask >> i & 1)) continue;
    if (!text.empty()) text += ' ';
    text += i < kNumFeatures ? std::string(kFeatures[i].name) : "bit" + std::to_string(i);
  }
  return text;
}

uint64_t HostCpuFeatures() {
  static const uint64_t mask = Detect();
  return mask;
}

}  // namespace oriel
