//===- Scatter.cpp - the scatter emitter ----------------------------------===//
//
// Three phases: all indices are checked, the operand is copied unless the
// destination already holds it, the updates are applied in their order. The
// last checks what it uses as well, which costs nothing: an index that is not
// in [0, bound) is looked at again anyway, as it may be negative. So the first
// is for those only who write where a failed call must leave things as they
// were (a state in place); the planner leaves it out elsewhere.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Scatter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/EmptyGathers.h"
#include "passes/Codegen/Cpu/LoweredValues.h"
#include "passes/Codegen/Cpu/PassEmitter.h"
#include "passes/Codegen/Cpu/ScatterPieces.h"

using namespace mlir;

namespace oriel {

EntryBuilder::IndexCheck ScatterKernel::checkOf(EntryBuilder &entry, unsigned operand) const {
  EntryBuilder::IndexCheck check;
  check.ordinal = getOrdinal(op->getLoc());
  check.axis = ir::ScatterOp(op).getAxis() + operand;
  check.operand = operand;
  check.bound = entry.dim(bounds[operand]);
  return check;
}

namespace {

constexpr int64_t kChecksPerTask = 4096;
constexpr int64_t kElementsPerTask = 16384;
/// A range of the destination has at least as many elements: in the nearest caches
/// an update costs little more than the look at its index that each thread takes.
constexpr int64_t kElementsPerRange = 65536;
constexpr int64_t kMostRanges = 64;
/// A copy of the destination pays where many updates go to few elements.
constexpr int64_t kMostElementsCopied = 16384;
constexpr int64_t kUpdatesPerCopy = 65536;
constexpr int64_t kMostCopies = 8;

class ScatterEmitter {
public:
  ScatterEmitter(ModuleOp module, KernelSignature &signature, unsigned vectorBits)
      : module(module), signature(signature), symbol(signature.getFunction().getSymName()) {
    kernel.vectorBits = vectorBits;
  }

  LogicalResult run(KernelInfo &info);

private:
  LogicalResult match();
  LogicalResult matchMakers(KernelInfo &info);
  ScatterKernel::Made madeBy(Value value);
  Dim costOfMakers() const;
  void emitChecks();
  void checkIndices(EntryBuilder &entry, ScatterPieces &pieces, Value first, Value last);
  void emitCopies();
  std::string name(int phase) { return (symbol + "_" + Twine(phase)).str(); }

  ModuleOp module;
  KernelSignature &signature;
  StringRef symbol;
  ScatterKernel kernel;
  SmallVector<linalg::GenericOp> generics; // the makers
};

LogicalResult ScatterEmitter::match() {
  func::FuncOp function = signature.getFunction();
  for (auto scatter : function.getOps<ir::ScatterOp>()) {
    if (kernel.op)
      return scatter.emitError("is the second scatter of a kernel, required one");
    kernel.op = scatter;
  }
  ir::ScatterOp op = kernel.op;
  if (!op)
    return function.emitError("expected oriel.scatter in a scatter kernel");
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      kernel.out = &arg;
  kernel.updates = rootOf(signature, op.getUpdates());
  for (Value index : op.getIndices()) {
    kernel.indices.push_back(rootOf(signature, index));
    kernel.sameIndices.push_back(0);
    kernel.indicesMade.push_back(madeBy(index));
    if (kernel.indices.back() || kernel.indicesMade.back().maker >= 0)
      continue;
    auto filled = index.getDefiningOp<linalg::FillOp>();
    APInt same;
    if (!filled || !matchPattern(filled.getInputs()[0], m_ConstantInt(&same)))
      return op.emitError("expected indices that are an argument, a linalg.generic's result, or a fill with a constant");
    kernel.sameIndices.back() = same.getSExtValue();
  }
  if (!kernel.out)
    return op.emitError("expected a scatter kernel to have a result");
  if (auto filled = op.getX().getDefiningOp<linalg::FillOp>()) {
    if (!matchPattern(filled.getInputs()[0], m_Constant(&kernel.fill)))
      return op.emitError("expected a constant fill under a scatter");
  } else if (!(kernel.x = rootOf(signature, op.getX()))) {
    return op.emitError("expected a scatter into an argument or a fill");
  }
  FailureOr<Dims> shape = shapeOf(signature, op.getX());
  FailureOr<Dims> many = shapeOf(signature, op.getIndices().front());
  if (failed(shape) || failed(many))
    return op.emitError("a scatter's shapes are not dims of its arguments");
  size_t axis = op.getAxis(), k = kernel.indices.size();
  kernel.bounds.assign(shape->begin() + axis, shape->begin() + axis + k);
  kernel.outer = signature.canonical(productOf(*shape, 0, axis));
  kernel.slices = signature.canonical(productOf(kernel.bounds, 0, k));
  kernel.inner = signature.canonical(productOf(*shape, axis + k, shape->size()));
  kernel.count = signature.canonical(productOf(*many, 0, many->size()));
  kernel.ranges = signature.canonical(
      Dim::Max(1, Dim::Min(kMostRanges, Dim::FloorDiv(kernel.slices * kernel.inner, kElementsPerRange))));
  // Integers have one sum in any order.
  if (isa<IntegerType>(kernel.out->elementType) && op.getKind() == ir::ScatterKind::add &&
      kernel.inner == Dim(1) && kernel.outer == Dim(1)) {
    Dim isSmall = Dim::Max(0, Dim(1) - Dim::FloorDiv(kernel.slices, kMostElementsCopied));
    Dim parts = Dim::Min(kMostCopies / 2, Dim::FloorDiv(kernel.count, 2 * kUpdatesPerCopy));
    kernel.copies = signature.canonical(Dim(2) * parts * isSmall);
  }
  return success();
}

/// The generic that a value is a result of, whole.
ScatterKernel::Made ScatterEmitter::madeBy(Value value) {
  while (auto reshape = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(reshape))
      break;
    value = reshape->getOperand(0);
  }
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  if (!generic)
    return {};
  auto known = llvm::find(generics, generic);
  if (known == generics.end())
    known = (generics.push_back(generic), std::prev(generics.end()));
  return {static_cast<int>(known - generics.begin()), cast<OpResult>(value).getResultNumber()};
}

/// What the kernel computes is made a piece at a time in its scratch.
LogicalResult ScatterEmitter::matchMakers(KernelInfo &info) {
  ir::ScatterOp op = kernel.op;
  if (!kernel.updates)
    kernel.updatesMade = madeBy(op.getUpdates());
  if (!kernel.updates && kernel.updatesMade.maker < 0)
    return op.emitError("expected updates that are an argument or a linalg.generic's result");
  for (linalg::GenericOp generic : generics) {
    FailureOr<KernelModel> model = KernelModel::get(signature, generic);
    if (failed(model) || failed(PassEmitter::check(*model)))
      return failure();
    if (model->passes.size() != 1 || model->passes.front().isReduction)
      return generic.emitError("what a scatter's kernel computes must need no reductions");
    // A scalar is made as a row of one element.
    model->passes.front().lacksReduced = false;
    for (ModelValue &value : model->values) {
      value.isRead = value.hasInner = true;
      value.scratchOffset = info.scratch;
      Dim most = Dim::Min(kScatterPiece, productOf(model->sizes, 0, model->rank()));
      info.scratch = info.scratch + Dim::CeilDiv(most * Dim(getStorageBytes(value.element)), 64) * Dim(64);
    }
    kernel.makers.push_back(std::make_unique<KernelModel>(std::move(*model)));
  }
  auto number = [&](ScatterKernel::Made &made) {
    if (made.maker >= 0)
      made.value = kernel.makers[made.maker]->passes.front().results[made.value].value;
  };
  number(kernel.updatesMade);
  llvm::for_each(kernel.indicesMade, number);
  return success();
}

/// Nanoseconds: a vector's operation takes about one.
Dim ScatterEmitter::costOfMakers() const {
  Dim cost = 0;
  for (const std::unique_ptr<KernelModel> &model : kernel.makers) {
    const ModelPass &pass = model->passes.front();
    int64_t work = pass.needed.size() + pass.inputs.size() + pass.results.size() + 8 * pass.extracts.size();
    cost = cost + Dim::FloorDiv(productOf(model->sizes, 0, model->rank()) * Dim(work), 16);
  }
  return cost;
}

LogicalResult ScatterEmitter::run(KernelInfo &info) {
  info.scratch = 0;
  info.shared = 0;
  if (failed(match()) || failed(matchMakers(info)))
    return failure();
  // Nothing is copied in place; a fill is always made.
  Dim all = kernel.outer * kernel.slices * kernel.inner;
  Dim copied = kernel.x ? Dim::Symbol("copied") : Dim(1);
  emitChecks();
  emitCopies();
  info.entries = {name(0), name(1)};
  info.tasks = {Dim::CeilDiv(kernel.count, kChecksPerTask), copied * Dim::CeilDiv(all, kElementsPerTask)};
  SmallVector<const KernelModel *> made;
  for (const std::unique_ptr<KernelModel> &maker : kernel.makers)
    made.push_back(maker.get());
  addEmptyGathers(module, signature, made, kernel.vectorBits, info);
  auto phase = [&](const Dim &tasks, auto emit) {
    info.entries.push_back(name(info.entries.size()));
    info.tasks.push_back(tasks);
    EntryBuilder entry(module, signature, info.entries.back());
    emit(entry, signature, kernel);
    entry.finish();
  };
  // Slices without elements are looked at by one task.
  Dim byRange = Dim::Max(1, kernel.outer * Dim::CeilDiv(kernel.inner, kScatterColumns) * kernel.ranges);
  if (!(kernel.copies == Dim(0))) {
    Dim isCopied = Dim::Min(1, kernel.copies);
    phase(kernel.copies, emitScatterToCopies);
    phase(isCopied * Dim::CeilDiv(kernel.slices, kScatterCopyTask), emitScatterOfCopies);
    byRange = (Dim(1) - isCopied) * byRange;
    Dim bytes = kernel.slices * Dim(getStorageBytes(kernel.out->elementType));
    info.shared = isCopied * Dim(kScatterCopiesAt) + kernel.copies * bytes;
  }
  phase(byRange, emitScatterUpdates);
  info.cost = copied * Dim::FloorDiv(all, 8) + kernel.count +
              Dim::FloorDiv(kernel.outer * kernel.count * kernel.inner, 2) + costOfMakers() + 50;
  info.fallible = true;
  return success();
}

/// Most indices are good: a first look at a task's only takes the largest of
/// index + bound, unsigned, which is below 2 * bound just when all are in
/// [-bound, bound). Only then is each looked at by itself.
void ScatterEmitter::checkIndices(EntryBuilder &entry, ScatterPieces &pieces, Value first, Value last) {
  Code &code = entry.code;
  unsigned lanes = kernel.vectorBits / 64;
  Type i64 = code.getI64Type();
  const unsigned operands = kernel.indices.size();
  auto bound = [&](unsigned o) { return entry.dim(kernel.bounds[o]); };
  auto check = [&](Value n, unsigned lanes, Value mask, unsigned o) {
    Code::LocScope scope(code, kernel.line(LineRole::kLoad));
    Value index = pieces.loadIndex(o, n, lanes, mask);
    Value position = code.splat(n, lanes);
    if (lanes)
      position = code.add(position, code.laneIds(i64, lanes));
    entry.checkIndex(index, position, mask, kernel.checkOf(entry, o));
  };
  Type lanesType = code.vectorOf(i64, lanes);
  // Four vectors at a time: the second-level cache is what limits it.
  constexpr unsigned kChains = 4;
  auto anyBad = [&](Value first, Value end) -> Value {
    SmallVector<Value> none(operands * kChains, code.zero(lanesType));
    auto take = [&](Value before, Value n, unsigned o) -> Value {
      Code::LocScope scope(code, kernel.line(LineRole::kLoad));
      Value index = pieces.loadIndex(o, n, lanes, nullptr);
      Value moved = code.add(index, code.splat(bound(o), lanes));
      return arith::MaxUIOp::create(code, code.loc, before, moved);
    };
    Value wide = code.add(first, code.roundDown(code.sub(end, first), lanes * kChains));
    SmallVector<Value> largest =
        code.loop(first, wide, code.i64(lanes * kChains), none, [&](Value n, ValueRange carried) {
          SmallVector<Value> next;
          for (auto [k, before] : llvm::enumerate(carried))
            next.push_back(take(before, code.add(n, code.i64(lanes * (k % kChains))), k / kChains));
          return next;
        });
    SmallVector<Value> all;
    for (unsigned o = 0; o < operands; ++o) {
      Value one = largest[o * kChains];
      for (unsigned k = 1; k < kChains; ++k)
        one = arith::MaxUIOp::create(code, code.loc, one, largest[o * kChains + k]);
      all.push_back(one);
    }
    largest = code.loop(wide, end, code.i64(lanes), all, [&](Value n, ValueRange carried) {
      SmallVector<Value> next;
      for (auto [o, before] : llvm::enumerate(carried))
        next.push_back(take(before, n, o));
      return next;
    });
    Value bad;
    for (auto [o, each] : llvm::enumerate(largest)) {
      Value most = vector::ReductionOp::create(code, code.loc, vector::CombiningKind::MAXUI, each);
      Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::uge, most,
                                         code.add(bound(o), bound(o)));
      bad = bad ? Value(arith::OrIOp::create(code, code.loc, bad, here)) : here;
    }
    return bad;
  };
  Value whole = code.add(first, code.roundDown(code.sub(last, first), lanes));
  code.ifThen(anyBad(first, whole), [&] {
    code.loop(first, whole, code.i64(lanes), [&](Value n) {
      for (unsigned o = 0; o < operands; ++o)
        check(n, lanes, nullptr, o);
    });
  });
  code.tail(whole, code.sub(last, whole), lanes, /*isMasked=*/true,
            [&](Value n, unsigned lanes, Value mask) {
              for (unsigned o = 0; o < operands; ++o)
                check(n, lanes, mask, o);
            });
}

void ScatterEmitter::emitChecks() {
  EntryBuilder entry(module, signature, name(0));
  Code &code = entry.code;
  code.loc = kernel.line(LineRole::kCompute);
  ScatterPieces pieces(entry, signature, kernel);
  Value total = entry.dim(kernel.count);
  code.loop(entry.begin, entry.end, code.i64(1), [&](Value task) {
    Value first = code.mul(task, code.i64(kChecksPerTask));
    Value last = code.minimum(total, code.add(first, code.i64(kChecksPerTask)));
    if (pieces.makesIndices())
      code.loop(first, last, code.i64(kScatterPiece), [&](Value lo) {
        Value hi = code.minimum(last, code.add(lo, code.i64(kScatterPiece)));
        pieces.makeIndices(lo, hi);
        checkIndices(entry, pieces, lo, hi);
      });
    else
      checkIndices(entry, pieces, first, last);
    if (!pieces.makesUpdates() || !kernel.makers[kernel.updatesMade.maker]->isFallible())
      return;
    // What the updates are read by, in each of several scatters side by side.
    Value width = entry.dim(kernel.inner);
    code.loop(code.i64(0), entry.dim(kernel.outer), code.i64(1), [&](Value outer) {
      Value before = code.mul(outer, total);
      pieces.checkUpdates(code.mul(code.add(before, first), width), code.mul(code.add(before, last), width));
    });
  });
  entry.finish();
}

void ScatterEmitter::emitCopies() {
  EntryBuilder entry(module, signature, name(1));
  Code &code = entry.code;
  code.loc = kernel.line(LineRole::kStore);
  const KernelArg *x = kernel.x, *out = kernel.out;
  Type element = out->elementType;
  Value total = entry.dim(signature.canonical(kernel.outer * kernel.slices * kernel.inner));
  // In place: the planner gave the operand's storage to the result.
  Value needed;
  if (x)
    needed = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ne,
                                   entry.word(x->word), entry.word(out->word));
  else
    needed = arith::ConstantIntOp::create(code, code.loc, 1, 1);
  code.ifThen(needed, [&] {
    code.loop(entry.begin, entry.end, code.i64(1), [&](Value task) {
      Value first = code.mul(task, code.i64(kElementsPerTask));
      Value many = code.minimum(code.i64(kElementsPerTask), code.sub(total, first));
      Value to = code.gep(element, entry.pointer(*out), first);
      // Eight vectors at a time, then the rest.
      constexpr unsigned kVectors = 8;
      unsigned lanes = kernel.vectorBits / element.getIntOrFloatBitWidth();
      Type type = code.vectorOf(element, lanes);
      Value whole = code.roundDown(many, kVectors * lanes);
      Value source = x ? code.gep(element, entry.pointer(*x), first) : Value();
      Value scalar = x ? Value() : Value(arith::ConstantOp::create(code, code.loc, cast<TypedAttr>(kernel.fill)));
      Value filled = x ? Value() : code.splat(scalar, lanes);
      code.loop(code.i64(0), whole, code.i64(kVectors * lanes), [&](Value n) {
        SmallVector<Value> moved;
        for (unsigned k = 0; k < kVectors; ++k)
          moved.push_back(x ? code.load(type, code.gep(element, source, code.add(n, code.i64(k * lanes)))) : filled);
        for (unsigned k = 0; k < kVectors; ++k)
          code.store(moved[k], code.gep(element, to, code.add(n, code.i64(k * lanes))));
      });
      Value rest = code.sub(many, whole);
      to = code.gep(element, to, whole);
      if (x)
        emitCopy(code, element, to, code.gep(element, source, whole), rest, kernel.vectorBits);
      else
        emitFill(code, to, scalar, rest, kernel.vectorBits);
    });
  });
  entry.finish();
}

} // namespace

LogicalResult emitScatterKernel(ModuleOp module, KernelSignature &signature,
                                const CpuEmitOptions &options, KernelInfo &info) {
  return ScatterEmitter(module, signature, options.vectorBits).run(info);
}

} // namespace oriel
