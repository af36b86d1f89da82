//===- Infer.h - IR types and ops as runtime/ops sees them ------*- C++ -*-===//
//
// The bridge between the dialect and the LLVM-free op definitions: element
// types, attributes and inference. One function infers for expressions,
// verifiers and planner alike (runtime/ops/infer.h).
//
//===----------------------------------------------------------------------===//
#ifndef DIALECT_GRAPH_INFER_H
#define DIALECT_GRAPH_INFER_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/infer.h"
#include "runtime/ops/op_table.h"
#include <optional>

namespace oriel::ir {

class DimsAttr;

// The dtype of an element type, nullopt when it is none of the dialect's.
std::optional<oriel::DType> getDType(mlir::Type elementType);
mlir::Type getElementType(mlir::MLIRContext *context, oriel::DType dtype);

// The op's row in the op table; nullopt for ops of other dialects and
// oriel.check_index.
std::optional<oriel::OpKind> getOpKind(mlir::Operation *op);

// The op's attributes as inference and the reference kernels read them.
oriel::Attrs getAttrs(mlir::Operation *op);

// The tensor type over dim symbols: `?` number k becomes the symbol
// `<prefix>_<k>`.
oriel::TensorType getTensorType(mlir::RankedTensorType type,
                                llvm::StringRef prefix);

// What the trait Inferred checks and does.
llvm::LogicalResult verifyInferred(mlir::Operation *op);
mlir::OpFoldResult foldInferred(mlir::Operation *op,
                                llvm::ArrayRef<mlir::Attribute> operands);

template <typename ConcreteOp>
class Inferred : public mlir::OpTrait::TraitBase<ConcreteOp, Inferred> {
public:
  static llvm::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyInferred(op);
  }
  static mlir::OpFoldResult foldTrait(mlir::Operation *op,
                                      llvm::ArrayRef<mlir::Attribute> operands) {
    return foldInferred(op, operands);
  }
};

// Speculatable when all operand and result types are static: no requirement on
// dims is left that only a run can check.
mlir::Speculation::Speculatability speculatableIfStatic(mlir::Operation *op);

// Result types for builders. All keep element type and encoding of the
// (first) operand unless they say otherwise.
mlir::RankedTensorType mergeShapes(mlir::Type a, mlir::Type b);
mlir::RankedTensorType boolTypeLike(mlir::Type type);
mlir::RankedTensorType tensorTypeLike(mlir::Type type, DimsAttr shape);
mlir::RankedTensorType permutedType(mlir::Type type,
                                    llvm::ArrayRef<int64_t> permutation);
mlir::RankedTensorType reducedType(mlir::Type type,
                                   llvm::ArrayRef<int64_t> axes, bool keepdims);

} // namespace oriel::ir

#endif // DIALECT_GRAPH_INFER_H
