//===- ModelReturns.cpp - the results of a kernel's generics --------------===//

#include "passes/Codegen/Cpu/ModelReader.h"

#include "passes/Codegen/Cpu/LoweredValues.h"

using namespace mlir;

namespace oriel {

/// The parts of a concatenation that generics make go to their place in its
/// result.
LogicalResult ModelReader::bindParts(ir::ConcatenateOp op, const KernelArg &output) {
  int64_t axis = op.getAxis();
  Dim start = 0, pitch = signature.stridesOf(output.shape)[axis];
  for (Value part : op->getOperands()) {
    FailureOr<Dims> shape = shapeOf(signature, part);
    if (failed(shape))
      return op.emitError("the shape of a part is no expression of the kernel's dims");
    Value made = part;
    auto expand = part.getDefiningOp<tensor::ExpandShapeOp>();
    if (expand)
      made = expand.getSrc();
    auto found = numbers.find(made);
    if (found != numbers.end()) {
      auto result = cast<OpResult>(made);
      for (ModelPass &pass : model.passes) {
        if (pass.op != result.getOwner())
          continue;
        // The loops run over the axes that were not added.
        SmallVector<AffineExpr> exprs;
        Builder b(op.getContext());
        unsigned loop = 0;
        auto type = cast<RankedTensorType>(part.getType());
        for (int64_t k = 0; k < type.getRank(); ++k)
          exprs.push_back(expand && type.getDimSize(k) == 1 ? b.getAffineConstantExpr(0)
                                                            : b.getAffineDimExpr(loop++));
        FailureOr<LinearAccess> a =
            access(pass.op, output.value, AffineMap::get(loop, 0, exprs, op.getContext()), pass.dims);
        if (failed(a))
          return failure();
        a->offset = signature.canonical(a->offset + start * pitch);
        model.values[found->second].stores.push_back(*a);
      }
    }
    start = start + (*shape)[axis];
  }
  return success();
}

/// Results are bound to destinations by return position.
LogicalResult ModelReader::bindReturns() {
  SmallVector<const KernelArg *> outputs;
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      outputs.push_back(&arg);
  Operation *ret = function.getBody().front().getTerminator();
  if (ret->getNumOperands() != outputs.size())
    return ret->emitError("a kernel returns ")
           << ret->getNumOperands() << " values; required: one per output, " << outputs.size();
  for (auto [operand, output] : llvm::zip(ret->getOperands(), outputs)) {
    auto result = dyn_cast<OpResult>(operand);
    // The updates of a scatter are made in the scratch.
    if (auto scatter = operand.getDefiningOp<ir::ScatterOp>()) {
      if (auto found = numbers.find(scatter.getUpdates()); found != numbers.end())
        model.values[found->second].isRead = true;
      continue;
    }
    if (auto concatenate = operand.getDefiningOp<ir::ConcatenateOp>()) {
      if (failed(bindParts(concatenate, *output)))
        return failure();
      continue;
    }
    // What an argmax reads is made in the scratch, a block at a time.
    if (Operation *def = operand.getDefiningOp(); isa_and_nonnull<ir::ArgMaxOp, ir::ArgMinOp, ir::ReduceOp>(def)) {
      if (auto found = numbers.find(def->getOperand(0)); found != numbers.end())
        model.values[found->second].isRead = true;
      continue;
    }
    auto op = result ? dyn_cast<linalg::GenericOp>(result.getOwner()) : nullptr;
    if (!op)
      return ret->emitError("a returned value must be a linalg.generic's result");
    unsigned k = result.getResultNumber();
    for (ModelPass &pass : model.passes) {
      if (pass.op != op)
        continue;
      AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(k));
      FailureOr<LinearAccess> a = access(op, output->value, map, pass.dims);
      if (failed(a))
        return failure();
      model.values[pass.results[k].value].stores.push_back(*a);
    }
  }
  return success();
}

} // namespace oriel
