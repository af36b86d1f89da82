//===- PassEmitter.cpp - loops over a row ---------------------------------===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

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

/// A few ops of a cycle or two: shorter and shorter vectors cost less than one
/// with AVX's masks.
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
    auto ca = getConstant(a), cb = getConstant(b);
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
  bool isMasked = code.hasFastMasks() || !isCheap(pass);
  code.tail(nativeEnd, code.sub(to, nativeEnd), native, isMasked,
            [&](Value j, unsigned lanes, Value mask) {
              before(lanes);
              step(j, lanes, mask);
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

} // namespace oriel
