//===- ArgReduce.cpp - the argmax and argmin emitter ----------------------===//
//
// NumPy's rules: the first NaN wins, then the first of equal elements.
// Along the last axis a block of elements is reduced to its best value; only a
// block that beats those before it is searched for where that value is. Along
// another axis lanes run over the contiguous ones after it, some rows at a time,
// with the best so far and its index in memory.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
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

class ArgReduceEmitter {
public:
  ArgReduceEmitter(ModuleOp module, KernelSignature &signature, unsigned vectorBits)
      : module(module), signature(signature), vectorBits(vectorBits),
        symbol((signature.getFunction().getSymName() + "_0").str()) {}

  LogicalResult run(KernelInfo &info);

private:
  LogicalResult match();
  void emitRows(EntryBuilder &entry);
  void emitColumns(EntryBuilder &entry);
  void emitTogether(EntryBuilder &entry, Value from, Value indices, Value k, int64_t rows,
                    Value columns);
  Value loadElements(Code &code, Value pointer, unsigned lanes, Value mask = nullptr);
  Value exceeds(Code &code, Value candidate, Value best);
  Value isBetter(Code &code, Value candidate, Value best);
  SmallVector<Value> scan(Code &code, Value row, Value from, Value to);
  Value search(Code &code, Value row, Value from, Value to,
               llvm::function_ref<Value(Value)> isHit);
  bool isFloat() const { return isa<FloatType>(compared); }

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
  Type element = x->elementType;
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
    Value elements = loadElements(code, code.gep(x->elementType, row, j), lanes, mask);
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
  Type element = x->elementType, i64 = code.getI64Type();
  unsigned lanes = vectorBits / compared.getIntOrFloatBitWidth();
  Value n = entry.dim(count), zero = code.i64(0), one = code.i64(1), none = code.i64(-1);
  code.loop(entry.begin, entry.end, one, [&](Value r) {
    Value row = code.gep(element, entry.pointer(*x), code.mul(r, n));
    SmallVector<Value> start = {loadElements(code, row, 0), none};
    SmallVector<Value> best = code.loop(
        zero, n, code.i64(kBlock), start, [&](Value from, ValueRange carried) {
          Value to = code.minimum(code.add(from, code.i64(kBlock)), n);
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

/// Rows k, k + 1, ... (`rows` of them) of the reduced axis against the best so
/// far: values in scratch, indices in the result.
void ArgReduceEmitter::emitTogether(EntryBuilder &entry, Value from, Value indices, Value k,
                                    int64_t rows, Value columns) {
  Code &code = entry.code;
  Type element = x->elementType, i64 = code.getI64Type();
  int64_t width = std::max(32u, compared.getIntOrFloatBitWidth());
  unsigned lanes = vectorBits / width;
  Type offset = code.getIntegerType(width);
  Value pitch = entry.dim(inner);
  auto step = [&](Value j, unsigned, Value mask) {
    auto elements = [&](int64_t row) {
      Value at = code.add(code.mul(code.add(k, code.i64(row)), pitch), j);
      return loadElements(code, code.gep(element, from, at), lanes, mask);
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
  Value blocks = entry.dim(signature.canonical(Dim::CeilDiv(inner, kColumns)));
  entry.forEachTask({entry.dim(outer), blocks}, [&](ArrayRef<Value> at) {
    Value column = code.mul(at[1], block);
    Value columns = code.minimum(code.sub(width, column), block);
    Value from = code.gep(x->elementType, entry.pointer(*x),
                          code.add(code.mul(code.mul(at[0], n), width), column));
    Value to = code.gep(code.getI64Type(), entry.pointer(*out),
                        code.add(code.mul(at[0], width), column));
    Value together = code.roundDown(n, kTogether);
    code.loop(code.i64(0), together, code.i64(kTogether),
              [&](Value k) { emitTogether(entry, from, to, k, kTogether, columns); });
    code.loop(together, n, code.i64(1),
              [&](Value k) { emitTogether(entry, from, to, k, 1, columns); });
  });
}

LogicalResult ArgReduceEmitter::run(KernelInfo &info) {
  if (failed(match()))
    return failure();
  EntryBuilder entry(module, signature, symbol);
  entry.code.loc =
      getLineLoc(module.getContext(), getOrdinal(op->getLoc()), LineRole::kCompute);
  bool rows = inner == Dim(1);
  if (rows)
    emitRows(entry);
  else
    emitColumns(entry);
  entry.finish();
  info.entries = {symbol};
  // An axis without elements has no answer: nothing runs then.
  Dim any = Dim::Min(count, 1);
  info.tasks = {rows ? any * outer : any * outer * Dim::CeilDiv(inner, kColumns)};
  info.scratch = rows ? 0 : kColumns * getStorageBytes(compared);
  info.shared = 0;
  info.cost = Dim::FloorDiv(outer * count * inner, 8) + outer * 4 + 50;
  return success();
}

} // namespace

LogicalResult emitArgReduceKernel(ModuleOp module, KernelSignature &signature,
                                  const CpuEmitOptions &options, KernelInfo &info) {
  return ArgReduceEmitter(module, signature, options.vectorBits).run(info);
}

} // namespace oriel
