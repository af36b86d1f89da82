// Registration of the `plan` dialect and the ops that declare things: buffers
// and requirements. PlanSteps.cpp verifies steps, PlanProgram.cpp whole
// programs.
#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include "oriel/node_table.h"

using namespace mlir;
using namespace oriel::plan;

#include "dialect/Plan/PlanDialect.cpp.inc"
#include "dialect/Plan/PlanEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Plan/PlanTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialect/Plan/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Plan/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Plan/PlanOps.cpp.inc"
      >();
}

// Element types that oriel::DType names.
static bool isElement(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned width = integer.getWidth();
    if (width == 1)
      return integer.isSignless();
    return (width == 8 || width == 16 || width == 32 || width == 64) &&
           !integer.isSigned();
  }
  return type.isF64() || type.isF32() || type.isF16() || type.isBF16();
}

void BufferOp::getAsmResultNames(
    llvm::function_ref<void(Value, StringRef)> setName) {
  // An SSA name is [A-Za-z_$.-][\w$.-]*; a user's name may be anything.
  std::string name;
  for (char c : getName())
    name += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (!name.empty() && llvm::isDigit(name[0]))
    name.insert(0, "_");
  setName(getResult(), name.empty() ? "buffer" : name);
}

BufferOp BufferOp::getRoot() {
  BufferOp op = *this;
  while (op.getAlias()) {
    auto next = op.getAlias().getDefiningOp<BufferOp>();
    if (!next)
      break;
    op = next;
  }
  return op;
}

int64_t BufferOp::nodeId() {
  return getNode() ? static_cast<int64_t>(*getNode()) : ::oriel::kNoNode;
}

std::string BufferOp::describe() {
  return (stringifyKind(getKind()) + " buffer '" + getName() + "'").str();
}

LogicalResult BufferOp::verify() {
  if (!isElement(getElement()))
    return emitOpError()
           << "has element type " << getElement()
           << ", required f64 f32 f16 bf16, i8..i64, ui8..ui64 or i1";
  if (getKind() == Kind::Constant && !getValue())
    return emitOpError()
           << "is a constant without a value, required `= dense<...>`";
  if (getValue() && getKind() != Kind::Constant && getKind() != Kind::State)
    return emitOpError()
           << "of kind " << stringifyKind(getKind())
           << " has a value, required of constants and states only";
  if (ElementsAttr value = getValueAttr()) {
    if (value.getElementType() != getElement())
      return emitOpError() << "has a value of element type "
                           << value.getElementType() << ", required "
                           << getElement();
    ::oriel::Dims shape = getShape().getDims();
    bool same =
        shape.size() == static_cast<size_t>(value.getShapedType().getRank());
    for (size_t i = 0; same && i < shape.size(); ++i)
      same = shape[i] == ::oriel::Dim(value.getShapedType().getDimSize(i));
    if (!same)
      return emitOpError() << "has a value of type " << value.getShapedType()
                           << ", required shape " << ::oriel::ToString(shape);
  }
  if (Value alias = getAlias()) {
    auto other = alias.getDefiningOp<BufferOp>();
    if (!other)
      return emitOpError() << "has an alias that is not a plan.buffer";
    if (getKind() != Kind::Temporary && getKind() != Kind::Output)
      return emitOpError()
             << "of kind " << stringifyKind(getKind())
             << " has an alias, required of temporaries and outputs only";
    if (other.getElement() != getElement())
      return emitOpError() << "of element type " << getElement() << " aliases "
                           << other.describe() << " of element type "
                           << other.getElement() << ", required the same";
    ::oriel::Dim size = ::oriel::NumElements(getShape().getDims());
    ::oriel::Dim otherSize = ::oriel::NumElements(other.getShape().getDims());
    if (size.is_static() && otherSize.is_static() && size != otherSize)
      return emitOpError() << "of " << size.ToString() << " elements aliases "
                           << other.describe() << " of " << otherSize.ToString()
                           << " elements, required the same";
  }
  return success();
}

LogicalResult RequireOp::verify() {
  if (getLeft().getDims().size() != 1 || getRight().getDims().size() != 1)
    return emitOpError() << "compares " << getLeft().getDims().size()
                         << " dims with " << getRight().getDims().size()
                         << ", required one with one";
  return success();
}
