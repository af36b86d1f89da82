//===- VectorAccess.cpp - partial and strided vectors at memory -----------===//
//
// Vectors of which some lanes have no element, and vectors whose elements do not
// lie side by side. Nothing beside the elements is ever read or written.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

namespace {
// Steps up to this many elements: loading all between and shuffling costs less
// than loading each element by itself.
constexpr int64_t kMostStep = 8;
// Bytes of a strided vector made at a time: what one shuffle works on.
constexpr int64_t kChunkBytes = 32;

int64_t lanesOf(Type type) { return cast<VectorType>(type).getNumElements(); }
unsigned bitsOf(Type type) { return 8 * getStorageBytes(getElementTypeOrSelf(type)); }
} // namespace

//===----------------------------------------------------------------------===//
// Partial vectors
//===----------------------------------------------------------------------===//

/// A place on the stack for one vector; its content lives no longer than one
/// access.
Value Code::staging(Type type) {
  Operation *function = getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(function))
    function = function->getParentOp();
  if (stage.first != function) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(&cast<func::FuncOp>(function).getBody().front());
    stage = {function, LLVM::AllocaOp::create(*this, loc, LLVM::LLVMPointerType::get(getContext()),
                                              getI8Type(), i64(512), 64)};
  }
  assert(lanesOf(type) * getStorageBytes(getElementTypeOrSelf(type)) <= 512);
  return stage.second;
}

/// Copies `count` <= `lanes` elements in pieces of a power of two.
void Code::copyPieces(Type element, Value to, Value from, Value count, unsigned lanes) {
  tail(i64(0), count, 2 * lanes, /*isMasked=*/false, [&](Value j, unsigned part, Value) {
    store(load(vectorOf(element, part), gep(element, from, j)), gep(element, to, j));
  });
}

Value Code::maskedLoad(Type type, Value pointer, Value mask) {
  Value count = countOf(mask);
  if (bitsOf(type) >= narrowestMask || !count)
    return LLVM::MaskedLoadOp::create(*this, loc, type, pointer, mask, zero(type),
                                      getI32IntegerAttr(bitsOf(type) / 8), nullptr);
  Value place = staging(type);
  store(zero(type), place, 64);
  copyPieces(getElementTypeOrSelf(type), place, pointer, count, lanesOf(type));
  return load(type, place, 64);
}

void Code::maskedStore(Value value, Value pointer, Value mask) {
  Type type = value.getType();
  Value count = countOf(mask);
  // LLVM 22 makes a plain store of a masked one of which the first lane alone is
  // on, and takes the width from before a truncation: it would write too much.
  if (count && isConstantIntValue(count, 1)) {
    Value scalar = lane(value, 0);
    store(scalar, pointer, getStorageBytes(scalar.getType()));
    return;
  }
  if (bitsOf(type) >= narrowestMask || !count) {
    LLVM::MaskedStoreOp::create(*this, loc, value, pointer, mask, bitsOf(type) / 8);
    return;
  }
  Value place = staging(type);
  store(value, place, 64);
  copyPieces(getElementTypeOrSelf(type), pointer, place, count, lanesOf(type));
}

Value Code::loadLast(Type type, Value pointer, Value count) {
  int64_t lanes = lanesOf(type);
  Type element = getElementTypeOrSelf(type);
  count = minimum(maximum(count, i64(0)), i64(lanes));
  Value off = sub(i64(lanes), count);
  if (bitsOf(type) >= narrowestMask) {
    Value below = maskBelow(off, lanes);
    Value ones = arith::ConstantOp::create(
        *this, loc, DenseElementsAttr::get(cast<ShapedType>(below.getType()), true));
    Value mask = arith::XOrIOp::create(*this, loc, below, ones);
    return LLVM::MaskedLoadOp::create(*this, loc, type, pointer, mask, zero(type),
                                      getI32IntegerAttr(bitsOf(type) / 8), nullptr);
  }
  Value place = staging(type);
  store(zero(type), place, 64);
  copyPieces(element, gep(element, place, off), gep(element, pointer, off), count, lanes);
  return load(type, place, 64);
}

//===----------------------------------------------------------------------===//
// Strided vectors
//===----------------------------------------------------------------------===//

Value Code::gather(Type type, Value base, Value offsets, Value mask) {
  unsigned lanes = lanesOf(type);
  Value all = maskBelow(i64(lanes), lanes);
  // Masked gathers of narrow elements, and any without AVX-512, are a branch a
  // lane. Lanes that are off read lane 0's element instead.
  if (mask && (bitsOf(type) < 32 || !hasFastMasks())) {
    offsets = select(mask, offsets, splat(lane(offsets, 0), lanes));
    mask = nullptr;
  }
  Value pointers = gep(getElementTypeOrSelf(type), base, offsets);
  return LLVM::masked_gather::create(*this, loc, type, pointers, mask ? mask : all,
                                     ValueRange{zero(type)},
                                     getI32IntegerAttr(bitsOf(type) / 8));
}

/// A vector of elements `step` apart, 1 <= |step| <= lanes: the vectors that
/// hold them all, shuffled. `count`: lanes that are on, null for all.
Value Code::loadSteps(VectorType type, Value first, int64_t step, Value count) {
  Type element = type.getElementType();
  int64_t lanes = type.getNumElements(), size = std::abs(step);
  // Where a whole vector begins, seen from `first` in the step's direction: the
  // last one ends with the last element.
  auto startOf = [&](int64_t v) {
    return count || v + 1 < size ? v * lanes : (size - 1) * (lanes - 1);
  };
  struct Part {
    Value vector;
    SmallVector<int64_t> order; // per result lane; -1: not from here
  };
  SmallVector<Part> parts;
  for (int64_t v = 0; v < size; ++v) {
    Part part;
    int64_t start = startOf(v);
    for (int64_t k = 0; k < lanes; ++k) {
      int64_t at = k * size;
      bool isHere = at >= v * lanes && at < (v + 1) * lanes;
      if (isHere)
        part.order.push_back(step > 0 ? at - start : lanes - 1 - (at - start));
      else
        part.order.push_back(-1);
    }
    if (llvm::all_of(part.order, [](int64_t k) { return k < 0; }))
      continue;
    Value pointer = gep(element, first, i64(step > 0 ? start : 1 - lanes - start));
    if (!count) {
      part.vector = load(type, pointer);
    } else {
      // Elements up to the last lane's, from this vector on.
      Value many = sub(mul(count, i64(size)), i64(size - 1 + start));
      part.vector = step > 0 ? maskedLoad(type, pointer, maskBelow(many, lanes))
                             : loadLast(type, pointer, many);
    }
    parts.push_back(part);
  }
  // Pairwise, so that few shuffles wait for each other.
  while (parts.size() > 1 || !llvm::equal(parts[0].order, llvm::seq<int64_t>(0, lanes))) {
    SmallVector<Part> next;
    for (size_t p = 0; p < parts.size(); p += 2) {
      Part &a = parts[p];
      if (p + 1 == parts.size() && p > 0) {
        next.push_back(a);
        continue;
      }
      Part &b = p + 1 < parts.size() ? parts[p + 1] : a;
      Part joined;
      SmallVector<int64_t> order;
      for (int64_t k = 0; k < lanes; ++k) {
        bool inA = a.order[k] >= 0, any = inA || b.order[k] >= 0;
        order.push_back(inA ? a.order[k] : any ? lanes + b.order[k] : -1);
        joined.order.push_back(any ? k : -1);
      }
      joined.vector = vector::ShuffleOp::create(*this, loc, a.vector, b.vector, order);
      next.push_back(joined);
    }
    parts = std::move(next);
  }
  return parts[0].vector;
}

Value Code::loadStrided(Type type, Value first, Value stride, Value mask) {
  auto vector = cast<VectorType>(type);
  Type element = vector.getElementType();
  int64_t lanes = vector.getNumElements(), bytes = getStorageBytes(element);
  Value count = mask ? countOf(mask) : Value();
  std::optional<int64_t> step = getConstant(stride);
  int64_t chunk = std::min(lanes, kChunkBytes / bytes);
  // More steps than lanes: whole vectors could reach past the last element.
  if (step && *step != 0 && std::abs(*step) <= std::min(kMostStep, chunk) && (!mask || count)) {
    if (*step == -1 || chunk == lanes)
      return loadSteps(vector, first, *step, count);
    SmallVector<Value> chunks;
    for (int64_t at = 0; at < lanes; at += chunk) {
      Value from = gep(element, first, i64(at * *step));
      Value rest = count ? minimum(maximum(sub(count, i64(at)), i64(0)), i64(chunk)) : Value();
      chunks.push_back(loadSteps(VectorType::get({chunk}, element), from, *step, rest));
    }
    while (chunks.size() > 1) {
      SmallVector<Value> wider;
      for (size_t c = 0; c < chunks.size(); c += 2)
        wider.push_back(vector::ShuffleOp::create(
            *this, loc, chunks[c], chunks[c + 1],
            llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanesOf(chunks[c].getType())))));
      chunks = std::move(wider);
    }
    return chunks[0];
  }
  if (mask && !count)
    return gather(type, first, mul(laneIds(getI64Type(), lanes), splat(stride, lanes)), mask);
  // Elements by themselves: a gather instruction took up to three times as long
  // (Zen 4). Lanes that are off read the last element again.
  SmallVector<Value> elements;
  for (int64_t k = 0; k < lanes; ++k) {
    Value at = count ? minimum(i64(k), sub(count, i64(1))) : i64(k);
    elements.push_back(load(element, gep(element, first, mul(stride, at))));
  }
  return vector::FromElementsOp::create(*this, loc, vector, elements);
}

} // namespace oriel
