//===- BodyOps.cpp - one body op as scalar or vector code -----------------===//

#include "passes/Codegen/Cpu/PassEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace oriel {

SmallVector<Value> PassEmitter::emitOp(PassState &state, Operation *op, Value j,
                                       unsigned lanes, Value mask, Getter get) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    unsigned d = state.pass->dims[index.getDim()];
    Code::LocScope scope(code, op->getLoc());
    bool isInner = d + 1 == model.rank();
    Value at = isInner ? j : state.indices[d];
    Value value = arith::IndexCastOp::create(code, code.loc, code.getIndexType(), at);
    if (lanes) {
      value = code.splat(value, lanes);
      if (isInner)
        value = arith::AddIOp::create(code, code.loc, value,
                                      code.laneIds(code.getIndexType(), lanes));
    }
    return {value};
  }
  if (isa<tensor::ExtractOp>(op))
    return {emitExtract(state, op, j, lanes, mask, get)};
  if (isCheckIndex(op))
    return {emitCheck(state, op, j, lanes, mask, get)};
  if (lanes && !op->hasTrait<OpTrait::Elementwise>())
    return emitPerLane(op, lanes, get);

  IRMapping map;
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value operand : used)
    map.map(operand, get(operand));
  // A lane that is off divides what it did not load: by one.
  if (mask && isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
                  arith::FloorDivSIOp, arith::CeilDivSIOp, arith::CeilDivUIOp>(op)) {
    Code::LocScope scope(code, op->getLoc());
    Value divisor = map.lookup(op->getOperand(1));
    auto type = cast<VectorType>(divisor.getType());
    Value ones = arith::ConstantOp::create(
        code, code.loc,
        DenseElementsAttr::get(type, code.getIntegerAttr(type.getElementType(), 1)));
    map.map(op->getOperand(1), code.select(mask, divisor, ones));
  }
  Operation *copy = code.clone(*op, map);
  if (lanes)
    for (OpResult result : copy->getResults())
      result.setType(code.vectorOf(result.getType(), lanes));
  return SmallVector<Value>(copy->getResults());
}

Value PassEmitter::emitExtract(PassState &state, Operation *op, Value j, unsigned lanes,
                               Value mask, Getter get) {
  Code::LocScope scope(code, line(op->getLoc(), LineRole::kLoad));
  const LinearAccess &access = state.pass->extracts.find(op)->second;
  bool varies = state.pass->varying.contains(op->getResult(0));
  if (!varies) {
    Stream stream = streamOf(access, state);
    if (state.indexable) {
      Value nowhere = entry.stack(code.getI8Type(), 64);
      stream.base = code.select(state.indexable, stream.base, nowhere);
    }
    return loadStream(stream, code.i64(0), 0, nullptr);
  }
  const Stream &stream = state.extracts.find(op)->second;
  Value offset;
  for (auto &[term, coefficient] : access.terms) {
    if (!state.pass->varying.contains(term))
      continue;
    Value part = code.mul(asI64(get(term)), code.splat(entry.dim(coefficient), lanes));
    offset = offset ? code.add(offset, part) : part;
  }
  if (!offset)
    return loadStream(stream, j, lanes, mask);
  if (!(stream.stride == Dim(0))) {
    Value at = code.splat(j, lanes);
    if (lanes)
      at = code.add(at, code.laneIds(code.getI64Type(), lanes));
    offset = code.add(offset, code.mul(at, code.splat(entry.dim(stream.stride), lanes)));
  }
  Type storage = getStorageType(stream.element);
  Type type = code.vectorOf(storage, lanes);
  Value result = lanes ? code.gather(type, stream.base, offset, mask)
                       : code.load(storage, code.gep(storage, stream.base, offset));
  if (stream.element.isInteger(1))
    result = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ne, result,
                                   code.zero(type));
  return result;
}

Value PassEmitter::emitCheck(PassState &state, Operation *op, Value j, unsigned lanes,
                             Value mask, Getter get) {
  Code::LocScope scope(code, op->getLoc());
  CheckIndexView view = getCheckIndex(op);
  EntryBuilder::IndexCheck check;
  check.ordinal = getOrdinal(op->getLoc());
  check.axis = view.axis;
  check.operand = view.operand;
  check.wrap = view.wrap;
  check.bound = asI64(scalarOf(state, view.bound));

  // The position: row-major over the dims of the index tensor.
  SmallVector<bool> has(model.rank(), false);
  for (int64_t p : view.position)
    has[state.pass->dims[p]] = true;
  Value position = code.i64(0);
  bool inner = false;
  for (unsigned d = 0; d < model.rank(); ++d) {
    if (!has[d])
      continue;
    position = code.mul(position, entry.dim(model.sizes[d]));
    if (d + 1 == model.rank())
      inner = true;
    else
      position = code.add(position, state.indices[d]);
  }
  if (inner && j)
    position = code.add(position, j);
  position = code.splat(position, lanes);
  if (inner && lanes)
    position = code.add(position, code.laneIds(code.getI64Type(), lanes));

  Value index = asI64(get(view.index));
  Value safe = entry.checkIndex(index, position, mask, check);
  Type type = code.vectorOf(op->getResult(0).getType(), lanes);
  if (type != safe.getType())
    safe = arith::IndexCastOp::create(code, code.loc, type, safe);
  return safe;
}

/// Ops without a vector form: their scalar code, once per lane.
SmallVector<Value> PassEmitter::emitPerLane(Operation *op, unsigned lanes, Getter get) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  SmallVector<SmallVector<Value>> elements(op->getNumResults());
  for (unsigned k = 0; k < lanes; ++k) {
    IRMapping map;
    for (Value value : used)
      map.map(value, code.lane(get(value), k));
    Operation *copy = code.clone(*op, map);
    for (auto [r, result] : llvm::enumerate(copy->getResults()))
      elements[r].push_back(result);
  }
  SmallVector<Value> results;
  for (auto &lane : elements)
    results.push_back(vector::FromElementsOp::create(
        code, op->getLoc(), VectorType::get({lanes}, lane.front().getType()), lane));
  return results;
}

} // namespace oriel
