//===- PassEmitter.cpp - loops over a row ---------------------------------===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace oriel {

PassEmitter::PassEmitter(EntryBuilder &entry, const KernelSignature &signature,
                         const KernelModel &model, unsigned vectorBits)
    : entry(entry), code(entry.code), signature(signature), model(model),
      vectorBits(vectorBits) {}

LogicalResult PassEmitter::check(const KernelModel &model) {
  for (const ModelPass &pass : model.passes) {
    for (const PassResult &result : pass.results)
      if (result.isReduced && result.acc.getType().isInteger(1))
        return ModelPass(pass).op.emitError("a reduction accumulates i1; required: i8");
    for (Operation *op : pass.needed) {
      if (isa<linalg::IndexOp, tensor::ExtractOp, arith::ConstantOp>(op) || isCheckIndex(op))
        continue;
      // Anything else without effects can at worst be computed lane by lane.
      if (op->getNumResults() == 0 || !isMemoryEffectFree(op))
        return op->emitError("no code is generated for '")
               << op->getName() << "' in a kernel (element type "
               << (op->getNumOperands() ? op->getOperand(0).getType() : Type(NoneType::get(op->getContext())))
               << ")";
      for (Type type : op->getResultTypes())
        if (!type.isIntOrIndexOrFloat())
          return op->emitError("no code is generated for '")
                 << op->getName() << "' with element type " << type;
    }
  }
  return success();
}

void PassEmitter::beginRow(ArrayRef<Value> rowIndices, Value rowLo, Value rowHi) {
  indices.assign(rowIndices.begin(), rowIndices.end());
  lo = rowLo;
  hi = rowHi;
  rowScalars.clear();
}

Location PassEmitter::line(Location loc, LineRole role) {
  return getLineLoc(code.getContext(), getOrdinal(loc), role);
}

void PassEmitter::overrideInput(const ModelPass &pass, unsigned k, Stream stream) {
  overrides[{&pass, k}] = stream;
}

unsigned PassEmitter::nativeLanes(const ModelPass &pass) const {
  unsigned widest = 8;
  auto isHalf = [](Type type) { return type.isF16() || type.isBF16(); };
  for (Value value : pass.varying) {
    Operation *op = value.getDefiningOp();
    bool used = op ? pass.needed.contains(op) : !value.use_empty();
    Type type = value.getType();
    if (used && !type.isInteger(1))
      widest = std::max<unsigned>(widest, 8 * getStorageBytes(type));
    // Half floats are moved as they are, but computed in f32.
    if (used && op && !isa<arith::SelectOp, tensor::ExtractOp, arith::ConstantOp>(op) &&
        (isHalf(type) || llvm::any_of(op->getOperandTypes(), isHalf)))
      widest = std::max(widest, 32u);
  }
  for (const PassResult &result : pass.results)
    widest = std::max<unsigned>(widest, 8 * getStorageBytes(result.acc.getType()));
  return std::max(2u, vectorBits / widest);
}

/// Shorter and shorter vectors then cost less than one with AVX's masks.
bool PassEmitter::isCheap(const ModelPass &pass) {
  unsigned count = 0;
  for (Operation *op : pass.needed) {
    if (isa<arith::ConstantOp>(op) || !pass.varying.contains(op->getResult(0)))
      continue;
    if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
            tensor::ExtractOp>(op) ||
        op->getNumRegions())
      return false;
    bool isInstruction = isa<math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp,
                             math::RoundEvenOp, math::TruncOp, math::CopySignOp, math::FmaOp>(op);
    if (isa<math::MathDialect>(op->getDialect()) && !isInstruction)
      return false;
    ++count;
  }
  return count <= 4;
}

//===----------------------------------------------------------------------===//
// A pass at a row
//===----------------------------------------------------------------------===//

Value PassEmitter::scalarOf(PassState &state, Value value) {
  if (Value known = state.scalars.lookupOrNull(value))
    return known;
  // Constants of the body are not hoisted: they fold where they are used.
  Operation *op = value.getDefiningOp();
  if (op && isa<arith::ConstantOp>(op) && op->getBlock() == ModelPass(*state.pass).op.getBody())
    return code.clone(*op)->getResult(0);
  return capture(value);
}

PassState PassEmitter::prepare(const ModelPass &pass) {
  PassState state;
  state.pass = &pass;
  state.indices = indices;
  linalg::GenericOp generic = pass.op;
  Block *body = generic.getBody();
  Code::LocScope scope(code, line(generic.getLoc(), LineRole::kLoop));

  for (Operation *op : pass.checks) {
    Value bound = getCheckIndex(op).bound;
    FailureOr<Dim> dim = signature.dimOf(bound);
    if (succeeded(dim) && dim->is_static() && dim->value() > 0)
      continue;
    // A bound is the same for the whole kernel.
    Value positive = code.less(code.i64(0), asI64(capture(bound)));
    state.indexable = state.indexable
                          ? Value(arith::AndIOp::create(code, code.loc, state.indexable, positive))
                          : positive;
  }

  for (auto [k, input] : llvm::enumerate(pass.inputs)) {
    BlockArgument arg = body->getArgument(k);
    state.inputs.push_back({});
    if (arg.use_empty())
      continue;
    Code::LocScope load(code, line(arg.getLoc(), LineRole::kLoad));
    if (auto found = overrides.find({&pass, static_cast<unsigned>(k)}); found != overrides.end())
      state.inputs.back() = found->second;
    else if (pass.varying.contains(arg))
      state.inputs.back() = streamOf(input, state);
    else if (!input.arg && !model.values[input.value].hasInner)
      state.scalars.map(arg, rowScalars.lookup(input.value));
    else
      state.scalars.map(arg, loadStream(streamOf(input, state), code.i64(0), 0, nullptr));
  }

  for (Operation &op : body->without_terminator()) {
    if (!pass.needed.contains(&op) || isa<arith::ConstantOp>(op))
      continue;
    auto extract = pass.extracts.find(&op);
    if (pass.varying.contains(op.getResult(0))) {
      if (extract != pass.extracts.end())
        state.extracts[&op] = streamOf(extract->second, state);
      continue;
    }
    auto get = [&](Value value) { return scalarOf(state, value); };
    SmallVector<Value> results = emitOp(state, &op, nullptr, 0, nullptr, get);
    for (auto [from, to] : llvm::zip(op.getResults(), results))
      state.scalars.map(from, to);
  }

  for (const PassResult &result : pass.results) {
    state.stores.push_back({});
    const ModelValue &value = model.values[result.value];
    if (result.isReduced || !value.hasInner)
      continue;
    for (const LinearAccess &store : value.stores) {
      Stream stream = streamOf(store, state);
      // What a later pass reads should stay in the cache.
      if (!value.isRead && stream.stride == Dim(1) && store.terms.empty()) {
        Dims pitches(store.strides.begin(), store.strides.end() - 1);
        pitches.push_back(store.offset); // a part of a concatenation
        stream.streams = entry.streams(*store.arg, pitches, kStreamedBytes);
      }
      state.stores.back().push_back(stream);
    }
    if (value.stores.empty() && value.isRead)
      state.stores.back().push_back(valueStream(result.value));
  }
  return state;
}

void PassEmitter::prepareSplats(PassState &state, unsigned lanes) {
  state.splats.clear();
  state.splatLanes = lanes;
  if (!lanes)
    return;
  linalg::GenericOp generic = state.pass->op;
  Block *body = generic.getBody();
  auto visit = [&](Operation &op) {
    for (Value operand : op.getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (state.pass->varying.contains(operand) || state.splats.contains(operand) ||
          (def && isa<arith::ConstantOp>(def)))
        continue;
      state.splats[operand] = code.splat(scalarOf(state, operand), lanes);
    }
  };
  for (Operation &op : body->without_terminator())
    if (state.pass->needed.contains(&op) && state.pass->varying.contains(op.getResult(0)) &&
        !isa<tensor::ExtractOp>(op) && !isCheckIndex(&op))
      visit(op);
  visit(*body->getTerminator());
}

void PassEmitter::emitStep(PassState &state, Value j, unsigned lanes, Value mask,
                           MutableArrayRef<Value> accs, bool onlyChecks) {
  const ModelPass &pass = *state.pass;
  linalg::GenericOp generic = pass.op;
  Block *body = generic.getBody();
  IRMapping map;
  auto get = [&](Value value) -> Value {
    if (Value known = map.lookupOrNull(value))
      return known;
    Attribute constant;
    if (lanes && matchPattern(value, m_Constant(&constant)))
      return arith::ConstantOp::create(
          code, code.loc,
          DenseElementsAttr::get(cast<VectorType>(code.vectorOf(value.getType(), lanes)), constant));
    if (lanes && state.splatLanes == lanes)
      if (Value splat = state.splats.lookup(value))
        return splat;
    return code.splat(scalarOf(state, value), lanes);
  };

  for (auto [k, input] : llvm::enumerate(pass.inputs)) {
    BlockArgument arg = body->getArgument(k);
    if (!pass.varying.contains(arg) || arg.use_empty())
      continue;
    Code::LocScope scope(code, line(arg.getLoc(), LineRole::kLoad));
    map.map(arg, loadStream(state.inputs[k], j, lanes, mask));
  }

  DenseMap<Operation *, unsigned> combiners;
  unsigned count = 0;
  for (const PassResult &result : pass.results)
    if (result.isReduced)
      combiners[result.combiner] = count++;

  for (Operation &op : body->without_terminator()) {
    if (!pass.needed.contains(&op) || !pass.varying.contains(op.getResult(0)) ||
        combiners.contains(&op))
      continue;
    if (onlyChecks && isa<tensor::ExtractOp>(op)) {
      map.map(op.getResult(0), code.zero(op.getResult(0).getType()));
      continue;
    }
    SmallVector<Value> results = emitOp(state, &op, j, lanes, mask, get);
    for (auto [from, to] : llvm::zip(op.getResults(), results))
      map.map(from, to);
  }
  if (onlyChecks)
    return;

  count = 0;
  for (auto [k, result] : llvm::enumerate(pass.results)) {
    Value yielded = body->getTerminator()->getOperand(k);
    if (!result.isReduced) {
      if (taken) {
        taken->push_back(get(yielded));
        continue;
      }
      if (state.stores[k].empty())
        continue;
      Operation *def = yielded.getDefiningOp();
      Location from = def ? def->getLoc() : yielded.getLoc();
      Code::LocScope scope(code, line(from, LineRole::kStore));
      Value value = get(yielded);
      for (const Stream &stream : state.stores[k])
        storeStream(stream, value, j, lanes, mask);
      continue;
    }
    Value x = get(result.combiner->getOperand(1 - result.accOperand));
    if (operands) {
      operands->push_back(x);
      continue;
    }
    Value &acc = accs[count++];
    Code::LocScope scope(code, result.combiner->getLoc());
    if (!lanes) {
      acc = combine(code, result, acc, x);
      continue;
    }
    // Fewer lanes than elements: several elements of a lane, in order.
    unsigned width = cast<VectorType>(acc.getType()).getNumElements();
    for (unsigned part = 0; part < lanes; part += width) {
      Value next = combine(code, result, acc, code.slice(x, part, width));
      if (mask)
        next = code.select(code.slice(mask, part, width), next, acc);
      acc = next;
    }
  }
}

SmallVector<Value> PassEmitter::emitOperands(PassState &state, Value j, unsigned lanes,
                                             Value mask) {
  SmallVector<Value> result;
  operands = &result;
  emitStep(state, j, lanes, mask, {});
  operands = nullptr;
  return result;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// How far ahead lines are fetched, in bytes.
static constexpr int64_t kFetchedAhead = 1024;

/// Chains of many dependent operations: a quotient or a function.
static bool hasLongChains(const ModelPass &pass) {
  return llvm::any_of(pass.needed, [&](Operation *op) {
    return pass.varying.contains(op->getResult(0)) &&
           (isa<arith::DivFOp>(op) || isa<math::MathDialect>(op->getDialect()));
  });
}

void PassEmitter::sweep(const ModelPass &pass, Value from, Value to,
                        llvm::function_ref<void(unsigned)> before,
                        llvm::function_ref<void(Value, unsigned, Value)> step,
                        bool isRare) {
  unsigned native = nativeLanes(pass);
  Value count = code.sub(to, from);
  auto isEmpty = [](Value a, Value b) {
    auto ca = getConstant(a), cb = getConstant(b);
    return ca && cb && *ca >= *cb;
  };
  auto loop = [&](Value a, Value b, unsigned lanes) {
    if (isEmpty(a, b))
      return;
    before(lanes);
    code.loop(a, b, code.i64(std::max(1u, lanes)), [&](Value j) { step(j, lanes, nullptr); });
  };
  auto tail = [&](Value a, unsigned lanes, bool isMasked) {
    if (!isEmpty(a, to))
      code.tail(a, code.sub(to, a), lanes, isMasked, [&](Value j, unsigned lanes, Value mask) {
        before(lanes);
        step(j, lanes, mask);
      });
  };
  if (code.hasFastMasks() && !isRare && !pass.isReduction && pass.extracts.empty() &&
      hasLongChains(pass)) {
    // Two vectors of 512 bits a step hide the chains' latency, and there are
    // registers enough; what is left over is masked.
    unsigned masked = vectorBits == 512 ? native : 2 * native, wide = 2 * masked;
    Value wideEnd = code.add(from, code.roundDown(count, wide));
    loop(from, wideEnd, wide);
    std::optional<int64_t> rest = getConstant(code.sub(to, wideEnd));
    if (rest && *rest < masked)
      return tail(wideEnd, masked, /*isMasked=*/true);
    before(masked);
    code.loop(wideEnd, to, code.i64(masked),
              [&](Value j) { step(j, masked, code.maskBelow(code.sub(to, j), masked)); });
    return;
  }
  unsigned wide = isRare ? native : 2 * native;
  Value wideEnd = code.add(from, code.roundDown(count, wide));
  Value nativeEnd = code.add(from, code.roundDown(count, native));
  loop(from, wideEnd, wide);
  if (!isRare)
    loop(wideEnd, nativeEnd, native);
  tail(nativeEnd, native, code.hasFastMasks() || !isCheap(pass));
}

void PassEmitter::fetchLines(ArrayRef<Stream> streams, Value j, unsigned lanes, int64_t ahead,
                             unsigned hint) {
  for (const Stream &stream : streams) {
    int64_t bytes = getStorageBytes(stream.element);
    Value first = code.gep(getStorageType(stream.element), stream.base, j);
    for (int64_t line = 0; line < lanes * bytes; line += kLineBytes)
      LLVM::Prefetch::create(code, code.loc,
                             code.gep(code.getI8Type(), first, code.i64(ahead + line)),
                             /*rw=*/0u, hint, /*cache=*/1u);
  }
}

/// Bytes of the longest row that is fetched while the one before is computed.
static constexpr int64_t kFetchedRow = 128 << 10;

SmallVector<Stream> PassEmitter::nextRow(const ModelPass &pass) {
  SmallVector<Stream> result;
  if (model.rank() < 2)
    return result;
  unsigned d = model.rank() - 2;
  PassState state;
  state.indices = indices;
  for (auto [k, input] : llvm::enumerate(pass.inputs)) {
    if (!input.arg || !(input.innerStride() == Dim(1)) || input.strides[d] == Dim(0) ||
        linalg::GenericOp(pass.op).getBody()->getArgument(k).use_empty() || !input.terms.empty())
      continue;
    Stream stream = streamOf(input, state);
    // Of longer rows the elements that are here already: that costs nothing.
    Value bytes = code.mul(code.sub(hi, lo), code.i64(getStorageBytes(stream.element)));
    Value step = code.select(code.less(bytes, code.i64(kFetchedRow + 1)),
                             entry.dim(input.strides[d]), code.i64(0));
    stream.base = code.gep(getStorageType(stream.element), stream.base, step);
    result.push_back(stream);
  }
  return result;
}

void PassEmitter::emitPass(const ModelPass &pass, ArrayRef<Stream> fetched) {
  fetchedAhead.assign(fetched.begin(), fetched.end());
  llvm::scope_exit clear([&] { fetchedAhead.clear(); });
  linalg::GenericOp generic = pass.op;
  Code::LocScope scope(code, line(generic.getLoc(), LineRole::kLoop));
  if (pass.lacksReduced && (model.reducedAxis < 0 || model.reducesRows()))
    emitPerRow(pass);
  else if (pass.isReduction)
    emitRowReduction(pass);
  else
    emitElementwise(pass);
}

void PassEmitter::emitPerRow(const ModelPass &pass) {
  PassState state = prepare(pass);
  linalg::GenericOp generic = pass.op;
  for (auto [k, result] : llvm::enumerate(pass.results)) {
    Value value = scalarOf(state, generic.getBody()->getTerminator()->getOperand(k));
    rowScalars[result.value] = value;
    for (const LinearAccess &store : model.values[result.value].stores) {
      Code::LocScope scope(code, line(value.getLoc(), LineRole::kStore));
      storeStream(streamOf(store, state), value, code.i64(0), 0, nullptr);
    }
  }
}

void PassEmitter::emitElementwise(const ModelPass &pass) {
  PassState state = prepare(pass);
  Value end = hi;
  if (state.indexable) {
    // An empty axis is indexed: nothing may be read, the first index fails.
    end = code.select(state.indexable, hi, lo);
    Value some = arith::AndIOp::create(code, code.loc, code.equal(end, lo), code.less(lo, hi));
    code.ifThen(some, [&] { emitStep(state, lo, 0, nullptr, {}, /*onlyChecks=*/true); });
  }
  // The machine's own prefetching stops at the end of a page, and computing for
  // long on each line leaves it little to hide that with. Broadcast rows stay in
  // the cache by themselves.
  SmallVector<Stream> fetched;
  if (hasLongChains(pass))
    for (auto [access, stream] : llvm::zip(pass.inputs, state.inputs))
      if (access.arg && stream.base && stream.stride == Dim(1) &&
          !llvm::is_contained(ArrayRef<Dim>(access.strides).drop_back(), Dim(0)))
        fetched.push_back(stream);
  sweep(pass, lo, end, [&](unsigned lanes) { prepareSplats(state, lanes); },
        [&](Value j, unsigned lanes, Value mask) {
          if (!mask && lanes) {
            fetchLines(fetched, j, lanes, kFetchedAhead, /*hint=*/3);
            fetchLines(fetchedAhead, j, lanes, 0, /*hint=*/2);
          }
          emitStep(state, j, lanes, mask, {});
        });
}

} // namespace oriel
