// The verifier of a whole program: follows the storage through the steps, so
// that no step reads or writes a buffer that is not allocated, and nothing
// leaks or is released twice.
#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace oriel::plan;

namespace {

class StorageChecker {
public:
  LogicalResult checkBlock(Block &block) {
    // What this block allocates, it releases: bodies of loops run again.
    llvm::SmallVector<BufferOp> mine;
    for (Operation &op : block) {
      if (auto alloc = dyn_cast<AllocOp>(op)) {
        for (Value value : alloc.getBuffers()) {
          auto buffer = value.getDefiningOp<BufferOp>();
          if (!live.insert(value).second)
            return op.emitOpError() << "allocates " << buffer.describe()
                                    << ", which is allocated already";
          mine.push_back(buffer);
        }
      } else if (auto release = dyn_cast<ReleaseOp>(op)) {
        for (Value value : release.getBuffers()) {
          auto buffer = value.getDefiningOp<BufferOp>();
          if (!live.erase(value))
            return op.emitOpError() << "releases " << buffer.describe()
                                    << ", which is not allocated here";
          if (!llvm::is_contained(mine, buffer))
            return op.emitOpError() << "releases " << buffer.describe()
                                    << ", which the same body did not allocate";
        }
      } else if (failed(checkStep(op))) {
        return failure();
      }
    }
    for (BufferOp buffer : mine) {
      bool top = isa<ProgramOp>(block.getParentOp());
      bool kept = buffer.getKind() == Kind::Output ||
                  shadows.contains(buffer.getResult());
      if (live.contains(buffer.getResult()) && !(top && kept))
        return buffer.emitOpError() << "is never released, required of every "
                                       "buffer but outputs and shadows";
    }
    return success();
  }

  llvm::DenseSet<Value> shadows; // released by the commit

private:
  LogicalResult checkStep(Operation &op) {
    if (isa<BufferOp, RequireOp>(op))
      return success();
    for (Value value : op.getOperands()) {
      Kind kind = value.getDefiningOp<BufferOp>().getKind();
      if (kind == Kind::Input || kind == Kind::State ||
          kind == Kind::Constant || kind == Kind::Row || kind == Kind::Kept)
        continue;
      if (!live.contains(value))
        return op.emitOpError()
               << "uses " << value.getDefiningOp<BufferOp>().describe()
               << ", which is not allocated here";
    }
    for (Region &region : op.getRegions())
      if (failed(checkBlock(region.front())))
        return failure();
    return success();
  }

  llvm::DenseSet<Value> live;
};

} // namespace

LogicalResult ProgramOp::verifyRegions() {
  Block &block = getBody().front();
  llvm::StringSet<> known;
  for (Attribute symbol : getSymbols())
    if (!known.insert(cast<StringAttr>(symbol).getValue()).second)
      return emitOpError() << "declares the symbol " << symbol
                           << " twice, required once";
  StorageChecker checker;
  bool steps = false;
  for (Operation &op : block) {
    if (op.getName().getDialectNamespace() != "plan")
      return op.emitOpError() << "stands in a plan.program, required ops of "
                                 "the plan dialect only";
    if (auto buffer = dyn_cast<BufferOp>(op)) {
      if (steps)
        return op.emitOpError()
               << "stands after the first step, required before";
      std::vector<std::string> names;
      for (const ::oriel::Dim &dim : buffer.getShape().getDims())
        dim.CollectSymbols(&names);
      for (const std::string &name : names)
        if (!known.contains(name))
          return op.emitOpError()
                 << "has the size symbol '" << name
                 << "', required one of the program's symbols " << getSymbols();
    } else if (!isa<RequireOp>(op)) {
      steps = true;
    }
    if (auto commit = dyn_cast<CommitOp>(op))
      if (commit.getShadow())
        checker.shadows.insert(commit.getShadow());
  }
  return checker.checkBlock(block);
}
