//===- Place.cpp - state the machine a program is compiled for ------------===//

#include "dialect/Graph/OrielOps.h"
#include "passes/Placement/Passes.h"
#include "passes/Placement/Targets.h"
#include "runtime/core/host_caches.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_PLACE
#include "passes/Placement/Passes.h.inc"

namespace {

/// "+a,-b" sorted by name: one machine has one text.
std::string hostFeatures() {
  std::vector<std::string> names;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      names.push_back("+" + feature.first().str());
  llvm::sort(names);
  return llvm::join(names, ",");
}

/// Microarchitecture levels stand for features that need not be listed.
int64_t widthOf(StringRef cpu, StringRef features) {
  SmallVector<StringRef> list;
  features.split(list, ',');
  bool hasAvx2 = llvm::is_contained(list, "+avx2") || cpu == "x86-64-v3" ||
                 cpu == "x86-64-v4" || cpu.starts_with("znver") ||
                 cpu == "haswell";
  return hasAvx2 ? 256 : 128;
}

struct Place : impl::PlaceBase<Place> {
  using PlaceBase::PlaceBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkDevices(module)))
      return signalPassFailure();
    std::string name = cpu, list = features;
    int64_t l2Bytes = kDefaultSecondLevelCacheBytes;
    if (name.empty()) {
      l2Bytes = HostSecondLevelCacheBytes();
      name = llvm::sys::getHostCPUName().str();
      if (list.empty())
        list = hostFeatures();
    } else if (std::string reason = whyNotTarget(name, list); !reason.empty()) {
      module.emitError() << reason;
      return signalPassFailure();
    }
    // This machine's features have the names it gave them.
    if (!hasTargetFeature(name, list, "sse4.2") && !hasTargetFeature(name, list, "avx")) {
      module.emitError() << whyNotTarget(name, "");
      return signalPassFailure();
    }
    int64_t bits = vectorBits;
    if (bits == 0)
      bits = widthOf(name, list);
    if (bits != 128 && bits != 256 && bits != 512) {
      module.emitError() << "vector-bits is " << bits
                         << ", required 128, 256 or 512";
      return signalPassFailure();
    }
    module->setAttr(ir::kTargetAttr,
                    ir::TargetAttr::get(&getContext(), name, list, bits, l2Bytes));
  }

  /// The host has no encoding; nothing else can run code yet.
  LogicalResult checkDevices(ModuleOp module) {
    auto deviceOf = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor ? tensor.getEncoding() : Attribute();
    };
    auto name = [](Attribute device) {
      if (!device)
        return std::string("the host");
      if (auto known = dyn_cast<ir::DeviceAttr>(device))
        return "device '" + known.getName().str() + "'";
      return std::string("an unknown encoding");
    };
    auto checkValues = [&](Operation *op, TypeRange types) -> LogicalResult {
      for (Type type : types)
        if (Attribute device = deviceOf(type))
          return op->emitError() << "has a value on " << name(device)
                                 << ", only the host can run code";
      return success();
    };
    auto result = module.walk([&](Operation *op) {
      // A transfer crosses devices; all else stays on one.
      if (!isa<ir::TransferOp>(op) && op->getNumOperands() > 1) {
        Attribute first = deviceOf(op->getOperand(0).getType());
        for (OpOperand &operand : op->getOpOperands())
          if (Attribute device = deviceOf(operand.get().getType());
              device != first) {
            op->emitError() << "operand " << operand.getOperandNumber()
                            << " is on " << name(device) << ", operand 0 on "
                            << name(first)
                            << ": operands must be on one device";
            return WalkResult::interrupt();
          }
      }
      for (Region &region : op->getRegions())
        for (Block &block : region)
          if (failed(checkValues(op, block.getArgumentTypes())))
            return WalkResult::interrupt();
      return WalkResult(checkValues(op, op->getResultTypes()));
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
} // namespace oriel
