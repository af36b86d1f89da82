//===- MatMulLanes.cpp - products with a vector, along k -------------------===//
//
// A function sums a leaf of k for some columns of the result; the entries go over
// columns and leaves. Few columns with many leaves are a phase whose tasks are
// leaves and one that combines them, so that a single dot product uses every
// thread: the tree is the same.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MatMulLanes.h"

#include "passes/Codegen/Cpu/GenericKernel.h"
#include "passes/Codegen/Cpu/PassEmitter.h"
#include "passes/Codegen/Cpu/RowsTogether.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {

namespace {
// Columns of a task where each lies along k.
constexpr int64_t kColumnsAlong = kRowsTogether;
// Leaves are tasks where k has as many elements and the columns are this few.
constexpr int64_t kLongSum = 65536, kFewGroups = 8;
// Leaves of such a task.
constexpr int64_t kLeavesTogether = 4;

bool isFloat(const MatMulSpec &spec) {
  return spec.kind == MatMulKind::kFloat || spec.kind == MatMulKind::kFloatApart;
}

/// The entries of the kernel.
class LaneProducts {
public:
  LaneProducts(ModuleOp module, KernelSignature &signature, const MatMulSpec &spec,
               const MatMulBlocks &blocks, KernelInfo &info)
      : module(module), signature(signature), spec(spec), blocks(blocks), info(info),
        symbol(signature.getFunction().getSymName().str()) {
    isAcross = spec.b.k != Dim(1) && spec.b.j == Dim(1);
    width = isAcross ? kLanesVectorsAcross * blocks.lanes : kColumnsAlong;
    sizes = spec.batch;
    sizes.push_back(ceilDiv(spec.n, width));
    leaves = spec.k.is_static() ? Dim(std::max<int64_t>(1, (spec.k.value() + kRowLeaf - 1) / kRowLeaf))
                                : Dim::Max(ceilDiv(spec.k, kRowLeaf), Dim(1));
  }

  LogicalResult run();

private:
  /// A task's columns.
  struct Group {
    SmallVector<Value> batch;
    Value j, columns, tile, flat;
  };
  Dim areLeavesTasks() const;
  void emitWhole();
  void emitLeaves();
  void emitCombined();
  EntryBuilder startEntry() {
    info.entries.push_back(symbol + "_" + std::to_string(info.entries.size()));
    EntryBuilder entry(module, signature, info.entries.back());
    entry.code.loc = getLineLoc(module.getContext(), spec.ordinal, LineRole::kLoop);
    return entry;
  }
  SmallVector<Value> values(EntryBuilder &entry, ArrayRef<Dim> dims) {
    SmallVector<Value> result;
    for (const Dim &dim : dims)
      result.push_back(entry.dim(dim));
    return result;
  }
  Group groupOf(EntryBuilder &entry, ArrayRef<Value> indices, Value tile);
  void callLeaf(EntryBuilder &entry, const Group &group, Value leaf);
  CounterStack makeStack(EntryBuilder &entry);
  void storeResult(EntryBuilder &entry, const Group &group);
  Type tileType(Code &code) { return code.vectorOf(spec.accumulator, width); }
  /// Where a leaf's sums wait for the others'.
  Value partial(EntryBuilder &entry, const Group &group, Value leaf) {
    Code &code = entry.code;
    Value at = code.add(code.mul(group.flat, entry.dim(leaves)), leaf);
    return code.gep(spec.accumulator, entry.shared(), code.mul(at, code.i64(width)));
  }

  ModuleOp module;
  KernelSignature &signature;
  const MatMulSpec &spec;
  const MatMulBlocks &blocks;
  KernelInfo &info;
  std::string symbol;
  bool isAcross;
  int64_t width;
  Dims sizes; // batch, groups of columns
  Dim leaves;
  func::FuncOp leafFunction;
  LogicalResult status = success();
};

LaneProducts::Group LaneProducts::groupOf(EntryBuilder &entry, ArrayRef<Value> indices,
                                          Value tile) {
  Code &code = entry.code;
  Group group;
  group.batch.assign(indices.begin(), indices.begin() + spec.batch.size());
  Value number = indices[spec.batch.size()];
  group.j = code.mul(number, code.i64(width));
  group.columns = code.minimum(code.i64(width), code.sub(entry.dim(spec.n), group.j));
  group.tile = tile;
  group.flat = code.i64(0);
  for (auto [size, index] : llvm::zip(sizes, indices))
    group.flat = code.add(code.mul(group.flat, entry.dim(size)), index);
  return group;
}

void LaneProducts::callLeaf(EntryBuilder &entry, const Group &group, Value leaf) {
  Code &code = entry.code;
  Value from = code.mul(leaf, code.i64(kRowLeaf)), k = entry.dim(spec.k);
  auto place = [&](const MatMulAccess &access, Value j) {
    return code.gep(access.arg->elementType, entry.pointer(*access.arg),
                    matmulOffset(entry, access, group.batch, nullptr, j, from));
  };
  func::CallOp::create(code, code.loc, leafFunction,
                       ValueRange{code.minimum(code.i64(kRowLeaf), code.sub(k, from)),
                                  place(spec.a, nullptr), entry.dim(spec.a.k),
                                  place(spec.b, group.j), entry.dim(spec.b.k),
                                  entry.dim(spec.b.j), group.columns, group.tile});
}

CounterStack LaneProducts::makeStack(EntryBuilder &entry) {
  Code &code = entry.code;
  return CounterStack(
      entry, [this, &code](Value older, Value newer) { return matmulAdd(code, spec.kind, older, newer); },
      tileType(code));
}

/// The tile through the epilogue.
void LaneProducts::storeResult(EntryBuilder &entry, const Group &group) {
  Code &code = entry.code;
  Type vector = code.vectorOf(spec.accumulator, blocks.lanes);
  Value zero = code.i64(0), whole = code.roundDown(group.columns, blocks.lanes);
  auto at = [&](Value c, Value mask) {
    Value sum = code.load(vector, code.gep(spec.accumulator, group.tile, c));
    if (failed(emitMatMulStore(entry, signature, spec, sum, group.batch, zero,
                               code.add(group.j, c), mask, blocks.lanes)))
      status = failure();
  };
  code.loop(zero, whole, code.i64(blocks.lanes), [&](Value c) { at(c, nullptr); });
  code.ifThen(code.less(whole, group.columns), [&] {
    at(whole, code.maskBelow(code.sub(group.columns, whole), blocks.lanes));
  });
}

/// 1 where a phase's tasks are leaves.
Dim LaneProducts::areLeavesTasks() const {
  Dim isLong = spec.k.is_static() ? Dim(spec.k.value() >= kLongSum)
                                  : Dim::Min(Dim::FloorDiv(spec.k, Dim(kLongSum)), Dim(1));
  Dim areFew = Dim::Min(Dim::Max(Dim(kFewGroups + 1) - NumElements(sizes), Dim(0)), Dim(1));
  return isLong * areFew;
}

/// Tasks are groups of columns, all leaves of k.
void LaneProducts::emitWhole() {
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  Value tile = entry.stack(spec.accumulator, width);
  entry.forEachTask(values(entry, sizes), [&](ArrayRef<Value> task) {
    Group group = groupOf(entry, task, tile);
    Value zero = code.i64(0), one = code.i64(1);
    if (leaves == Dim(1)) {
      callLeaf(entry, group, zero);
      return storeResult(entry, group);
    }
    Value count = entry.dim(leaves), several = code.less(one, count);
    CounterStack stack = makeStack(entry);
    code.loop(zero, count, one, [&](Value leaf) {
      callLeaf(entry, group, leaf);
      code.ifThen(several, [&] { stack.push(leaf, code.load(tileType(code), tile)); });
    });
    code.ifThen(several, [&] { code.store(stack.fold(count), tile); });
    storeResult(entry, group);
  });
  entry.finish();
}

void LaneProducts::emitLeaves() {
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  Value tile = entry.stack(spec.accumulator, width);
  Dims blocksOfLeaves = sizes;
  blocksOfLeaves.push_back(ceilDiv(leaves, kLeavesTogether));
  entry.forEachTask(values(entry, blocksOfLeaves), [&](ArrayRef<Value> task) {
    Group group = groupOf(entry, task.drop_back(), tile);
    Value first = code.mul(task.back(), code.i64(kLeavesTogether));
    Value last = code.minimum(code.add(first, code.i64(kLeavesTogether)), entry.dim(leaves));
    code.loop(first, last, code.i64(1), [&](Value leaf) {
      callLeaf(entry, group, leaf);
      code.store(code.load(tileType(code), tile), partial(entry, group, leaf));
    });
  });
  entry.finish();
}

void LaneProducts::emitCombined() {
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  Value tile = entry.stack(spec.accumulator, width), count = entry.dim(leaves);
  entry.forEachTask(values(entry, sizes), [&](ArrayRef<Value> task) {
    Group group = groupOf(entry, task, tile);
    CounterStack stack = makeStack(entry);
    code.loop(code.i64(0), count, code.i64(1), [&](Value leaf) {
      stack.push(leaf, code.load(tileType(code), partial(entry, group, leaf)));
    });
    code.store(stack.fold(count), tile);
    storeResult(entry, group);
  });
  entry.finish();
}

LogicalResult LaneProducts::run() {
  leafFunction = emitLanesLeaf(module, symbol + "_leaf", spec, blocks, isAcross, width);
  Dim split = areLeavesTasks(), groups = NumElements(sizes);
  int64_t bytes = spec.accumulator.getIntOrFloatBitWidth() / 8;
  info.scratch = info.shared = 0;
  info.tasks = {groups * (Dim(1) - split)};
  emitWhole();
  if (!(split == Dim(0))) {
    info.shared = groups * leaves * Dim(width * bytes) * split;
    info.tasks.push_back(groups * ceilDiv(leaves, kLeavesTogether) * split);
    emitLeaves();
    info.tasks.push_back(groups * split);
    emitCombined();
  }
  // What the caches give, and a few cycles a column.
  Dim columns = NumElements(spec.batch) * spec.n;
  info.cost = Dim::FloorDiv(columns * spec.k * Dim(getStorageBytes(spec.b.arg->elementType)), Dim(48)) +
              columns * Dim(4) + Dim(50);
  return status;
}

} // namespace

bool isSummedInLanes(const MatMulSpec &spec) {
  bool isMarked = spec.contraction->hasAttr(kContractionLanesAttr);
  if (isFloat(spec) || spec.hasRows)
    return isMarked;
  return spec.m == Dim(1) && spec.b.k == Dim(1) && (spec.b.j != Dim(1) || spec.n == Dim(1));
}

LogicalResult emitMatMulLanes(ModuleOp module, KernelSignature &signature, const MatMulSpec &spec,
                              const MatMulBlocks &blocks, KernelInfo &info) {
  if (spec.m != Dim(1) || spec.hasRows)
    return spec.contraction->emitError("expected a product with a vector, and no passes over "
                                       "its rows, where it is summed in lanes; it has ")
           << spec.m.ToString() << " rows and " << spec.n.ToString() << " columns";
  for (const MatMulAccess *operand : {&spec.a, &spec.b})
    if (operand->isMade() || operand->panels)
      return spec.contraction->emitError("expected operands that are read where they lie where a "
                                         "product is summed in lanes");
  return LaneProducts(module, signature, spec, blocks, info).run();
}

} // namespace oriel
