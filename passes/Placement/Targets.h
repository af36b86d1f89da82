//===- Targets.h - which machines code is made for -------------*- C++ -*-===//
#ifndef ORIEL_PASSES_PLACEMENT_TARGETS_H
#define ORIEL_PASSES_PLACEMENT_TARGETS_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace oriel {

/// Has this machine an instruction set extension, by LLVM's name ("fma")? The last
/// word about it in `features` ("+avx2,-fma") counts, then what the cpu's name
/// stands for.
bool hasTargetFeature(llvm::StringRef cpu, llvm::StringRef features, llvm::StringRef name);

/// Why no code can be made for this machine: a name that is not known, a feature that
/// is not, or one below x86-64-v2 (SSE4.2), the least there is code for. Empty: it
/// can. The cpu "generic" is what its features say.
std::string whyNotTarget(llvm::StringRef cpu, llvm::StringRef features);

} // namespace oriel

#endif // ORIEL_PASSES_PLACEMENT_TARGETS_H
