//===- FewColumns.cpp - column reductions of a few columns ----------------===//
//
// Columns side by side fill no vector where there are three of them. Here a lane is a
// leaf of the reduced axis: rows of sixteen leaves are transposed into scratch, some
// at a time, and every lane adds up its own leaf's, in groups of eight and then as a
// chain, as it is specified. Partial rows and what combines them are those of
// ColumnKernels.cpp.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {

namespace {
constexpr int64_t kLeaves = 16;    // side by side
constexpr int64_t kFewColumns = 3; // four were as fast in their rows (Zen 4)
// Rows transposed at a time: with any number of columns they are whole blocks.
constexpr int64_t kRows = 2 * kColumnGroup;

bool isLaneInput(const ModelPass &pass, unsigned k, unsigned axis) {
  const LinearAccess &input = pass.inputs[k];
  return input.arg && isUsed(pass, k) && !(input.strides[axis] == Dim(0));
}
} // namespace

/// 1 where there are that few columns and many rows, 0 where not, as an expression of
/// the kernel's dims; nothing where never.
std::optional<Dim> GenericKernel::areFewColumns() const {
  unsigned axis = model.reducedAxis;
  const Dim &n = model.sizes[axis], &columns = model.sizes.back();
  if (axis + 2 != model.rank() || isAtMost(n, kLeaves * kColumnLeaf - 1) ||
      (columns.is_static() && (columns.value() > kFewColumns || columns.value() < 2)))
    return std::nullopt;
  const ModelPass &pass = model.passes.front();
  if (!pass.extracts.empty() || !PassEmitter::isCheap(pass))
    return std::nullopt;
  for (const PassResult &result : pass.results)
    if (!result.isReduced)
      return std::nullopt;
  for (Operation *op : pass.needed)
    if (isa<linalg::IndexOp>(op))
      return std::nullopt;
  bool any = false;
  for (unsigned k = 0; k < pass.inputs.size(); ++k) {
    const LinearAccess &input = pass.inputs[k];
    if (!isUsed(pass, k))
      continue;
    if (!input.arg)
      return std::nullopt;
    if (!isLaneInput(pass, k, axis))
      continue;
    any = true;
    if (!(input.innerStride() == Dim(1)) || !(input.strides[axis] == columns))
      return std::nullopt;
  }
  if (!any)
    return std::nullopt;
  auto isPositive = [](const Dim &x) { return Dim::Min(Dim::Max(x, Dim(0)), Dim(1)); };
  Dim areFew = columns.is_static() ? Dim(1) : isPositive(Dim(kFewColumns + 1) - columns);
  Dim areMany = n.is_static() ? Dim(1) : isPositive(Dim::FloorDiv(n, Dim(kLeaves * kColumnLeaf)));
  return areFew * areMany;
}

/// The phase that makes the partial rows, in the shared workspace at `partials`, of
/// whole leaves, sixteen at a time; returns of how many.
Dim GenericKernel::emitFewColumns(const Dim &when, const Dim &leaves, ArrayRef<Dim> partials) {
  const unsigned axis = model.reducedAxis;
  const Dim &columns = model.sizes.back();
  const Dim most = columns.is_static() ? columns : Dim(kFewColumns);
  KernelModel across = swapDims(model, axis);
  const ModelPass &pass = across.passes.front();
  const Dim blocks = Dim::FloorDiv(model.sizes[axis], Dim(kLeaves * kColumnLeaf));
  Dims space(model.sizes.begin(), model.sizes.begin() + axis);
  space.push_back(blocks);
  info.tasks.push_back(NumElements(space) * when);

  auto reserve = [&](const Dim &rows, Type element) {
    Dim offset = info.scratch;
    info.scratch = info.scratch + roundUp64(rows * Dim(kLeaves * getStorageBytes(element)));
    return offset;
  };
  SmallVector<Dim> tiles(pass.inputs.size()), accs;
  SmallVector<const PassResult *> reduced;
  for (auto [k, input] : llvm::enumerate(pass.inputs))
    if (isLaneInput(model.passes.front(), k, axis))
      tiles[k] = reserve(Dim(kRows) * most, input.element);
  for (const PassResult &result : pass.results) {
    reduced.push_back(&result);
    accs.push_back(reserve(most, result.acc.getType()));
  }

  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, across, options.vectorBits);
  Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(reduced[0]->combiner->getLoc()), LineRole::kLoop));
  Value zero = code.i64(0), one = code.i64(1), lanes = code.i64(kLeaves);
  Value many = entry.dim(columns);
  // Row k of kLeaves elements.
  auto row = [&](const Dim &offset, Value k, Type element) {
    Type storage = getStorageType(element);
    Value base = code.gep(code.getI8Type(), entry.scratch(), entry.dim(offset));
    return Stream{code.gep(storage, base, code.mul(k, lanes)), Dim(1), element};
  };
  entry.forEachTask(values(entry, space), [&](ArrayRef<Value> task) {
    SmallVector<Value> indices(task.begin(), task.end() - 1);
    indices.resize(across.rank(), zero);
    Value leaf = code.mul(task.back(), lanes);
    emitter.beginRow(indices, zero, lanes);
    // Where the leaves' elements begin.
    SmallVector<Value> sources(pass.inputs.size());
    Value elements = code.mul(code.i64(kColumnLeaf), many);
    for (auto [k, input] : llvm::enumerate(pass.inputs))
      if (isLaneInput(model.passes.front(), k, axis))
        sources[k] = code.gep(getStorageType(input.element), emitter.accessStream(input).base,
                              code.mul(leaf, elements));
    code.loop(zero, many, one, [&](Value c) {
      for (auto [r, result] : llvm::enumerate(reduced))
        emitter.storeStream(row(accs[r], c, result->acc.getType()),
                            code.splat(emitter.capture(result->neutral), kLeaves), zero, kLeaves, nullptr);
    });
    code.loop(zero, code.i64(kColumnLeaf), code.i64(kRows), [&](Value first) {
      Value from = code.mul(first, many), length = code.mul(code.i64(kRows), many);
      for (auto [k, input] : llvm::enumerate(pass.inputs)) {
        if (!sources[k])
          continue;
        Type element = getStorageType(input.element);
        TileMove move{element, code.gep(element, sources[k], from), elements,
                      row(tiles[k], zero, input.element).base, lanes, nullptr};
        transposeBlocks(entry, options.vectorBits, move, length, kLeaves);
        // As much of the task after this one, in the order of memory.
        Value bytes = code.mul(length, code.i64(kLeaves * getStorageBytes(element)));
        Value next = code.gep(element, sources[k], code.mul(elements, lanes));
        Value at = code.gep(element, next, code.mul(from, lanes));
        code.loop(zero, bytes, code.i64(kLineBytes), [&](Value line) {
          LLVM::Prefetch::create(code, code.loc, code.gep(code.getI8Type(), at, line), /*rw=*/0u,
                                 /*hint=*/2u, /*cache=*/1u);
        });
      }
      code.loop(zero, many, one, [&](Value c) {
        indices[axis] = c;
        for (int64_t group = 0; group < kRows; group += kColumnGroup) {
          std::vector<PassState> states;
          for (int64_t k = 0; k < kColumnGroup; ++k) {
            Value at = code.add(code.mul(code.i64(group + k), many), c);
            emitter.beginRow(indices, zero, lanes);
            for (auto [i, input] : llvm::enumerate(pass.inputs))
              if (sources[i])
                emitter.overrideInput(pass, i, row(tiles[i], at, input.element));
            states.push_back(emitter.prepare(pass));
            emitter.prepareSplats(states.back(), kLeaves);
          }
          SmallVector<Value> sums = combinePairwise(code, reduced, kColumnGroup, [&](int64_t k) {
            return emitter.emitOperands(states[k], zero, kLeaves, nullptr);
          });
          for (auto [r, result] : llvm::enumerate(reduced)) {
            Stream acc = row(accs[r], c, result->acc.getType());
            Value before = emitter.loadStream(acc, zero, kLeaves, nullptr);
            emitter.storeStream(acc, combine(code, *result, before, sums[r]), zero, kLeaves, nullptr);
          }
        }
        emitter.clearOverrides();
      });
    });
    // Lane l of column c is element c of leaf l's partial row.
    for (auto [r, result] : llvm::enumerate(reduced)) {
      Type type = result->acc.getType();
      Value at = zero;
      for (unsigned d = 0; d < axis; ++d)
        at = code.add(code.mul(at, entry.dim(model.sizes[d])), indices[d]);
      at = code.mul(code.add(code.mul(at, entry.dim(leaves)), leaf), many);
      Value base = code.gep(code.getI8Type(), entry.shared(), entry.dim(partials[r]));
      Value from = row(accs[r], zero, type).base, to = code.gep(type, base, at);
      code.loop(zero, many, one, [&](Value c) {
        code.loop(zero, lanes, one, [&](Value l) {
          Value sum = code.load(type, code.gep(type, from, code.add(code.mul(c, lanes), l)));
          code.store(sum, code.gep(type, to, code.add(code.mul(l, many), c)));
        });
      });
    }
  });
  entry.finish();
  return blocks * Dim(kLeaves);
}

} // namespace oriel
