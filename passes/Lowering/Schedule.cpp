//===- Schedule.cpp - levels and passes of a kernel's ops -----------------===//

#include "passes/Lowering/KernelLowering.h"
#include "passes/Lowering/ScalarOps.h"

using namespace mlir;

namespace oriel {

/// Computing a few cheap ops again in a later pass costs less than a store and a
/// load.
constexpr int kMaxAgain = 3;
constexpr int kExpensive = 1000;

LogicalResult KernelLowering::findSpace() {
  Block &body = kernel.getBody().front();
  for (Operation &op : body.without_terminator()) {
    OpRole role = getRole(&op);
    if (role != OpRole::RowReduce && role != OpRole::ColumnReduce)
      continue;
    auto reduce = dyn_cast<ir::ReduceOp>(op);
    if (reduce.getAxes().size() != 1 || reduce.getKind() == ir::ReduceKind::mean)
      return op.emitOpError() << "must reduce one axis and be no mean: "
                                 "oriel-decompose must run before";
    if (reducedAxis >= 0 && reducedAxis != reduce.getAxes()[0])
      return op.emitOpError() << "reduces axis " << reduce.getAxes()[0]
                              << " in a kernel that reduces axis "
                              << reducedAxis;
    reducedAxis = reduce.getAxes()[0];
    space = dims.getDims(reduce.getX());
  }
  if (reducedAxis < 0 && !returned.empty())
    space = dims.getDims(returned[0]);
  return success();
}

void KernelLowering::scheduleOp(Operation *op) {
  OpInfo info;
  Value result = op->getResult(0);
  OpRole role = getRole(op);
  bool readsFull = false, readsRow = false;
  int cost = isCheap(op) ? 1 : kExpensive;
  for (Value operand : op->getOperands()) {
    Operation *def = resolve(operand).base.getDefiningOp();
    auto it = def ? infos.find(def) : infos.end();
    if (it == infos.end())
      continue; // an input or a leaf
    const OpInfo &source = it->second;
    if (source.level == Level::Full) {
      readsFull = true;
      info.pass = std::max(info.pass, source.pass);
      cost += source.isStored ? 0 : source.cost;
    } else if (source.level == Level::Row) {
      readsRow = true;
      info.pass = std::max(info.pass, source.pass + 1);
    }
  }
  // A product lies in memory, whoever reads it.
  info.cost = role == OpRole::MatMul ? 0 : std::min(cost, kExpensive);
  bool reduces = role == OpRole::RowReduce || role == OpRole::ColumnReduce;
  const Dims &shape = dims.getDims(result);
  bool hasRowShape = reducedAxis >= 0 && (shape.size() + 1 == space.size() ||
                                          (shape.size() == space.size() &&
                                           shape[reducedAxis] == Dim(1)));
  if (reduces) {
    // Ready after the pass that reduces.
    info.level = Level::Row;
  } else if (readsRow && !readsFull && hasRowShape) {
    info.level = Level::Row;
    --info.pass;
  } else if (!readsFull && !readsRow && shape.empty() && !space.empty() &&
             role == OpRole::Elementwise &&
             !(hasRowShape && llvm::is_contained(returned, result))) {
    info.level = Level::Scalar;
  } else if (!readsFull && !readsRow && hasRowShape && !dims.areEqual(shape, space)) {
    // A row's own value, of memory alone.
    info.level = Level::Row;
  }
  for (auto [position, value] : llvm::enumerate(returned))
    if (value == result)
      info.outputs.push_back(position);
  info.isStored = !info.outputs.empty() && info.level == Level::Full;
  lastPass = std::max(lastPass, info.pass);
  infos[op] = std::move(info);
}

LogicalResult KernelLowering::schedule() {
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (isComputed(&op))
      scheduleOp(&op);
  // Full values have the iteration space's shape: the rules of fusion.
  for (auto &[op, info] : infos) {
    const Dims &shape = dims.getDims(op->getResult(0));
    if (info.level == Level::Full && shape.size() != space.size())
      return op->emitOpError() << "has shape " << ToString(shape)
                               << " in a kernel over " << ToString(space);
  }
  findNeeds();
  return success();
}

/// Which passes read each full value, and so which compute it: all of them
/// while that is cheap, else the first, which stores it.
void KernelLowering::findNeeds() {
  auto need = [&](Value value, int pass) {
    Operation *def = resolve(value).base.getDefiningOp();
    auto it = def ? infos.find(def) : infos.end();
    if (it != infos.end() && it->second.level == Level::Full &&
        !llvm::is_contained(it->second.needed, pass))
      it->second.needed.push_back(pass);
  };
  for (auto &entry : llvm::reverse(infos)) {
    Operation *op = entry.first;
    OpInfo &info = entry.second;
    if (info.level == Level::Row) {
      OpRole role = getRole(op);
      if (role == OpRole::RowReduce || role == OpRole::ColumnReduce)
        need(op->getOperand(0), info.pass);
      continue;
    }
    if (info.level == Level::Scalar || getRole(op) == OpRole::MatMul)
      continue;
    if (info.isStored) {
      info.computed = {info.pass};
    } else if (!info.needed.empty()) {
      llvm::sort(info.needed);
      if (info.needed.size() == 1 || info.cost <= kMaxAgain) {
        info.computed = info.needed;
      } else {
        info.computed = {info.needed.front()};
        info.isStored = true;
      }
    }
    for (int pass : info.computed)
      for (Value operand : op->getOperands())
        need(operand, pass);
  }
}

} // namespace oriel
