//===- Targets.cpp - which machines code is made for ----------------------===//

#include "passes/Placement/Targets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace llvm;

namespace oriel {

static bool isFeature(StringRef name) {
  static constexpr StringLiteral known[] = {
#define X86_FEATURE(ENUM, NAME) NAME,
#include "llvm/TargetParser/X86TargetParser.def"
  };
  return !name.empty() && is_contained(known, name);
}

bool hasTargetFeature(StringRef cpu, StringRef features, StringRef name) {
  SmallVector<StringRef> list;
  features.split(list, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : reverse(list))
    if (feature.drop_front() == name)
      return feature.front() == '+';
  if (X86::parseArchX86(cpu) == X86::CK_None)
    return false;
  list.clear();
  X86::getFeaturesForCPU(cpu, list);
  return is_contained(list, name);
}

std::string whyNotTarget(StringRef cpu, StringRef features) {
  constexpr StringLiteral least = "the least target is x86-64-v2 (SSE4.2)";
  if (cpu != "generic" && X86::parseArchX86(cpu, /*Only64Bit=*/true) == X86::CK_None)
    return ("the cpu '" + cpu + "' is unknown; required: the name of a 64-bit x86 processor, such as x86-64-v3 or "
            "znver4; " + least).str();
  SmallVector<StringRef> list;
  features.split(list, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : list) {
    if (feature.front() != '+' && feature.front() != '-')
      return ("the feature '" + feature + "' has no sign; required: +NAME or -NAME, such as +avx2").str();
    if (!isFeature(feature.drop_front()))
      return ("the feature '" + feature + "' is unknown; required: LLVM's name of one of x86, such as +avx2").str();
  }
  if (!hasTargetFeature(cpu, features, "sse4.2") && !hasTargetFeature(cpu, features, "avx"))
    return ("the target '" + cpu + "'" + (features.empty() ? "" : " with '" + features + "'") +
            " has no SSE4.2; " + least).str();
  return "";
}

} // namespace oriel
