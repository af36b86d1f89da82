//===- EmptyGathers.cpp - indices into slices without elements ------------===//

#include "passes/Codegen/Cpu/EmptyGathers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

#include "passes/Codegen/Cpu/PassEmitter.h"

using namespace mlir;

namespace oriel {

namespace {

/// One index of a pass: what computes it and checks it, nothing else.
struct Look {
  const KernelModel *model;
  ModelPass pass;
  SmallVector<unsigned> dims; // of the space, that the index tensor runs over
  SmallVector<unsigned> unused; // inputs that other values of the pass read
};

bool mayBeEmpty(const Dim &dim) { return !dim.is_static() || dim.value() == 0; }

/// `pass` reduced to what `check` needs.
Look lookFor(const KernelModel &model, const ModelPass &pass, Operation *check) {
  Look look{&model, pass, {}, {}};
  Block *body = ModelPass(pass).op.getBody();
  llvm::SetVector<Operation *> needed;
  DenseSet<Value> args;
  needed.insert(check);
  for (unsigned k = 0; k < needed.size(); ++k) {
    llvm::SetVector<Value> used(needed[k]->operand_begin(), needed[k]->operand_end());
    getUsedValuesDefinedAbove(needed[k]->getRegions(), used);
    for (Value value : used) {
      if (Operation *op = value.getDefiningOp(); op && op->getBlock() == body)
        needed.insert(op);
      else if (auto arg = dyn_cast<BlockArgument>(value); arg && arg.getOwner() == body)
        args.insert(arg);
    }
  }
  look.pass.needed.clear();
  look.pass.checks.clear();
  look.pass.results.clear();
  look.pass.varying.clear();
  for (Operation *op : needed) {
    look.pass.needed.insert(op);
    if (isCheckIndex(op))
      look.pass.checks.push_back(op);
  }
  for (Value value : pass.varying) {
    Operation *op = value.getDefiningOp();
    if (op ? needed.contains(op) : args.contains(value))
      look.pass.varying.insert(value);
  }
  for (unsigned k = 0; k < pass.inputs.size(); ++k)
    if (!args.contains(body->getArgument(k)))
      look.unused.push_back(k);
  for (int64_t loop : getCheckIndex(check).position)
    look.dims.push_back(pass.dims[loop]);
  llvm::sort(look.dims);
  return look;
}

void emitLook(EntryBuilder &entry, const KernelSignature &signature, const Look &look, unsigned vectorBits) {
  Code &code = entry.code;
  PassEmitter emitter(entry, signature, *look.model, vectorBits);
  for (unsigned k : look.unused)
    emitter.overrideInput(look.pass, k, Stream());
  const unsigned last = look.model->rank() - 1;
  const bool inner = llvm::is_contained(look.dims, last);
  SmallVector<Value> sizes;
  SmallVector<unsigned> outer;
  Value rows = code.i64(1), zero = code.i64(0), one = code.i64(1);
  for (unsigned d : look.dims) {
    if (d == last)
      continue;
    outer.push_back(d);
    sizes.push_back(entry.dim(look.model->sizes[d]));
    rows = code.mul(rows, sizes.back());
  }
  Value width = inner ? entry.dim(look.model->sizes[last]) : one;
  // Without an index there is nothing to read either.
  code.loop(zero, code.select(code.equal(width, zero), zero, rows), one, [&](Value row) {
    SmallVector<Value> indices(look.model->rank(), zero);
    SmallVector<Value> at = entry.decompose(row, sizes);
    for (auto [k, d] : llvm::enumerate(outer))
      indices[d] = at[k];
    emitter.beginRow(indices, zero, width);
    PassState state = emitter.prepare(look.pass); // checks what does not vary along the row
    if (look.pass.varying.empty())
      return;
    Value end = width;
    if (state.indexable) {
      end = code.select(state.indexable, width, zero);
      code.ifThen(code.equal(end, zero),
                  [&] { emitter.emitStep(state, zero, 0, nullptr, {}, /*onlyChecks=*/true); });
    }
    code.loop(zero, end, one, [&](Value j) { emitter.emitStep(state, j, 0, nullptr, {}); });
  });
}

} // namespace

void addEmptyGathers(ModuleOp module, const KernelSignature &signature,
                     ArrayRef<const KernelModel *> models, unsigned vectorBits, KernelInfo &info) {
  std::vector<Look> looks;
  Dim any = 0;
  for (const KernelModel *model : models) {
    Dim elements = NumElements(model->sizes);
    if (!mayBeEmpty(elements))
      continue;
    for (const ModelPass &pass : model->passes)
      for (Operation *check : pass.checks) {
        Look look = lookFor(*model, pass, check);
        // Where all other dims have elements every index has some.
        bool isPart = false;
        for (unsigned d = 0; d < model->rank(); ++d)
          isPart |= !llvm::is_contained(look.dims, d) && mayBeEmpty(model->sizes[d]);
        if (!isPart)
          continue;
        looks.push_back(std::move(look));
        any = Dim::Max(any, Dim(1) - Dim::Min(1, elements));
      }
  }
  if (looks.empty())
    return;
  info.entries.push_back((signature.getFunction().getName() + "_empty").str());
  info.tasks.push_back(any);
  EntryBuilder entry(module, signature, info.entries.back());
  Code &code = entry.code;
  for (const Look &look : looks)
    code.ifThen(code.equal(entry.dim(NumElements(look.model->sizes)), code.i64(0)),
                [&] { emitLook(entry, signature, look, vectorBits); });
  entry.finish();
}

} // namespace oriel
