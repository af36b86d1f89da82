//===- MarkInPlace.cpp - oriel-mark-in-place --------------------------------===//
//
// In-place reuse needs to know that a kernel reads an operand's element only on
// the way to writing the result's element at the same place. An elementwise
// kernel is one loop nest that loads all operands of a point before it stores,
// so this holds for operands that the nest reads through an identity map and
// nothing else reads.
//
//===----------------------------------------------------------------------===//
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/Planning/PlanPass.h"
#include "passes/Planning/Planner.h"

using namespace mlir;

namespace oriel {
namespace {

/// True when only `nest` reads the elements of `argument`, each at its own place.
bool isReadInPlace(BlockArgument argument, linalg::GenericOp nest) {
  bool read = false;
  for (OpOperand &use : argument.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (use.getOwner() != nest.getOperation() || !nest.isDpsInput(&use) ||
        !nest.getMatchingIndexingMap(&use).isIdentity())
      return false;
    read = true;
  }
  return read;
}

class MarkInPlacePass : public PassWrapper<MarkInPlacePass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MarkInPlacePass)

  StringRef getArgument() const override { return "oriel-mark-in-place"; }
  StringRef getDescription() const override {
    return "Note which operands a kernel reads only at the element it writes";
  }

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<ModuleOp>())
      for (auto function : kernel.getOps<func::FuncOp>())
        if (auto name = function->getAttrOfType<StringAttr>(kClassAttr))
          mark(kernel, function, name);
  }

private:
  void mark(ModuleOp kernel, func::FuncOp function, StringAttr name) {
    kernel->setAttr(kClassAttr, name);
    kernel->removeAttr(kInPlaceOperandsAttr);
    if (name.getValue() != "Elementwise" || function.empty())
      return;
    SmallVector<linalg::GenericOp> nests(function.getOps<linalg::GenericOp>());
    if (nests.size() != 1 || nests[0].getNumReductionLoops() != 0)
      return;
    // Results are written by identity too, or the places would not agree.
    for (OpOperand &init : nests[0].getDpsInitsMutable())
      if (!nests[0].getMatchingIndexingMap(&init).isIdentity())
        return;
    SmallVector<int64_t> operands;
    for (BlockArgument argument : function.getArguments())
      if (isReadInPlace(argument, nests[0]))
        operands.push_back(argument.getArgNumber());
    if (!operands.empty())
      kernel->setAttr(kInPlaceOperandsAttr, DenseI64ArrayAttr::get(&getContext(), operands));
  }
};

} // namespace

std::unique_ptr<Pass> createMarkInPlacePass() { return std::make_unique<MarkInPlacePass>(); }

} // namespace oriel
