//===- ModelReader.h - reads the generics of a kernel ----------*- C++ -*-===//
//
// Of the lowered function KernelModel::get is given: its space and passes
// (ModelReader.cpp), where each tensor is read and written (ModelAccess.cpp), and
// which results of the kernel that is (ModelReturns.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MODELREADER_H
#define ORIEL_PASSES_CODEGEN_CPU_MODELREADER_H

#include "passes/Codegen/Cpu/KernelModel.h"

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <optional>

namespace oriel {

/// A tensor value as a strided window of an argument, or a pass's result.
struct TensorView {
  const KernelArg *arg = nullptr;
  int value = -1;
  mlir::Type element;
  llvm::SmallVector<std::optional<Dim>> shape;
  Dims strides;
  Dim offset = 0;
  llvm::SmallVector<std::pair<mlir::Value, Dim>> terms;
};

/// A body or top-level index as a linear function of the space's dims.
struct LinearIndex {
  Dims strides;
  Dim offset = 0;
  llvm::SmallVector<std::pair<mlir::Value, Dim>> terms;

  bool isInvariant() const {
    return terms.empty() && llvm::all_of(strides, [](const Dim &s) { return s == Dim(0); });
  }
};

class ModelReader {
public:
  ModelReader(KernelSignature &signature)
      : signature(signature), function(signature.getFunction()) {}

  /// Reads all generics but `made`.
  mlir::FailureOr<KernelModel> readAfter(mlir::linalg::GenericOp made) {
    this->made = made;
    return read();
  }
  mlir::FailureOr<KernelModel> read(mlir::linalg::GenericOp only = nullptr, int kept = -1);

private:
  // ModelReader.cpp
  mlir::LogicalResult findSpace();
  mlir::LogicalResult unifySizes();
  mlir::LogicalResult readPass(mlir::linalg::GenericOp op);
  mlir::LogicalResult readResults(ModelPass &pass);
  mlir::LogicalResult checkReads();
  void findNeeded(ModelPass &pass);

  // ModelAccess.cpp
  mlir::FailureOr<TensorView> view(mlir::Value tensor);
  mlir::FailureOr<LinearAccess> access(mlir::linalg::GenericOp op, mlir::Value tensor,
                                       mlir::AffineMap map, llvm::ArrayRef<unsigned> dims);
  LinearIndex linear(mlir::Value value, const ModelPass &pass);
  LinearAccess extractAccess(mlir::tensor::ExtractOp op, const TensorView &source, const ModelPass &pass);

  // ModelReturns.cpp
  mlir::LogicalResult bindReturns();
  mlir::LogicalResult bindParts(ir::ConcatenateOp op, const KernelArg &output);

  KernelSignature &signature;
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::linalg::GenericOp> generics;
  mlir::linalg::GenericOp made; // not among them; its result is the first value
  llvm::DenseMap<mlir::Value, unsigned> numbers; // generic result -> values index
  KernelModel model;
  unsigned rank = 0;
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MODELREADER_H
