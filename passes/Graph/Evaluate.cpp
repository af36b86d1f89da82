//===- Evaluate.cpp - oriel-evaluate --------------------------------------===//

#include "dialect/Check/CheckDialect.h"
#include "dialect/Graph/Elements.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Graph/Passes.h"
#include "runtime/ops/reference.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

namespace oriel {
#define GEN_PASS_DEF_EVALUATE
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;

namespace {

// Evaluates ops in order, keeping each value's tensor.
class Evaluator {
public:
  LogicalResult evaluate(Block &block) {
    for (Operation &op : block.without_terminator())
      if (failed(evaluate(&op)))
        return failure();
    return success();
  }

  std::vector<Tensor> get(ValueRange values) const {
    std::vector<Tensor> result;
    for (Value value : values)
      result.push_back(tensors.lookup(value));
    return result;
  }

private:
  void set(ValueRange values, ArrayRef<Tensor> computed) {
    for (auto [value, tensor] : llvm::zip_equal(values, computed))
      tensors[value] = tensor;
  }

  LogicalResult evaluate(Operation *op) {
    if (auto constant = dyn_cast<ir::ConstantOp>(op))
      return setElements(op, constant.getValue());
    if (auto read = dyn_cast<ir::StateReadOp>(op)) {
      auto state = SymbolTable::lookupNearestSymbolFrom<ir::StateOp>(
          op, read.getStateAttr());
      if (!state || !state.getInitial())
        return op->emitError()
               << "state " << read.getStateAttr() << " has no initial value";
      return setElements(op, *state.getInitial());
    }
    if (isa<ir::StateUpdateOp>(op))
      return success();
    if (isa<check::ExpectEqOp, check::ExpectCloseOp>(op)) {
      std::vector<Tensor> operands = get(op->getOperands());
      std::string mismatch =
          check::explainMismatch(op, operands[0], operands[1]);
      if (!mismatch.empty())
        return op->emitError() << "check failed: " << mismatch;
      return success();
    }
    if (auto loop = dyn_cast<ir::LoopOp>(op)) {
      std::vector<Tensor> carried = get(loop.getInitial());
      int64_t trips = tensors.lookup(loop.getTrips()).ElementAsInt({});
      for (int64_t i = 0; i < trips; ++i) {
        tensors[loop.getInduction()] = Tensor::Scalar<int64_t>(i);
        set(loop.getCarried(), carried);
        if (failed(evaluate(loop.getBody().front())))
          return failure();
        carried = get(loop.getYield().getValues());
      }
      set(op->getResults(), carried);
      return success();
    }
    if (auto branch = dyn_cast<ir::BranchOp>(op)) {
      bool condition =
          tensors.lookup(branch.getCondition()).ElementAsInt({}) != 0;
      Region &taken = condition ? branch.getThenBody() : branch.getElseBody();
      if (failed(evaluate(taken.front())))
        return failure();
      set(op->getResults(), get(taken.front().getTerminator()->getOperands()));
      return success();
    }
    if (auto kernel = dyn_cast<ir::KernelOp>(op)) {
      set(kernel.getBody().getArguments(), get(kernel.getInputs()));
      if (failed(evaluate(kernel.getBody().front())))
        return failure();
      set(op->getResults(), get(kernel.getYield().getValues()));
      return success();
    }
    std::optional<OpKind> kind = ir::getOpKind(op);
    if (!kind)
      return op->emitError()
             << "cannot be evaluated: the op has no reference kernel";
    auto results =
        EvaluateOp(*kind, ir::getAttrs(op), get(op->getOperands()), {});
    if (!results.ok())
      return op->emitError() << "cannot be evaluated: "
                             << std::string(results.status().message());
    set(op->getResults(), *results);
    return success();
  }

  LogicalResult setElements(Operation *op, ElementsAttr elements) {
    std::optional<Tensor> tensor = ir::getTensor(elements);
    if (!tensor)
      return op->emitError() << "has a value that cannot be read: " << elements;
    tensors[op->getResult(0)] = std::move(*tensor);
    return success();
  }

  llvm::DenseMap<Value, Tensor> tensors;
};

// "float32 (2,): 0000803f nan": the bytes of each element.
std::string describe(const Tensor &value) {
  Tensor tensor = value.Contiguous();
  std::string text = std::string(NumpyName(tensor.dtype())) + " " +
                     ToString(tensor.shape()) + ":";
  StringRef bytes(static_cast<const char *>(tensor.raw()), tensor.bytes());
  Tensor flat = *tensor.Reshape({tensor.size()});
  for (int64_t i = 0, size = SizeOf(tensor.dtype()); i < tensor.size(); ++i) {
    bool isNaN =
        IsFloat(tensor.dtype()) && std::isnan(flat.ElementAsDouble({i}));
    text += " " + (isNaN ? "nan"
                         : llvm::toHex(bytes.substr(i * size, size),
                                       /*LowerCase=*/true));
  }
  return text;
}

struct Evaluate : oriel::impl::EvaluateBase<Evaluate> {
  using Base::Base;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    bool failedAny = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.getNumArguments() == 0 && !function.isExternal()) {
        Evaluator evaluator;
        failedAny |= failed(evaluator.evaluate(function.front()));
        if (failedAny || !results)
          continue;
        for (const Tensor &tensor :
             evaluator.get(function.front().getTerminator()->getOperands()))
          function.emitRemark() << "returns " << describe(tensor);
      }
    if (failedAny)
      signalPassFailure();
  }
};
} // namespace
