//===- LowerPasses.cpp - a linalg.generic for each pass -------------------===//

#include "passes/Lowering/PassBody.h"
#include "passes/Lowering/ScalarOps.h"

using namespace mlir;

namespace oriel {

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

static bool isReduction(Operation *op) { return isa<ir::ReduceOp>(op); }

LogicalResult KernelLowering::lowerPasses() {
  // Row values that something outside their own pass reads.
  for (auto &[op, info] : infos)
    for (Value operand : op->getOperands()) {
      Operation *def = resolve(operand).base.getDefiningOp();
      auto it = def ? infos.find(def) : infos.end();
      if (it == infos.end() || it->second.level != Level::Row)
        continue;
      bool sameBody = info.level == Level::Row && !isReduction(op) &&
                      !isReduction(def) && info.pass == it->second.pass;
      it->second.isStored |= !sameBody;
    }
  for (int pass = 0; pass <= lastPass; ++pass)
    if (failed(lowerFullPass(pass)) || failed(lowerRowPass(pass)))
      return failure();
  for (auto [position, result] : llvm::enumerate(results))
    if (!result)
      return kernel.emitError()
             << "result " << position << " is computed by no pass";
  return success();
}

LogicalResult KernelLowering::lowerFullPass(int pass) {
  PassBody body(*this, /*isRow=*/false);
  // Where each result of the generic goes: a value, an output or both.
  struct Target {
    Value value;
    int output = -1;
    int unitAxis = -1;
  };
  SmallVector<Target> targets;
  AffineMap identity = body.identityMap();
  SmallVector<Dim> rowShape;
  for (auto [axis, dim] : llvm::enumerate(space))
    if (static_cast<int>(axis) != reducedAxis)
      rowShape.push_back(dim);

  auto store = [&](Value value, Value scalar, ArrayRef<unsigned> positions) {
    Type element = elementOf(value);
    Value stored = toMemory(body.body, value.getLoc(), scalar, element);
    if (positions.empty()) {
      body.addResult(emptyTensor(space, getMemoryType(element)), identity, stored);
      targets.push_back({value});
    }
    for (unsigned position : positions) {
      body.addResult(destination(position), identity, stored);
      targets.push_back({value, static_cast<int>(position)});
    }
  };
  auto reduce = [&](ir::ReduceOp op, const OpInfo &info) -> LogicalResult {
    Value x = body.get(op.getX(), op);
    if (!x)
      return failure();
    Type element = elementOf(op.getX());
    Type accumulator = getAccumulatorElement(element);
    Value scalar = castScalar(body.body, op.getLoc(), x, element, accumulator);
    scalar = toMemory(body.body, op.getLoc(), scalar, accumulator);
    Target target{op.getResult()};
    auto type = cast<RankedTensorType>(op.getResult().getType());
    bool isDirect = !info.outputs.empty() && accumulator == element;
    Value init;
    if (isDirect) {
      target.output = info.outputs.front();
      if (type.getRank() == static_cast<int64_t>(space.size()))
        target.unitAxis = reducedAxis;
      init = destination(target.output);
    } else {
      init = emptyTensor(rowShape, getMemoryType(accumulator));
    }
    init = fill(getNeutral(op.getKind(), accumulator), init);
    body.addReduction(init, body.rowMap(target.unitAxis), scalar, op);
    targets.push_back(target);
    return success();
  };

  for (auto &[op, info] : infos) {
    if (info.level == Level::Row && info.pass == pass && isReduction(op)) {
      if (failed(reduce(cast<ir::ReduceOp>(op), info)))
        return failure();
      continue;
    }
    if (info.level != Level::Full || !llvm::is_contained(info.computed, pass))
      continue;
    if (failed(body.emit(op)))
      return failure();
    if (info.isStored)
      store(op->getResult(0), body.get(op->getResult(0), op), info.outputs);
  }
  // Results that no op of a pass computes: views, leaves, a matmul's product.
  if (pass == 0) {
    Operation *terminator = kernel.getBody().front().getTerminator();
    for (auto [position, value] : llvm::enumerate(returned)) {
      Operation *def = value.getDefiningOp();
      bool isPlain = !def || !isComputed(def) || isa<ir::MatMulOp>(def) ||
                     infos[def].level == Level::Scalar;
      if (!isPlain || results[position])
        continue;
      Value scalar = body.get(value, def ? def : terminator);
      if (!scalar)
        return failure();
      store(value, scalar, {static_cast<unsigned>(position)});
    }
  }
  if (!body.hasResults())
    return success();
  linalg::GenericOp generic = body.finish();
  for (auto [target, result] : llvm::zip_equal(targets, generic.getResults())) {
    if (target.output >= 0)
      results[target.output] = result;
    stored.try_emplace(target.value, Stored{result, target.unitAxis});
  }
  return success();
}

LogicalResult KernelLowering::lowerRowPass(int pass) {
  if (reducedAxis < 0)
    return success();
  PassBody body(*this, /*isRow=*/true);
  struct Target {
    Value value;
    int output;
    int unitAxis;
  };
  SmallVector<Target> targets;
  SmallVector<Dim> rowShape;
  for (auto [axis, dim] : llvm::enumerate(space))
    if (static_cast<int>(axis) != reducedAxis)
      rowShape.push_back(dim);
  auto store = [&](Operation *op, ArrayRef<unsigned> positions,
                   bool isNeeded) -> LogicalResult {
    Value value = op->getResult(0);
    Value scalar = body.get(value, op);
    if (!scalar)
      return failure();
    auto type = cast<RankedTensorType>(value.getType());
    Type element = type.getElementType();
    Value memory = toMemory(body.body, op->getLoc(), scalar, element);
    int unitAxis = type.getRank() == static_cast<int64_t>(space.size())
                       ? reducedAxis
                       : -1;
    for (unsigned position : positions) {
      body.addResult(destination(position), body.rowMap(unitAxis), memory);
      targets.push_back({value, static_cast<int>(position), unitAxis});
    }
    if (positions.empty() && isNeeded) {
      body.addResult(emptyTensor(rowShape, getMemoryType(element)),
                     body.identityMap(), memory);
      targets.push_back({value, -1, -1});
    }
    return success();
  };
  for (auto &[op, info] : infos) {
    if (info.level != Level::Row || info.pass != pass)
      continue;
    if (isReduction(op)) {
      // Outputs the reduction could not write itself.
      SmallVector<unsigned> rest;
      for (unsigned position : info.outputs)
        if (!results[position])
          rest.push_back(position);
      if (!rest.empty() && failed(store(op, rest, false)))
        return failure();
      continue;
    }
    if (failed(body.emit(op)) || failed(store(op, info.outputs, info.isStored)))
      return failure();
  }
  if (!body.hasResults())
    return success();
  linalg::GenericOp generic = body.finish();
  for (auto [target, result] : llvm::zip_equal(targets, generic.getResults())) {
    if (target.output >= 0)
      results[target.output] = result;
    stored.try_emplace(target.value, Stored{result, target.unitAxis});
  }
  return success();
}

} // namespace oriel
