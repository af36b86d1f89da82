//===- KernelModel.cpp - reading lowered generic kernels ------------------===//

#include "passes/Codegen/Cpu/KernelModel.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
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

namespace {

/// A tensor value as a strided window of an argument, or a pass's result.
struct View {
  const KernelArg *arg = nullptr;
  int value = -1;
  Type element;
  SmallVector<std::optional<Dim>> shape;
  Dims strides;
  Dim offset = 0;
  SmallVector<std::pair<Value, Dim>> terms;
};

/// A body or top-level index as a linear function of the space's dims.
struct Linear {
  Dims strides;
  Dim offset = 0;
  SmallVector<std::pair<Value, Dim>> terms;

  bool isInvariant() const {
    return terms.empty() && llvm::all_of(strides, [](const Dim &s) { return s == Dim(0); });
  }
};

class ModelReader {
public:
  ModelReader(KernelSignature &signature)
      : signature(signature), function(signature.getFunction()) {}

  /// Reads all generics but `made`.
  FailureOr<KernelModel> readAfter(linalg::GenericOp made) {
    this->made = made;
    return read();
  }
  FailureOr<KernelModel> read(linalg::GenericOp only = nullptr, int kept = -1);

private:
  LogicalResult findSpace();
  LogicalResult unifySizes();
  LogicalResult readPass(linalg::GenericOp op);
  LogicalResult readResults(ModelPass &pass);
  LogicalResult bindReturns();
  LogicalResult bindParts(ir::ConcatenateOp op, const KernelArg &output);
  LogicalResult checkReads();
  FailureOr<View> view(Value tensor);
  FailureOr<LinearAccess> access(linalg::GenericOp op, Value tensor, AffineMap map,
                                 ArrayRef<unsigned> dims);
  Linear linear(Value value, const ModelPass &pass);
  LinearAccess extractAccess(tensor::ExtractOp op, const View &source,
                             const ModelPass &pass);
  void findNeeded(ModelPass &pass);

  KernelSignature &signature;
  func::FuncOp function;
  SmallVector<linalg::GenericOp> generics;
  linalg::GenericOp made; // not among them; its result is the first value
  DenseMap<Value, unsigned> numbers; // generic result -> values index
  KernelModel model;
  unsigned rank = 0;
};

FailureOr<View> ModelReader::view(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  View result;
  result.element = type.getElementType();
  if (const KernelArg *arg = signature.lookup(tensor)) {
    result.arg = arg;
    result.shape.assign(arg->shape.begin(), arg->shape.end());
    result.strides = signature.stridesOf(arg->shape);
    return result;
  }
  if (auto found = numbers.find(tensor); found != numbers.end()) {
    result.value = found->second;
    result.shape.assign(type.getRank(), std::nullopt);
    result.strides.assign(type.getRank(), Dim(0));
    if (made && tensor == made.getResult(0)) {
      auto fill = made.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
      auto empty = fill ? fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>() : nullptr;
      for (unsigned k = 0; empty && k < result.shape.size(); ++k)
        if (FailureOr<Dim> dim = signature.dimOf(empty.getMixedSizes()[k]); succeeded(dim))
          result.shape[k] = *dim;
    }
    return result;
  }
  Operation *op = tensor.getDefiningOp();
  auto sizeOf = [&](OpFoldResult size) -> std::optional<Dim> {
    FailureOr<Dim> dim = signature.dimOf(size);
    return failed(dim) ? std::nullopt : std::optional<Dim>(*dim);
  };
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op)) {
    FailureOr<View> source = view(slice.getSource());
    if (failed(source) || !source->arg)
      return slice.emitError("a kernel may slice its arguments only");
    result.arg = source->arg;
    result.offset = source->offset;
    result.terms = source->terms;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (unsigned k = 0; k < source->strides.size(); ++k) {
      const Dim &stride = source->strides[k];
      OpFoldResult start = slice.getMixedOffsets()[k];
      if (FailureOr<Dim> dim = signature.dimOf(start); succeeded(dim))
        result.offset = result.offset + *dim * stride;
      else
        result.terms.emplace_back(cast<Value>(start), stride);
      if (dropped.test(k))
        continue;
      FailureOr<Dim> step = signature.dimOf(slice.getMixedStrides()[k]);
      if (failed(step))
        return slice.emitError("the step of a slice must be a constant or an index argument");
      result.strides.push_back(stride * *step);
      result.shape.push_back(sizeOf(slice.getMixedSizes()[k]));
    }
    return result;
  }
  auto reshaped = [&](Value source, Dims shape) -> FailureOr<View> {
    const KernelArg *arg = signature.lookup(source);
    if (!arg)
      return op->emitError("a kernel may reshape its arguments only");
    result.arg = arg;
    result.shape.assign(shape.begin(), shape.end());
    result.strides = signature.stridesOf(shape);
    return result;
  };
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op)) {
    Dims shape;
    for (OpFoldResult size : expand.getMixedOutputShape()) {
      std::optional<Dim> dim = sizeOf(size);
      if (!dim)
        return expand.emitError("a size is not an expression of the kernel's dims");
      shape.push_back(*dim);
    }
    return reshaped(expand.getSrc(), shape);
  }
  if (auto flat = dyn_cast_or_null<tensor::CollapseShapeOp>(op)) {
    Dims shape;
    const KernelArg *arg = signature.lookup(flat.getSrc());
    for (const auto &group : flat.getReassociationIndices()) {
      Dim size = 1;
      for (int64_t k : group)
        if (arg)
          size = size * arg->shape[k];
      shape.push_back(size);
    }
    return reshaped(flat.getSrc(), shape);
  }
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return view(cast.getSource());
  Location loc = op ? op->getLoc() : tensor.getLoc();
  return emitError(loc, "a kernel operand must be an argument, a slice of one or "
                        "a pass's result, and is ")
         << (op ? op->getName().getStringRef() : "a block argument");
}

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
        FailureOr<View> v = view(source);
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

FailureOr<LinearAccess> ModelReader::access(linalg::GenericOp op, Value tensor,
                                            AffineMap map, ArrayRef<unsigned> dims) {
  FailureOr<View> source = view(tensor);
  if (failed(source))
    return failure();
  LinearAccess result;
  result.arg = source->arg;
  result.value = source->value;
  result.element = source->element;
  result.offset = source->offset;
  result.terms = source->terms;
  result.strides.assign(rank, Dim(0));
  for (auto [k, expr] : llvm::enumerate(map.getResults())) {
    if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
      unsigned d = dims[loop.getPosition()];
      // A dim of one element does not move.
      if (!(model.sizes[d] == Dim(1)))
        result.strides[d] = result.strides[d] + source->strides[k];
    } else if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      result.offset = result.offset + source->strides[k] * Dim(constant.getValue());
    } else {
      return op.emitError("the indexing map ")
             << AffineMapAttr::get(map) << " has a result that is neither a loop nor a constant";
    }
  }
  for (Dim &stride : result.strides)
    stride = signature.canonical(stride);
  result.offset = signature.canonical(result.offset);
  return result;
}

Linear ModelReader::linear(Value value, const ModelPass &pass) {
  Linear result;
  result.strides.assign(rank, Dim(0));
  if (FailureOr<Dim> dim = signature.dimOf(value); succeeded(dim)) {
    result.offset = *dim;
    return result;
  }
  Operation *op = value.getDefiningOp();
  if (auto index = dyn_cast_or_null<linalg::IndexOp>(op)) {
    result.strides[pass.dims[index.getDim()]] = Dim(1);
    return result;
  }
  if (isa_and_nonnull<arith::IndexCastOp>(op) &&
      (value.getType().isIndex() || value.getType().isInteger(64)) &&
      (op->getOperand(0).getType().isIndex() || op->getOperand(0).getType().isInteger(64)))
    return linear(op->getOperand(0), pass);
  if (isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op)) {
    Linear a = linear(op->getOperand(0), pass), b = linear(op->getOperand(1), pass);
    auto scaled = [&](const Linear &x, const Dim &by) {
      Linear y = x;
      for (Dim &s : y.strides)
        s = s * by;
      y.offset = y.offset * by;
      for (auto &[v, c] : y.terms)
        c = c * by;
      return y;
    };
    if (isa<arith::MulIOp>(op)) {
      if (a.isInvariant())
        return scaled(b, a.offset);
      if (b.isInvariant())
        return scaled(a, b.offset);
    } else {
      if (isa<arith::SubIOp>(op))
        b = scaled(b, Dim(-1));
      for (unsigned d = 0; d < rank; ++d)
        a.strides[d] = a.strides[d] + b.strides[d];
      a.offset = a.offset + b.offset;
      a.terms.append(b.terms);
      return a;
    }
  }
  result.terms.emplace_back(value, Dim(1));
  return result;
}

LinearAccess ModelReader::extractAccess(tensor::ExtractOp op, const View &source,
                                        const ModelPass &pass) {
  LinearAccess result;
  result.arg = source.arg;
  result.element = source.element;
  result.offset = source.offset;
  result.terms = source.terms;
  result.strides.assign(rank, Dim(0));
  for (auto [k, index] : llvm::enumerate(op.getIndices())) {
    const Dim &stride = source.strides[k];
    Linear at = linear(index, pass);
    for (unsigned d = 0; d < rank; ++d)
      result.strides[d] = signature.canonical(result.strides[d] + at.strides[d] * stride);
    result.offset = signature.canonical(result.offset + at.offset * stride);
    for (auto &[value, coefficient] : at.terms)
      result.terms.emplace_back(value, signature.canonical(coefficient * stride));
  }
  return result;
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
    FailureOr<View> source = view(extract.getTensor());
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
    if (operand.getDefiningOp<ir::ArgMaxOp>() || operand.getDefiningOp<ir::ArgMinOp>()) {
      if (auto found = numbers.find(operand.getDefiningOp()->getOperand(0)); found != numbers.end())
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

} // namespace

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
