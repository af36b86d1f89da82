//===- Constant.cpp - Constants, index ramps, dim sizes -------------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Constant.cpp.inc"

void oriel::ir::registerConstantOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<ConstantOp>(*dialect);
  RegisteredOperationName::insert<IotaOp>(*dialect);
  RegisteredOperationName::insert<DimValueOp>(*dialect);
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::verify() {
  if (!isa<DenseElementsAttr, DenseResourceElementsAttr>(getValue()))
    return emitOpError() << "value must be dense or dense_resource, got "
                         << getValue();
  return success();
}

OpFoldResult DimValueOp::fold(FoldAdaptor) {
  oriel::Dim dim = getDim().getDim(0);
  if (!dim.is_static())
    return {};
  return DenseElementsAttr::get(cast<ShapedType>(getType()), dim.value());
}
