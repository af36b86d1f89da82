//===- ModelReader.cpp - the space and the passes of a kernel's generics --===//

#include "passes/Codegen/Cpu/ModelReader.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace oriel {

/// The space is the loops of the widest generic; others lack the reduced axis.
LogicalResult ModelReader::findSpace() {
  linalg::GenericOp widest;
  for (linalg::GenericOp op : generics) {
    bool reduces = op.getNumReductionLoops() != 0;
    if (!widest || op.getNumLoops() > widest.getNumLoops())
      widest = op;
    if (!reduces)
      continue;
    if (op.getNumReductionLoops() != 1)
      return op.emitError("a kernel's generic has ")
             << op.getNumReductionLoops() << " reduction loops; required: at most one";
    SmallVector<unsigned> axes;
    op.getReductionDims(axes);
    if (model.reducedAxis >= 0 && model.reducedAxis != static_cast<int>(axes[0]))
      return op.emitError("two generics of a kernel reduce over different axes, ")
             << model.reducedAxis << " and " << axes[0];
    model.reducedAxis = axes[0];
  }
  // A kernel of scalars is one row without an inner dim.
  rank = std::max(1u, widest.getNumLoops());
  for (linalg::GenericOp op : generics)
    if (op.getNumLoops() != rank && op.getNumLoops() + 1 != rank)
      return op.emitError("a generic has ") << op.getNumLoops()
             << " loops beside one of " << rank << "; required: " << rank << " or one less";
  return success();
}

static SmallVector<unsigned> spaceDims(linalg::GenericOp op, unsigned rank, int lacking) {
  SmallVector<unsigned> dims;
  for (unsigned d = 0; d < rank; ++d)
    if (op.getNumLoops() == rank || static_cast<int>(d) != lacking)
      dims.push_back(d);
  return dims;
}

/// All dims one loop runs over are equal: say so before strides are compared.
LogicalResult ModelReader::unifySizes() {
  int lacking = model.reducedAxis >= 0 ? model.reducedAxis : static_cast<int>(rank) - 1;
  SmallVector<std::optional<Dim>> sizes(rank);
  for (linalg::GenericOp op : generics) {
    SmallVector<unsigned> dims = spaceDims(op, rank, lacking);
    for (OpOperand &operand : op->getOpOperands()) {
      // Destinations that hold nothing say nothing about sizes.
      Operation *def = operand.get().getDefiningOp();
      if (auto fill = dyn_cast_or_null<linalg::FillOp>(def))
        def = fill.getOutputs()[0].getDefiningOp();
      SmallVector<std::optional<Dim>> shape;
      if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(def)) {
        for (OpFoldResult size : empty.getMixedSizes()) {
          FailureOr<Dim> dim = signature.dimOf(size);
          shape.push_back(failed(dim) ? std::nullopt : std::optional<Dim>(*dim));
        }
      } else {
        Value source = operand.get();
        if (auto fill = source.getDefiningOp<linalg::FillOp>())
          source = fill.getOutputs()[0];
        FailureOr<TensorView> v = view(source);
        if (failed(v))
          return failure();
        shape = v->shape;
      }
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [k, expr] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        if (!loop || !shape[k])
          continue;
        std::optional<Dim> &size = sizes[dims[loop.getPosition()]];
        if (size)
          signature.unify(*size, *shape[k]);
        else
          size = shape[k];
      }
    }
  }
  bool allLack = llvm::all_of(generics, [&](linalg::GenericOp op) {
    return op.getNumLoops() != rank;
  });
  if (allLack)
    sizes[lacking] = Dim(1);
  for (unsigned d = 0; d < rank; ++d) {
    if (!sizes[d])
      return function.emitError("no operand gives the size of loop ") << d;
    model.sizes.push_back(*sizes[d]);
  }
  for (Dim &size : model.sizes)
    size = signature.canonical(size);
  return success();
}

void ModelReader::findNeeded(ModelPass &pass) {
  Block *body = pass.op.getBody();
  SmallVector<Value> work(body->getTerminator()->getOperands());
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != body || !pass.needed.insert(op).second)
      continue;
    if (auto found = pass.extracts.find(op); found != pass.extracts.end()) {
      for (auto &[term, coefficient] : found->second.terms)
        work.push_back(term);
      continue;
    }
    work.append(op->operand_begin(), op->operand_end());
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    work.append(captured.begin(), captured.end());
  }
  for (Operation &op : *body)
    if (isCheckIndex(&op) && pass.needed.contains(&op))
      pass.checks.push_back(&op);
}

LogicalResult ModelReader::readResults(ModelPass &pass) {
  linalg::GenericOp op = pass.op;
  Operation *yield = op.getBody()->getTerminator();
  for (auto [k, result] : llvm::enumerate(op->getResults())) {
    OpOperand *init = op.getDpsInitOperand(k);
    AffineMap map = op.getMatchingIndexingMap(init);
    PassResult r;
    r.value = model.values.size();
    r.acc = op.getBody()->getArgument(op.getNumDpsInputs() + k);
    ModelValue value;
    value.element = getElementTypeOrSelf(result.getType());
    r.isReduced = pass.isReduction &&
                  !map.isFunctionOfDim(static_cast<unsigned>(model.reducedAxis));
    if (r.isReduced) {
      Operation *combiner = yield->getOperand(k).getDefiningOp();
      if (!combiner || combiner->getNumOperands() != 2 || !r.acc.hasOneUse() ||
          *r.acc.getUsers().begin() != combiner || !yield->getOperand(k).hasOneUse())
        return op.emitError("result ")
               << k << " is not reduced by one binary op on its accumulator";
      r.combiner = combiner;
      r.accOperand = combiner->getOperand(0) == r.acc ? 0 : 1;
      auto fill = init->get().getDefiningOp<linalg::FillOp>();
      if (!fill)
        return op.emitError("the destination of reduced result ")
               << k << " must be a linalg.fill of the neutral element";
      r.neutral = fill.getInputs()[0];
    } else if (!r.acc.use_empty()) {
      return op.emitError("result ") << k << " reads its destination";
    }
    for (AffineExpr expr : map.getResults())
      if (auto loop = dyn_cast<AffineDimExpr>(expr))
        value.hasInner |= pass.dims[loop.getPosition()] == rank - 1;
    numbers[result] = r.value;
    model.values.push_back(value);
    pass.results.push_back(r);
  }
  return success();
}

LogicalResult ModelReader::readPass(linalg::GenericOp op) {
  int lacking = model.reducedAxis >= 0 ? model.reducedAxis : static_cast<int>(rank) - 1;
  ModelPass pass;
  pass.op = op;
  pass.isReduction = op.getNumReductionLoops() != 0;
  pass.lacksReduced = op.getNumLoops() != rank;
  pass.dims = spaceDims(op, rank, lacking);
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (input->get().getDefiningOp<tensor::EmptyOp>()) {
      // It only gives the loops their sizes.
      if (!op.getMatchingBlockArgument(input).use_empty())
        return op.emitError("a kernel reads a tensor.empty");
      LinearAccess none;
      none.arg = &signature.getArgs().back();
      none.element = none.arg->elementType;
      none.strides.assign(rank, Dim(0));
      pass.inputs.push_back(none);
      continue;
    }
    FailureOr<LinearAccess> a =
        access(op, input->get(), op.getMatchingIndexingMap(input), pass.dims);
    if (failed(a))
      return failure();
    if (!a->arg)
      model.values[a->value].isRead = true;
    pass.inputs.push_back(*a);
  }
  for (auto extract : op.getBody()->getOps<tensor::ExtractOp>()) {
    FailureOr<TensorView> source = view(extract.getTensor());
    if (failed(source))
      return failure();
    if (!source->arg)
      return extract.emitError("a body may extract from the kernel's arguments only");
    pass.extracts[extract] = extractAccess(extract, *source, pass);
  }
  findNeeded(pass);
  if (failed(readResults(pass)))
    return failure();
  model.passes.push_back(std::move(pass));
  return success();
}

/// A pass reads an earlier one's result at its own position only: rows are
/// computed one at a time.
LogicalResult ModelReader::checkReads() {
  for (ModelPass &pass : model.passes) {
    for (OpOperand *input : pass.op.getDpsInputOperands()) {
      auto found = numbers.find(input->get());
      if (found == numbers.end())
        continue;
      unsigned next = 0;
      for (AffineExpr expr : pass.op.getMatchingIndexingMap(input).getResults())
        if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
          if (loop.getPosition() < next)
            return pass.op.emitError("operand ")
                   << input->getOperandNumber()
                   << " reads an earlier pass's result in another order";
          next = loop.getPosition() + 1;
        }
    }
  }
  return success();
}

FailureOr<KernelModel> ModelReader::read(linalg::GenericOp only, int kept) {
  if (only)
    generics.push_back(only);
  else
    function.walk([&](linalg::GenericOp op) { generics.push_back(op); });
  if (made) {
    llvm::erase(generics, made);
    ModelValue value;
    value.element = getElementTypeOrSelf(made.getResult(0).getType());
    value.hasInner = value.isRead = true;
    model.values.push_back(value);
    numbers[made.getResult(0)] = 0;
  }
  if (generics.empty())
    return function.emitError("a kernel without a linalg.generic");
  // Results are known to view() before any operand is read.
  for (linalg::GenericOp op : generics)
    for (Value result : op->getResults())
      numbers[result] = 0;
  if (failed(findSpace()))
    return failure();
  if (kept >= 0)
    model.reducedAxis = kept;
  if (failed(unifySizes()))
    return failure();
  for (linalg::GenericOp op : generics)
    if (failed(readPass(op)))
      return failure();
  if (failed(bindReturns()) || failed(checkReads()))
    return failure();
  if (!made)
    collapseDims(model, signature);
  for (ModelPass &pass : model.passes)
    findVarying(model, pass);
  return std::move(model);
}

} // namespace oriel
