//===- PassEmitter.cpp - loops over a row ---------------------------------===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace oriel {

namespace {
std::optional<int64_t> constantOf(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

/// Lanes of the reduction tree: 128 bytes of 4- or 8-byte accumulators.
unsigned treeLanes(const PassResult &result) {
  return getStorageBytes(result.acc.getType()) == 8 ? 16 : 32;
}
} // namespace

//===----------------------------------------------------------------------===//
// The tree's parts
//===----------------------------------------------------------------------===//

Value combine(Code &code, const PassResult &result, Value older, Value newer) {
  IRMapping map;
  map.map(result.combiner->getOperand(result.accOperand), older);
  map.map(result.combiner->getOperand(1 - result.accOperand), newer);
  Operation *op = code.clone(*result.combiner, map);
  op->getResult(0).setType(older.getType());
  return op->getResult(0);
}

CounterStack::CounterStack(EntryBuilder &entry, const PassResult &result, Type type)
    : entry(entry), result(result), type(type) {
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
        return {combine(code, result, older, values[0])};
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
                     return {combine(code, result, older, values[0])};
                   })[0];
}

//===----------------------------------------------------------------------===//
// PassEmitter
//===----------------------------------------------------------------------===//

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
  for (Value value : pass.varying) {
    Operation *op = value.getDefiningOp();
    bool used = op ? pass.needed.contains(op) : !value.use_empty();
    Type type = value.getType();
    if (used && !type.isInteger(1))
      widest = std::max<unsigned>(widest, 8 * getStorageBytes(type));
  }
  for (const PassResult &result : pass.results)
    widest = std::max<unsigned>(widest, 8 * getStorageBytes(result.acc.getType()));
  return std::max(2u, vectorBits / widest);
}

/// Masked loads and stores exist from 32 bits up only, and with AVX.
bool PassEmitter::hasNarrowAccess(const ModelPass &pass) const {
  if (vectorBits < 256)
    return true;
  auto narrow = [](Type type) { return getStorageBytes(type) < 4; };
  for (auto [k, input] : llvm::enumerate(pass.inputs)) {
    BlockArgument arg = ModelPass(pass).op.getBody()->getArgument(k);
    if (pass.varying.contains(arg) && !arg.use_empty() && narrow(input.element))
      return true;
  }
  for (auto &[op, access] : pass.extracts)
    if (pass.varying.contains(op->getResult(0)) && narrow(access.element))
      return true;
  // Row reductions keep their accumulators in registers, others in memory.
  for (const PassResult &result : pass.results)
    if (result.isReduced ? !model.reducesRows() && narrow(result.acc.getType())
                         : narrow(model.values[result.value].element))
      return true;
  return false;
}

/// A few ops of a cycle or two: scalar elements cost less than a masked vector.
bool PassEmitter::isCheap(const ModelPass &pass) const {
  unsigned count = 0;
  for (Operation *op : pass.needed) {
    if (isa<arith::ConstantOp>(op) || !pass.varying.contains(op->getResult(0)))
      continue;
    if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
            tensor::ExtractOp>(op) ||
        isa<math::MathDialect>(op->getDialect()) || op->getNumRegions())
      return false;
    ++count;
  }
  return count <= 4;
}

Value PassEmitter::asI64(Value value) {
  if (!getElementTypeOrSelf(value.getType()).isIndex())
    return value;
  auto vector = dyn_cast<VectorType>(value.getType());
  return arith::IndexCastOp::create(
      code, code.loc,
      code.vectorOf(code.getI64Type(), vector ? vector.getNumElements() : 0), value);
}

Value PassEmitter::capture(Value value) {
  Value &known = captured[value];
  if (known)
    return known;
  Value result = entry.prologue([&]() -> Value {
    Attribute constant;
    Operation *op = value.getDefiningOp();
    if (matchPattern(value, m_Constant(&constant)))
      return code.clone(*op)->getResult(0);
    if (FailureOr<Dim> dim = signature.dimOf(value); succeeded(dim)) {
      Value size = entry.dim(*dim);
      if (value.getType().isIndex())
        size = arith::IndexCastOp::create(code, code.loc, value.getType(), size);
      return size;
    }
    return nullptr;
  });
  if (!result) {
    Operation *op = value.getDefiningOp();
    IRMapping map;
    for (Value operand : op->getOperands())
      map.map(operand, capture(operand));
    result = entry.prologue([&] {
      return code.clone(*op, map)->getResult(cast<OpResult>(value).getResultNumber());
    });
  }
  captured[value] = result;
  return result;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

Stream PassEmitter::valueStream(unsigned number) {
  const ModelValue &value = model.values[number];
  if (!value.stores.empty())
    return accessStream(value.stores.front());
  Type storage = getStorageType(value.element);
  Value row = code.gep(code.getI8Type(), entry.scratch(), entry.dim(value.scratchOffset));
  // The scratch row holds the elements from lo on.
  return {code.gep(storage, row, code.sub(code.i64(0), lo)), Dim(1), value.element};
}

Stream PassEmitter::accessStream(const LinearAccess &access) {
  PassState state;
  state.indices = indices;
  return streamOf(access, state);
}

Stream PassEmitter::streamOf(const LinearAccess &access, const PassState &state) {
  if (!access.arg)
    return valueStream(access.value);
  Value offset = entry.dim(access.offset);
  for (unsigned d = 0; d + 1 < model.rank(); ++d) {
    if (access.strides[d] == Dim(0))
      continue;
    offset = code.add(offset, code.mul(state.indices[d], entry.dim(access.strides[d])));
  }
  for (auto &[term, coefficient] : access.terms) {
    if (state.pass && state.pass->varying.contains(term))
      continue; // per lane, see emitExtract
    Value value = state.scalars.lookupOrNull(term);
    if (!value)
      value = capture(term);
    offset = code.add(offset, code.mul(asI64(value), entry.dim(coefficient)));
  }
  Type storage = getStorageType(access.element);
  return {code.gep(storage, entry.pointer(*access.arg), offset), access.innerStride(),
          access.element};
}

Value PassEmitter::loadStream(const Stream &stream, Value j, unsigned lanes, Value mask) {
  Type storage = getStorageType(stream.element);
  Type type = code.vectorOf(storage, lanes);
  Value result;
  // Along a dim of one element the stride is 0; a vector has one lane on there.
  if (stream.stride == Dim(1) || stream.stride == Dim(0)) {
    Value pointer = stream.stride == Dim(0) ? stream.base : code.gep(storage, stream.base, j);
    result = mask ? code.maskedLoad(type, pointer, mask) : code.load(type, pointer);
  } else {
    Value stride = entry.dim(stream.stride);
    Value first = code.mul(j, stride);
    if (!lanes) {
      result = code.load(storage, code.gep(storage, stream.base, first));
    } else if (mask) {
      Value steps = code.mul(code.laneIds(code.getI64Type(), lanes), code.splat(stride, lanes));
      Value base = code.gep(storage, stream.base, first);
      result = code.gather(type, code.gep(storage, base, steps), mask);
    } else if (stream.stride == Dim(-1)) {
      // Reversed: the vector that ends at j, turned around.
      Value last = code.sub(code.i64(1 - static_cast<int64_t>(lanes)), j);
      Value vector = code.load(type, code.gep(storage, stream.base, last));
      SmallVector<int64_t> order;
      for (unsigned k = lanes; k-- > 0;)
        order.push_back(k);
      result = vector::ShuffleOp::create(code, code.loc, vector, vector, order);
    } else {
      SmallVector<Value> elements;
      Value pointer = code.gep(storage, stream.base, first);
      for (unsigned k = 0; k < lanes; ++k)
        elements.push_back(code.load(
            storage, code.gep(storage, pointer, code.mul(stride, code.i64(k)))));
      result = vector::FromElementsOp::create(code, code.loc, cast<VectorType>(type), elements);
    }
  }
  if (stream.element.isInteger(1))
    result = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ne, result,
                                   code.zero(type));
  return result;
}

void PassEmitter::storeStream(const Stream &stream, Value value, Value j, unsigned lanes,
                              Value mask) {
  Type storage = getStorageType(stream.element);
  Type type = code.vectorOf(storage, lanes);
  if (stream.element.isInteger(1))
    value = arith::ExtUIOp::create(code, code.loc, type, value);
  if (stream.stride == Dim(1) || stream.stride == Dim(0) || !lanes) {
    Value index = stream.stride == Dim(1) ? j : code.mul(j, entry.dim(stream.stride));
    Value pointer = code.gep(storage, stream.base, index);
    if (mask)
      code.maskedStore(value, pointer, mask);
    else
      code.store(value, pointer);
    return;
  }
  Value stride = entry.dim(stream.stride);
  Value pointer = code.gep(storage, stream.base, code.mul(j, stride));
  if (mask) {
    Value steps = code.mul(code.laneIds(code.getI64Type(), lanes), code.splat(stride, lanes));
    LLVM::masked_scatter::create(code, code.loc, value, code.gep(storage, pointer, steps),
                                 mask, code.getI32IntegerAttr(getStorageBytes(storage)));
    return;
  }
  for (unsigned k = 0; k < lanes; ++k)
    code.store(code.lane(value, k),
               code.gep(storage, pointer, code.mul(stride, code.i64(k))));
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
    for (const LinearAccess &store : value.stores)
      state.stores.back().push_back(streamOf(store, state));
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
    Value &acc = accs[count++];
    Value x = get(result.combiner->getOperand(1 - result.accOperand));
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

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void PassEmitter::sweep(const ModelPass &pass, Value from, Value to,
                        llvm::function_ref<void(unsigned)> before,
                        llvm::function_ref<void(Value, unsigned, Value)> step,
                        bool isRare) {
  unsigned native = nativeLanes(pass), wide = isRare ? native : 2 * native;
  Value count = code.sub(to, from);
  Value wideEnd = code.add(from, code.roundDown(count, wide));
  Value nativeEnd = code.add(from, code.roundDown(count, native));
  auto isEmpty = [](Value a, Value b) {
    auto ca = constantOf(a), cb = constantOf(b);
    return ca && cb && *ca >= *cb;
  };
  auto loop = [&](Value a, Value b, unsigned lanes) {
    if (isEmpty(a, b))
      return;
    before(lanes);
    code.loop(a, b, code.i64(std::max(1u, lanes)), [&](Value j) { step(j, lanes, nullptr); });
  };
  loop(from, wideEnd, wide);
  if (!isRare)
    loop(wideEnd, nativeEnd, native);
  if (isEmpty(nativeEnd, to))
    return;
  if (hasNarrowAccess(pass) || isCheap(pass))
    return loop(nativeEnd, to, 0);
  code.ifThen(code.less(nativeEnd, to), [&] {
    before(native);
    step(nativeEnd, native, code.maskBelow(code.sub(to, nativeEnd), native));
  });
}

void PassEmitter::emitPass(const ModelPass &pass) {
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
  sweep(pass, lo, end, [&](unsigned lanes) { prepareSplats(state, lanes); },
        [&](Value j, unsigned lanes, Value mask) { emitStep(state, j, lanes, mask, {}); });
}

SmallVector<Value> PassEmitter::emitLeaf(PassState &state, Value from, Value to) {
  const ModelPass &pass = *state.pass;
  SmallVector<const PassResult *> reduced;
  unsigned wide = 16;
  for (const PassResult &result : pass.results)
    if (result.isReduced) {
      reduced.push_back(&result);
      wide = std::max(wide, treeLanes(result));
    }
  SmallVector<Value> accs;
  SmallVector<Type> types;
  for (const PassResult *result : reduced) {
    accs.push_back(code.splat(capture(result->neutral), treeLanes(*result)));
    types.push_back(accs.back().getType());
  }

  Value count = code.sub(to, from);
  Value mainEnd = code.add(from, code.roundDown(count, wide));
  prepareSplats(state, wide);
  if (!(constantOf(count) && *constantOf(count) < wide))
    accs = code.loop(from, mainEnd, code.i64(wide), accs, [&](Value j, ValueRange carried) {
      SmallVector<Value> next(carried);
      emitStep(state, j, wide, nullptr, next);
      return next;
    });

  // The tail: lanes that have no element keep their accumulator.
  std::optional<int64_t> known = constantOf(count);
  bool narrow = hasNarrowAccess(pass);
  auto oneMaskedStep = [&] {
    SmallVector<Value> next = accs;
    emitStep(state, mainEnd, wide, code.maskBelow(code.sub(to, mainEnd), wide), next);
    return next;
  };
  auto throughMemory = [&] {
    // A rolled loop of native steps, each on its slice of the lanes.
    unsigned step = narrow ? 0 : std::min(nativeLanes(pass), 16u);
    SmallVector<Value> memory;
    for (auto [result, acc] : llvm::zip(reduced, accs)) {
      memory.push_back(entry.stack(acc.getType(), 1));
      code.store(acc, memory.back(), 64);
    }
    prepareSplats(state, step);
    code.loop(mainEnd, to, code.i64(std::max(1u, step)), [&](Value j) {
      SmallVector<Value> parts, slots;
      for (auto [result, slot] : llvm::zip(reduced, memory)) {
        Type element = result->acc.getType();
        Value lane = arith::AndIOp::create(code, code.loc, code.sub(j, mainEnd),
                                           code.i64(treeLanes(*result) - 1));
        slots.push_back(code.gep(element, slot, lane));
        parts.push_back(code.load(code.vectorOf(element, step), slots.back()));
      }
      Value mask = step ? code.maskBelow(code.sub(to, j), step) : Value();
      emitStep(state, j, step, mask, parts);
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
      accs = narrow ? throughMemory() : oneMaskedStep();
  } else {
    accs = code.ifElse(
        code.less(mainEnd, to), types,
        [&] { return narrow || !isCheap(pass) ? throughMemory() : oneMaskedStep(); },
        [&] { return accs; });
  }

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
  std::optional<int64_t> known = constantOf(end);
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
