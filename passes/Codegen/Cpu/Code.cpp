//===- Code.cpp - short names for what kernels are made of ----------------===//

#include "passes/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

#include "dialect/Graph/OrielDialect.h"

using namespace mlir;

namespace oriel {

static unsigned elementAlign(Type type) {
  return getStorageBytes(getElementTypeOrSelf(type));
}

unsigned getNarrowestMask(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr))
      return target.getFeatures().contains("+avx512bw") &&
                     target.getFeatures().contains("+avx512vl")
                 ? 8
                 : 32;
  return 32;
}

std::optional<int64_t> getConstant(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

Value Code::i64(int64_t value) {
  return arith::ConstantIntOp::create(*this, loc, value, 64);
}

Value Code::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(loc, a, b);
}
Value Code::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(loc, a, b);
}
Value Code::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(loc, a, b);
}
Value Code::minimum(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(loc, a, b);
}
Value Code::maximum(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(loc, a, b);
}
Value Code::divUnsigned(Value a, Value b) {
  return createOrFold<arith::DivUIOp>(loc, a, b);
}
Value Code::remUnsigned(Value a, Value b) {
  return createOrFold<arith::RemUIOp>(loc, a, b);
}

Value Code::floorDiv(Value a, Value b) {
  auto ca = getConstant(a), cb = getConstant(b);
  if (ca && cb && *cb != 0) {
    int64_t q = *ca / *cb;
    return i64(q - ((*ca % *cb != 0) && ((*ca < 0) != (*cb < 0))));
  }
  Value q = createOrFold<arith::DivSIOp>(loc, a, b);
  Value r = sub(a, mul(q, b));
  Value inexact = arith::CmpIOp::create(*this, loc, arith::CmpIPredicate::ne, r, i64(0));
  Value opposite = less(arith::XOrIOp::create(*this, loc, r, b), i64(0));
  Value both = arith::AndIOp::create(*this, loc, inexact, opposite);
  return sub(q, arith::ExtUIOp::create(*this, loc, getI64Type(), both));
}

Value Code::ceilDiv(Value a, Value b) {
  return sub(i64(0), floorDiv(sub(i64(0), a), b));
}

Value Code::select(Value c, Value a, Value b) {
  return createOrFold<arith::SelectOp>(loc, c, a, b);
}
Value Code::less(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, a, b);
}
Value Code::equal(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, a, b);
}

Value Code::roundDown(Value a, int64_t step) {
  if (step == 1)
    return a;
  if (auto c = getConstant(a))
    return i64(*c - *c % step);
  if (llvm::isPowerOf2_64(step))
    return arith::AndIOp::create(*this, loc, a, i64(-step));
  return sub(a, remUnsigned(a, i64(step)));
}

Type Code::vectorOf(Type element, unsigned lanes) {
  return lanes ? Type(VectorType::get({lanes}, element)) : element;
}

Value Code::splat(Value scalar, unsigned lanes) {
  if (!lanes)
    return scalar;
  Attribute constant;
  auto type = cast<VectorType>(vectorOf(scalar.getType(), lanes));
  if (matchPattern(scalar, m_Constant(&constant)))
    return arith::ConstantOp::create(*this, loc, DenseElementsAttr::get(type, constant));
  return vector::BroadcastOp::create(*this, loc, type, scalar);
}

Value Code::laneIds(Type element, unsigned lanes) {
  auto type = VectorType::get({lanes}, element);
  unsigned width = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  SmallVector<APInt> ids;
  for (unsigned k = 0; k < lanes; ++k)
    ids.push_back(APInt(width, k));
  return arith::ConstantOp::create(*this, loc, DenseElementsAttr::get(type, ids));
}

Value Code::slice(Value vector, unsigned offset, unsigned count) {
  auto type = cast<VectorType>(vector.getType());
  if (offset == 0 && count == type.getNumElements())
    return vector;
  SmallVector<int64_t> order;
  for (unsigned k = 0; k < count; ++k)
    order.push_back(offset + k);
  return vector::ShuffleOp::create(*this, loc, vector, vector, order);
}

Value Code::lane(Value vector, unsigned k) {
  return createOrFold<vector::ExtractOp>(loc, vector, static_cast<int64_t>(k));
}

Value Code::zero(Type type) {
  return arith::ConstantOp::create(*this, loc, cast<TypedAttr>(getZeroAttr(type)));
}

Value Code::maskBelow(Value count, unsigned lanes) {
  Value mask;
  if (auto c = getConstant(count)) {
    SmallVector<bool> bits;
    for (unsigned k = 0; k < lanes; ++k)
      bits.push_back(static_cast<int64_t>(k) < *c);
    mask = arith::ConstantOp::create(
        *this, loc,
        DenseElementsAttr::get(VectorType::get({lanes}, getI1Type()), bits));
    counts[mask] = i64(std::clamp<int64_t>(*c, 0, lanes));
    return mask;
  }
  // Clamped so that 32-bit lanes can compare it.
  Value clamped = minimum(maximum(count, i64(0)), i64(lanes));
  Value narrow = arith::TruncIOp::create(*this, loc, getI32Type(), clamped);
  mask = arith::CmpIOp::create(*this, loc, arith::CmpIPredicate::slt,
                               laneIds(getI32Type(), lanes), splat(narrow, lanes));
  counts[mask] = clamped;
  return mask;
}

Value Code::gep(Type element, Value base, Value index) {
  auto c = getConstant(index);
  if (c && *c == 0)
    return base;
  if (c && *c > INT32_MIN && *c < INT32_MAX)
    return LLVM::GEPOp::create(*this, loc, base.getType(), element, base,
                               ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(*c)});
  Type type = base.getType();
  if (auto indices = dyn_cast<VectorType>(index.getType()))
    type = VectorType::get(indices.getShape(), LLVM::LLVMPointerType::get(getContext()));
  return LLVM::GEPOp::create(*this, loc, type, element, base,
                             ArrayRef<LLVM::GEPArg>{index});
}

Value Code::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(*this, loc, type, pointer,
                              align ? align : elementAlign(type));
}

void Code::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(*this, loc, value, pointer,
                        align ? align : elementAlign(value.getType()));
}

void Code::storePastCache(Value value, Value pointer) {
  auto type = cast<VectorType>(value.getType());
  int64_t bytes = type.getNumElements() * elementAlign(type);
  if (bytes < 16)
    return store(value, pointer);
  if (type.getElementType().isF16())
    value = arith::BitcastOp::create(*this, loc, vectorOf(getI16Type(), type.getNumElements()), value);
  LLVM::StoreOp::create(*this, loc, value, pointer, std::min(bytes, kLineBytes),
                        /*isVolatile=*/false, /*isNonTemporal=*/true);
}

SmallVector<Value> Code::loop(Value lower, Value upper, Value step,
                              ValueRange carried, LoopBody body) {
  auto op = scf::ForOp::create(*this, loc, lower, upper, step, carried);
  InsertionGuard guard(*this);
  Block *block = op.getBody();
  // Without carried values the builder has already made the terminator.
  if (!block->empty())
    block->back().erase();
  setInsertionPointToEnd(block);
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  scf::YieldOp::create(*this, loc, next);
  return SmallVector<Value>(op.getResults());
}

void Code::loop(Value lower, Value upper, Value step,
                llvm::function_ref<void(Value)> body) {
  loop(lower, upper, step, ValueRange{}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>{};
  });
}

void Code::ifThen(Value condition, llvm::function_ref<void()> then) {
  if (auto c = getConstant(condition)) {
    if (*c)
      then();
    return;
  }
  auto op = scf::IfOp::create(*this, loc, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPoint(op.thenBlock()->getTerminator());
  then();
}

void Code::tail(Value from, Value count, unsigned lanes, bool isMasked,
                llvm::function_ref<void(Value, unsigned, Value)> step) {
  if (isMasked) {
    ifThen(less(i64(0), count), [&] { step(from, lanes, maskBelow(count, lanes)); });
    return;
  }
  for (unsigned h = lanes / 2; h > 0; h /= 2) {
    // Wider pieces are done: they are the higher bits of the count.
    Value before = createOrFold<arith::AndIOp>(loc, count, i64(-2 * static_cast<int64_t>(h)));
    Value bit = createOrFold<arith::AndIOp>(loc, count, i64(h));
    ifThen(less(i64(0), bit), [&] { step(add(from, before), h == 1 ? 0 : h, nullptr); });
  }
}

SmallVector<Value>
Code::ifElse(Value condition, TypeRange types,
             llvm::function_ref<SmallVector<Value>()> then,
             llvm::function_ref<SmallVector<Value>()> otherwise) {
  if (auto c = getConstant(condition))
    return *c ? then() : otherwise();
  auto op = scf::IfOp::create(*this, loc, types, condition, /*withElseRegion=*/true);
  InsertionGuard guard(*this);
  auto fill = [&](Block *block, llvm::function_ref<SmallVector<Value>()> build) {
    if (!block->empty())
      block->back().erase();
    setInsertionPointToEnd(block);
    SmallVector<Value> values = build();
    scf::YieldOp::create(*this, loc, values);
  };
  fill(op.thenBlock(), then);
  fill(op.elseBlock(), otherwise);
  return SmallVector<Value>(op.getResults());
}

} // namespace oriel
