//===- TargetFeatures.cpp - what the machine has --------------------------===//

#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "dialect/Graph/OrielDialect.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;

namespace oriel {
namespace {

/// The last word about `name` in a list, then the cpu's.
bool hasFeature(Operation *op, StringRef name) {
  ir::TargetAttr target;
  for (; op && !target; op = op->getParentOp())
    target = op->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  if (!target)
    return true;
  SmallVector<StringRef> list;
  target.getFeatures().split(list, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : llvm::reverse(list))
    if (feature.drop_front() == name)
      return feature.front() == '+';
  StringRef cpu = target.getCpu();
  if (llvm::X86::parseArchX86(cpu) == llvm::X86::CK_None)
    return false;
  list.clear();
  llvm::X86::getFeaturesForCPU(cpu, list);
  return llvm::is_contained(list, name);
}

} // namespace

bool hasFusedMultiplyAdd(Operation *op) { return hasFeature(op, "fma"); }
bool hasHalfConversions(Operation *op) { return hasFeature(op, "f16c"); }

} // namespace oriel
