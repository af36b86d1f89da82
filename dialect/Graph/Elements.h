//===- Elements.h - Constant attributes as tensors --------------*- C++ -*-===//
#ifndef DIALECT_GRAPH_ELEMENTS_H
#define DIALECT_GRAPH_ELEMENTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "oriel/tensor.h"
#include <optional>

namespace oriel::ir {

// A copy of the elements of a dense or dense_resource attribute; nullopt when
// the element type is none of the dialect's, or a resource's bytes are missing
// or of the wrong size.
std::optional<oriel::Tensor> getTensor(mlir::ElementsAttr elements);

// The elements as an attribute: a splat when all are equal bit for bit, a
// resource named after `name` when they are more than a kilobyte, else dense.
mlir::ElementsAttr getElements(mlir::MLIRContext *context,
                               const oriel::Tensor &tensor,
                               llvm::StringRef name = "constant");

} // namespace oriel::ir

#endif // DIALECT_GRAPH_ELEMENTS_H
