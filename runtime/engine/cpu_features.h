// File: cpu_features.h
//
// The instruction set extensions a program image needs, as a mask, and what this
// machine has. Names are LLVM's feature names ("avx2", "avx512f").
#ifndef ORIEL_ENGINE_CPU_FEATURES_H_
#define ORIEL_ENGINE_CPU_FEATURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oriel {

// The bit of one feature, nullopt when this table does not know the name (such
// features must not be used by generated code). Bits are part of the image
// format: append, never renumber.
std::optional<uint64_t> CpuFeatureBit(std::string_view name);

// The mask of the names the table knows; the others are appended to `unknown`
// when it is not null. A leading '+' is accepted, names with '-' are skipped.
uint64_t CpuFeatureMask(const std::vector<std::string>& names,
                        std::vector<std::string>* unknown = nullptr);

// "avx2 fma bmi2": the names in a mask, in table order.
std::string CpuFeatureNames(uint64_t mask);

// By CPUID and XGETBV, so that features the system does not save are left out.
uint64_t HostCpuFeatures();

}  // namespace oriel

#endif  // ORIEL_ENGINE_CPU_FEATURES_H_
