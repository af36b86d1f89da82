//===- KernelRules.cpp - which ops make one kernel ------------------------===//

#include "passes/Fusion/KernelRules.h"

#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Access.h"

using namespace mlir;

namespace oriel {

static constexpr StringLiteral kClassNames[] = {
    "Elementwise", "RowReduce", "ColumnReduce", "MatMul", "Gather",
    "Scatter", "Concatenate", "ArgReduce", "Copy", "Library"};

StringRef toString(KernelClass kernelClass) {
  return kClassNames[static_cast<int>(kernelClass)];
}

std::optional<KernelClass> parseKernelClass(StringRef text) {
  for (auto [index, name] : llvm::enumerate(kClassNames))
    if (name == text)
      return static_cast<KernelClass>(index);
  return std::nullopt;
}

bool isCheap(Operation *op) {
  return isa<ir::NegOp, ir::AbsOp, ir::AddOp, ir::SubOp, ir::MulOp,
             ir::MaximumOp, ir::MinimumOp, ir::CompareOp, ir::SelectOp,
             ir::CastOp, ir::LogicalAndOp, ir::LogicalOrOp, ir::LogicalXorOp,
             ir::LogicalNotOp>(op);
}

bool isSplatConstant(Operation *op) {
  auto constant = dyn_cast<ir::ConstantOp>(op);
  if (!constant)
    return false;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  return dense && dense.isSplat();
}

OpRole getRole(Operation *op) {
  if (isa<ir::ConstantOp>(op))
    return isSplatConstant(op) ? OpRole::Leaf : OpRole::Outside;
  if (isa<ir::IotaOp, ir::DimValueOp>(op))
    return OpRole::Leaf;
  if (isView(op))
    return OpRole::View;
  if (isa<ir::MatMulOp>(op))
    return OpRole::MatMul;
  if (isa<ir::GatherOp, ir::DynamicSliceOp>(op))
    return OpRole::Gather;
  if (isa<ir::ScatterOp>(op))
    return OpRole::Scatter;
  if (isa<ir::ConcatenateOp>(op))
    return OpRole::Concatenate;
  if (isa<ir::ArgMaxOp, ir::ArgMinOp>(op))
    return OpRole::ArgReduce;
  if (isa<ir::SortOp, ir::ArgSortOp>(op))
    return OpRole::Library;
  if (auto reduce = dyn_cast<ir::ReduceOp>(op)) {
    auto type = cast<RankedTensorType>(reduce.getX().getType());
    bool isLast = reduce.getAxes().size() == 1 &&
                  reduce.getAxes()[0] == type.getRank() - 1;
    return isLast ? OpRole::RowReduce : OpRole::ColumnReduce;
  }
  if (op->hasTrait<OpTrait::Elementwise>() &&
      isa_and_nonnull<ir::OrielDialect>(op->getDialect()))
    return op->hasAttr(kOperandAttr) ? OpRole::Operand : OpRole::Elementwise;
  return OpRole::Outside;
}

KernelClass getClassOf(OpRole role) {
  switch (role) {
  case OpRole::RowReduce: return KernelClass::RowReduce;
  case OpRole::ColumnReduce: return KernelClass::ColumnReduce;
  case OpRole::MatMul: return KernelClass::MatMul;
  case OpRole::Gather: return KernelClass::Gather;
  case OpRole::Scatter: return KernelClass::Scatter;
  case OpRole::Concatenate: return KernelClass::Concatenate;
  case OpRole::ArgReduce: return KernelClass::ArgReduce;
  case OpRole::Library: return KernelClass::Library;
  case OpRole::View: return KernelClass::Copy;
  default: return KernelClass::Elementwise;
  }
}

std::optional<KernelClass> mergeClasses(KernelClass a, KernelClass b,
                                        std::string *reason) {
  if (b == KernelClass::Elementwise)
    std::swap(a, b);
  bool joins = b == KernelClass::Elementwise || b == KernelClass::RowReduce ||
               b == KernelClass::ColumnReduce || b == KernelClass::MatMul ||
               b == KernelClass::Gather;
  if (a == KernelClass::Elementwise && joins)
    return b;
  if (a == b && (a == KernelClass::RowReduce || a == KernelClass::ColumnReduce ||
                 a == KernelClass::Gather))
    return a;
  // A matmul may reduce the rows of its result.
  if ((a == KernelClass::RowReduce && b == KernelClass::MatMul) ||
      (a == KernelClass::MatMul && b == KernelClass::RowReduce))
    return KernelClass::MatMul;
  // The rows of a reduction may be gathered.
  if ((a == KernelClass::RowReduce && b == KernelClass::Gather) ||
      (a == KernelClass::Gather && b == KernelClass::RowReduce))
    return KernelClass::RowReduce;
  *reason = a == b ? "two " + toString(a).str() + " kernels do not combine"
                   : toString(a).str() + " and " + toString(b).str() +
                         " kernels do not combine";
  return std::nullopt;
}

bool absorbsViews(Operation *op, unsigned operand) {
  switch (getRole(op)) {
  case OpRole::Elementwise:
  case OpRole::RowReduce:
  case OpRole::ColumnReduce:
  case OpRole::Concatenate:
  case OpRole::View:
    return true;
  case OpRole::Scatter:
    return operand > 0;
  case OpRole::Gather:
    return isa<ir::GatherOp>(op) && operand > 0;
  default:
    return false;
  }
}

bool absorbsTransposes(Operation *op, unsigned operand) {
  return isa<ir::MatMulOp>(op);
}

} // namespace oriel
