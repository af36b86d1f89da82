//===- AcrossRows.cpp - rows side by side ---------------------------------===//
//
// A row of some ten elements fills no vector, and what its lanes hold would have
// to be combined within one. Here a lane is a row: some rows' elements are
// transposed into scratch, every pass runs down them, and full results are
// transposed back. Rows of a transposed operand lie side by side as they are, and
// may be long. The lanes of the specified tree are rows of scratch: the bits are
// those of the other way. Rows that are only reduced need no tiles where masked loads
// are fast (RowsTogether.h).
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"
#include "passes/Codegen/Cpu/RowsTogether.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace oriel {

namespace {
// Elements of the longest row; at most two a lane of the tree. Where rows are
// only added up, those of more than a vector cost less by themselves.
constexpr int64_t kShortRow = 32, kShortSum = 16;
// Elements of the shortest rows that are worth a vector each, where that is known.
constexpr int64_t kFewestTogether = 8;
// Rows side by side, those of a transposed operand, and the fewest worth it.
constexpr int64_t kSideBySide = 64, kTransposedRows = 256, kFewestRows = 8;
// Rows so short are loaded a vector an element, several rows each; the longest where
// their length is known, and where it is found when the kernel runs.
constexpr int64_t kFewKnown = 7, kFewFound = 4;
// Leaves that wait to be combined: bits of their number.
constexpr int64_t kWaiting = 32;

} // namespace

/// The kernel with its last dim and dim `d` in each other's place.
KernelModel swapDims(const KernelModel &model, unsigned d) {
  KernelModel result = model;
  unsigned last = model.rank() - 1;
  auto swapStrides = [&](LinearAccess &access) { std::swap(access.strides[d], access.strides[last]); };
  std::swap(result.sizes[d], result.sizes[last]);
  result.reducedAxis = d;
  for (ModelValue &value : result.values) {
    value.hasInner = true;
    llvm::for_each(value.stores, swapStrides);
  }
  for (ModelPass &pass : result.passes) {
    llvm::for_each(pass.inputs, swapStrides);
    for (unsigned &at : pass.dims)
      at = at == d ? last : at == last ? d : at;
  }
  for (ModelPass &pass : result.passes)
    findVarying(result, pass);
  return result;
}

bool isUsed(const ModelPass &pass, unsigned input) {
  return !linalg::GenericOp(pass.op).getBody()->getArgument(input).use_empty();
}

namespace {

/// Whether all there is to rows is one cheap pass of reductions.
bool onlyReduces(const KernelModel &model) {
  return PassEmitter::isCheap(model.passes.front()) &&
         llvm::all_of(model.passes.front().results, [](const PassResult &r) { return r.isReduced; }) &&
         llvm::all_of(llvm::drop_begin(model.passes), [](const ModelPass &p) { return p.lacksReduced; });
}

/// Emits the tasks of rows side by side.
class AcrossRows {
public:
  /// `width` rows at most; isLong: sums of any length, of operands that need no
  /// tile. `own`: the kernel before dims were swapped, where rows are reduced in
  /// registers, or null.
  AcrossRows(EntryBuilder &entry, const KernelSignature &signature, KernelModel &model,
             unsigned vectorBits, int64_t width, bool isLong, const KernelModel *own, Dim &scratch)
      : entry(entry), code(entry.code), model(model), own(own),
        emitter(entry, signature, model, vectorBits),
        ownEmitter(entry, signature, own ? *own : model, vectorBits),
        length(model.sizes[model.reducedAxis]), width(width), isLong(isLong) {
    layout(scratch);
  }

  void emit(SmallVector<Value> at, Value from, Value to);

private:
  struct Tile {
    const LinearAccess *access = nullptr; // what is read, or written
    unsigned pass = 0, input = 0;         // what is read
    Dim offset;
  };
  void layout(Dim &scratch);
  Stream scratchRow(const Dim &offset, Value k, Type element);
  void beginStep(Value k);
  void reduce(const ModelPass &pass);
  void reduceStep(const ModelPass &pass, Value k, Value lane, int64_t count,
                  llvm::function_ref<bool(unsigned)> isFirst);
  void reduceLong(const ModelPass &pass);
  void reduceTogether(const ModelPass &pass);
  void reduceFew(const ModelPass &pass, int64_t count);
  void combineRows(const PassResult &result, const Stream &older, const Stream &newer,
                   const Stream &target);
  void fill(const PassResult &result, const Stream &row);
  void halve(const PassResult &result, unsigned r, Value used);
  void finish(const ModelPass &pass, const PassResult &result, const Stream &from);
  SmallVector<Stream> targetsOf(const PassResult &result);
  /// Whether all rows have few enough elements, known now, and are only reduced.
  bool areFew() const {
    return !isLong && isAtMost(length, kFewKnown) && onlyReduces(model);
  }

  EntryBuilder &entry;
  Code &code;
  KernelModel &model;
  const KernelModel *own;
  PassEmitter emitter, ownEmitter;
  Dim length; // of a row
  int64_t width;
  bool isLong;
  SmallVector<Tile> reads, writes;
  SmallVector<SmallVector<LinearAccess>> moved; // per value: stores through its tile
  SmallVector<Dim> lanes;                       // per reduced result of a pass: offsets
  SmallVector<Value> indices;
  Value lo, hi;
};

void AcrossRows::layout(Dim &scratch) {
  Dim tileRows = length.is_static() ? length : Dim(kShortRow);
  auto reserve = [&](const Dim &rows, Type element) {
    Dim offset = scratch;
    scratch = scratch + rows * Dim(width * getStorageBytes(element));
    return offset;
  };
  for (auto [p, pass] : llvm::enumerate(model.passes)) {
    if (pass.lacksReduced)
      continue;
    for (auto [k, input] : llvm::enumerate(pass.inputs))
      if (!own && !areFew() && input.arg && isUsed(pass, k) && input.strides[model.reducedAxis] == Dim(1) &&
          !(input.innerStride() == Dim(0)))
        reads.push_back({&input, static_cast<unsigned>(p), static_cast<unsigned>(k),
                         reserve(tileRows, input.element)});
  }
  moved.resize(model.values.size());
  size_t most = 0;
  for (ModelPass &pass : model.passes) {
    size_t count = 0;
    for (const PassResult &result : pass.results) {
      ModelValue &value = model.values[result.value];
      count += result.isReduced;
      bool isFull = !pass.lacksReduced && !result.isReduced;
      if (isFull)
        for (const LinearAccess &store : value.stores)
          if (!(store.innerStride() == Dim(1)))
            moved[result.value].push_back(store);
      if (!moved[result.value].empty()) {
        llvm::erase_if(value.stores,
                       [](const LinearAccess &s) { return !(s.innerStride() == Dim(1)); });
        value.isRead |= value.stores.empty();
      }
      if (!value.stores.empty() || !value.isRead)
        continue;
      value.scratchOffset = reserve(isFull ? tileRows : Dim(1), value.element);
      value.scratchPitch = isFull ? width : 0;
    }
    most = std::max(most, count);
  }
  for (size_t r = 0; r < most; ++r) {
    // Of the widest accumulator there may be: 8 bytes and 16 lanes, or 4 and 32.
    // After them those of what is beside whole groups, and the leaves that wait.
    lanes.push_back(scratch);
    scratch = scratch + Dim(width * (isLong ? 2 * 128 + 8 * kWaiting : 128));
  }
}

/// Row k of a tile; elements are numbered from lo on.
Stream AcrossRows::scratchRow(const Dim &offset, Value k, Type element) {
  Type storage = getStorageType(element);
  Value base = code.gep(code.getI8Type(), entry.scratch(), entry.dim(offset));
  Value at = code.sub(code.mul(k, code.i64(width)), lo);
  return {code.gep(storage, base, at), Dim(1), element, nullptr};
}

/// Element k of every row is what the emitter works on.
void AcrossRows::beginStep(Value k) {
  indices[model.reducedAxis] = k;
  emitter.beginRow(indices, lo, hi);
  for (const Tile &tile : reads)
    emitter.overrideInput(model.passes[tile.pass], tile.input,
                          scratchRow(tile.offset, k, tile.access->element));
}

/// Elements k, k + lanes, ... (`count` of them, pairwise) of every row into one lane.
void AcrossRows::reduceStep(const ModelPass &pass, Value k, Value lane, int64_t count,
                            llvm::function_ref<bool(unsigned)> isFirst) {
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  std::vector<PassState> states;
  for (int64_t q = 0; q < count; ++q) {
    beginStep(code.add(k, code.i64(q * treeLanes(*reduced[0]))));
    states.push_back(emitter.prepare(pass));
  }
  SmallVector<Stream> slots;
  for (auto [r, result] : llvm::enumerate(reduced)) {
    Value at = isLong ? lane
                      : Value(arith::AndIOp::create(code, code.loc, lane,
                                                    code.i64(treeLanes(*result) - 1)));
    slots.push_back(scratchRow(lanes[r], at, result->acc.getType()));
  }
  // The next lane's elements, as in ColumnKernels.
  auto fetch = [&](Value j, unsigned many) {
    for (const PassState &state : states)
      for (auto [access, stream] : llvm::zip(pass.inputs, state.inputs)) {
        if (!access.arg || !stream.base || !(stream.stride == Dim(1)))
          continue;
        int64_t bytes = getStorageBytes(stream.element);
        Value at = code.gep(getStorageType(stream.element), stream.base,
                            code.add(j, entry.dim(access.strides[model.reducedAxis])));
        for (int64_t line = 0; line < many * bytes; line += kLineBytes)
          LLVM::Prefetch::create(code, code.loc, code.gep(code.getI8Type(), at, code.i64(line)),
                                 /*rw=*/0u, /*hint=*/2u, /*cache=*/1u);
      }
  };
  emitter.sweep(
      pass, lo, hi,
      [&](unsigned many) {
        for (PassState &state : states)
          emitter.prepareSplats(state, many);
      },
      [&](Value j, unsigned many, Value mask) {
        SmallVector<Value> accs;
        for (auto [result, slot] : llvm::zip(reduced, slots))
          accs.push_back(isFirst(treeLanes(*result))
                             ? code.splat(emitter.capture(result->neutral), many)
                             : emitter.loadStream(slot, j, many, mask));
        if (count > 1 && many && !mask)
          fetch(j, many);
        SmallVector<Value> sums = combinePairwise(code, reduced, count, [&](int64_t q) {
          return emitter.emitOperands(states[q], j, many, mask);
        });
        for (auto [result, acc, sum, slot] : llvm::zip(reduced, accs, sums, slots))
          emitter.storeStream(slot, combine(code, *result, acc, sum), j, many, mask);
      },
      /*isRare=*/isLong && (count == 1 || !PassEmitter::isCheap(pass)));
}

void AcrossRows::combineRows(const PassResult &result, const Stream &older, const Stream &newer,
                             const Stream &target) {
  emitter.sweep(model.passes.front(), lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
    Value sum = combine(code, result, emitter.loadStream(older, j, count, mask),
                        emitter.loadStream(newer, j, count, mask));
    emitter.storeStream(target, sum, j, count, mask);
  }, /*isRare=*/true);
}

void AcrossRows::fill(const PassResult &result, const Stream &row) {
  emitter.sweep(model.passes.front(), lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
    emitter.storeStream(row, code.splat(emitter.capture(result.neutral), count), j, count, mask);
  }, /*isRare=*/true);
}

/// Combines the first `used` lanes of a reduced result by halving. A lane without
/// an element would hold the neutral element, which changes nothing.
void AcrossRows::halve(const PassResult &result, unsigned r, Value used) {
  Value size = code.i64(treeLanes(result)), one = code.i64(1);
  code.loop(code.i64(0), code.i64(llvm::Log2_32(treeLanes(result))), one,
            ValueRange{code.divUnsigned(size, code.i64(2)), used},
            [&](Value, ValueRange carried) -> SmallVector<Value> {
              Value half = carried[0];
              code.loop(half, carried[1], one, [&](Value k) {
                Type type = result.acc.getType();
                Stream low = scratchRow(lanes[r], code.sub(k, half), type);
                combineRows(result, low, scratchRow(lanes[r], k, type), low);
              });
              return {code.divUnsigned(half, code.i64(2)), code.minimum(half, carried[1])};
            });
}

/// Leaf by leaf: lanes from memory, then the binary counter, a row of scratch a
/// bit.
void AcrossRows::reduceLong(const ModelPass &pass) {
  SmallVector<const PassResult *> reduced;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      reduced.push_back(&result);
  int64_t size = treeLanes(*reduced[0]);
  Value zero = code.i64(0), one = code.i64(1), n = entry.dim(length);
  Value leaf = code.i64(kRowLeaf), lanesOfLeaf = code.i64(size);
  auto waiting = [&](unsigned r, Value bit) {
    return scratchRow(lanes[r] + Dim(2 * width * 128), bit, reduced[r]->acc.getType());
  };
  auto lane = [&](unsigned r, Value k) { return scratchRow(lanes[r], k, reduced[r]->acc.getType()); };
  auto no = [](unsigned) { return false; };
  int64_t together = kRowGroup / size;
  Value leaves = code.maximum(code.divUnsigned(code.add(n, code.i64(kRowLeaf - 1)), leaf), one);
  code.loop(zero, leaves, one, [&](Value number) {
    Value from = code.mul(number, leaf), to = code.minimum(code.add(from, leaf), n);
    Value whole = code.add(from, code.roundDown(code.sub(to, from), kRowGroup));
    // What is beside whole groups is a chain of its own in lanes of its own.
    Value isBeside = arith::AndIOp::create(code, code.loc, code.less(from, whole),
                                           code.less(whole, to));
    Value ownLanes = code.select(isBeside, lanesOfLeaf, zero);
    code.loop(zero, code.add(lanesOfLeaf, ownLanes), one, [&](Value k) {
      for (unsigned r = 0; r < reduced.size(); ++r)
        fill(*reduced[r], lane(r, k));
    });
    code.loop(from, whole, code.i64(kRowGroup), [&](Value first) {
      code.loop(zero, lanesOfLeaf, one, [&](Value k) {
        reduceStep(pass, code.add(first, k), k, together, no);
      });
    });
    code.loop(whole, to, one, [&](Value k) {
      Value number = arith::AndIOp::create(code, code.loc, code.sub(k, whole), code.i64(size - 1));
      reduceStep(pass, k, code.add(number, ownLanes), 1, no);
    });
    code.loop(zero, ownLanes, one, [&](Value k) {
      for (auto [r, result] : llvm::enumerate(reduced))
        combineRows(*result, lane(r, k), lane(r, code.add(k, lanesOfLeaf)), lane(r, k));
    });
    Value ones = LLVM::CountTrailingZerosOp::create(code, code.loc, code.getI64Type(),
                                                    code.sub(code.i64(-1), number), false);
    Value top = LLVM::CtPopOp::create(code, code.loc, code.getI64Type(), number);
    for (unsigned r = 0; r < reduced.size(); ++r) {
      halve(*reduced[r], r, lanesOfLeaf);
      Stream sum = lane(r, zero);
      code.loop(zero, ones, one, [&](Value q) {
        combineRows(*reduced[r], waiting(r, code.sub(code.sub(top, one), q)), sum, sum);
      });
      Stream place = waiting(r, code.sub(top, ones));
      emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
        emitter.storeStream(place, emitter.loadStream(sum, j, count, mask), j, count, mask);
      }, /*isRare=*/true);
    }
  });
  Value top = LLVM::CtPopOp::create(code, code.loc, code.getI64Type(), leaves);
  for (unsigned r = 0; r < reduced.size(); ++r) {
    Stream newest = waiting(r, code.sub(top, one));
    code.loop(one, top, one, [&](Value q) {
      combineRows(*reduced[r], waiting(r, code.sub(code.sub(top, one), q)), newest, newest);
    });
    beginStep(zero);
    finish(pass, *reduced[r], newest);
  }
}

SmallVector<Stream> AcrossRows::targetsOf(const PassResult &result) {
  const ModelValue &value = model.values[result.value];
  SmallVector<Stream> targets;
  if (value.stores.empty() && value.isRead)
    targets.push_back(emitter.valueStream(result.value));
  for (const LinearAccess &store : value.stores)
    targets.push_back(emitter.accessStream(store));
  return targets;
}

void AcrossRows::finish(const ModelPass &pass, const PassResult &result, const Stream &from) {
  SmallVector<Stream> targets = targetsOf(result);
  emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
    Value found = emitter.loadStream(from, j, count, mask);
    for (const Stream &target : targets)
      emitter.storeStream(target, found, j, count, mask);
  }, /*isRare=*/true);
}

void AcrossRows::reduceTogether(const ModelPass &pass) {
  Value zero = code.i64(0);
  SmallVector<Stream> slots;
  for (const PassResult &result : pass.results)
    slots.push_back(scratchRow(lanes[slots.size()], zero, result.acc.getType()));
  reduceRowsTogether(ownEmitter, own->passes[&pass - &model.passes.front()], indices,
                     model.reducedAxis, lo, hi, entry.dim(length),
                     [&](unsigned r, Value row, unsigned lanes, Value value) {
                       ownEmitter.storeStream(slots[r], value, row, lanes, nullptr);
                     });
  for (auto [result, slot] : llvm::zip(pass.results, slots)) {
    Code::LocScope scope(code, result.combiner->getLoc());
    beginStep(zero);
    finish(pass, result, slot);
  }
}

/// Rows of `count` elements: a vector for each element, of as many rows as it has
/// lanes, combined as the lanes of the tree are. Those without an element would hold
/// the neutral element, which changes nothing once every chain has begun with it.
void AcrossRows::reduceFew(const ModelPass &pass, int64_t count) {
  SmallVector<const PassResult *> reduced;
  SmallVector<SmallVector<Stream>> targets;
  beginStep(code.i64(0));
  for (const PassResult &result : pass.results) {
    reduced.push_back(&result);
    targets.push_back(targetsOf(result));
  }
  std::vector<PassState> states;
  for (int64_t k = 0; k < count; ++k) {
    beginStep(code.i64(k));
    states.push_back(emitter.prepare(pass));
    for (Stream &stream : states.back().inputs)
      if (stream.base && stream.stride == length)
        stream.stride = count; // shuffles, which unknown steps have none of
  }
  emitter.sweep(
      pass, lo, hi,
      [&](unsigned many) {
        for (PassState &state : states)
          emitter.prepareSplats(state, many);
      },
      [&](Value j, unsigned many, Value mask) {
        SmallVector<SmallVector<Value>> elements(reduced.size());
        for (PassState &state : states)
          for (auto [r, value] : llvm::enumerate(emitter.emitOperands(state, j, many, mask))) {
            Code::LocScope scope(code, reduced[r]->combiner->getLoc());
            Value neutral = code.splat(emitter.capture(reduced[r]->neutral), many);
            elements[r].push_back(combine(code, *reduced[r], neutral, value));
          }
        for (auto [r, result] : llvm::enumerate(reduced)) {
          Code::LocScope scope(code, result->combiner->getLoc());
          for (int64_t half = 4; half > 0; half /= 2)
            for (int64_t k = half; k < std::min(count, 2 * half); ++k)
              elements[r][k - half] = combine(code, *result, elements[r][k - half], elements[r][k]);
          for (const Stream &target : targets[r])
            emitter.storeStream(target, elements[r][0], j, many, mask);
        }
      });
}

void AcrossRows::reduce(const ModelPass &pass) {
  if (isLong)
    return reduceLong(pass);
  if (areFew())
    return reduceFew(pass, length.value());
  if (own) {
    Value n = entry.dim(length);
    auto from = [&](auto &self, int64_t count) -> void {
      if (count > kFewFound || length.is_static())
        return reduceTogether(pass);
      code.ifElse(
          code.equal(n, code.i64(count)), TypeRange(),
          [&]() -> SmallVector<Value> {
            reduceFew(pass, count);
            return {};
          },
          [&]() -> SmallVector<Value> {
            self(self, count + 1);
            return {};
          });
    };
    return from(from, 2);
  }
  unsigned fewest = 32;
  unsigned r = 0;
  Value zero = code.i64(0), one = code.i64(1), n = entry.dim(length);
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      fewest = std::min(fewest, treeLanes(result));
      Stream first = scratchRow(lanes[r++], zero, result.acc.getType());
      code.ifThen(code.less(n, one), [&] { fill(result, first); });
    }
  code.loop(zero, code.minimum(n, code.i64(fewest)), one, [&](Value k) {
    reduceStep(pass, k, k, 1, [](unsigned) { return true; });
  });
  if (fewest < kShortRow && !isAtMost(length, fewest))
    code.loop(code.i64(fewest), n, one, [&](Value k) {
      reduceStep(pass, k, k, 1, [&](unsigned size) { return size != fewest; });
    });
  r = 0;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      Code::LocScope scope(code, result.combiner->getLoc());
      halve(result, r, code.minimum(n, code.i64(treeLanes(result))));
      beginStep(zero);
      finish(pass, result, scratchRow(lanes[r++], zero, result.acc.getType()));
    }
}

void AcrossRows::emit(SmallVector<Value> at, Value from, Value to) {
  indices = at;
  lo = from;
  hi = to;
  Value zero = code.i64(0), one = code.i64(1), n = entry.dim(length);
  indices[model.reducedAxis] = zero;
  emitter.beginRow(indices, lo, hi);
  Value pitch = code.i64(width);
  for (const Tile &tile : reads) {
    Type element = getStorageType(tile.access->element);
    Stream source = emitter.accessStream(*tile.access);
    TileMove move{element, source.base, entry.dim(source.stride),
                  scratchRow(tile.offset, zero, tile.access->element).base, pitch, nullptr};
    transposeTile(entry, emitter.getVectorBits(), move, zero, n, lo, hi);
  }
  for (const ModelPass &pass : model.passes) {
    linalg::GenericOp generic = pass.op;
    Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(generic.getLoc()), LineRole::kLoop));
    if (pass.isReduction) {
      reduce(pass);
    } else if (pass.lacksReduced) {
      beginStep(zero);
      emitter.emitPass(pass);
    } else {
      code.loop(zero, n, one, [&](Value k) {
        beginStep(k);
        emitter.emitPass(pass);
      });
    }
  }
  beginStep(zero);
  for (auto [v, stores] : llvm::enumerate(moved))
    for (const LinearAccess &store : stores) {
      Stream target = emitter.accessStream(store), tile = emitter.valueStream(v);
      TileMove move{getStorageType(tile.element), tile.base, pitch, target.base,
                    entry.dim(target.stride), nullptr, true};
      transposeTile(entry, emitter.getVectorBits(), move, lo, hi, zero, n);
    }
  emitter.clearOverrides();
}

} // namespace

/// Whether all there is to rows is one cheap pass of reductions, and the machine
/// can load them masked.
static bool areReducedTogether(const KernelModel &model, Operation *module) {
  return getNarrowestMask(module) == 8 && !isAtMost(model.sizes.back(), kFewestTogether - 1) &&
         onlyReduces(model);
}

/// 1 where rows are to be taken side by side, 0 where not, as an expression of
/// the kernel's dims; nothing where they never are.
std::optional<Dim> GenericKernel::areShortRows() const {
  if (model.rank() < 2)
    return std::nullopt;
  unsigned d = model.rank() - 2;
  const Dim &n = model.sizes.back(), &rows = model.sizes[d];
  bool isSum = llvm::all_of(model.passes, [&](const ModelPass &pass) {
    return pass.lacksReduced ||
           (&pass == &model.passes.front() && PassEmitter::isCheap(pass) &&
            llvm::none_of(pass.results, [](const PassResult &r) {
              return !r.isReduced || isa<arith::MaximumFOp, arith::MinimumFOp>(r.combiner);
            }));
  });
  int64_t longest = areReducedTogether(model, module) ? kRowTogether : isSum ? kShortSum : kShortRow;
  if ((n.is_static() && (n.value() > longest || n.value() < 2)) || isAtMost(rows, kFewestRows - 1))
    return std::nullopt;
  for (const ModelPass &pass : model.passes) {
    if (!pass.checks.empty() || !pass.extracts.empty())
      return std::nullopt;
    for (auto [k, input] : llvm::enumerate(pass.inputs)) {
      // Through a tile, in place, or one element for all rows.
      const Dim &along = input.strides[d], &inner = input.innerStride();
      if (input.arg && isUsed(pass, k) && !(along == Dim(1)) && !(along == Dim(0)) &&
          !(inner == Dim(1)) && !(inner == Dim(0) && pass.lacksReduced))
        return std::nullopt;
    }
    for (const PassResult &result : pass.results)
      for (const LinearAccess &store : model.values[result.value].stores)
        if (!pass.lacksReduced && !result.isReduced && !(store.strides[d] == Dim(1)) &&
            !(store.innerStride() == Dim(1)))
          return std::nullopt;
  }
  Dim isShort = n.is_static() ? Dim(1) : Dim::Min(Dim::Max(Dim(longest + 1) - n, Dim(0)), Dim(1));
  Dim areMany = rows.is_static() ? Dim(1) : Dim::Min(Dim::FloorDiv(rows, Dim(kFewestRows)), Dim(1));
  return isShort * areMany;
}

/// Sums of the rows of operands whose rows lie side by side in memory: what
/// areShortRows says, for any length.
std::optional<Dim> GenericKernel::areTransposedRows() const {
  if (model.rank() < 2)
    return std::nullopt;
  unsigned d = model.rank() - 2;
  const Dim &rows = model.sizes[d];
  if (isAtMost(rows, kFewestRows - 1))
    return std::nullopt;
  bool isAny = false;
  std::optional<unsigned> size;
  for (const ModelPass &pass : model.passes) {
    if (!pass.checks.empty() || !pass.extracts.empty())
      return std::nullopt;
    if (pass.lacksReduced)
      continue;
    if (&pass != &model.passes.front())
      return std::nullopt;
    for (const PassResult &result : pass.results) {
      if (!result.isReduced || (size && *size != treeLanes(result)))
        return std::nullopt;
      size = treeLanes(result);
    }
    for (auto [k, input] : llvm::enumerate(pass.inputs)) {
      if (!input.arg || !isUsed(pass, k) || input.innerStride() == Dim(0) || input.strides[d] == Dim(0))
        continue;
      if (!(input.strides[d] == Dim(1)) || input.innerStride() == Dim(1))
        return std::nullopt;
      isAny = true;
    }
  }
  if (!isAny || !size)
    return std::nullopt;
  return rows.is_static() ? Dim(1) : Dim::Min(Dim::FloorDiv(rows, Dim(kFewestRows)), Dim(1));
}

void GenericKernel::emitAcrossRows(const Dim &when, bool isLong) {
  int64_t width = isLong ? kTransposedRows : kSideBySide;
  unsigned d = model.rank() - 2;
  KernelModel across = swapDims(model, d);
  Dims space(model.sizes.begin(), model.sizes.end() - 1);
  space.back() = ceilDiv(space.back(), width);
  info.tasks.push_back(NumElements(space) * when);
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  bool isTogether = !isLong && areReducedTogether(model, module);
  AcrossRows rows(entry, signature, across, options.vectorBits, width, isLong,
                  isTogether ? &model : nullptr, info.scratch);
  SmallVector<Value> sizes = values(entry, space);
  Value end = entry.dim(model.sizes[d]);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> at(task.begin(), task.end());
    at.push_back(code.i64(0));
    Value lo = code.mul(task.back(), code.i64(width));
    rows.emit(at, lo, code.minimum(code.add(lo, code.i64(width)), end));
  });
  entry.finish();
}

} // namespace oriel
