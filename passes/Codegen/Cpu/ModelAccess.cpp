//===- ModelAccess.cpp - where a kernel's generics read and write ---------===//

#include "passes/Codegen/Cpu/ModelReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

FailureOr<TensorView> ModelReader::view(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  TensorView result;
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
    FailureOr<TensorView> source = view(slice.getSource());
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
  auto reshaped = [&](Value source, Dims shape) -> FailureOr<TensorView> {
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

FailureOr<LinearAccess> ModelReader::access(linalg::GenericOp op, Value tensor,
                                            AffineMap map, ArrayRef<unsigned> dims) {
  FailureOr<TensorView> source = view(tensor);
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

LinearIndex ModelReader::linear(Value value, const ModelPass &pass) {
  LinearIndex result;
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
    LinearIndex a = linear(op->getOperand(0), pass), b = linear(op->getOperand(1), pass);
    auto scaled = [&](const LinearIndex &x, const Dim &by) {
      LinearIndex y = x;
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

LinearAccess ModelReader::extractAccess(tensor::ExtractOp op, const TensorView &source,
                                        const ModelPass &pass) {
  LinearAccess result;
  result.arg = source.arg;
  result.element = source.element;
  result.offset = source.offset;
  result.terms = source.terms;
  result.strides.assign(rank, Dim(0));
  for (auto [k, index] : llvm::enumerate(op.getIndices())) {
    const Dim &stride = source.strides[k];
    LinearIndex at = linear(index, pass);
    for (unsigned d = 0; d < rank; ++d)
      result.strides[d] = signature.canonical(result.strides[d] + at.strides[d] * stride);
    result.offset = signature.canonical(result.offset + at.offset * stride);
    for (auto &[value, coefficient] : at.terms)
      result.terms.emplace_back(value, signature.canonical(coefficient * stride));
  }
  return result;
}

} // namespace oriel
