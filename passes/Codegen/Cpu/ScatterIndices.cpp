//===- ScatterIndices.cpp - indices of a scatter's updates ----------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

Value UpdateSweep::rawIndex(unsigned o, Value n) {
  Code::LocScope scope(code, kernel.line(LineRole::kLoad));
  return pieces.loadIndex(o, n, 0);
}

SmallVector<Value> UpdateSweep::rawIndices(Value n) {
  SmallVector<Value> raw;
  for (unsigned o = 0; o < operands; ++o)
    raw.push_back(rawIndex(o, n));
  return raw;
}

SmallVector<Value> UpdateSweep::wrapped(ArrayRef<Value> raw) {
  SmallVector<Value> each;
  for (auto [o, index] : llvm::enumerate(raw))
    each.push_back(code.select(code.less(index, code.i64(0)),
                               code.add(index, entry.dim(kernel.bounds[o])), index));
  return each;
}

/// One comparison each: neither negative nor too large.
Value UpdateSweep::inBounds(ArrayRef<Value> each) {
  Value good;
  for (auto [o, index] : llvm::enumerate(each)) {
    Value here = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ult, index,
                                       entry.dim(kernel.bounds[o]));
    good = good ? Value(arith::AndIOp::create(code, code.loc, good, here)) : here;
  }
  return good;
}

Value UpdateSweep::flat(ArrayRef<Value> each) {
  Value at = code.i64(0);
  for (auto [o, index] : llvm::enumerate(each))
    at = code.add(code.mul(at, entry.dim(kernel.bounds[o])), index);
  return at;
}

void UpdateSweep::reportBad(ArrayRef<Value> raw, Value n) {
  for (auto [o, index] : llvm::enumerate(raw))
    entry.checkIndex(index, n, nullptr, kernel.checkOf(entry, o));
}

} // namespace oriel
