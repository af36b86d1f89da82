//===- MatMulMatch.cpp - reading the lowered form of a matmul -------------===//

#include "passes/Codegen/Cpu/LoweredValues.h"
#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {
namespace {

/// Matmul dims in order: batch dims, i, j, k.
struct Dimensions {
  unsigned batches = 0;
  unsigned i() const { return batches; }
  unsigned j() const { return batches + 1; }
  unsigned k() const { return batches + 2; }
};

class Matcher {
public:
  Matcher(KernelSignature &signature) : signature(signature) {}

  FailureOr<MatMulSpec> run();

private:
  /// What is multiplied: the body's arguments it is made of, and the ops, in order.
  struct Factor {
    Value value;
    SmallVector<unsigned> arguments;
    SmallVector<Operation *, 2> ops;
    bool isChain = true; // each op on the one before and numbers
  };

  LogicalResult findOps();
  LogicalResult numberDims();
  LogicalResult readOperands();
  LogicalResult readKind();
  LogicalResult readFactor(Value factor);
  FailureOr<MatMulAccess> readOperand(const Factor &factor, bool &overI, bool &overJ);
  /// Dims of the result that no operand runs over (each element is repeated
  /// along them) have their sizes from the result, the contracted one
  /// from an operand that states it.
  LogicalResult noteRepeated();
  LogicalResult readEpilogue();
  LogicalResult readOutputs();
  /// Where `value` goes, with `role[loop]` = the matmul dim of each loop.
  FailureOr<MatMulAccess> access(Operation *op, Value value, AffineMap map,
                                 ArrayRef<unsigned> role);
  void noteSize(unsigned dim, const Dim &size);
  void transposeColumn();

  KernelSignature &signature;
  MatMulSpec spec;
  Dimensions dims;
  SmallVector<unsigned> role;            // of the contraction's loops
  SmallVector<Factor, 2> factors;
  SmallVector<std::optional<Dim>> sizes; // per matmul dim
};

FailureOr<MatMulSpec> Matcher::run() {
  if (failed(findOps()) || failed(numberDims()) || failed(readKind()) ||
      failed(readOperands()) || failed(noteRepeated()) || failed(readEpilogue()) ||
      failed(readOutputs()))
    return failure();
  auto sizeOf = [&](unsigned dim) {
    return sizes[dim] ? signature.canonical(*sizes[dim]) : Dim(1);
  };
  for (unsigned b = 0; b < dims.batches; ++b)
    spec.batch.push_back(sizeOf(b));
  spec.m = sizeOf(dims.i());
  spec.n = sizeOf(dims.j());
  spec.k = sizeOf(dims.k());
  spec.ordinal = getOrdinal(spec.contraction.getLoc());
  if (spec.n == Dim(1) && spec.m != Dim(1) && !spec.hasRows)
    transposeColumn();
  // As large as the result, it may have given the result its storage: sums of a
  // part of k written there would be read as it. A vector's result has one row.
  bool readsLarge = llvm::any_of(spec.inputs, [&](const MatMulAccess &in) {
    return in.arg && (in.i != Dim(0) || spec.m == Dim(1)) &&
           (in.j != Dim(0) || spec.n == Dim(1));
  });
  spec.partialsInOutput = spec.outputs.size() == 1 && !readsLarge &&
                          spec.outputs[0].arg->elementType == spec.accumulator &&
                          spec.result == spec.accumulator;
  return spec;
}

LogicalResult Matcher::findOps() {
  func::FuncOp function = signature.getFunction();
  for (Operation &op : function.getBody().front()) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp || isa<linalg::FillOp>(op))
      continue;
    if (!spec.contraction) {
      if (linalgOp.getNumReductionLoops() != 1 || linalgOp.getNumDpsInputs() < 2)
        return op.emitError("expected a contraction of two operands over one "
                            "dim to come first in a matmul kernel");
      spec.contraction = linalgOp;
    } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      // More than one, or one that reduces, are passes over rows.
      spec.hasRows |= spec.epilogue || generic.getNumReductionLoops() != 0;
      spec.epilogue = generic;
    } else {
      return op.emitError("expected elementwise ops and reductions of rows after "
                          "the contraction of a matmul kernel");
    }
  }
  if (spec.hasRows)
    spec.epilogue = nullptr;
  if (!spec.contraction)
    return function.emitError("expected a contraction in a matmul kernel");
  return success();
}

LogicalResult Matcher::numberDims() {
  linalg::LinalgOp op = spec.contraction;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned loops = op.getNumLoops();
  if (!out.isProjectedPermutation() || out.getNumResults() + 1 != loops ||
      loops < 3)
    return op.emitError("expected a matmul result over all parallel dims, rank "
                        "2 or more, not ")
           << AffineMapAttr::get(out);
  dims.batches = loops - 3;
  sizes.resize(loops);
  role.assign(loops, dims.k());
  for (unsigned r = 0; r < out.getNumResults(); ++r)
    role[out.getDimPosition(r)] = r; // batch dims, then i, then j
  return success();
}

LogicalResult Matcher::readKind() {
  linalg::LinalgOp op = spec.contraction;
  Block &body = op->getRegion(0).front();
  Value yielded = body.getTerminator()->getOperand(0);
  while (Operation *def = yielded.getDefiningOp()) {
    if (!isa<arith::ExtUIOp, arith::TruncIOp>(def))
      break;
    yielded = def->getOperand(0);
  }
  Operation *combine = yielded.getDefiningOp();
  spec.result =
      getStorageType(getElementTypeOrSelf(op->getResult(0).getType()));
  MLIRContext *context = op.getContext();
  if (isa_and_nonnull<arith::AddFOp, arith::AddIOp>(combine)) {
    Operation *product = nullptr;
    for (Value term : combine->getOperands())
      if (Operation *def = term.getDefiningOp(); isa_and_nonnull<arith::MulFOp, arith::MulIOp>(def))
        product = def;
    if (!product)
      return op.emitError("expected a matmul to add a product");
    for (Value factor : product->getOperands())
      if (failed(readFactor(factor)))
        return failure();
  }
  if (isa_and_nonnull<arith::AddFOp>(combine)) {
    spec.kind = MatMulKind::kFloat;
    spec.accumulator = spec.result;
    if (!spec.result.isF64())
      spec.accumulator = Float32Type::get(context);
    return success();
  }
  unsigned bits = spec.result.getIntOrFloatBitWidth();
  Type wide = IntegerType::get(context, bits == 64 ? 64 : 32);
  if (isa_and_nonnull<arith::AddIOp>(combine)) {
    spec.kind = MatMulKind::kInteger;
    spec.accumulator = wide;
    return success();
  }
  if (isa_and_nonnull<arith::OrIOp, arith::MaxUIOp>(combine)) {
    spec.kind = MatMulKind::kBool;
    spec.accumulator = wide;
    return success();
  }
  return op.emitError("no matmul on ")
         << getElementTypeOrSelf(op->getOperand(0).getType())
         << " with this combining operation on this device";
}

LogicalResult Matcher::readFactor(Value value) {
  Factor factor;
  factor.value = value;
  SmallVector<Value> work{value};
  for (unsigned at = 0; at < work.size(); ++at) {
    Operation *def = work[at].getDefiningOp();
    if (!def) {
      unsigned number = cast<BlockArgument>(work[at]).getArgNumber();
      if (number >= spec.contraction.getNumDpsInputs())
        return spec.contraction.emitError("expected a matmul to multiply its operands");
      factor.arguments.push_back(number);
      continue;
    }
    bool isArithmetic = isa<arith::ArithDialect, math::MathDialect>(def->getDialect()) &&
                        def->getNumRegions() == 0 && def->getNumResults() == 1;
    if (!isArithmetic)
      return def->emitError("expected the factors of a matmul to be made of its operands "
                            "and numbers by arithmetic");
    factor.ops.push_back(def);
    unsigned values = 0;
    for (Value operand : def->getOperands()) {
      if (matchPattern(operand, m_Constant()))
        continue;
      ++values;
      if (!llvm::is_contained(work, operand))
        work.push_back(operand);
    }
    factor.isChain &= values == 1;
  }
  if (factor.arguments.empty())
    return spec.contraction.emitError("expected a matmul to multiply its operands");
  llvm::sort(factor.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  llvm::sort(factor.arguments);
  factors.push_back(std::move(factor));
  return success();
}

void Matcher::noteSize(unsigned dim, const Dim &size) {
  if (sizes[dim])
    signature.unify(*sizes[dim], size);
  else
    sizes[dim] = size;
}

/// A result of one column is computed as one row, in which lanes run along the
/// elements there are: the transposed product of the operands exchanged.
void Matcher::transposeColumn() {
  std::swap(spec.m, spec.n);
  std::swap(spec.a, spec.b);
  auto exchange = [](MatMulAccess &access) {
    std::swap(access.i, access.j);
    for (MatMulAccess &leaf : access.leaves)
      std::swap(leaf.i, leaf.j);
  };
  exchange(spec.a);
  exchange(spec.b);
  llvm::for_each(spec.inputs, exchange);
  for (MatMulAccess &output : spec.outputs) {
    exchange(output);
    output.i = 0; // of the one row
    if (output.arg)
      output.j = 1; // the rows of a column are contiguous
  }
  for (unsigned &dim : spec.epilogueDims)
    dim = dim == dims.i() ? dims.j() : dim == dims.j() ? dims.i() : dim;
}

FailureOr<MatMulAccess> Matcher::access(Operation *op, Value value,
                                        AffineMap map, ArrayRef<unsigned> role) {
  MatMulAccess result;
  result.arg = rootOf(signature, value);
  FailureOr<Dims> shape = shapeOf(signature, value);
  if (!result.arg || failed(shape))
    return op->emitError("expected a matmul kernel to read its arguments or "
                         "reshapes of them, not ")
           << value;
  result.batch.assign(dims.batches, Dim(0));
  Dims strides = signature.stridesOf(*shape);
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      if (constant.getValue() == 0)
        continue;
    }
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop)
      return op->emitError("expected plain dims in the indexing maps of a "
                           "matmul kernel, not ")
             << AffineMapAttr::get(map);
    unsigned dim = role[loop.getPosition()];
    noteSize(dim, (*shape)[axis]);
    Dim &stride = dim == dims.i()   ? result.i
                  : dim == dims.j() ? result.j
                  : dim == dims.k() ? result.k
                                    : result.batch[dim];
    stride = signature.canonical(stride + strides[axis]);
  }
  return result;
}

/// Where the tensors of a factor lie. It varies over what any of them does.
FailureOr<MatMulAccess> Matcher::readOperand(const Factor &factor, bool &overI, bool &overJ) {
  linalg::LinalgOp op = spec.contraction;
  std::vector<MatMulAccess> leaves;
  bool varies = true;
  for (unsigned number : factor.arguments) {
    OpOperand *operand = op.getDpsInputOperand(number);
    AffineMap map = op.getMatchingIndexingMap(operand);
    FailureOr<MatMulAccess> leaf = access(op, operand->get(), map, role);
    if (failed(leaf))
      return failure();
    auto runsOver = [&](unsigned dim) {
      return llvm::any_of(map.getResults(), [&](AffineExpr expr) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        return loop && role[loop.getPosition()] == dim;
      });
    };
    overI |= runsOver(dims.i());
    overJ |= runsOver(dims.j());
    varies &= runsOver(dims.k());
    leaf->element = op->getRegion(0).front().getArgument(number);
    leaves.push_back(std::move(*leaf));
  }
  MatMulAccess operand;
  if (factor.isChain && leaves.size() == 1 && (factor.ops.empty() || (varies && (overI || overJ)))) {
    operand = std::move(leaves.front());
  } else {
    operand = leaves.front();
    operand.leaves = std::move(leaves);
  }
  operand.element = factor.value;
  operand.casts = factor.ops;
  return operand;
}

LogicalResult Matcher::readOperands() {
  linalg::LinalgOp op = spec.contraction;
  // Truth values are multiplied as they are.
  for (unsigned n = factors.size(); n < 2; ++n) {
    factors.emplace_back();
    factors.back().value = op->getRegion(0).front().getArgument(n);
    factors.back().arguments.push_back(n);
  }
  llvm::sort(factors, [](const Factor &a, const Factor &b) { return a.arguments < b.arguments; });
  for (unsigned n = 0; n < 2; ++n) {
    bool overI = false, overJ = false;
    FailureOr<MatMulAccess> read = readOperand(factors[n], overI, overJ);
    if (failed(read))
      return failure();
    if (overI && overJ)
      return op.emitError("expected each matmul operand to vary over rows or "
                          "columns of the result, not both");
    // The product commutes, so either operand may hold the rows.
    (overJ || (!overI && n == 1) ? spec.b : spec.a) = *read;
  }
  if (!spec.a.arg || !spec.b.arg)
    return op.emitError("expected one matmul operand over the result's rows "
                        "and one over its columns");
  return success();
}

LogicalResult Matcher::noteRepeated() {
  FailureOr<Dims> shape = shapeOf(signature, spec.contraction->getResult(0));
  for (unsigned dim = 0; dim < dims.k(); ++dim) {
    if (sizes[dim])
      continue;
    if (failed(shape))
      return spec.contraction.emitError("expected a matmul's result of a known shape");
    sizes[dim] = (*shape)[dim];
  }
  // The contracted dim's is then stated by an operand that is not read.
  linalg::LinalgOp op = spec.contraction;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (sizes[dims.k()] || map.getNumResults() != 1 || !operand->get().getDefiningOp<tensor::EmptyOp>())
      continue;
    FailureOr<Dims> extent = shapeOf(signature, operand->get());
    if (failed(extent))
      return op.emitError("expected a known extent of a matmul's contracted dim");
    sizes[dims.k()] = extent->front();
  }
  if (!sizes[dims.k()])
    return op.emitError("expected an operand of a matmul over the contracted dim");
  return success();
}

LogicalResult Matcher::readEpilogue() {
  // The loops of the epilogue, seen from the contraction's result, which may
  // have lost unit dims on the way.
  Value value = spec.contraction->getResult(0);
  SmallVector<unsigned> positions =
      llvm::to_vector(llvm::seq<unsigned>(0, dims.batches + 2));
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(user)) {
      auto source = cast<RankedTensorType>(value.getType());
      SmallVector<unsigned> kept;
      for (const auto &group : collapse.getReassociationIndices()) {
        SmallVector<unsigned> wide;
        for (int64_t axis : group)
          if (source.getDimSize(axis) != 1)
            wide.push_back(positions[axis]);
        if (wide.size() > 1 && spec.epilogue)
          return user->emitError("expected a collapse between a matmul and its "
                                 "epilogue to drop unit dims only");
        kept.push_back(wide.empty() ? positions[group.back()] : wide.front());
      }
      positions = kept;
      value = collapse.getResult();
      continue;
    }
    if (auto cast = dyn_cast<tensor::CastOp>(user)) {
      value = cast.getResult();
      continue;
    }
    break;
  }
  if (!spec.epilogue)
    return success();
  linalg::GenericOp op = spec.epilogue;
  std::optional<unsigned> position;
  for (OpOperand *input : op.getDpsInputOperands())
    if (input->get() == value)
      position = input->getOperandNumber();
  if (!position)
    return op.emitError("expected the matmul's result among the epilogue's "
                        "operands");
  spec.epilogueResult = *position;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(*position));
  spec.epilogueDims.assign(op.getNumLoops(), ~0u);
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (loop)
      spec.epilogueDims[loop.getPosition()] = positions[axis];
    else if (!isa<AffineConstantExpr>(expr))
      return op.emitError("expected plain dims where an epilogue reads the "
                          "matmul's result, not ")
             << AffineMapAttr::get(map);
  }
  if (llvm::is_contained(spec.epilogueDims, ~0u))
    return op.emitError("expected the epilogue's iteration space to be the "
                        "matmul's result, but it has ")
           << op.getNumLoops() << " dims";
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (input->getOperandNumber() == *position) {
      spec.inputs.push_back({});
      continue;
    }
    FailureOr<MatMulAccess> read = access(
        op, input->get(), op.getMatchingIndexingMap(input), spec.epilogueDims);
    if (failed(read))
      return failure();
    spec.inputs.push_back(*read);
  }
  return success();
}

LogicalResult Matcher::readOutputs() {
  if (spec.hasRows)
    return success();
  func::FuncOp function = signature.getFunction();
  Operation *terminator = function.getBody().front().getTerminator();
  SmallVector<const KernelArg *> outputs;
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      outputs.push_back(&arg);
  if (outputs.size() != terminator->getNumOperands())
    return function.emitError("a kernel returns ")
           << terminator->getNumOperands() << " values but has "
           << outputs.size() << " outputs";
  // Results are bound to destinations by return position.
  linalg::LinalgOp last = spec.epilogue
                              ? linalg::LinalgOp(spec.epilogue.getOperation())
                              : spec.contraction;
  ArrayRef<unsigned> loops = spec.epilogue ? ArrayRef<unsigned>(spec.epilogueDims)
                                           : ArrayRef<unsigned>(role);
  spec.outputs.resize(last->getNumResults());
  for (auto [n, value] : llvm::enumerate(terminator->getOperands())) {
    Value source = value;
    while (Operation *op = source.getDefiningOp()) {
      if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op))
        break;
      source = op->getOperand(0);
    }
    auto result = dyn_cast<OpResult>(source);
    if (!result || result.getOwner() != last)
      return function.emitError("expected a matmul kernel to return results of "
                                "its last op only; result ")
             << n << " is not one";
    AffineMap map = last.getMatchingIndexingMap(
        last.getDpsInitOperand(result.getResultNumber()));
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return last.emitError("unexpected destination map ") << AffineMapAttr::get(map);
    // The shape before reshapes, in which the map speaks; only its unit dims
    // matter besides the sizes the loops already have.
    auto type = cast<RankedTensorType>(result.getType());
    Dims shape;
    for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      unsigned dim = loop ? loops[loop.getPosition()] : ~0u;
      shape.push_back(!type.isDynamicDim(axis) ? Dim(type.getDimSize(axis))
                      : sizes[dim]             ? *sizes[dim]
                                               : Dim(1));
    }
    Dims strides = signature.stridesOf(shape);
    MatMulAccess &write = spec.outputs[result.getResultNumber()];
    if (write.arg)
      return function.emitError("a matmul kernel returns one value twice");
    write.arg = outputs[n];
    write.batch.assign(dims.batches, Dim(0));
    for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      unsigned dim = loops[loop.getPosition()];
      Dim &stride = dim == dims.i()   ? write.i
                    : dim == dims.j() ? write.j
                                      : write.batch[dim];
      stride = strides[axis];
    }
    // A result without the column dim has one column: any stride will do.
    if (write.j == Dim(0))
      write.j = Dim(1);
    if (write.j != Dim(1))
      return last.emitError("expected the columns of a matmul's result to be "
                            "contiguous in the destination, not ")
             << AffineMapAttr::get(map);
  }
  return success();
}

} // namespace

FailureOr<MatMulSpec> matchMatMul(KernelSignature &signature) {
  return Matcher(signature).run();
}

} // namespace oriel
