//===- Streams.cpp - where elements lie, and loading and storing them -----===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {

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

Value PassEmitter::flatRow() {
  Value at = code.i64(0);
  for (unsigned d = 0; d + 1 < model.rank(); ++d)
    at = code.add(code.mul(at, entry.dim(model.sizes[d])), indices[d]);
  return at;
}

Stream PassEmitter::valueStream(unsigned number) {
  const ModelValue &value = model.values[number];
  if (!value.stores.empty())
    return accessStream(value.stores.front());
  Type storage = getStorageType(value.element);
  if (value.isShared) {
    Value rows = code.gep(code.getI8Type(), entry.shared(), entry.dim(value.scratchOffset));
    return {code.gep(storage, rows, code.mul(flatRow(), entry.dim(model.sizes.back()))), Dim(1),
            value.element};
  }
  Value row = code.gep(code.getI8Type(), entry.scratch(), entry.dim(value.scratchOffset));
  // The scratch row holds the elements from lo on.
  Value at = code.sub(code.i64(0), lo);
  if (value.scratchPitch)
    at = code.add(at, code.mul(indices[model.reducedAxis], code.i64(value.scratchPitch)));
  if (value.place)
    at = code.add(at, value.place);
  return {code.gep(storage, row, at), Dim(1), value.element};
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
    Value first = code.gep(storage, stream.base, code.mul(j, stride));
    result = lanes ? code.loadStrided(type, first, stride, mask) : code.load(storage, first);
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
    else if (stream.streams && lanes && stream.stride == Dim(1))
      code.ifElse(
          stream.streams, TypeRange(),
          [&]() -> SmallVector<Value> {
            code.storePastCache(value, pointer);
            return {};
          },
          [&]() -> SmallVector<Value> {
            code.store(value, pointer);
            return {};
          });
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

} // namespace oriel
