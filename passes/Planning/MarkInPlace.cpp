//===- MarkInPlace.cpp - oriel-mark-in-place
//--------------------------------===//
//
// In-place reuse needs to know that a kernel reads an operand's element only on
// the way to writing the result's element at the same place. An elementwise
// kernel is one loop nest that loads all operands of a point before it stores,
// so this holds for operands that the nest reads through an identity map and
// nothing else reads. It holds likewise for the epilogue of a matmul, which
// runs once all products of an element are summed: the sums wait in the output
// only when no operand of the epilogue is as large as it. A scatter works in
// place by nature: it checks all indices in its first phase and changes only the
// elements that updates name, so its operand is the result before the updates.
//
//===----------------------------------------------------------------------===//
#include "dialect/Graph/OrielOps.h"
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

/// True when only `nest` reads the elements of `argument`, each at its own
/// place.
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

class MarkInPlacePass
    : public PassWrapper<MarkInPlacePass, OperationPass<ModuleOp>> {
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
  void markScatter(ModuleOp kernel, func::FuncOp function) {
    Builder b(&getContext());
    auto scatters = function.getOps<ir::ScatterOp>();
    if (!llvm::hasSingleElement(scatters))
      return;
    // -1: nothing but a constant lies under it.
    int64_t base = -1;
    if (auto x = dyn_cast<BlockArgument>((*scatters.begin()).getX())) {
      bool alone = llvm::all_of(x.getUses(), [](OpOperand &use) {
        return isa<tensor::DimOp>(use.getOwner()) ||
               (isa<ir::ScatterOp>(use.getOwner()) &&
                use.getOperandNumber() == 0);
      });
      if (!alone)
        return;
      base = x.getArgNumber();
      kernel->setAttr(kInPlaceOperandsAttr, b.getDenseI64ArrayAttr({base}));
    }
    kernel->setAttr(kCheckedBaseAttr, b.getI64IntegerAttr(base));
  }

  void mark(ModuleOp kernel, func::FuncOp function, StringAttr name) {
    kernel->setAttr(kClassAttr, name);
    kernel->removeAttr(kInPlaceOperandsAttr);
    kernel->removeAttr(kCheckedBaseAttr);
    if (function.empty())
      return;
    if (name.getValue() == "Scatter")
      return markScatter(kernel, function);
    // A sort has read a row before it writes it.
    if (!function.getOps<ir::SortOp>().empty())
      kernel->setAttr(kInPlaceOperandsAttr,
                      DenseI64ArrayAttr::get(&getContext(), {0}));
    SmallVector<linalg::GenericOp> nests(function.getOps<linalg::GenericOp>());
    bool isElementwise = name.getValue() == "Elementwise" && nests.size() == 1;
    // One that reduces rows has further passes, which read operands again.
    bool isMatMul = name.getValue() == "MatMul" && !nests.empty() && nests.size() <= 2;
    if ((!isElementwise && !isMatMul) ||
        nests.back().getNumReductionLoops() != 0)
      return;
    linalg::GenericOp nest = nests.back();
    for (OpOperand &init : nest.getDpsInitsMutable()) {
      // Results are written by identity too, or the places would not agree.
      if (!nest.getMatchingIndexingMap(&init).isIdentity())
        return;
      // An operand with an extent of 1 counts as a row or column to the matmul,
      // which may then sum in the output.
      auto type = cast<RankedTensorType>(init.get().getType());
      if (isMatMul && llvm::is_contained(type.getShape(), 1))
        return;
    }
    SmallVector<int64_t> operands;
    for (BlockArgument argument : function.getArguments())
      if (isReadInPlace(argument, nest))
        operands.push_back(argument.getArgNumber());
    if (!operands.empty())
      kernel->setAttr(kInPlaceOperandsAttr,
                      DenseI64ArrayAttr::get(&getContext(), operands));
  }
};

} // namespace

std::unique_ptr<Pass> createMarkInPlacePass() {
  return std::make_unique<MarkInPlacePass>();
}

} // namespace oriel
