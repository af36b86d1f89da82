//===- Infer.cpp - IR types and ops as runtime/ops sees them --------------===//

#include "dialect/Graph/Infer.h"
#include "dialect/Graph/OrielOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace oriel::ir;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

std::optional<oriel::DType> oriel::ir::getDType(Type type) {
  if (type.isF64())
    return DType::f64;
  if (type.isF32())
    return DType::f32;
  if (type.isF16())
    return DType::f16;
  if (type.isBF16())
    return DType::bf16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSigned())
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return isUnsigned ? std::nullopt : std::optional(DType::boolean);
  case 8:
    return isUnsigned ? DType::u8 : DType::i8;
  case 16:
    return isUnsigned ? DType::u16 : DType::i16;
  case 32:
    return isUnsigned ? DType::u32 : DType::i32;
  case 64:
    return isUnsigned ? DType::u64 : DType::i64;
  default:
    return std::nullopt;
  }
}

Type oriel::ir::getElementType(MLIRContext *context, oriel::DType dtype) {
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return IntegerType::get(context, width,
                            isUnsigned ? IntegerType::Unsigned
                                       : IntegerType::Signless);
  };
  switch (dtype) {
  case DType::f64:
    return Float64Type::get(context);
  case DType::f32:
    return Float32Type::get(context);
  case DType::f16:
    return Float16Type::get(context);
  case DType::bf16:
    return BFloat16Type::get(context);
  case DType::i8:
    return integer(8);
  case DType::i16:
    return integer(16);
  case DType::i32:
    return integer(32);
  case DType::i64:
    return integer(64);
  case DType::u8:
    return integer(8, true);
  case DType::u16:
    return integer(16, true);
  case DType::u32:
    return integer(32, true);
  case DType::u64:
    return integer(64, true);
  case DType::boolean:
    return integer(1);
  }
  llvm_unreachable("every dtype has a type");
}

oriel::TensorType oriel::ir::getTensorType(RankedTensorType type,
                                           StringRef prefix) {
  oriel::TensorType result;
  result.dtype = *getDType(type.getElementType());
  for (auto [axis, extent] : llvm::enumerate(type.getShape()))
    result.shape.push_back(ShapedType::isDynamic(extent)
                               ? Dim::Symbol((prefix + "_" + Twine(axis)).str())
                               : Dim(extent));
  return result;
}

//===----------------------------------------------------------------------===//
// Ops and attributes
//===----------------------------------------------------------------------===//

std::optional<oriel::OpKind> oriel::ir::getOpKind(Operation *op) {
  if (!isa_and_nonnull<OrielDialect>(op->getDialect()))
    return std::nullopt;
  StringRef name = op->getName().stripDialect();
  return ParseOpKind({name.data(), name.size()});
}

oriel::Attrs oriel::ir::getAttrs(Operation *op) {
  Attrs attrs;
  for (NamedAttribute attribute : op->getAttrDictionary()) {
    StringRef name = attribute.getName();
    std::string_view key(name.data(), name.size());
    auto setString = [&](StringRef text) { attrs.Set(key, text.str()); };
    llvm::TypeSwitch<Attribute>(attribute.getValue())
        .Case([&](DimsAttr a) { attrs.Set(key, a.getDims()); })
        .Case([&](DenseI64ArrayAttr a) {
          attrs.Set(key, std::vector<int64_t>(a.asArrayRef()));
        })
        .Case([&](UnitAttr) { attrs.Set(key, true); })
        .Case([&](IntegerAttr a) { attrs.Set(key, a.getInt()); })
        .Case([&](StringAttr a) { setString(a); })
        .Case([&](ComparePredicateAttr a) {
          setString(stringifyComparePredicate(a.getValue()));
        })
        .Case([&](ReduceKindAttr a) {
          setString(stringifyReduceKind(a.getValue()));
        })
        .Case([&](ScatterKindAttr a) {
          setString(stringifyScatterKind(a.getValue()));
        })
        .Case([&](TapKindAttr a) {
          setString(stringifyTapKind(a.getValue()));
        });
  }
  if (isa<ReduceOp, ArgMaxOp, ArgMinOp>(op) && !attrs.Find("keepdims"))
    attrs.Set("keepdims", false);
  // MLIR keeps these element types in the result's type.
  if (isa<CastOp, IotaOp>(op))
    if (auto dtype = getDType(getElementTypeOrSelf(op->getResult(0).getType())))
      attrs.Set("dtype", *dtype);
  return attrs;
}

//===----------------------------------------------------------------------===//
// The trait
//===----------------------------------------------------------------------===//

LogicalResult oriel::ir::verifyInferred(Operation *op) {
  std::vector<TensorType> operands;
  Attribute encoding;
  for (auto [index, type] : llvm::enumerate(op->getOperandTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    if (index == 0)
      encoding = tensor.getEncoding();
    // Scalars that steer an op are in host memory wherever it runs.
    if (tensor.getEncoding() != encoding && tensor.getRank() > 0)
      return op->emitOpError()
             << "operand " << index
             << " is on another device than operand 0: " << type << " and "
             << op->getOperand(0).getType();
    operands.push_back(getTensorType(tensor, ("$" + Twine(index)).str()));
  }
  auto inferred = InferTypes(*getOpKind(op), getAttrs(op), operands,
                             /*requirements=*/nullptr);
  if (!inferred.ok()) {
    // The message starts with the op's name, as emitOpError's does.
    StringRef message(inferred.status().message().data(),
                      inferred.status().message().size());
    message.consume_front((op->getName().stripDialect() + ": ").str());
    return op->emitOpError() << message;
  }
  if (inferred->size() != op->getNumResults())
    return op->emitOpError() << "has " << op->getNumResults()
                             << " results, required " << inferred->size();
  for (auto [index, required] : llvm::enumerate(*inferred)) {
    auto actual = cast<RankedTensorType>(op->getResult(index).getType());
    bool matches = getDType(actual.getElementType()) == required.dtype &&
                   actual.getRank() == required.rank();
    // An extent only one of the two knows is the planner's to check.
    for (int axis = 0; matches && axis < required.rank(); ++axis)
      matches = actual.isDynamicDim(axis) ||
                !required.shape[axis].is_static() ||
                actual.getDimSize(axis) == required.shape[axis].value();
    if (!matches) {
      SmallVector<int64_t> shape;
      for (const Dim &dim : required.shape)
        shape.push_back(dim.is_static() ? dim.value() : ShapedType::kDynamic);
      return op->emitOpError()
             << "result type is " << actual << ", required "
             << RankedTensorType::get(
                    shape, getElementType(op->getContext(), required.dtype));
    }
    if (actual.getEncoding() != encoding && op->getNumOperands() > 0)
      return op->emitOpError()
             << "result is on another device than operand 0: " << actual
             << " and " << op->getOperand(0).getType();
  }
  return success();
}

Speculation::Speculatability oriel::ir::speculatableIfStatic(Operation *op) {
  auto isStatic = [](Type type) {
    return cast<ShapedType>(type).hasStaticShape();
  };
  return llvm::all_of(op->getOperandTypes(), isStatic) &&
                 llvm::all_of(op->getResultTypes(), isStatic)
             ? Speculation::Speculatable
             : Speculation::NotSpeculatable;
}

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

RankedTensorType oriel::ir::mergeShapes(Type a, Type b) {
  auto first = cast<RankedTensorType>(a), second = cast<RankedTensorType>(b);
  SmallVector<int64_t> shape(first.getShape());
  if (first.getRank() == second.getRank())
    for (auto [extent, other] : llvm::zip(shape, second.getShape()))
      if (ShapedType::isDynamic(extent))
        extent = other;
  return first.clone(shape);
}

RankedTensorType oriel::ir::boolTypeLike(Type type) {
  return cast<RankedTensorType>(type).clone(
      IntegerType::get(type.getContext(), 1));
}

RankedTensorType oriel::ir::tensorTypeLike(Type type, DimsAttr shape) {
  auto tensor = cast<RankedTensorType>(type);
  return shape.getTensorType(tensor.getElementType(), tensor.getEncoding());
}

RankedTensorType oriel::ir::permutedType(Type type,
                                         ArrayRef<int64_t> permutation) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape;
  for (int64_t axis : permutation)
    shape.push_back(tensor.getDimSize(axis));
  return tensor.clone(shape);
}

RankedTensorType oriel::ir::reducedType(Type type, ArrayRef<int64_t> axes,
                                        bool keepdims) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape;
  for (auto [axis, extent] : llvm::enumerate(tensor.getShape())) {
    if (!llvm::is_contained(axes, axis))
      shape.push_back(extent);
    else if (keepdims)
      shape.push_back(1);
  }
  return tensor.clone(shape);
}
