//===- TargetFeatures.cpp - what the machine has --------------------------===//

#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "dialect/Graph/OrielDialect.h"
#include "passes/Placement/Targets.h"

using namespace mlir;

namespace oriel {
namespace {

bool hasFeature(Operation *op, StringRef name) {
  ir::TargetAttr target;
  for (; op && !target; op = op->getParentOp())
    target = op->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  return !target || hasTargetFeature(target.getCpu(), target.getFeatures(), name);
}

} // namespace

bool hasFusedMultiplyAdd(Operation *op) { return hasFeature(op, "fma"); }
bool hasHalfConversions(Operation *op) { return hasFeature(op, "f16c"); }

bool hasByteDotProducts(Operation *op) {
  ir::TargetAttr target;
  for (Operation *at = op; at && !target; at = at->getParentOp())
    target = at->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  return target && target.getFeatures().contains("+avx512vl") && hasFeature(op, "avx512vnni");
}

} // namespace oriel
