//===- AcrossRows.cpp - short rows side by side ---------------------------===//
//
// A row of some ten elements fills no vector, and what its lanes hold would have
// to be combined within one. Here a lane is a row: some rows' elements are
// transposed into scratch, every pass runs down them, and full results are
// transposed back. The lanes of the specified tree are rows of the tile: the bits
// are those of the other way.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/GenericKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

namespace {
// Elements of the longest row; at most two a lane of the tree. Where rows are
// only added up, those of more than a vector cost less by themselves.
constexpr int64_t kShortRow = 32, kShortSum = 16;
// Rows side by side, and the fewest that are worth it.
constexpr int64_t kSideBySide = 64, kFewestRows = 8;

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

/// Emits the tasks of rows side by side.
class AcrossRows {
public:
  AcrossRows(EntryBuilder &entry, const KernelSignature &signature, KernelModel &model,
             unsigned vectorBits, Dim &scratch)
      : entry(entry), code(entry.code), model(model),
        emitter(entry, signature, model, vectorBits), length(model.sizes[model.reducedAxis]) {
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
  void reduceStep(const ModelPass &pass, Value k, llvm::function_ref<bool(unsigned)> isFirst);
  void halve(const PassResult &result, unsigned r);
  void finish(const ModelPass &pass, const PassResult &result, const Stream &from);

  EntryBuilder &entry;
  Code &code;
  KernelModel &model;
  PassEmitter emitter;
  Dim length; // of a row
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
    scratch = scratch + rows * Dim(kSideBySide * getStorageBytes(element));
    return offset;
  };
  for (auto [p, pass] : llvm::enumerate(model.passes)) {
    if (pass.lacksReduced)
      continue;
    for (auto [k, input] : llvm::enumerate(pass.inputs))
      if (input.arg && isUsed(pass, k) && input.strides[model.reducedAxis] == Dim(1) &&
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
      value.scratchPitch = isFull ? kSideBySide : 0;
    }
    most = std::max(most, count);
  }
  for (size_t r = 0; r < most; ++r) {
    // Of the widest accumulator there may be: 8 bytes and 16 lanes, or 4 and 32.
    lanes.push_back(scratch);
    scratch = scratch + Dim(kSideBySide * 128);
  }
}

/// Row k of a tile; elements are numbered from lo on.
Stream AcrossRows::scratchRow(const Dim &offset, Value k, Type element) {
  Type storage = getStorageType(element);
  Value base = code.gep(code.getI8Type(), entry.scratch(), entry.dim(offset));
  Value at = code.sub(code.mul(k, code.i64(kSideBySide)), lo);
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

void AcrossRows::reduceStep(const ModelPass &pass, Value k,
                            llvm::function_ref<bool(unsigned)> isFirst) {
  beginStep(k);
  PassState state = emitter.prepare(pass);
  SmallVector<const PassResult *> reduced;
  SmallVector<Stream> slots;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      Value lane = arith::AndIOp::create(code, code.loc, k, code.i64(treeLanes(result) - 1));
      slots.push_back(scratchRow(lanes[reduced.size()], lane, result.acc.getType()));
      reduced.push_back(&result);
    }
  emitter.sweep(
      pass, lo, hi, [&](unsigned count) { emitter.prepareSplats(state, count); },
      [&](Value j, unsigned count, Value mask) {
        SmallVector<Value> accs;
        for (auto [result, slot] : llvm::zip(reduced, slots))
          accs.push_back(isFirst(treeLanes(*result))
                             ? code.splat(emitter.capture(result->neutral), count)
                             : emitter.loadStream(slot, j, count, mask));
        emitter.emitStep(state, j, count, mask, accs);
        for (auto [acc, slot] : llvm::zip(accs, slots))
          emitter.storeStream(slot, acc, j, count, mask);
      });
}

/// Combines the lanes of a reduced result by halving. A lane without an element
/// holds the neutral element, which changes nothing.
void AcrossRows::halve(const PassResult &result, unsigned r) {
  const ModelPass &pass = model.passes.front();
  Value size = code.i64(treeLanes(result)), one = code.i64(1);
  Value used = code.minimum(entry.dim(length), size);
  code.loop(code.i64(0), code.i64(llvm::Log2_32(treeLanes(result))), one,
            ValueRange{code.divUnsigned(size, code.i64(2)), used},
            [&](Value, ValueRange carried) -> SmallVector<Value> {
              Value half = carried[0];
              code.loop(half, carried[1], one, [&](Value k) {
                Type type = result.acc.getType();
                Stream high = scratchRow(lanes[r], k, type);
                Stream low = scratchRow(lanes[r], code.sub(k, half), type);
                emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
                  Value sum = combine(code, result, emitter.loadStream(low, j, count, mask),
                                      emitter.loadStream(high, j, count, mask));
                  emitter.storeStream(low, sum, j, count, mask);
                }, /*isRare=*/true);
              });
              return {code.divUnsigned(half, code.i64(2)), code.minimum(half, carried[1])};
            });
}

void AcrossRows::finish(const ModelPass &pass, const PassResult &result, const Stream &from) {
  const ModelValue &value = model.values[result.value];
  SmallVector<Stream> targets;
  if (value.stores.empty() && value.isRead)
    targets.push_back(emitter.valueStream(result.value));
  for (const LinearAccess &store : value.stores)
    targets.push_back(emitter.accessStream(store));
  emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
    Value found = emitter.loadStream(from, j, count, mask);
    for (const Stream &target : targets)
      emitter.storeStream(target, found, j, count, mask);
  }, /*isRare=*/true);
}

void AcrossRows::reduce(const ModelPass &pass) {
  unsigned fewest = 32;
  unsigned r = 0;
  Value zero = code.i64(0), one = code.i64(1), n = entry.dim(length);
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      fewest = std::min(fewest, treeLanes(result));
      Stream first = scratchRow(lanes[r++], zero, result.acc.getType());
      code.ifThen(code.less(n, one), [&] {
        emitter.sweep(pass, lo, hi, [](unsigned) {}, [&](Value j, unsigned count, Value mask) {
          emitter.storeStream(first, code.splat(emitter.capture(result.neutral), count), j, count, mask);
        }, /*isRare=*/true);
      });
    }
  code.loop(zero, code.minimum(n, code.i64(fewest)), one, [&](Value k) {
    reduceStep(pass, k, [](unsigned) { return true; });
  });
  if (fewest < kShortRow && !isAtMost(length, fewest))
    code.loop(code.i64(fewest), n, one, [&](Value k) {
      reduceStep(pass, k, [&](unsigned size) { return size != fewest; });
    });
  r = 0;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      Code::LocScope scope(code, result.combiner->getLoc());
      halve(result, r);
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
  Value width = code.i64(kSideBySide);
  for (const Tile &tile : reads) {
    Type element = getStorageType(tile.access->element);
    Stream source = emitter.accessStream(*tile.access);
    TileMove move{element, source.base, entry.dim(source.stride),
                  scratchRow(tile.offset, zero, tile.access->element).base, width, nullptr};
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
      TileMove move{getStorageType(tile.element), tile.base, width, target.base,
                    entry.dim(target.stride), nullptr, true};
      transposeTile(entry, emitter.getVectorBits(), move, lo, hi, zero, n);
    }
  emitter.clearOverrides();
}

} // namespace

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
  int64_t longest = isSum ? kShortSum : kShortRow;
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

void GenericKernel::emitAcrossRows(const Dim &when) {
  unsigned d = model.rank() - 2;
  KernelModel across = swapDims(model, d);
  Dims space(model.sizes.begin(), model.sizes.end() - 1);
  space.back() = ceilDiv(space.back(), kSideBySide);
  info.tasks.push_back(NumElements(space) * when);
  EntryBuilder entry = startEntry();
  Code &code = entry.code;
  AcrossRows rows(entry, signature, across, options.vectorBits, info.scratch);
  SmallVector<Value> sizes = values(entry, space);
  Value end = entry.dim(model.sizes[d]);
  entry.forEachTask(sizes, [&](ArrayRef<Value> task) {
    SmallVector<Value> at(task.begin(), task.end());
    at.push_back(code.i64(0));
    Value lo = code.mul(task.back(), code.i64(kSideBySide));
    rows.emit(at, lo, code.minimum(code.add(lo, code.i64(kSideBySide)), end));
  });
  entry.finish();
}

} // namespace oriel
