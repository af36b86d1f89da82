//===- Elementwise.cpp - Elementwise ops ----------------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

//===----------------------------------------------------------------------===//
// Assembly: one type when it says all, else (operands) -> result
//===----------------------------------------------------------------------===//

static ParseResult parseFunctional(OpAsmParser &parser, FunctionType function,
                                   ArrayRef<Type *> operands, Type &result,
                                   SMLoc loc) {
  if (function.getNumInputs() != operands.size() ||
      function.getNumResults() != 1)
    return parser.emitError(loc)
           << "expected " << operands.size()
           << " operand types and one result type, got " << function;
  for (auto [to, from] : llvm::zip(operands, function.getInputs()))
    *to = from;
  result = function.getResult(0);
  return success();
}

static ParseResult parseSameTypes(OpAsmParser &parser, Type &a, Type &b,
                                  Type &result) {
  SMLoc loc = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  if (auto function = dyn_cast<FunctionType>(type))
    return parseFunctional(parser, function, {&a, &b}, result, loc);
  a = b = result = type;
  return success();
}

static void printSameTypes(OpAsmPrinter &printer, Operation *op, Type a, Type b,
                           Type result) {
  if (a == b && a == result)
    printer << a;
  else
    printer.printFunctionalType(op);
}

static ParseResult parseCompareTypes(OpAsmParser &parser, Type &a, Type &b,
                                     Type &result) {
  SMLoc loc = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  if (auto function = dyn_cast<FunctionType>(type))
    return parseFunctional(parser, function, {&a, &b}, result, loc);
  if (!isa<RankedTensorType>(type))
    return parser.emitError(loc) << "expected a tensor type, got " << type;
  a = b = type;
  result = boolTypeLike(type);
  return success();
}

static void printCompareTypes(OpAsmPrinter &printer, Operation *op, Type a,
                              Type b, Type result) {
  if (a == b && result == boolTypeLike(a))
    printer << a;
  else
    printer.printFunctionalType(op);
}

static ParseResult parseSelectTypes(OpAsmParser &parser, Type &predicate,
                                    Type &a, Type &b, Type &result) {
  SMLoc loc = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  if (auto function = dyn_cast<FunctionType>(type))
    return parseFunctional(parser, function, {&predicate, &a, &b}, result, loc);
  if (!isa<RankedTensorType>(type))
    return parser.emitError(loc) << "expected a tensor type, got " << type;
  a = b = result = type;
  predicate = boolTypeLike(type);
  return success();
}

static void printSelectTypes(OpAsmPrinter &printer, Operation *op,
                             Type predicate, Type a, Type b, Type result) {
  if (a == b && a == result && predicate == boolTypeLike(a))
    printer << a;
  else
    printer.printFunctionalType(op);
}

#define GET_OP_CLASSES
#include "dialect/Graph/Elementwise.cpp.inc"

void oriel::ir::registerElementwiseOps(OrielDialect *dialect) {
  [&]<typename... Ops>(std::tuple<Ops...> *) {
    (RegisteredOperationName::insert<Ops>(*dialect), ...);
  }(static_cast<std::tuple<
#define GET_OP_LIST
#include "dialect/Graph/Elementwise.cpp.inc"
        > *>(nullptr));
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

// `value` when the op may be replaced by it: a fold keeps the type.
static OpFoldResult same(Operation *op, Value value) {
  if (value.getType() != op->getResult(0).getType())
    return {};
  return value;
}

// Where op(op(x)) is x.
template <typename OpTy> static OpFoldResult foldInvolution(OpTy op) {
  if (auto inner = op.getX().template getDefiningOp<OpTy>())
    return inner.getX();
  return {};
}

OpFoldResult NegOp::fold(FoldAdaptor) { return foldInvolution(*this); }
OpFoldResult LogicalNotOp::fold(FoldAdaptor) { return foldInvolution(*this); }

OpFoldResult AbsOp::fold(FoldAdaptor) {
  Operation *inner = getX().getDefiningOp();
  if (isa_and_nonnull<AbsOp>(inner))
    return getX();
  // An unsigned number wraps when it is negated.
  if (isa_and_nonnull<NegOp>(inner) &&
      !getElementTypeOrSelf(getType()).isUnsignedInteger()) {
    getXMutable().set(inner->getOperand(0));
    return getResult();
  }
  return {};
}

// A whole number, a NaN or an infinity rounds to itself.
static OpFoldResult foldRounding(Value x) {
  return isa_and_nonnull<FloorOp, CeilOp, RoundOp>(x.getDefiningOp())
             ? OpFoldResult(x)
             : OpFoldResult();
}

OpFoldResult FloorOp::fold(FoldAdaptor) { return foldRounding(getX()); }
OpFoldResult CeilOp::fold(FoldAdaptor) { return foldRounding(getX()); }
OpFoldResult RoundOp::fold(FoldAdaptor) { return foldRounding(getX()); }

// The neutral element of addition: x + 0.0 turns -0.0 into +0.0, x + -0.0 does
// nothing to any x.
static bool isAdditiveIdentity(Value value) {
  return isSplat(value,
                 isa<FloatType>(getElementTypeOrSelf(value)) ? -0.0 : 0.0);
}

OpFoldResult AddOp::fold(FoldAdaptor) {
  if (isAdditiveIdentity(getB()))
    return same(*this, getA());
  if (isAdditiveIdentity(getA()))
    return same(*this, getB());
  return {};
}

OpFoldResult SubOp::fold(FoldAdaptor) {
  return isSplat(getB(), 0.0) ? same(*this, getA()) : OpFoldResult();
}

OpFoldResult MulOp::fold(FoldAdaptor) {
  if (isSplat(getB(), 1.0))
    return same(*this, getA());
  if (isSplat(getA(), 1.0))
    return same(*this, getB());
  return {};
}

OpFoldResult DivOp::fold(FoldAdaptor) {
  return isSplat(getB(), 1.0) ? same(*this, getA()) : OpFoldResult();
}

OpFoldResult FloorDivOp::fold(FoldAdaptor) {
  bool isInteger = isa<IntegerType>(getElementTypeOrSelf(getType()));
  return isInteger && isSplat(getB(), 1.0) ? same(*this, getA())
                                           : OpFoldResult();
}

OpFoldResult PowOp::fold(FoldAdaptor) {
  return isSplat(getB(), 1.0) ? same(*this, getA()) : OpFoldResult();
}

OpFoldResult MaximumOp::fold(FoldAdaptor) {
  return getA() == getB() ? same(*this, getA()) : OpFoldResult();
}
OpFoldResult MinimumOp::fold(FoldAdaptor) {
  return getA() == getB() ? same(*this, getA()) : OpFoldResult();
}

OpFoldResult LogicalAndOp::fold(FoldAdaptor) {
  if (getA() == getB() || isSplat(getB(), 1.0) || isSplat(getA(), 0.0))
    return same(*this, getA());
  if (isSplat(getA(), 1.0) || isSplat(getB(), 0.0))
    return same(*this, getB());
  return {};
}

OpFoldResult LogicalOrOp::fold(FoldAdaptor) {
  if (getA() == getB() || isSplat(getB(), 0.0) || isSplat(getA(), 1.0))
    return same(*this, getA());
  if (isSplat(getA(), 0.0) || isSplat(getB(), 1.0))
    return same(*this, getB());
  return {};
}

OpFoldResult SelectOp::fold(FoldAdaptor) {
  if (getA() == getB() || isSplat(getPredicate(), 1.0))
    return same(*this, getA());
  if (isSplat(getPredicate(), 0.0))
    return same(*this, getB());
  return {};
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  auto inner = getX().getDefiningOp<CastOp>();
  if (!inner)
    return {};
  Type from = getElementTypeOrSelf(inner.getX()),
       mid = getElementTypeOrSelf(getX()), to = getElementTypeOrSelf(getType());
  // Conversion of a float to an integer out of its range is not that of the
  // integer the float came from.
  bool leavesFloat = isa<FloatType>(mid) && isa<IntegerType>(from) &&
                     from.getIntOrFloatBitWidth() > 1 && isa<IntegerType>(to) &&
                     to.getIntOrFloatBitWidth() > 1 && from != to;
  if (!isValuePreserving(from, mid) || leavesFloat)
    return {};
  if (from == to)
    return same(*this, inner.getX());
  getXMutable().set(inner.getX());
  return getResult();
}
