//===- Scatter.cpp - the scatter emitter ----------------------------------===//
//
// Three phases: all indices are checked, the operand is copied unless the
// destination already holds it, the updates are applied in their order. Nothing
// of an operand is written before every index is known to be good.
//
// Single elements added to a fill (the gradient of bias[targets]) have two: what
// is written is nobody's yet, so that each index is checked where it is used.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {
namespace {

constexpr int64_t kChecksPerTask = 4096;
constexpr int64_t kElementsPerTask = 16384;

class ScatterEmitter {
public:
  ScatterEmitter(ModuleOp module, KernelSignature &signature, unsigned vectorBits)
      : module(module), signature(signature), vectorBits(vectorBits),
        symbol(signature.getFunction().getSymName()) {}

  LogicalResult run(KernelInfo &info);

private:
  LogicalResult match();
  void emitChecks();
  void emitCopies();
  void emitUpdates();
  /// Checks belong to the phase of the updates.
  bool checksAtUse() const { return !x && outer == Dim(1) && inner == Dim(1); }
  EntryBuilder::IndexCheck checkOf(EntryBuilder &entry, unsigned o);
  Value combine(Code &code, Value old, Value update);
  Location line(LineRole role) {
    return getLineLoc(module.getContext(), getOrdinal(op.getLoc()), role);
  }
  std::string name(int phase) { return (symbol + "_" + Twine(phase)).str(); }

  ModuleOp module;
  KernelSignature &signature;
  unsigned vectorBits;
  StringRef symbol;

  ir::ScatterOp op;
  const KernelArg *x = nullptr; // null: the destination starts as `fill`
  Attribute fill;
  const KernelArg *updates = nullptr, *out = nullptr;
  SmallVector<const KernelArg *> indices;
  Dims bounds;                     // of the indexed axes
  Dim outer, count, inner, slices; // slices = product of bounds
};

LogicalResult ScatterEmitter::match() {
  FailureOr<Operation *> sole = soleOperation(signature);
  if (failed(sole))
    return failure();
  op = dyn_cast<ir::ScatterOp>(*sole);
  if (!op)
    return (*sole)->emitError("expected oriel.scatter in a scatter kernel");
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      out = &arg;
  updates = rootOf(signature, op.getUpdates());
  for (Value index : op.getIndices())
    indices.push_back(rootOf(signature, index));
  if (!out || !updates || llvm::is_contained(indices, nullptr))
    return op.emitError("expected a scatter kernel to read its arguments only");
  if (auto filled = op.getX().getDefiningOp<linalg::FillOp>()) {
    if (!matchPattern(filled.getInputs()[0], m_Constant(&fill)))
      return op.emitError("expected a constant fill under a scatter");
  } else if (!(x = rootOf(signature, op.getX()))) {
    return op.emitError("expected a scatter into an argument or a fill");
  }
  FailureOr<Dims> shape = shapeOf(signature, op.getX());
  FailureOr<Dims> many = shapeOf(signature, op.getIndices().front());
  if (failed(shape) || failed(many))
    return op.emitError("a scatter's shapes are not dims of its arguments");
  size_t axis = op.getAxis(), k = indices.size();
  bounds.assign(shape->begin() + axis, shape->begin() + axis + k);
  outer = signature.canonical(productOf(*shape, 0, axis));
  slices = signature.canonical(productOf(bounds, 0, k));
  inner = signature.canonical(productOf(*shape, axis + k, shape->size()));
  count = signature.canonical(productOf(*many, 0, many->size()));
  return success();
}

LogicalResult ScatterEmitter::run(KernelInfo &info) {
  if (failed(match()))
    return failure();
  // Nothing is copied in place; a fill is always made.
  Dim all = outer * slices * inner, copied = x ? Dim::Symbol("copied") : Dim(1);
  if (!checksAtUse()) {
    emitChecks();
    info.entries.push_back(name(0));
    info.tasks.push_back(Dim::CeilDiv(count, kChecksPerTask));
  }
  emitCopies();
  emitUpdates();
  info.entries.insert(info.entries.end(), {name(1), name(2)});
  info.tasks.insert(info.tasks.end(), {copied * Dim::CeilDiv(all, kElementsPerTask),
                                       outer * Dim::CeilDiv(inner, kElementsPerTask)});
  info.scratch = 0;
  info.shared = 0;
  info.cost = copied * Dim::FloorDiv(all, 8) + count * 2 +
              Dim::FloorDiv(outer * count * inner, 4) + 50;
  info.fallible = true;
  return success();
}

EntryBuilder::IndexCheck ScatterEmitter::checkOf(EntryBuilder &entry, unsigned o) {
  EntryBuilder::IndexCheck check;
  check.ordinal = getOrdinal(op.getLoc());
  check.axis = op.getAxis() + o;
  check.operand = o;
  check.bound = entry.dim(bounds[o]);
  return check;
}

/// Most indices are good: a first look at a task's only takes the largest of
/// index + bound, unsigned, which is below 2 * bound just when all are in
/// [-bound, bound). Only then is each looked at by itself.
void ScatterEmitter::emitChecks() {
  EntryBuilder entry(module, signature, name(0));
  Code &code = entry.code;
  code.loc = line(LineRole::kCompute);
  unsigned lanes = vectorBits / 64;
  Value total = entry.dim(count);
  Type i64 = code.getI64Type();
  auto check = [&](Value n, unsigned lanes, Value mask, unsigned o) {
    Code::LocScope scope(code, line(LineRole::kLoad));
    Type type = code.vectorOf(i64, lanes);
    Value pointer = code.gep(i64, entry.pointer(*indices[o]), n);
    Value index = mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
    Value position = code.splat(n, lanes);
    if (lanes)
      position = code.add(position, code.laneIds(i64, lanes));
    entry.checkIndex(index, position, mask, checkOf(entry, o));
  };
  Type lanesType = code.vectorOf(i64, lanes);
  auto anyBad = [&](Value first, Value end) -> Value {
    SmallVector<Value> none(indices.size(), code.zero(lanesType));
    SmallVector<Value> largest =
        code.loop(first, end, code.i64(lanes), none, [&](Value n, ValueRange carried) {
          SmallVector<Value> next;
          for (auto [o, before] : llvm::enumerate(carried)) {
            Code::LocScope scope(code, line(LineRole::kLoad));
            Value index = code.load(lanesType, code.gep(i64, entry.pointer(*indices[o]), n));
            Value moved = code.add(index, code.splat(entry.dim(bounds[o]), lanes));
            next.push_back(arith::MaxUIOp::create(code, code.loc, before, moved));
          }
          return next;
        });
    Value bad;
    for (auto [o, each] : llvm::enumerate(largest)) {
      Value most = vector::ReductionOp::create(code, code.loc, vector::CombiningKind::MAXUI, each);
      Value bound = entry.dim(bounds[o]);
      Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::uge, most,
                                         code.add(bound, bound));
      bad = bad ? Value(arith::OrIOp::create(code, code.loc, bad, here)) : here;
    }
    return bad;
  };
  code.loop(entry.begin, entry.end, code.i64(1), [&](Value task) {
    Value first = code.mul(task, code.i64(kChecksPerTask));
    Value last = code.minimum(total, code.add(first, code.i64(kChecksPerTask)));
    Value whole = code.add(first, code.roundDown(code.sub(last, first), lanes));
    code.ifThen(anyBad(first, whole), [&] {
      code.loop(first, whole, code.i64(lanes), [&](Value n) {
        for (unsigned o = 0; o < indices.size(); ++o)
          check(n, lanes, nullptr, o);
      });
    });
    code.tail(whole, code.sub(last, whole), lanes, /*isMasked=*/true,
              [&](Value n, unsigned lanes, Value mask) {
                for (unsigned o = 0; o < indices.size(); ++o)
                  check(n, lanes, mask, o);
              });
  });
  entry.finish();
}

void ScatterEmitter::emitCopies() {
  EntryBuilder entry(module, signature, name(1));
  Code &code = entry.code;
  code.loc = line(LineRole::kStore);
  Type element = out->elementType;
  Value total = entry.dim(signature.canonical(outer * slices * inner));
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
      if (x) {
        emitCopy(code, element, to, code.gep(element, entry.pointer(*x), first), many,
                 vectorBits);
        return;
      }
      Value scalar = arith::ConstantOp::create(code, code.loc, cast<TypedAttr>(fill));
      emitFill(code, to, scalar, many, vectorBits);
    });
  });
  entry.finish();
}

Value ScatterEmitter::combine(Code &code, Value old, Value update) {
  Code::LocScope scope(code, line(LineRole::kCompute));
  if (isa<FloatType>(getElementTypeOrSelf(update.getType())))
    return arith::AddFOp::create(code, code.loc, old, update);
  return arith::AddIOp::create(code, code.loc, old, update);
}

/// A task is a slice of the axes before the indexed ones and a range of columns
/// of those after them: no two tasks meet, and each follows the updates' order.
void ScatterEmitter::emitUpdates() {
  EntryBuilder entry(module, signature, name(2));
  Code &code = entry.code;
  code.loc = line(LineRole::kLoop);
  Type element = out->elementType, i64 = code.getI64Type();
  bool isAdd = op.getKind() == ir::ScatterKind::add;
  Value total = entry.dim(count), width = entry.dim(inner);
  Value zero = code.i64(0), one = code.i64(1);
  unsigned lanes = vectorBits / element.getIntOrFloatBitWidth();

  auto indexAt = [&](unsigned o, Value n) {
    Code::LocScope scope(code, line(LineRole::kLoad));
    return code.load(i64, code.gep(i64, entry.pointer(*indices[o]), n));
  };
  auto wrap = [&](Value index, unsigned o) {
    return code.select(code.less(index, zero), code.add(index, entry.dim(bounds[o])), index);
  };
  // Of indices that are in their bounds.
  auto flat = [&](ArrayRef<Value> each) {
    Value at = zero;
    for (auto [o, index] : llvm::enumerate(each))
      at = code.add(code.mul(at, entry.dim(bounds[o])), index);
    return at;
  };
  auto slice = [&](Value n) {
    SmallVector<Value> each;
    for (unsigned o = 0; o < indices.size(); ++o)
      each.push_back(wrap(indexAt(o, n), o));
    return flat(each);
  };
  auto inBounds = [&](ArrayRef<Value> each) {
    Value good;
    for (auto [o, index] : llvm::enumerate(each)) {
      Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult, index,
                                         entry.dim(bounds[o]));
      good = good ? Value(arith::AndIOp::create(code, code.loc, good, here)) : here;
    }
    return good;
  };
  auto apply = [&](Value to, Value from, Value c, unsigned lanes, Value mask) {
    Type type = code.vectorOf(element, lanes);
    auto load = [&](Value pointer) {
      return mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
    };
    Value place = code.gep(element, to, c), value;
    {
      Code::LocScope scope(code, line(LineRole::kLoad));
      value = load(code.gep(element, from, c));
      if (isAdd)
        value = combine(code, load(place), value);
    }
    Code::LocScope scope(code, line(LineRole::kStore));
    if (mask)
      code.maskedStore(value, place, mask);
    else
      code.store(value, place);
  };
  Value chunks = entry.dim(signature.canonical(Dim::CeilDiv(inner, kElementsPerTask)));
  entry.forEachTask({entry.dim(outer), chunks}, [&](ArrayRef<Value> at) {
    Value first = code.mul(at[1], code.i64(kElementsPerTask));
    Value columns = code.minimum(code.i64(kElementsPerTask), code.sub(width, first));
    Value base = code.gep(
        element, entry.pointer(*out),
        code.add(code.mul(code.mul(at[0], entry.dim(slices)), width), first));
    Value source = code.gep(element, entry.pointer(*updates),
                            code.add(code.mul(code.mul(at[0], total), width), first));
    auto put = [&](Value n, ArrayRef<Value> each) {
      apply(code.gep(element, base, flat(each)), code.gep(element, source, n), zero, 0, nullptr);
    };
    // One comparison tells that an index is neither negative nor too large, and a
    // branch that is always taken costs less than to wrap each; `others` are
    // looked at again.
    auto inBoundsOr = [&](Value n, llvm::function_ref<void(ArrayRef<Value>)> others) {
      SmallVector<Value> raw;
      for (unsigned o = 0; o < indices.size(); ++o)
        raw.push_back(indexAt(o, n));
      code.ifElse(
          inBounds(raw), TypeRange(),
          [&]() -> SmallVector<Value> {
            put(n, raw);
            return {};
          },
          [&]() -> SmallVector<Value> {
            others(raw);
            return {};
          });
    };
    auto checked = [&](Value n) {
      inBoundsOr(n, [&](ArrayRef<Value> raw) {
        SmallVector<Value> wrapped;
        for (auto [o, index] : llvm::enumerate(raw)) {
          entry.checkIndex(index, n, nullptr, checkOf(entry, o));
          wrapped.push_back(wrap(index, o));
        }
        code.ifThen(inBounds(wrapped), [&] { put(n, wrapped); });
      });
    };
    auto single = [&]() -> SmallVector<Value> {
      code.loop(zero, total, one, [&](Value n) {
        if (checksAtUse())
          return checked(n);
        inBoundsOr(n, [&](ArrayRef<Value> raw) {
          SmallVector<Value> wrapped;
          for (auto [o, index] : llvm::enumerate(raw))
            wrapped.push_back(wrap(index, o));
          put(n, wrapped);
        });
      });
      return {};
    };
    auto rows = [&]() -> SmallVector<Value> {
      Value whole = code.roundDown(columns, lanes);
      code.loop(zero, total, one, [&](Value n) {
        Value to = code.gep(element, base, code.mul(slice(n), width));
        Value from = code.gep(element, source, code.mul(n, width));
        code.loop(zero, whole, code.i64(lanes),
                  [&](Value c) { apply(to, from, c, lanes, nullptr); });
        code.tail(whole, code.sub(columns, whole), lanes, code.hasFastMasks(),
                  [&](Value c, unsigned lanes, Value mask) { apply(to, from, c, lanes, mask); });
      });
      return {};
    };
    code.ifElse(code.equal(width, one), TypeRange(), single, rows);
  });
  entry.finish();
}

} // namespace

LogicalResult emitScatterKernel(ModuleOp module, KernelSignature &signature,
                                const CpuEmitOptions &options, KernelInfo &info) {
  return ScatterEmitter(module, signature, options.vectorBits).run(info);
}

} // namespace oriel
