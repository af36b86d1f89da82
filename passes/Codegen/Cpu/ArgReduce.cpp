//===- ArgReduce.cpp - the argmax and argmin emitter ----------------------===//
//
// NumPy's rules: the first NaN wins, then the first of equal elements.
// Along the last axis a block of elements is reduced to its best value; only a
// block that beats those before it is searched for where that value is. Along
// another axis lanes run over the contiguous ones after it, some rows at a time,
// with the best so far and its index in memory. An operand that the kernel
// computes is made in the scratch: a block of a row, or a block of columns of some
// rows, just before it is looked at.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {
namespace {

// Elements of a block of a row: in the first-level cache when it is searched.
constexpr int64_t kBlock = 2048;
// Columns of a task, and rows taken together.
constexpr int64_t kColumns = 1024;
constexpr int64_t kTogether = 8;

Dim blocksOf(const Dim &columns) { return Dim::CeilDiv(columns, kColumns); }

class ArgReduceEmitter {
public:
  ArgReduceEmitter(ModuleOp module, KernelSignature &signature, const CpuEmitOptions &options)
      : module(module), signature(signature), options(options), vectorBits(options.vectorBits),
        symbol((signature.getFunction().getSymName() + "_0").str()) {}

  LogicalResult run(KernelInfo &info);

private:
  LogicalResult match();
  LogicalResult matchMaker(linalg::GenericOp generic, int64_t axis);
  void emitRows(EntryBuilder &entry);
  void emitColumns(EntryBuilder &entry);
  void emitMadeColumns(EntryBuilder &entry);
  void emitTogether(EntryBuilder &entry, Value first, Value pitch, Value indices, Value k,
                    int64_t rows, Value columns);
  Value makeBlock(PassEmitter &emitter, ArrayRef<Value> indices, Value from, Value to);
  Value loadElements(Code &code, Value pointer, unsigned lanes, Value mask = nullptr);
  Value exceeds(Code &code, Value candidate, Value best);
  Value isBetter(Code &code, Value candidate, Value best);
  SmallVector<Value> scan(Code &code, Value row, Value from, Value to);
  Value search(Code &code, Value row, Value from, Value to,
               llvm::function_ref<Value(Value)> isHit);
  bool isFloat() const { return isa<FloatType>(compared); }

  ModuleOp module;
  KernelSignature &signature;
  const CpuEmitOptions &options;
  unsigned vectorBits;
  std::string symbol;

  Operation *op = nullptr;
  bool isMax = false, isUnsigned = false;
  const KernelArg *x = nullptr, *out = nullptr;
  std::optional<KernelModel> maker; // of the operand, where x is null
  unsigned made = 0;                // its value that is the operand
  bool isLast = false;              // the reduced axis
  Dim outer, count, inner;
  Type element;  // of the operand in memory
  Type compared; // what elements are compared as
};

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
    if (arg.isOutput && position < ret->getNumOperands() &&
        ret->getOperand(position++) == op->getResult(0))
      out = &arg;
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

Value ArgReduceEmitter::loadElements(Code &code, Value pointer, unsigned lanes,
                                     Value mask) {
  Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(op->getLoc()),
                                        LineRole::kLoad));
  Type type = code.vectorOf(element, lanes);
  Value value = mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
  if (compared != element)
    value = arith::ExtFOp::create(code, code.loc, code.vectorOf(compared, lanes), value);
  return value;
}

/// Of numbers; false where either is a NaN.
Value ArgReduceEmitter::exceeds(Code &code, Value candidate, Value best) {
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  if (isFloat())
    return arith::CmpFOp::create(code, code.loc, isMax ? CmpFPredicate::OGT : CmpFPredicate::OLT,
                                 candidate, best);
  CmpIPredicate predicate = isMax ? (isUnsigned ? CmpIPredicate::ugt : CmpIPredicate::sgt)
                                  : (isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt);
  return arith::CmpIOp::create(code, code.loc, predicate, candidate, best);
}

/// Strictly better, NaN being better than any number and no NaN than another.
Value ArgReduceEmitter::isBetter(Code &code, Value candidate, Value best) {
  using arith::CmpFPredicate;
  if (!isFloat())
    return exceeds(code, candidate, best);
  Value beyond = arith::CmpFOp::create(
      code, code.loc, isMax ? CmpFPredicate::UGT : CmpFPredicate::ULT, candidate, best);
  Value isNumber = arith::CmpFOp::create(code, code.loc, CmpFPredicate::ORD, best, best);
  return arith::AndIOp::create(code, code.loc, beyond, isNumber);
}

/// The best number of elements [from, to), at least one, of a row, and (of
/// floats) whether one of them may be a NaN: whether their sum is one.
SmallVector<Value> ArgReduceEmitter::scan(Code &code, Value row, Value from, Value to) {
  constexpr unsigned kTogether = 4;
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Value first = code.splat(loadElements(code, code.gep(element, row, from), 0), lanes);
  bool sums = isFloat();
  auto step = [&](Value value, Value best, Value sum) -> SmallVector<Value> {
    SmallVector<Value> next = {code.select(exceeds(code, value, best), value, best)};
    if (sums)
      next.push_back(arith::AddFOp::create(code, code.loc, sum, value));
    return next;
  };
  SmallVector<Value> accs = {first};
  if (sums)
    accs.push_back(code.zero(first.getType()));
  SmallVector<Type> types(ValueRange(accs).getTypes());
  Value count = code.sub(to, from);
  Value wide = code.add(from, code.roundDown(count, lanes * kTogether));
  Value whole = code.add(from, code.roundDown(count, lanes));
  // Several vectors at a time, for none to wait for the one before.
  accs = code.ifElse(
      code.less(from, wide), types,
      [&] {
        SmallVector<Value> all;
        for (unsigned v = 0; v < kTogether; ++v)
          all.append(accs);
        all = code.loop(from, wide, code.i64(lanes * kTogether), all,
                        [&](Value j, ValueRange carried) {
                          SmallVector<Value> next;
                          for (unsigned v = 0; v < kTogether; ++v) {
                            Value at = code.add(j, code.i64(v * lanes));
                            Value value = loadElements(code, code.gep(element, row, at), lanes);
                            next.append(step(value, carried[v * accs.size()],
                                             carried[v * accs.size() + accs.size() - 1]));
                          }
                          return next;
                        });
        SmallVector<Value> merged(all.begin(), all.begin() + accs.size());
        for (unsigned v = 1; v < kTogether; ++v) {
          Value value = all[v * accs.size()];
          merged[0] = code.select(exceeds(code, value, merged[0]), value, merged[0]);
          if (sums)
            merged[1] = arith::AddFOp::create(code, code.loc, merged[1], all[2 * v + 1]);
        }
        return merged;
      },
      [&] { return accs; });
  accs = code.loop(wide, whole, code.i64(lanes), accs, [&](Value j, ValueRange carried) {
    return step(loadElements(code, code.gep(element, row, j), lanes), carried[0], carried.back());
  });
  accs = code.ifElse(
      code.less(whole, to), types,
      [&] {
        Value mask = code.maskBelow(code.sub(to, whole), lanes);
        Value value = loadElements(code, code.gep(element, row, whole), lanes, mask);
        return step(code.select(mask, value, first), accs[0], accs.back());
      },
      [&] { return accs; });
  Value best = accs[0];
  // A first element that is a NaN would stay: numbers win here.
  for (unsigned half = lanes / 2; half; half /= 2) {
    Value high = code.slice(best, half, half);
    best = code.slice(best, 0, half);
    best = code.select(exceeds(code, high, best), high, best);
  }
  SmallVector<Value> result = {code.lane(best, 0)};
  if (sums) {
    Value isNaN = arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO, accs[1], accs[1]);
    result.push_back(vector::ReductionOp::create(code, code.loc, vector::CombiningKind::OR, isNaN));
  }
  return result;
}

/// The first of elements [from, to) for which isHit is set, or -1.
Value ArgReduceEmitter::search(Code &code, Value row, Value from, Value to,
                               llvm::function_ref<Value(Value)> isHit) {
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Type i64 = code.getI64Type(), bitsType = code.getIntegerType(lanes);
  Value none = arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bitsType, 0));
  auto hits = [&](Value j) -> Value {
    Value mask = code.maskBelow(code.sub(to, j), lanes);
    Value elements = loadElements(code, code.gep(element, row, j), lanes, mask);
    Value on = arith::AndIOp::create(code, code.loc, isHit(elements), mask);
    Value packed = vector::BitCastOp::create(code, code.loc, VectorType::get({1}, bitsType), on);
    return code.lane(packed, 0);
  };
  auto loop = scf::WhileOp::create(code, code.loc, TypeRange{i64, bitsType}, ValueRange{from, hits(from)});
  {
    OpBuilder::InsertionGuard guard(code);
    Block *before = code.createBlock(&loop.getBefore(), {}, {i64, bitsType}, {code.loc, code.loc});
    Value next = code.add(before->getArgument(0), code.i64(lanes));
    Value goesOn = arith::AndIOp::create(code, code.loc, code.equal(before->getArgument(1), none),
                                         code.less(next, to));
    scf::ConditionOp::create(code, code.loc, goesOn, before->getArguments());
    Block *after = code.createBlock(&loop.getAfter(), {}, {i64, bitsType}, {code.loc, code.loc});
    Value j = code.add(after->getArgument(0), code.i64(lanes));
    scf::YieldOp::create(code, code.loc, ValueRange{j, hits(j)});
  }
  Value bits = loop.getResult(1);
  Value wide = lanes < 64 ? Value(arith::ExtUIOp::create(code, code.loc, i64, bits)) : bits;
  Value lane = LLVM::CountTrailingZerosOp::create(code, code.loc, i64, wide, false);
  return code.select(code.equal(bits, none), code.i64(-1), code.add(loop.getResult(0), lane));
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
    SmallVector<Value> best = code.loop(
        zero, n, code.i64(kBlock), start, [&](Value from, ValueRange carried) {
          Value to = code.minimum(code.add(from, code.i64(kBlock)), n);
          if (maker)
            row = makeBlock(*emitter, indices, from, to);
          SmallVector<Value> block = scan(code, row, from, to);
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
                better, TypeRange(ValueRange(carried)),
                [&]() -> SmallVector<Value> { return {block[0], place()}; },
                [&]() -> SmallVector<Value> { return {carried[0], carried[1]}; });
          };
          if (!isFloat())
            return ifBetter();
          Value hasNaN = arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO, carried[0], carried[0]);
          Value isOver = arith::AndIOp::create(code, code.loc, hasNaN, code.less(none, carried[1]));
          return code.ifElse(
              isOver, TypeRange(ValueRange(carried)),
              [&]() -> SmallVector<Value> { return {carried[0], carried[1]}; },
              [&]() -> SmallVector<Value> {
                Value found = code.ifElse(
                    block[1], TypeRange{i64},
                    [&]() -> SmallVector<Value> {
                      return {search(code, row, from, to, [&](Value elements) -> Value {
                        return arith::CmpFOp::create(code, code.loc, arith::CmpFPredicate::UNO,
                                                     elements, elements);
                      })};
                    },
                    [&]() -> SmallVector<Value> { return {none}; })[0];
                return code.ifElse(
                    code.less(none, found), TypeRange(ValueRange(carried)),
                    [&]() -> SmallVector<Value> {
                      return {loadElements(code, code.gep(element, row, found), 0), found};
                    },
                    ifBetter);
              });
        });
    code.store(best[1], code.gep(i64, entry.pointer(*out), r));
  });
}

/// Rows k, k + 1, ... (`rows` of them) of the reduced axis, `pitch` elements apart
/// from `first` on, against the best so far: values in scratch, indices in the
/// result.
void ArgReduceEmitter::emitTogether(EntryBuilder &entry, Value first, Value pitch, Value indices,
                                    Value k, int64_t rows, Value columns) {
  Code &code = entry.code;
  Type i64 = code.getI64Type();
  int64_t width = std::max(32u, compared.getIntOrFloatBitWidth());
  unsigned lanes = vectorBits / width;
  Type offset = code.getIntegerType(width);
  auto step = [&](Value j, unsigned, Value mask) {
    auto elements = [&](int64_t row) {
      Value at = code.add(code.mul(code.i64(row), pitch), j);
      return loadElements(code, code.gep(element, first, at), lanes, mask);
    };
    auto count = [&](int64_t row) -> Value {
      return code.splat(
          arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(offset, row)), lanes);
    };
    Value best = elements(0), row = count(0);
    for (int64_t q = 1; q < rows; ++q) {
      Value candidate = elements(q), take = isBetter(code, candidate, best);
      best = code.select(take, candidate, best);
      row = code.select(take, count(q), row);
    }
    if (offset != i64)
      row = arith::ExtUIOp::create(code, code.loc, code.vectorOf(i64, lanes), row);
    row = code.add(row, code.splat(k, lanes));
    Value values = code.gep(compared, entry.scratch(), j), places = code.gep(i64, indices, j);
    Type vector = best.getType(), vectorOfPlaces = row.getType();
    // Scratch holds whole vectors; of the result there may be no more.
    Value old = code.load(vector, values);
    Value oldRow = mask ? code.maskedLoad(vectorOfPlaces, places, mask) : code.load(vectorOfPlaces, places);
    Value isFirst = code.equal(k, code.i64(0));
    Value take = arith::OrIOp::create(code, code.loc, isBetter(code, best, old),
                                      code.splat(isFirst, lanes));
    code.store(code.select(take, best, old), values);
    row = code.select(take, row, oldRow);
    if (mask)
      code.maskedStore(row, places, mask);
    else
      code.store(row, places);
  };
  Value whole = code.roundDown(columns, lanes);
  code.loop(code.i64(0), whole, code.i64(lanes), [&](Value j) { step(j, lanes, nullptr); });
  code.tail(whole, code.sub(columns, whole), lanes, /*isMasked=*/true, step);
}

/// Another axis: lanes run over the contiguous ones after it.
void ArgReduceEmitter::emitColumns(EntryBuilder &entry) {
  Code &code = entry.code;
  Value n = entry.dim(count), width = entry.dim(inner), block = code.i64(kColumns);
  Value blocks = entry.dim(signature.canonical(blocksOf(inner)));
  entry.forEachTask({entry.dim(outer), blocks}, [&](ArrayRef<Value> at) {
    Value column = code.mul(at[1], block);
    Value columns = code.minimum(code.sub(width, column), block);
    Value from = code.gep(element, entry.pointer(*x),
                          code.add(code.mul(code.mul(at[0], n), width), column));
    Value to = code.gep(code.getI64Type(), entry.pointer(*out),
                        code.add(code.mul(at[0], width), column));
    Value together = code.roundDown(n, kTogether);
    auto rowsFrom = [&](Value k) { return code.gep(element, from, code.mul(k, width)); };
    code.loop(code.i64(0), together, code.i64(kTogether), [&](Value k) {
      emitTogether(entry, rowsFrom(k), width, to, k, kTogether, columns);
    });
    code.loop(together, n, code.i64(1),
              [&](Value k) { emitTogether(entry, rowsFrom(k), width, to, k, 1, columns); });
  });
}

/// The same of an operand that is made here: tasks run over its other dims, and
/// over blocks of the last.
void ArgReduceEmitter::emitMadeColumns(EntryBuilder &entry) {
  Code &code = entry.code;
  unsigned axis = maker->reducedAxis, last = maker->rank() - 1;
  Value n = entry.dim(count), width = entry.dim(maker->sizes[last]), block = code.i64(kColumns);
  PassEmitter emitter(entry, signature, *maker, vectorBits);
  SmallVector<Value> sizes;
  for (unsigned d = 0; d < last; ++d)
    if (d != axis)
      sizes.push_back(entry.dim(maker->sizes[d]));
  sizes.push_back(entry.dim(blocksOf(maker->sizes[last])));
  entry.forEachTask(sizes, [&](ArrayRef<Value> at) {
    SmallVector<Value> indices;
    Value row = code.i64(0);
    for (unsigned d = 0, k = 0; d < last; ++d) {
      indices.push_back(d == axis ? code.i64(0) : at[k]);
      if (d != axis)
        row = code.add(code.mul(row, sizes[k]), at[k]), ++k;
    }
    indices.push_back(code.i64(0));
    Value column = code.mul(at.back(), block);
    Value columns = code.minimum(code.sub(width, column), block);
    Value to = code.gep(code.getI64Type(), entry.pointer(*out),
                        code.add(code.mul(row, width), column));
    auto some = [&](Value k, int64_t rows) {
      Value first = code.gep(code.getI8Type(), entry.scratch(),
                             entry.dim(maker->values[made].scratchOffset));
      code.loop(code.i64(0), code.i64(rows), code.i64(1), [&](Value q) {
        indices[axis] = code.add(k, q);
        maker->values[made].place = code.mul(q, block);
        makeBlock(emitter, indices, column, code.add(column, columns));
      });
      maker->values[made].place = nullptr;
      emitTogether(entry, first, block, to, k, rows, columns);
    };
    Value together = code.roundDown(n, kTogether);
    code.loop(code.i64(0), together, code.i64(kTogether), [&](Value k) { some(k, kTogether); });
    code.loop(together, n, code.i64(1), [&](Value k) { some(k, 1); });
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
  // An axis without elements has no answer: nothing runs then.
  Dim any = Dim::Min(count, 1);
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
  }
  return success();
}

} // namespace

LogicalResult emitArgReduceKernel(ModuleOp module, KernelSignature &signature,
                                  const CpuEmitOptions &options, KernelInfo &info) {
  return ArgReduceEmitter(module, signature, options).run(info);
}

} // namespace oriel
