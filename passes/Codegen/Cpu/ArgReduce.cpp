//===- ArgReduce.cpp - the argmax and argmin emitter ----------------------===//
//
// NumPy's rules: the first NaN wins, then the first of equal elements. Every
// lane keeps its best element and that one's index; lanes are combined with the
// same rules, so the answer does not depend on the lanes.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {
namespace {

class ArgReduceEmitter {
public:
  ArgReduceEmitter(ModuleOp module, KernelSignature &signature, unsigned vectorBits)
      : module(module), signature(signature), vectorBits(vectorBits),
        symbol((signature.getFunction().getSymName() + "_0").str()) {}

  LogicalResult run(KernelInfo &info);

private:
  /// The best so far, and where it is; scalars or vectors.
  struct Best {
    Value value, index;
  };

  LogicalResult match();
  void emitRows(EntryBuilder &entry);
  void emitColumns(EntryBuilder &entry);
  Value loadElements(Code &code, Value pointer, unsigned lanes, Value mask = nullptr);
  Value isBetter(Code &code, Value candidate, Value best);
  Best better(Code &code, const Best &candidate, const Best &best);
  Best combineLanes(Code &code, Best best, unsigned lanes);

  ModuleOp module;
  KernelSignature &signature;
  unsigned vectorBits;
  std::string symbol;

  Operation *op = nullptr;
  bool isMax = false, isUnsigned = false;
  const KernelArg *x = nullptr, *out = nullptr;
  Dim outer, count, inner;
  Type compared; // what elements are compared as
};

LogicalResult ArgReduceEmitter::match() {
  FailureOr<Operation *> sole = soleOperation(signature);
  if (failed(sole))
    return failure();
  op = *sole;
  size_t axis = 0;
  if (auto max = dyn_cast<ir::ArgMaxOp>(op)) {
    isMax = true;
    axis = max.getAxis();
  } else if (auto min = dyn_cast<ir::ArgMinOp>(op)) {
    axis = min.getAxis();
  } else {
    return op->emitError("expected oriel.argmax or oriel.argmin in this kernel");
  }
  isUnsigned = op->hasAttr("oriel.unsigned");
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      out = &arg;
  x = rootOf(signature, op->getOperand(0));
  FailureOr<Dims> shape = shapeOf(signature, op->getOperand(0));
  if (!x || !out || failed(shape))
    return op->emitError("expected this kernel to read its arguments only");
  outer = signature.canonical(productOf(*shape, 0, axis));
  count = signature.canonical((*shape)[axis]);
  inner = signature.canonical(productOf(*shape, axis + 1, shape->size()));
  compared = x->elementType;
  if (isa<FloatType>(compared) && compared.getIntOrFloatBitWidth() == 16)
    compared = Float32Type::get(op->getContext());
  return success();
}

Value ArgReduceEmitter::loadElements(Code &code, Value pointer, unsigned lanes,
                                     Value mask) {
  Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(op->getLoc()),
                                        LineRole::kLoad));
  Type type = code.vectorOf(x->elementType, lanes);
  Value value = mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
  if (compared != x->elementType)
    value = arith::ExtFOp::create(code, code.loc, code.vectorOf(compared, lanes), value);
  return value;
}

/// Strictly better, NaN being better than any number and no NaN than another.
Value ArgReduceEmitter::isBetter(Code &code, Value candidate, Value best) {
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  if (isa<FloatType>(compared)) {
    Value beyond = arith::CmpFOp::create(
        code, code.loc, isMax ? CmpFPredicate::UGT : CmpFPredicate::ULT, candidate, best);
    Value isNumber =
        arith::CmpFOp::create(code, code.loc, CmpFPredicate::ORD, best, best);
    return arith::AndIOp::create(code, code.loc, beyond, isNumber);
  }
  CmpIPredicate predicate = isMax ? (isUnsigned ? CmpIPredicate::ugt : CmpIPredicate::sgt)
                                  : (isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt);
  return arith::CmpIOp::create(code, code.loc, predicate, candidate, best);
}

ArgReduceEmitter::Best ArgReduceEmitter::better(Code &code, const Best &candidate,
                                                const Best &best) {
  Value take = isBetter(code, candidate.value, best.value);
  return {code.select(take, candidate.value, best.value),
          code.select(take, candidate.index, best.index)};
}

ArgReduceEmitter::Best ArgReduceEmitter::combineLanes(Code &code, Best best,
                                                      unsigned lanes) {
  for (unsigned half = lanes / 2; half; half /= 2) {
    Best low{code.slice(best.value, 0, half), code.slice(best.index, 0, half)};
    Best high{code.slice(best.value, half, half), code.slice(best.index, half, half)};
    // Of equals the lower index wins.
    Value take = isBetter(code, high.value, low.value);
    Value keep = isBetter(code, low.value, high.value);
    Value none = arith::ConstantOp::create(
        code, code.loc, cast<TypedAttr>(code.getZeroAttr(keep.getType())));
    Value equals = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::eq, keep, none);
    Value earlier = code.less(high.index, low.index);
    Value tie = arith::AndIOp::create(code, code.loc, equals, earlier);
    take = arith::OrIOp::create(code, code.loc, take, tie);
    best = {code.select(take, high.value, low.value),
            code.select(take, high.index, low.index)};
  }
  return {code.lane(best.value, 0), code.lane(best.index, 0)};
}

/// The reduced axis is contiguous: lanes run along it.
void ArgReduceEmitter::emitRows(EntryBuilder &entry) {
  Code &code = entry.code;
  Type element = x->elementType, i64 = code.getI64Type();
  unsigned lanes = vectorBits / std::max(32u, element.getIntOrFloatBitWidth());
  Value n = entry.dim(count), zero = code.i64(0), one = code.i64(1);
  Value whole = code.roundDown(n, lanes);
  Value mask = code.maskBelow(code.sub(n, whole), lanes);
  code.loop(entry.begin, entry.end, one, [&](Value row) {
    Value from = code.gep(element, entry.pointer(*x), code.mul(row, n));
    // Every lane starts with the row's first element: what is off stays there.
    Value first = loadElements(code, from, 0);
    SmallVector<Value> best = {code.splat(first, lanes), code.splat(zero, lanes)};
    auto step = [&](Value j, ValueRange carried, Value mask) -> SmallVector<Value> {
      Value elements = loadElements(code, code.gep(element, from, j), lanes, mask);
      if (mask)
        elements = code.select(mask, elements, code.splat(first, lanes));
      Best candidate{elements, code.add(code.splat(j, lanes), code.laneIds(i64, lanes))};
      Best next = better(code, candidate, {carried[0], carried[1]});
      return {next.value, next.index};
    };
    best = code.loop(zero, whole, code.i64(lanes), best,
                     [&](Value j, ValueRange carried) { return step(j, carried, nullptr); });
    best = code.ifElse(
        code.less(whole, n), TypeRange(ValueRange(best)),
        [&] { return step(whole, best, mask); }, [&] { return best; });
    Best row1 = combineLanes(code, {best[0], best[1]}, lanes);
    best = {row1.value, row1.index};
    code.store(best[1], code.gep(i64, entry.pointer(*out), row));
  });
}

/// Another axis: lanes run over the contiguous ones after it.
void ArgReduceEmitter::emitColumns(EntryBuilder &entry) {
  Code &code = entry.code;
  Type element = x->elementType, i64 = code.getI64Type();
  unsigned lanes = vectorBits / std::max(32u, element.getIntOrFloatBitWidth());
  Value n = entry.dim(count), width = entry.dim(inner);
  Value zero = code.i64(0), one = code.i64(1);
  Value blocks = entry.dim(signature.canonical(Dim::CeilDiv(inner, static_cast<int64_t>(lanes))));
  auto down = [&](Value from, Value to, Value mask) {
    Value zeros = code.splat(zero, lanes);
    SmallVector<Value> best = code.loop(
        one, n, one, ValueRange{loadElements(code, from, lanes, mask), zeros},
        [&](Value k, ValueRange carried) -> SmallVector<Value> {
          Value pointer = code.gep(element, from, code.mul(k, width));
          Best candidate{loadElements(code, pointer, lanes, mask), code.splat(k, lanes)};
          Best best = better(code, candidate, {carried[0], carried[1]});
          return {best.value, best.index};
        });
    if (mask)
      code.maskedStore(best[1], to, mask);
    else
      code.store(best[1], to);
  };
  entry.forEachTask({entry.dim(outer), blocks}, [&](ArrayRef<Value> at) {
    Value column = code.mul(at[1], code.i64(lanes));
    Value from = code.gep(element, entry.pointer(*x),
                          code.add(code.mul(code.mul(at[0], n), width), column));
    Value to = code.gep(i64, entry.pointer(*out),
                        code.add(code.mul(at[0], width), column));
    Value many = code.sub(width, column);
    code.ifElse(
        code.less(many, code.i64(lanes)), TypeRange(),
        [&]() -> SmallVector<Value> {
          down(from, to, code.maskBelow(many, lanes));
          return {};
        },
        [&]() -> SmallVector<Value> {
          down(from, to, nullptr);
          return {};
        });
  });
}

LogicalResult ArgReduceEmitter::run(KernelInfo &info) {
  if (failed(match()))
    return failure();
  EntryBuilder entry(module, signature, symbol);
  entry.code.loc =
      getLineLoc(module.getContext(), getOrdinal(op->getLoc()), LineRole::kCompute);
  unsigned lanes = vectorBits / std::max(32u, x->elementType.getIntOrFloatBitWidth());
  bool rows = inner == Dim(1);
  if (rows)
    emitRows(entry);
  else
    emitColumns(entry);
  entry.finish();
  info.entries = {symbol};
  // An axis without elements has no answer: nothing runs then.
  Dim any = Dim::Min(count, 1);
  info.tasks = {rows ? any * outer : any * outer * Dim::CeilDiv(inner, static_cast<int64_t>(lanes))};
  info.scratch = 0;
  info.shared = 0;
  info.cost = Dim::FloorDiv(outer * count * inner, 4) + outer * 4 + 50;
  return success();
}

} // namespace

LogicalResult emitArgReduceKernel(ModuleOp module, KernelSignature &signature,
                                  const CpuEmitOptions &options, KernelInfo &info) {
  return ArgReduceEmitter(module, signature, options.vectorBits).run(info);
}

} // namespace oriel
