//===- CollapseDims.cpp - adjacent dims as one ----------------------------===//

#include "passes/Codegen/Cpu/KernelModel.h"

using namespace mlir;

namespace oriel {

namespace {

void forEachAccess(KernelModel &model, llvm::function_ref<void(LinearAccess &)> visit) {
  for (ModelPass &pass : model.passes) {
    for (LinearAccess &a : pass.inputs)
      visit(a);
    for (auto &entry : pass.extracts)
      visit(entry.second);
  }
  for (ModelValue &value : model.values)
    for (LinearAccess &a : value.stores)
      visit(a);
}

/// May dims d and d + 1 become one?
bool mayCollapse(KernelModel &model, const KernelSignature &signature, unsigned d) {
  int reduced = model.reducedAxis;
  if (reduced == static_cast<int>(d) || reduced == static_cast<int>(d) + 1)
    return false;
  bool lastTwo = d + 2 == model.rank();
  for (ModelPass &pass : model.passes) {
    // Without a reduced axis a narrower pass lacks the last dim.
    if (lastTwo && pass.lacksReduced && reduced < 0)
      return false;
    for (Operation *op : pass.needed)
      if (auto index = dyn_cast<linalg::IndexOp>(op)) {
        unsigned at = pass.dims[index.getDim()];
        if (at == d || at == d + 1)
          return false;
      }
    for (Operation *op : pass.checks) {
      SmallVector<int64_t> position = getCheckIndex(op).position;
      auto has = [&](unsigned x) {
        return llvm::any_of(position, [&](int64_t p) { return pass.dims[p] == x; });
      };
      if (has(d) != has(d + 1))
        return false;
    }
  }
  bool ok = true;
  const Dim &inner = model.sizes[d + 1];
  forEachAccess(model, [&](LinearAccess &a) {
    if (!a.arg || model.sizes[d] == Dim(1) || inner == Dim(1))
      return;
    ok &= a.strides[d] == signature.canonical(a.strides[d + 1] * inner);
  });
  if (!ok)
    return false;
  // A result that has only one of the two dims could not say where it lies.
  for (ModelPass &pass : model.passes)
    for (auto [k, result] : llvm::enumerate(pass.results)) {
      AffineMap map =
          pass.op.getMatchingIndexingMap(pass.op.getDpsInitOperand(k));
      auto has = [&](unsigned x) {
        for (AffineExpr expr : map.getResults())
          if (auto loop = dyn_cast<AffineDimExpr>(expr))
            if (pass.dims[loop.getPosition()] == x)
              return true;
        return false;
      };
      if (has(d) != has(d + 1) && !(model.sizes[d] == Dim(1)) && !(inner == Dim(1)))
        return false;
    }
  return true;
}

void merge(KernelModel &model, const KernelSignature &signature, unsigned d) {
  bool innerIsOne = model.sizes[d + 1] == Dim(1);
  forEachAccess(model, [&](LinearAccess &a) {
    if (!innerIsOne)
      a.strides[d] = a.strides[d + 1];
    a.strides.erase(a.strides.begin() + d + 1);
  });
  bool last = d + 2 == model.rank();
  model.sizes[d] = signature.canonical(model.sizes[d] * model.sizes[d + 1]);
  model.sizes.erase(model.sizes.begin() + d + 1);
  for (ModelPass &pass : model.passes) {
    for (unsigned &dim : pass.dims)
      if (dim > d)
        --dim;
    // The wide dim of a merged pair may have been the only one of a result.
    if (last)
      for (PassResult &result : pass.results)
        model.values[result.value].hasInner |= !pass.lacksReduced || model.reducedAxis >= 0;
  }
  if (model.reducedAxis > static_cast<int>(d))
    --model.reducedAxis;
}

} // namespace

void collapseDims(KernelModel &model, const KernelSignature &signature) {
  for (unsigned d = model.rank() - 1; d-- > 0;)
    if (mayCollapse(model, signature, d))
      merge(model, signature, d);
}

} // namespace oriel
