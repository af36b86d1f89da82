//===- KernelModel.cpp - what a generic kernel computes -------------------===//

#include "passes/Codegen/Cpu/ModelReader.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace oriel {

bool isCheckIndex(Operation *op) {
  return op->getName().getStringRef() == "oriel.check_index";
}

CheckIndexView getCheckIndex(Operation *op) {
  CheckIndexView view;
  view.index = op->getOperand(0);
  view.bound = op->getOperand(1);
  auto integer = [&](StringRef name) -> int64_t {
    auto attr = op->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : 0;
  };
  view.axis = integer("axis");
  view.operand = integer("operand");
  view.wrap = static_cast<bool>(op->getAttr("wrap"));
  if (auto bit = op->getAttrOfType<BoolAttr>("wrap"))
    view.wrap = bit.getValue();
  if (auto dims = op->getAttrOfType<DenseI64ArrayAttr>("oriel.position"))
    view.position.assign(dims.asArrayRef().begin(), dims.asArrayRef().end());
  return view;
}

bool KernelModel::isFallible() const {
  return llvm::any_of(passes, [](const ModelPass &p) { return !p.checks.empty(); });
}

void findVarying(const KernelModel &model, ModelPass &pass) {
  pass.varying.clear();
  Block *body = pass.op.getBody();
  unsigned inner = model.rank() - 1;
  for (auto [k, input] : llvm::enumerate(pass.inputs))
    if (input.arg ? !(input.innerStride() == Dim(0)) : model.values[input.value].hasInner)
      pass.varying.insert(body->getArgument(k));
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      pass.varying.insert(result.acc);
  for (Operation &op : body->without_terminator()) {
    bool varies = false;
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      varies = pass.dims[index.getDim()] == inner;
    } else if (auto found = pass.extracts.find(&op); found != pass.extracts.end()) {
      varies = !(found->second.innerStride() == Dim(0));
      for (auto &[term, coefficient] : found->second.terms)
        varies |= pass.varying.contains(term);
    } else {
      for (Value operand : op.getOperands())
        varies |= pass.varying.contains(operand);
      llvm::SetVector<Value> captured;
      getUsedValuesDefinedAbove(op.getRegions(), captured);
      for (Value operand : captured)
        varies |= pass.varying.contains(operand);
    }
    if (varies)
      pass.varying.insert(op.getResults().begin(), op.getResults().end());
  }
}

FailureOr<KernelModel> KernelModel::get(KernelSignature &signature) {
  return ModelReader(signature).read();
}

FailureOr<KernelModel> KernelModel::getAfter(KernelSignature &signature, linalg::GenericOp made) {
  return ModelReader(signature).readAfter(made);
}

FailureOr<KernelModel> KernelModel::get(KernelSignature &signature, linalg::GenericOp only, int kept) {
  return ModelReader(signature).read(only, kept);
}

} // namespace oriel
