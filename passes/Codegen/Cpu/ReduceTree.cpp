//===- ReduceTree.cpp - row reductions as the specified tree --------------===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {

unsigned treeLanes(const PassResult &result) {
  return getStorageBytes(result.acc.getType()) == 8 ? 16 : 32;
}

Value combine(Code &code, const PassResult &result, Value older, Value newer) {
  IRMapping map;
  map.map(result.combiner->getOperand(result.accOperand), older);
  map.map(result.combiner->getOperand(1 - result.accOperand), newer);
  Operation *op = code.clone(*result.combiner, map);
  op->getResult(0).setType(older.getType());
  return op->getResult(0);
}

/// The extension that makes the operand of a sum of integers, if `count` of what it
/// extends have a sum of twice their bits, less than the accumulator's.
static Operation *getNarrowOperand(const PassResult &result, Value operand, int64_t count) {
  Operation *op = operand.getDefiningOp();
  if (!isa<arith::AddIOp>(result.combiner) || !isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(op))
    return nullptr;
  unsigned bits = getElementTypeOrSelf(op->getOperand(0)).getIntOrFloatBitWidth();
  unsigned all = getElementTypeOrSelf(operand).getIntOrFloatBitWidth();
  return bits >= 8 && 2 * bits < all && count > 1 && count <= (int64_t(1) << bits) ? op : nullptr;
}

/// What `op` extends, extended to `element` alone.
static Value extendTo(Code &code, Operation *op, Value from, Type element) {
  auto vector = dyn_cast<VectorType>(from.getType());
  Type type = code.vectorOf(element, vector ? vector.getNumElements() : 0);
  Code::LocScope scope(code, op->getLoc());
  if (isa<arith::ExtSIOp>(op))
    return arith::ExtSIOp::create(code, code.loc, type, from);
  return arith::ExtUIOp::create(code, code.loc, type, from);
}

SmallVector<Value>
combinePairwise(Code &code, ArrayRef<const PassResult *> results, int64_t count,
                llvm::function_ref<SmallVector<Value>(int64_t)> element) {
  // Sums of narrow integers are widened once: there are that many more lanes.
  SmallVector<Operation *> narrow(results.size());
  SmallVector<Type> wide(results.size());
  auto leaf = [&](int64_t k) {
    SmallVector<Value> values = element(k);
    for (auto [r, value] : llvm::enumerate(values))
      if (Operation *op = getNarrowOperand(*results[r], value, count)) {
        narrow[r] = op;
        wide[r] = getElementTypeOrSelf(value);
        unsigned bits = getElementTypeOrSelf(op->getOperand(0)).getIntOrFloatBitWidth();
        value = extendTo(code, op, op->getOperand(0), code.getIntegerType(2 * bits));
      }
    return values;
  };
  // Depth first: few values are held at a time.
  auto emit = [&](auto &self, int64_t at, int64_t n) -> SmallVector<Value> {
    if (n == 1)
      return leaf(at);
    SmallVector<Value> older = self(self, at, n / 2), newer = self(self, at + n / 2, n / 2);
    for (auto [result, value, last] : llvm::zip(results, older, newer)) {
      Code::LocScope scope(code, result->combiner->getLoc());
      value = combine(code, *result, value, last);
    }
    return older;
  };
  SmallVector<Value> sums = emit(emit, 0, count);
  for (auto [sum, op, type] : llvm::zip(sums, narrow, wide))
    if (op)
      sum = extendTo(code, op, sum, type);
  return sums;
}

CounterStack::CounterStack(EntryBuilder &entry, const PassResult &result, Type type)
    : CounterStack(
          entry,
          [&entry, &result](Value older, Value newer) {
            return oriel::combine(entry.code, result, older, newer);
          },
          type) {}

CounterStack::CounterStack(EntryBuilder &entry, Combine combine, Type type)
    : entry(entry), combine(std::move(combine)), type(type) {
  // One slot per bit of the number of leaves.
  memory = entry.stack(type, 64);
}

Value CounterStack::slot(Value index) {
  return entry.code.gep(type, memory, index);
}

void CounterStack::push(Value k, Value value) {
  Code &code = entry.code;
  Value ones = LLVM::CountTrailingZerosOp::create(
      code, code.loc, code.getI64Type(), code.sub(code.i64(-1), k), false);
  Value top = LLVM::CtPopOp::create(code, code.loc, code.getI64Type(), k);
  SmallVector<Value> carried = code.loop(
      code.i64(0), ones, code.i64(1), ValueRange{value},
      [&](Value q, ValueRange values) -> SmallVector<Value> {
        Value older = code.load(type, slot(code.sub(code.sub(top, code.i64(1)), q)));
        return {combine(older, values[0])};
      });
  code.store(carried[0], slot(code.sub(top, ones)));
}

Value CounterStack::fold(Value count) {
  Code &code = entry.code;
  Value top = LLVM::CtPopOp::create(code, code.loc, code.getI64Type(), count);
  Value newest = code.load(type, slot(code.sub(top, code.i64(1))));
  return code.loop(code.i64(0), code.sub(top, code.i64(1)), code.i64(1),
                   ValueRange{newest},
                   [&](Value q, ValueRange values) -> SmallVector<Value> {
                     Value older = code.load(type, slot(code.sub(code.sub(top, code.i64(2)), q)));
                     return {combine(older, values[0])};
                   })[0];
}

/// Whether the order matters (extremes, and and or, and integers have none), or a
/// group's sum is narrower than the row's.
static bool hasGroups(const ModelPass &pass) {
  return llvm::any_of(pass.results, [](const PassResult &result) {
    return result.isReduced &&
           (isa<arith::AddFOp, arith::MulFOp>(result.combiner) ||
            getNarrowOperand(result, result.combiner->getOperand(1 - result.accOperand), kRowGroup / 32));
  });
}

static SmallVector<const PassResult *> reducedResults(const ModelPass &pass) {
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  return reduced;
}

/// The lanes of the kRowGroup elements from `first` on, `wide` elements a step.
SmallVector<Value> PassEmitter::emitGroup(PassState &state, Value first, unsigned wide) {
  const ModelPass &pass = *state.pass;
  SmallVector<const PassResult *> reduced = reducedResults(pass);
  int64_t steps = kRowGroup / wide;
  auto operandsAt = [&](Value j) {
    fetchLines(fetchedAhead, j, wide, 0, /*hint=*/2);
    return emitOperands(state, j, wide, nullptr);
  };
  // A step's elements of a lane: one, or two beside a result of more lanes.
  auto part = [&](const PassResult &result, Value x, int64_t k) {
    return code.slice(x, k * treeLanes(result), treeLanes(result));
  };
  if (isCheap(pass))
    return combinePairwise(code, reduced, steps, [&](int64_t k) {
      Block::iterator end = code.getInsertionPoint();
      Block *block = code.getInsertionBlock();
      Operation *last = end == block->begin() ? nullptr : &*std::prev(end);
      SmallVector<Value> values = operandsAt(code.add(first, code.i64(k * wide)));
      // The machine fetches ahead of lines that are read in their order (measured
      // at 1.25 times the speed); volatile keeps the code generator from mixing them.
      for (auto op = last ? std::next(last->getIterator()) : block->begin(); op != end; ++op)
        if (auto load = dyn_cast<LLVM::LoadOp>(*op))
          load.setVolatile_(true);
      for (auto [result, value] : llvm::zip(reduced, values)) {
        Value x = value;
        const PassResult *one = result;
        value = combinePairwise(code, one, wide / treeLanes(*result), [&](int64_t k) -> SmallVector<Value> {
          return {part(*one, x, k)};
        })[0];
      }
      return values;
    });
  // Much code is not repeated: the elements wait in memory.
  SmallVector<Value> memory;
  SmallVector<Type> types;
  for (const PassResult *result : reduced) {
    types.push_back(code.vectorOf(result->acc.getType(), treeLanes(*result)));
    memory.push_back(entry.stack(types.back(), kRowGroup / treeLanes(*result)));
  }
  code.loop(code.i64(0), code.i64(steps), code.i64(1), [&](Value k) {
    SmallVector<Value> values = operandsAt(code.add(first, code.mul(k, code.i64(wide))));
    for (auto [r, result] : llvm::enumerate(reduced)) {
      int64_t parts = wide / treeLanes(*result);
      for (int64_t p = 0; p < parts; ++p)
        code.store(part(*result, values[r], p),
                   code.gep(types[r], memory[r], code.add(code.mul(k, code.i64(parts)), code.i64(p))), 64);
    }
  });
  SmallVector<Value> sums;
  for (auto [r, result] : llvm::enumerate(reduced)) {
    const PassResult *one = result;
    sums.push_back(combinePairwise(code, one, kRowGroup / treeLanes(*result),
                                   [&, r = r](int64_t k) -> SmallVector<Value> {
      return {code.load(types[r], code.gep(types[r], memory[r], code.i64(k)), 64)};
    })[0]);
  }
  return sums;
}

/// Bytes that no second-level cache keeps; how far ahead of them what comes is fetched.
static constexpr int64_t kFarBytes = 1 << 20, kFarAhead = 4096;

SmallVector<Value> PassEmitter::emitLeaf(PassState &state, Value from, Value to) {
  const ModelPass &pass = *state.pass;
  SmallVector<const PassResult *> reduced = reducedResults(pass);
  unsigned wide = 16;
  for (const PassResult *result : reduced)
    wide = std::max(wide, treeLanes(*result));
  SmallVector<Value> accs;
  SmallVector<Type> types;
  for (const PassResult *result : reduced) {
    accs.push_back(code.splat(capture(result->neutral), treeLanes(*result)));
    types.push_back(accs.back().getType());
  }

  // What is read from beyond the second-level cache is brought there some way ahead:
  // the machine's own fetching stops at the end of a page. Measured on 64 MB at 1.18
  // of the speed, 1.15 with small pages; into the first level nothing is gained.
  SmallVector<Stream> far;
  int64_t farBytes = 0;
  unsigned full = llvm::count_if(model.passes, [](const ModelPass &p) { return !p.lacksReduced; });
  for (auto [access, stream] : llvm::zip(pass.inputs, state.inputs))
    if (full == 1 && hasGroups(pass) && isCheap(pass) && access.arg && stream.base && stream.stride == Dim(1) &&
        !llvm::is_contained(ArrayRef<Dim>(access.strides).drop_back(), Dim(0))) {
      far.push_back(stream);
      farBytes += getStorageBytes(stream.element);
    }
  Dim allBytes = NumElements(model.sizes) * Dim(farBytes);
  if (allBytes.is_static() && allBytes.value() < kFarBytes)
    far.clear();
  Value isFar = far.empty() ? Value() : code.less(code.i64(kFarBytes - 1), entry.dim(allBytes));
  auto whereFar = [&](TypeRange types, llvm::function_ref<SmallVector<Value>(ArrayRef<Stream>)> emit) {
    if (!isFar)
      return emit({});
    return code.ifElse(isFar, types, [&] { return emit(far); }, [&] { return emit({}); });
  };

  Value count = code.sub(to, from);
  Value mainEnd = code.add(from, code.roundDown(count, wide));
  prepareSplats(state, wide);
  // Whole groups; what is left over is a chain of its own, added to theirs.
  SmallVector<Value> groups;
  Value rest = from;
  if (hasGroups(pass) && !(getConstant(count) && *getConstant(count) < kRowGroup)) {
    rest = code.add(from, code.roundDown(count, kRowGroup));
    groups = whereFar(types, [&](ArrayRef<Stream> fetched) {
      return code.loop(from, rest, code.i64(kRowGroup), accs, [&](Value j, ValueRange carried) {
        fetchLines(fetched, j, kRowGroup, kFarAhead, /*hint=*/2);
        SmallVector<Value> next = emitGroup(state, j, wide);
        for (auto [result, value, acc] : llvm::zip(reduced, next, carried))
          value = combine(code, *result, acc, value);
        return next;
      });
    });
  }
  if (!(getConstant(count) && *getConstant(count) < wide))
    accs = code.loop(rest, mainEnd, code.i64(wide), accs, [&](Value j, ValueRange carried) {
      SmallVector<Value> next(carried);
      fetchLines(fetchedAhead, j, wide, 0, /*hint=*/2);
      emitStep(state, j, wide, nullptr, next);
      return next;
    });

  // The tail: lanes that have no element keep their accumulator.
  std::optional<int64_t> known = getConstant(count);
  auto oneMaskedStep = [&] {
    SmallVector<Value> next = accs;
    emitStep(state, mainEnd, wide, code.maskBelow(code.sub(to, mainEnd), wide), next);
    return next;
  };
  auto throughMemory = [&] {
    // Rolled loops of short steps, each on its slice of the lanes in memory.
    SmallVector<Value> memory;
    for (Value acc : accs) {
      memory.push_back(entry.stack(acc.getType(), 1));
      code.store(acc, memory.back(), 64);
    }
    unsigned step = std::min(nativeLanes(pass), 16u);
    prepareSplats(state, step);
    code.loop(mainEnd, to, code.i64(step), [&](Value j) {
      SmallVector<Value> parts, slots;
      for (auto [result, slot] : llvm::zip(reduced, memory)) {
        Type element = result->acc.getType();
        Value lane = arith::AndIOp::create(code, code.loc, code.sub(j, mainEnd),
                                           code.i64(treeLanes(*result) - 1));
        slots.push_back(code.gep(element, slot, lane));
        parts.push_back(code.load(code.vectorOf(element, step), slots.back()));
      }
      emitStep(state, j, step, code.maskBelow(code.sub(to, j), step), parts);
      for (auto [part, slot] : llvm::zip(parts, slots))
        code.store(part, slot);
    });
    SmallVector<Value> next;
    for (auto [type, slot] : llvm::zip(types, memory))
      next.push_back(code.load(type, slot, 64));
    return next;
  };
  if (known) {
    if (*known % wide != 0)
      accs = oneMaskedStep();
  } else {
    accs = code.ifElse(
        code.less(mainEnd, to), types,
        [&] { return !isCheap(pass) ? throughMemory() : oneMaskedStep(); },
        [&] { return accs; });
  }

  for (auto [result, acc, sum] : llvm::zip(reduced, accs, groups)) // none: no elements
    acc = combine(code, *result, sum, acc);
  SmallVector<Value> finals;
  for (auto [result, acc] : llvm::zip(reduced, accs)) {
    Code::LocScope scope(code, result->combiner->getLoc());
    for (unsigned half = treeLanes(*result) / 2; half > 0; half /= 2)
      acc = combine(code, *result, code.slice(acc, 0, half), code.slice(acc, half, half));
    finals.push_back(code.lane(acc, 0));
  }
  return finals;
}

void PassEmitter::emitRowReduction(const ModelPass &pass) {
  PassState state = prepare(pass);
  Value end = hi;
  if (state.indexable) {
    end = code.select(state.indexable, hi, lo);
    Value some = arith::AndIOp::create(code, code.loc, code.equal(end, lo), code.less(lo, hi));
    code.ifThen(some, [&] { emitStep(state, lo, 0, nullptr, {}, /*onlyChecks=*/true); });
  }
  std::optional<int64_t> known = getConstant(end);
  if (known && *known <= kRowLeaf)
    return finishReduction(pass, emitLeaf(state, lo, end));

  SmallVector<CounterStack> stacks;
  SmallVector<Value> neutral;
  SmallVector<Type> types;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      types.push_back(result.acc.getType());
      stacks.emplace_back(entry, result, types.back());
      neutral.push_back(capture(result.neutral));
    }
  Value leaves = code.divUnsigned(code.add(end, code.i64(kRowLeaf - 1)), code.i64(kRowLeaf));
  Value several = code.less(code.i64(1), leaves);
  SmallVector<Value> last = code.loop(
      code.i64(0), leaves, code.i64(1), neutral, [&](Value k, ValueRange) {
        Value from = code.mul(k, code.i64(kRowLeaf));
        Value to = code.minimum(code.add(from, code.i64(kRowLeaf)), end);
        SmallVector<Value> values = emitLeaf(state, from, to);
        code.ifThen(several, [&] {
          for (auto [stack, value] : llvm::zip(stacks, values))
            stack.push(k, value);
        });
        return values;
      });
  SmallVector<Value> finals = code.ifElse(
      several, types,
      [&] {
        SmallVector<Value> values;
        for (CounterStack &stack : stacks)
          values.push_back(stack.fold(leaves));
        return values;
      },
      [&] { return last; });
  finishReduction(pass, finals);
}

void PassEmitter::finishReduction(const ModelPass &pass, ArrayRef<Value> finals) {
  PassState state;
  state.indices = indices;
  unsigned k = 0;
  for (const PassResult &result : pass.results) {
    if (!result.isReduced)
      continue;
    Value value = finals[k++];
    rowScalars[result.value] = value;
    Code::LocScope scope(code, line(result.combiner->getLoc(), LineRole::kStore));
    for (const LinearAccess &store : model.values[result.value].stores)
      storeStream(streamOf(store, state), value, code.i64(0), 0, nullptr);
  }
}

} // namespace oriel
