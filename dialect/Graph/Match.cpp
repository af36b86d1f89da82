//===- Match.cpp - What folders recognise ---------------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

Attribute oriel::ir::getSplat(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<BroadcastOp, ReshapeOp, TransposeOp>(op)) {
      value = op->getOperand(0);
      continue;
    }
    auto constant = dyn_cast<ConstantOp>(op);
    if (!constant)
      break;
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (elements && elements.isSplat())
      return elements.getSplatValue<Attribute>();
    break;
  }
  return {};
}

bool oriel::ir::isSplat(Value value, double number) {
  Attribute splat = getSplat(value);
  if (auto real = dyn_cast_or_null<FloatAttr>(splat)) {
    APFloat required(number);
    bool loses;
    required.convert(real.getValue().getSemantics(),
                     APFloat::rmNearestTiesToEven, &loses);
    return !loses && real.getValue().bitwiseIsEqual(required);
  }
  if (auto integer = dyn_cast_or_null<IntegerAttr>(splat)) {
    int64_t whole = static_cast<int64_t>(number);
    return static_cast<double>(whole) == number &&
           (integer.getValue().getBitWidth() == 1
                ? integer.getValue().getZExtValue() ==
                      static_cast<uint64_t>(whole)
                : integer.getValue().getSExtValue() == whole);
  }
  return false;
}

bool oriel::ir::isValuePreserving(Type from, Type to) {
  if (from == to)
    return true;
  auto a = dyn_cast<FloatType>(from), b = dyn_cast<FloatType>(to);
  if (a && b)
    return llvm::APFloatBase::isRepresentableBy(a.getFloatSemantics(),
                                                b.getFloatSemantics());
  auto i = dyn_cast<IntegerType>(from);
  if (!i)
    return false;
  // Bits of magnitude; a sign costs one. A truth value is 0 or 1.
  bool isSigned = !i.isUnsigned() && i.getWidth() > 1;
  unsigned bits = i.getWidth() - isSigned;
  if (b)
    return bits <= b.getFPMantissaWidth();
  auto j = dyn_cast<IntegerType>(to);
  if (!j || j.getWidth() == 1)
    return false;
  if (j.isUnsigned())
    return !isSigned && bits <= j.getWidth();
  return bits <= j.getWidth() - 1;
}
