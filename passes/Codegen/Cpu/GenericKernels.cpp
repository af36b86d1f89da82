//===- GenericKernels.cpp - generic kernels: cost, scratch, elementwise ---===//

#include "passes/Codegen/Cpu/GenericKernel.h"

#include "passes/Codegen/Cpu/EmptyGathers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace oriel {

namespace {
// Elements of a row one task handles: large enough to hide a task's start,
// small enough to split a row over the threads.
constexpr int64_t kRowBlock = 16384;
} // namespace

/// What a function of the math dialect takes, in 1/64 ns a byte of its result.
static int64_t weightOf(Operation *op) {
  if (isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::FloorOp, math::CeilOp, math::RoundEvenOp, math::FmaOp>(op))
    return 1;
  if (isa<math::ExpOp, math::LogOp, math::SqrtOp>(op))
    return 3;
  return isa<math::PowFOp>(op) ? 20 : 5;
}

/// Rough work in 1/64 ns: bytes touched and ops by weight, as of data in the
/// second and third cache (`bin/estimates` compares it with what is measured).
Dim GenericKernel::cost() const {
  Dim total = 0;
  for (const ModelPass &pass : model.passes) {
    int64_t weight = 1;
    for (Operation *op : pass.needed) {
      bool varies = pass.varying.contains(op->getResult(0));
      if (!varies || isa<arith::ConstantOp>(op))
        continue;
      int64_t bytes = getStorageBytes(op->getResult(0).getType());
      if (isa<math::MathDialect>(op->getDialect()))
        weight += weightOf(op) * bytes;
      else if (isa<tensor::ExtractOp>(op))
        weight += 32;
      else if (isa<arith::DivFOp>(op))
        weight += 3 * bytes;
      else if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op))
        weight += 200;
      else if (op->getNumRegions())
        weight += 2000;
      else
        weight += std::max<int64_t>(1, bytes / 4);
    }
    for (auto [k, input] : llvm::enumerate(pass.inputs))
      if (pass.varying.contains(ModelPass(pass).op.getBody()->getArgument(k)))
        weight += (input.innerStride() == Dim(1) ? 1 : 3) * getStorageBytes(input.element);
    for (const PassResult &result : pass.results)
      if (!result.isReduced)
        weight += 2 * getStorageBytes(result.acc.getType());
    Dim elements = 1;
    for (unsigned d = 0; d < model.rank(); ++d)
      if (llvm::is_contained(pass.dims, d))
        elements = elements * model.sizes[d];
    total = total + elements * Dim(weight);
  }
  return ceilDiv(total, 64) + Dim(20);
}

void GenericKernel::layoutScratch(const Dim &rowElements) {
  for (ModelValue &value : model.values) {
    if (!value.hasInner || !value.stores.empty() || !value.isRead)
      continue;
    value.scratchOffset = info.scratch;
    info.scratch = info.scratch + roundUp64(rowElements * Dim(getStorageBytes(value.element)));
  }
}

bool GenericKernel::shouldSplitRows() const {
  if (isAtMost(model.sizes.back(), kRowLeaf))
    return false;
  // The leaves of one pass are independent; anything else over the row is not.
  unsigned full = 0;
  for (const ModelPass &pass : model.passes)
    full += !pass.lacksReduced;
  return full == 1 && model.passes.front().isReduction && model.passes.front().checks.empty();
}

LogicalResult GenericKernel::emit() {
  if (failed(PassEmitter::check(model)))
    return failure();
  bool anyFull = llvm::any_of(model.passes, [](const ModelPass &p) { return !p.lacksReduced; });
  if (model.reducedAxis >= 0 && !model.reducesRows()) {
    for (const ModelPass &pass : model.passes) {
      if (!pass.checks.empty())
        return signature.getFunction().emitError("a column reduction must not check indices");
      if (&pass != &model.passes.front() && !pass.lacksReduced)
        return signature.getFunction().emitError(
            "a column reduction must have one pass over the reduced axis, the first");
    }
    emitColumns();
  } else if (model.reducedAxis >= 0) {
    Dim others = 1;
    std::optional<Dim> when = areTransposedRows();
    bool areTransposed = when.has_value();
    if (!when)
      when = areShortRows();
    if (when) {
      emitAcrossRows(*when, areTransposed);
      others = Dim(1) - *when;
    }
    if (std::optional<Dim> longOnes = areLongChains()) {
      emitLongChains(*longOnes);
      others = others - *longOnes;
    }
    scratchRow = model.sizes.back() * others;
    size_t first = info.tasks.size();
    if (!(others == Dim(0)))
      shouldSplitRows() ? emitSplitRows() : emitRows();
    for (size_t phase = first; phase < info.tasks.size(); ++phase)
      info.tasks[phase] = info.tasks[phase] * others;
  } else if (!anyFull) {
    emitRows();
  } else {
    info.tasks.push_back(planElementwise());
    EntryBuilder entry = startEntry();
    emitElementwise(entry);
    entry.finish();
  }
  addEmptyGathers(module, signature, &model, options.vectorBits, info);
  info.cost = cost();
  info.fallible = model.isFallible();
  return success();
}

/// The dims before the last, in the order rows are taken in: that of the memory
/// of the first operand that moves along all of them. Rows written apart cost
/// less than rows read apart.
SmallVector<unsigned> GenericKernel::orderOfRows() const {
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, model.rank() - 1));
  if (model.isFallible())
    return order;
  for (const ModelPass &pass : model.passes)
    for (const LinearAccess &input : pass.inputs) {
      if (!input.arg || input.arg->isOutput || !(input.innerStride() == Dim(1)))
        continue;
      const Dims &strides = input.strides;
      SmallVector<unsigned> sorted;
      // From the innermost out: each dim's stride is the last one's times its size.
      Dim next = model.sizes.back();
      while (sorted.size() < order.size()) {
        auto found = llvm::find_if(order, [&](unsigned d) {
          return !llvm::is_contained(sorted, d) && strides[d] == signature.canonical(next);
        });
        if (found == order.end())
          break;
        sorted.push_back(*found);
        next = next * model.sizes[*found];
      }
      if (sorted.size() == order.size()) {
        std::reverse(sorted.begin(), sorted.end());
        return sorted;
      }
    }
  return order;
}

Dim GenericKernel::planElementwise() {
  const Dim &n = model.sizes.back();
  tiled = planTranspose(model, TransposeKind::kBlocks);
  if (!tiled) {
    bool single = isAtMost(n, kRowBlock);
    layoutScratch(single ? n : Dim(kRowBlock));
    for (unsigned d : orderOfRows())
      tasks.push_back(model.sizes[d]);
    if (!single)
      tasks.push_back(ceilDiv(n, kRowBlock));
    return NumElements(tasks);
  }
  layoutScratch(Dim(tiled->columns));
  stagedAt = info.scratch;
  info.scratch = info.scratch + tiled->bytes;
  // Tasks: the other dims, then tiles of rows x columns, those side by side in
  // the operand's lines after each other: it is read as the machine fetches
  // ahead, and written where it may.
  for (unsigned d = 0; d + 1 < model.rank(); ++d)
    if (d != tiled->dim)
      tasks.push_back(model.sizes[d]);
  tasks.push_back(ceilDiv(n, tiled->columns));
  tasks.push_back(ceilDiv(model.sizes[tiled->dim], tiled->rows));
  return NumElements(tasks);
}

void GenericKernel::emitElementwise(EntryBuilder &entry) {
  tiled ? emitTransposed(entry) : emitBlocks(entry);
}

void GenericKernel::emitBlocks(EntryBuilder &entry) {
  const Dim &n = model.sizes.back();
  bool single = isAtMost(n, kRowBlock);
  SmallVector<unsigned> order = orderOfRows();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, tasks);
  Value end = entry.dim(n);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(model.rank(), code.i64(0));
    for (auto [k, d] : llvm::enumerate(order))
      indices[d] = task[k];
    Value lo = code.i64(0), hi = end;
    if (!single) {
      lo = code.mul(task.back(), code.i64(kRowBlock));
      hi = code.minimum(code.add(lo, code.i64(kRowBlock)), end);
    }
    emitter.beginRow(indices, lo, hi);
    for (const ModelPass &pass : model.passes)
      emitter.emitPass(pass);
  });
}

void GenericKernel::emitTransposed(EntryBuilder &entry) {
  const Dim &n = model.sizes.back();
  const Dim &m = model.sizes[tiled->dim];
  SmallVector<unsigned> others;
  for (unsigned d = 0; d + 1 < model.rank(); ++d)
    if (d != tiled->dim)
      others.push_back(d);
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, model, options.vectorBits);
  SmallVector<Value> sizes = values(entry, tasks);
  Value endRow = entry.dim(m), endColumn = entry.dim(n);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(model.rank(), code.i64(0));
    for (auto [k, d] : llvm::enumerate(others))
      indices[d] = task[k];
    Value rowLo = code.mul(task.back(), code.i64(tiled->rows));
    Value rowHi = code.minimum(code.add(rowLo, code.i64(tiled->rows)), endRow);
    Value lo = code.mul(task[others.size()], code.i64(tiled->columns));
    Value hi = code.minimum(code.add(lo, code.i64(tiled->columns)), endColumn);
    emitTransposeTile(emitter, model, *tiled, stagedAt, indices, rowLo, rowHi, lo, hi);
  });
}

LogicalResult emitGenericKernel(ModuleOp module, KernelSignature &signature,
                                const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<KernelModel> model = KernelModel::get(signature);
  if (failed(model))
    return failure();
  return GenericKernel(module, signature, *model, options, info).emit();
}

} // namespace oriel
