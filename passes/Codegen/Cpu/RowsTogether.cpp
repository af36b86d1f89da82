//===- RowsTogether.cpp - short rows reduced in registers -----------------===//
//
// A row of at most two vectors is loaded by itself, masked. Halving one row's lanes
// would leave half of the vector idle, a quarter, ... Here two rows' halves share a
// vector, then four rows' quarters, until 16 rows' results are the lanes of one: 15
// combinations of two shuffles each for 16 rows. They are those of the specified
// tree.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/RowsTogether.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

namespace {

constexpr unsigned kRows = kRowsTogether; // at a time; lanes of a row after the first halving

Value shuffle(Code &code, Value a, Value b, llvm::function_ref<int64_t(unsigned)> from) {
  SmallVector<int64_t> order;
  for (unsigned k = 0; k < kRows; ++k)
    order.push_back(from(k));
  return vector::ShuffleOp::create(code, code.loc, a, b, order);
}

/// Of `count` rows in `a` and as many in `b`, 16 / count lanes each: the halves of
/// each row combined, as the lanes of one vector. The last two steps stay within
/// 128 bits, which is cheaper, and so mix the rows' order (see rowOf).
Value combineHalves(Code &code, const CounterStack::Combine &combine, Value a, Value b,
                    unsigned count) {
  auto half = [&](unsigned which) {
    return shuffle(code, a, b, [&](unsigned k) -> int64_t {
      if (count < 4) {
        unsigned lanes = kRows / count / 2; // of a half
        return k / lanes * 2 * lanes + which * lanes + k % lanes;
      }
      unsigned quarter = k / 4 * 4, at = k % 4, lanes = count == 4 ? 2 : 1;
      unsigned number = at / lanes; // of the halves in a quarter: first a's, then b's
      unsigned each = 4 / lanes / 2;
      return (number < each ? 0 : kRows) + quarter + number % each * 2 * lanes + which * lanes +
             at % lanes;
    });
  };
  Value older = half(0);
  return combine(older, half(1));
}

/// The row whose result ends where row `leaf` of the tree of combinations does.
unsigned rowOf(unsigned leaf) { return leaf % 4 * 4 + leaf / 4; }

} // namespace

Value combineRowsTogether(Code &code, const CounterStack::Combine &combine,
                          llvm::function_ref<Value(unsigned)> row) {
  auto build = [&](auto &self, unsigned leaf, unsigned count) -> Value {
    if (count == 1)
      return row(rowOf(leaf));
    Value a = self(self, leaf, count / 2), b = self(self, leaf + count / 2, count / 2);
    return combineHalves(code, combine, a, b, count / 2);
  };
  return build(build, 0, kRows);
}

void reduceRowsTogether(PassEmitter &emitter, const ModelPass &pass, SmallVector<Value> indices,
                        unsigned dim, Value from, Value to, Value length,
                        llvm::function_ref<void(unsigned, Value, unsigned, Value)> store) {
  Code &code = emitter.code;
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  Value zero = code.i64(0), one = code.i64(1), lanes = code.i64(kRows);
  auto stateOf = [&](Value row) {
    indices[dim] = row;
    emitter.beginRow(indices, zero, length);
    return emitter.prepare(pass);
  };
  // The elements of a row, the neutral element where there is none.
  auto elements = [&](PassState &state, Value at, Value mask) {
    emitter.prepareSplats(state, kRows);
    SmallVector<Value> values = emitter.emitOperands(state, at, kRows, mask);
    for (auto [result, value] : llvm::zip(reduced, values))
      if (mask)
        value = code.select(mask, value, code.splat(emitter.capture(result->neutral), kRows));
    return values;
  };
  auto groups = [&](Value first, Value last, bool isWide) {
    Value mask = code.maskBelow(isWide ? code.sub(length, lanes) : length, kRows);
    code.loop(first, last, lanes, [&](Value row) {
      SmallVector<SmallVector<Value>> rows(reduced.size());
      for (unsigned k = 0; k < kRows; ++k) {
        PassState state = stateOf(code.add(row, code.i64(k)));
        SmallVector<Value> values = elements(state, zero, isWide ? nullptr : mask);
        if (isWide)
          for (auto [result, value, rest] :
               llvm::zip(reduced, values, elements(state, lanes, mask)))
            value = combine(code, *result, value, rest);
        for (auto [list, value] : llvm::zip(rows, values))
          list.push_back(value);
      }
      for (auto [r, result] : llvm::enumerate(reduced)) {
        Code::LocScope scope(code, result->combiner->getLoc());
        const PassResult &one = *result;
        Value together = combineRowsTogether(
            code, [&](Value older, Value newer) { return combine(code, one, older, newer); },
            [&, r = r](unsigned k) { return rows[r][k]; });
        // Chains start at the neutral element: no sum is -0.
        Value sums = combine(code, one, code.splat(emitter.capture(one.neutral), kRows), together);
        store(r, row, kRows, sums);
      }
    });
  };
  Value whole = code.add(from, code.roundDown(code.sub(to, from), kRows));
  if (std::optional<int64_t> known = getConstant(length))
    groups(from, whole, /*isWide=*/*known > kRows);
  else
    code.ifElse(
        code.less(lanes, length), TypeRange(),
        [&]() -> SmallVector<Value> {
          groups(from, whole, /*isWide=*/true);
          return {};
        },
        [&]() -> SmallVector<Value> {
          groups(from, whole, /*isWide=*/false);
          return {};
        });
  code.loop(whole, to, one, [&](Value row) {
    PassState state = stateOf(row);
    for (auto [r, value] : llvm::enumerate(emitter.emitLeaf(state, zero, length)))
      store(r, row, 0, value);
  });
}

} // namespace oriel
