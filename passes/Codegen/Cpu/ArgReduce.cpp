//===- ArgReduce.cpp - the argmax and argmin emitter ----------------------===//
//
// NumPy's rules: the first NaN wins, then the first of equal elements.
// Along the last axis a block of elements is reduced to its best value; only a
// block that beats those before it is searched for where that value is. Along
// another axis lanes run over the contiguous ones after it, some rows at a time,
// with the best so far and its index in memory. An operand that the kernel
// computes is made in the scratch: a block of a row, or a block of columns of some
// rows, just before it is looked at. The extreme value is the reduction's to the bit:
// a NaN where one is, and of zeros of both signs +0 (max) or -0 (min).
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/ArgReduce.h"
#include "passes/Codegen/Cpu/EmptyGathers.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

LogicalResult ArgReduceEmitter::match() {
  func::FuncOp function = signature.getFunction();
  for (Operation &each : function.getBody().front().without_terminator()) {
    if (!isa<ir::ArgMaxOp, ir::ArgMinOp>(each))
      continue;
    if (op)
      return each.emitError("is the second argmax or argmin of a kernel, required one");
    op = &each;
  }
  if (!op)
    return function.emitError("expected oriel.argmax or oriel.argmin in this kernel");
  isMax = isa<ir::ArgMaxOp>(op);
  size_t axis = isMax ? cast<ir::ArgMaxOp>(op).getAxis() : cast<ir::ArgMinOp>(op).getAxis();
  isUnsigned = op->hasAttr("oriel.unsigned");
  Operation *ret = function.getBody().front().getTerminator();
  unsigned position = 0;
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput && position++ < ret->getNumOperands()) {
      Value returned = ret->getOperand(position - 1);
      if (returned == op->getResult(0))
        out = &arg;
      auto reduce = returned.getDefiningOp<ir::ReduceOp>();
      if (reduce && (reduce.getX() != op->getOperand(0) || reduce.getAxes().size() != 1 ||
                     reduce.getAxes()[0] != static_cast<int64_t>(axis) || extreme ||
                     reduce.getKind() != (isMax ? ir::ReduceKind::max : ir::ReduceKind::min)))
        return reduce.emitError("must be the extreme value of what the kernel's argmax or argmin finds");
      if (reduce)
        extreme = &arg;
    }
  x = rootOf(signature, op->getOperand(0));
  auto generic = op->getOperand(0).getDefiningOp<linalg::GenericOp>();
  FailureOr<Dims> shape = shapeOf(signature, op->getOperand(0));
  if ((!x && !generic) || !out || failed(shape))
    return op->emitError("expected this kernel to return its result, and to read an argument or "
                         "a linalg.generic's result");
  outer = signature.canonical(productOf(*shape, 0, axis));
  count = signature.canonical((*shape)[axis]);
  inner = signature.canonical(productOf(*shape, axis + 1, shape->size()));
  isLast = x ? inner == Dim(1) : axis + 1 == shape->size();
  element = getStorageType(cast<RankedTensorType>(op->getOperand(0).getType()).getElementType());
  compared = element;
  if (isa<FloatType>(compared) && compared.getIntOrFloatBitWidth() == 16)
    compared = Float32Type::get(op->getContext());
  return x ? success() : matchMaker(generic, axis);
}

LogicalResult ArgReduceEmitter::matchMaker(linalg::GenericOp generic, int64_t axis) {
  if (!llvm::hasSingleElement(signature.getFunction().getOps<linalg::GenericOp>()))
    return op->emitError("expected an operand that one linalg.generic makes");
  FailureOr<KernelModel> model = KernelModel::get(signature, generic, axis);
  if (failed(model) || failed(PassEmitter::check(*model)))
    return failure();
  if (model->passes.size() != 1 || model->passes.front().isReduction)
    return generic.emitError("an operand of argmax or argmin must be computed without reductions");
  maker = std::move(*model);
  auto number = cast<OpResult>(op->getOperand(0)).getResultNumber();
  made = maker->passes.front().results[number].value;
  // Behind the best values of a block of columns.
  if (!isLast)
    maker->values[made].scratchOffset = Dim(kColumns * getStorageBytes(compared));
  return success();
}

/// Makes elements [from, to) of a row; element j then lies at the result + j.
Value ArgReduceEmitter::makeBlock(PassEmitter &emitter, ArrayRef<Value> indices, Value from,
                                  Value to) {
  emitter.beginRow(indices, from, to);
  emitter.emitPass(maker->passes.front());
  return emitter.valueStream(made).base;
}

/// The reduced axis is contiguous: lanes run along it.
void ArgReduceEmitter::emitRows(EntryBuilder &entry) {
  Code &code = entry.code;
  Type i64 = code.getI64Type();
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Value n = entry.dim(count), zero = code.i64(0), one = code.i64(1), none = code.i64(-1);
  std::optional<PassEmitter> emitter;
  SmallVector<Value> sizes;
  if (maker) {
    emitter.emplace(entry, signature, *maker, vectorBits);
    for (unsigned d = 0; d + 1 < maker->rank(); ++d)
      sizes.push_back(entry.dim(maker->sizes[d]));
  }
  code.loop(entry.begin, entry.end, one, [&](Value r) {
    Value row = maker ? Value() : code.gep(element, entry.pointer(*x), code.mul(r, n));
    SmallVector<Value> indices;
    if (sizes.size() == 1)
      indices.push_back(r);
    else if (!sizes.empty())
      indices = entry.decompose(r, sizes);
    indices.push_back(zero);
    SmallVector<Value> start = {code.zero(compared), none};
    if (extreme)
      start.push_back(neutral(code));
    SmallVector<Value> best = code.loop(
        zero, n, code.i64(kBlock), start, [&](Value from, ValueRange carried) {
          Value to = code.minimum(code.add(from, code.i64(kBlock)), n);
          if (maker)
            row = makeBlock(*emitter, indices, from, to);
          SmallVector<Value> block = scan(code, row, from, to);
          SmallVector<Value> found = {carried[0], carried[1]};
          auto withExtreme = [&](SmallVector<Value> result) {
            if (extreme)
              result.push_back(further(code, carried[2], extremeOf(code, row, from, to, block[0])));
            return result;
          };
          Value isFirst = code.less(carried[1], zero);
          Value better = arith::OrIOp::create(code, code.loc, isFirst,
                                              exceeds(code, block[0], carried[0]));
          auto place = [&] {
            return search(code, row, from, to, [&](Value elements) -> Value {
              Value value = code.splat(block[0], lanes);
              if (isFloat())
                return arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::OEQ, elements, value);
              return code.equal(elements, value);
            });
          };
          auto ifBetter = [&] {
            return code.ifElse(
                better, TypeRange(ValueRange(found)),
                [&]() -> SmallVector<Value> { return {block[0], place()}; },
                [&]() -> SmallVector<Value> { return found; });
          };
          if (!isFloat())
            return withExtreme(ifBetter());
          Value hasNaN = arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO, carried[0], carried[0]);
          Value isOver = arith::AndIOp::create(code, code.loc, hasNaN, code.less(none, carried[1]));
          return withExtreme(code.ifElse(
              isOver, TypeRange(ValueRange(found)), [&]() -> SmallVector<Value> { return found; },
              [&]() -> SmallVector<Value> {
                Value nan = code.ifElse(
                    block[1], TypeRange{i64},
                    [&]() -> SmallVector<Value> {
                      return {search(code, row, from, to, [&](Value elements) -> Value {
                        return arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO,
                                                     elements, elements);
                      })};
                    },
                    [&]() -> SmallVector<Value> { return {none}; })[0];
                return code.ifElse(
                    code.less(none, nan), TypeRange(ValueRange(found)),
                    [&]() -> SmallVector<Value> {
                      return {loadElements(code, code.gep(element, row, nan), 0), nan};
                    },
                    ifBetter);
              }));
        });
    code.store(best[1], code.gep(i64, entry.pointer(*out), r));
    if (extreme) {
      // A NaN that was found is the best there is.
      Value value = best[2];
      if (isFloat())
        value = code.select(arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO, best[0], best[0]),
                            best[0], value);
      storeExtreme(code, value, code.gep(element, entry.pointer(*extreme), r));
    }
  });
}

LogicalResult ArgReduceEmitter::run(KernelInfo &info) {
  if (failed(match()))
    return failure();
  EntryBuilder entry(module, signature, symbol);
  entry.code.loc =
      getLineLoc(module.getContext(), getOrdinal(op->getLoc()), LineRole::kCompute);
  if (isLast)
    emitRows(entry);
  else if (maker)
    emitMadeColumns(entry);
  else
    emitColumns(entry);
  entry.finish();
  info.entries = {symbol};
  // An axis without elements has no answer: nothing runs then but for the extreme
  // value, which is the neutral one.
  Dim any = extreme ? Dim(1) : Dim::Min(count, 1);
  if (isLast) {
    info.tasks = {any * outer};
  } else if (!maker) {
    info.tasks = {any * outer * blocksOf(inner)};
  } else {
    Dims others;
    for (unsigned d = 0; d + 1 < maker->rank(); ++d)
      if (static_cast<int>(d) != maker->reducedAxis)
        others.push_back(maker->sizes[d]);
    info.tasks = {any * NumElements(others) * blocksOf(maker->sizes.back())};
  }
  info.scratch = isLast ? 0 : kColumns * getStorageBytes(compared);
  info.shared = 0;
  info.cost = Dim::FloorDiv(outer * count * inner, 8) + outer * 4 + 50;
  if (maker) {
    info.scratch = info.scratch + Dim((isLast ? kBlock : kTogether * kColumns) * getStorageBytes(element));
    info.cost = info.cost + GenericKernel(module, signature, *maker, options, info).cost();
    info.fallible = maker->isFallible();
    addEmptyGathers(module, signature, &*maker, options.vectorBits, info);
  }
  return success();
}

LogicalResult emitArgReduceKernel(ModuleOp module, KernelSignature &signature,
                                  const CpuEmitOptions &options, KernelInfo &info) {
  return ArgReduceEmitter(module, signature, options).run(info);
}

} // namespace oriel
