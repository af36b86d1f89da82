//===- KernelLowering.h - one outlined kernel to its lowered form -*- C++ -*-===//
//
// Builds the lowered function (docs/architecture.md) beside the kernel's
// function of graph ops. A kernel over (d0, ..., dn) is full passes over all of
// it and, where rows are reduced, row passes over (d0, ..., d(n-1)); each pass
// is one linalg.generic with every op of the pass in its body.
//
// Values are full (an element a point), row (an element a row: what comes from
// a row reduction) or scalar (made from dims and constants alone). A full op is
// in pass p when it needs reductions of pass p-1; a reduction is in the pass of
// what it reduces, and its row values are ready after that.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_LOWERING_KERNELLOWERING_H
#define ORIEL_PASSES_LOWERING_KERNELLOWERING_H

#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace oriel {

class KernelLowering {
public:
  KernelLowering(mlir::func::FuncOp kernel, const DimAnalysis &dims,
                 KernelClass kernelClass)
      : kernel(kernel), dims(dims), kernelClass(kernelClass),
        b(kernel.getContext()) {}

  /// Replaces the function by its lowered form.
  mlir::LogicalResult run();

private:
  friend class PassBody;
  enum class Level : char { Scalar, Row, Full };

  /// A computed value that lies in a tensor of the lowered function.
  struct Stored {
    mlir::Value tensor;
    int unitAxis = -1; // the axis of extent 1 where the reduced one was
  };
  /// What is known about an op of the kernel.
  struct OpInfo {
    Level level = Level::Full;
    int pass = 0; // full: its pass; row: the pass it comes after
    int cost = 0; // to compute it again, while that is cheap
    llvm::SmallVector<int> needed;   // full: passes that read it
    llvm::SmallVector<int> computed; // full: passes that compute it
    bool isStored = false;
    llvm::SmallVector<unsigned> outputs; // positions among the results
  };

  // KernelLowering.cpp
  mlir::LogicalResult start();
  void finish();
  mlir::Value index(const Dim &dim);
  mlir::OpFoldResult indexOrConstant(const Dim &dim);
  mlir::Value destination(unsigned output) const { return outputs[output]; }
  mlir::Value emptyTensor(llvm::ArrayRef<Dim> shape, mlir::Type element);
  mlir::Value fill(mlir::TypedAttr value, mlir::Value tensor);
  bool isComputed(mlir::Operation *op) const;
  Access resolve(mlir::Value value) const;

  // Schedule.cpp: levels, passes, what is stored
  mlir::LogicalResult findSpace();
  mlir::LogicalResult schedule();
  void scheduleOp(mlir::Operation *op);
  void findNeeds();

  // LowerPasses.cpp
  mlir::LogicalResult lowerPasses();
  mlir::LogicalResult lowerFullPass(int pass);
  mlir::LogicalResult lowerRowPass(int pass);

  // LowerMatMul.cpp
  mlir::LogicalResult lowerMatMul();

  // LowerMoves.cpp: sort
  mlir::LogicalResult lowerAlone();
  void markElements(mlir::Operation *op, mlir::Operation *lowered);

  // LowerOperands.cpp: concatenate, scatter, argmax
  mlir::Value lowerFill(mlir::OpOperand &operand);
  mlir::LogicalResult lowerWithOperands();
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> lowerOperands(mlir::Operation *op);
  bool isExpanded(mlir::Value value) const;
  mlir::FailureOr<mlir::Value> withUnitAxes(mlir::Value tensor, mlir::Value view);

  mlir::func::FuncOp kernel;
  const DimAnalysis &dims;
  KernelClass kernelClass;
  mlir::OpBuilder b; // at the end of the lowered function

  mlir::func::FuncOp lowered;
  mlir::Operation *lastDim = nullptr; // sizes are made at the function's start
  llvm::StringMap<mlir::Value> indices;
  std::string badDim; // a size no argument tells
  llvm::DenseMap<mlir::Value, mlir::Value> arguments; // old -> new
  llvm::SmallVector<mlir::Value> outputs;             // destinations
  llvm::SmallVector<mlir::Value> results;             // what is returned
  llvm::SmallVector<mlir::Value> returned;            // old

  Dims space;        // iteration space
  int reducedAxis = -1;
  int lastPass = 0;
  llvm::MapVector<mlir::Operation *, OpInfo> infos; // computed ops, in order
  llvm::DenseMap<mlir::Value, Stored> stored;       // old value -> tensor
};

} // namespace oriel

#endif // ORIEL_PASSES_LOWERING_KERNELLOWERING_H
