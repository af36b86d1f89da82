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
#include <cstring>

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
    if (isa<ir::StateUpdateOp, ir::ObserveOp>(op))
      return success();
    if (isa<check::ExpectEqOp, check::ExpectCloseOp>(op)) {
      std::vector<Tensor> operands = get(op->getOperands());
      std::string mismatch =
          check::explainMismatch(op, operands[0], operands[1]);
      if (!mismatch.empty())
        return op->emitError() << "check failed: " << mismatch;
      return success();
    }
    if (auto loop = dyn_cast<ir::LoopOp>(op))
      return evaluateLoop(loop);
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

  LogicalResult evaluateLoop(ir::LoopOp loop) {
    int64_t trips =
        std::max<int64_t>(tensors.lookup(loop.getTrips()).ElementAsInt({}), 0);
    if (loop.getExtent().size() > 0) {
      Dim extent = loop.getExtent().getDim(0);
      if (!extent.is_static())
        return loop.emitError()
               << "cannot be evaluated: its extent " << extent.ToString()
               << " is not known";
      if (trips > extent.value() && loop.getChecked())
        return loop.emitError()
               << "cannot be evaluated: it would run " << trips
               << " iterations, at most " << extent.value();
      trips = std::min(trips, extent.value());
    }
    std::vector<Tensor> carried = get(loop.getInitial()), stacks;
    for (Type type : loop.getStacks().getTypes()) {
      auto tensor = cast<RankedTensorType>(type);
      if (!tensor.hasStaticShape())
        return loop.emitError() << "cannot be evaluated: it collects " << type;
      stacks.push_back(
          Tensor::Zeros(Extents(tensor.getShape().begin(),
                                tensor.getShape().end()),
                        *ir::getDType(tensor.getElementType())));
    }
    int64_t count = 0;
    for (bool stop = false; count < trips && !stop;) {
      int64_t i = loop.getReverse() ? trips - 1 - count : count;
      ++count;
      tensors[loop.getInduction()] = Tensor::Scalar<int64_t>(i);
      for (auto [s, element] : llvm::enumerate(loop.getElements())) {
        const Tensor &array = tensors[loop.getSequences()[s]];
        int64_t row =
            loop.getStarts().getDim(s).value() + loop.getSteps()[s] * i;
        Extents shape(array.shape().begin() + 1, array.shape().end());
        absl::StatusOr<Tensor> one = array.Slice(0, row, row + 1);
        if (one.ok())
          one = one->Contiguous().Reshape(shape);
        if (!one.ok())
          return loop.emitError() << "cannot be evaluated: "
                                  << std::string(one.status().message());
        tensors[element] = *one;
      }
      set(loop.getCarried(), carried);
      if (failed(evaluate(loop.getBody().front())))
        return failure();
      carried = get(loop.getYielded());
      std::vector<Tensor> rows = get(loop.getCollected());
      for (auto [stack, value] : llvm::zip_equal(stacks, rows)) {
        Tensor row = value.Contiguous();
        if (row.bytes() > 0)
          std::memcpy(static_cast<char *>(stack.raw()) + i * row.bytes(),
                      row.raw(), row.bytes());
      }
      if (Value value = loop.getStop())
        stop = tensors.lookup(value).ElementAsInt({}) != 0;
    }
    carried.insert(carried.end(), stacks.begin(), stacks.end());
    if (loop.getUntil())
      carried.push_back(Tensor::Scalar<int64_t>(count));
    set(loop->getResults(), carried);
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
