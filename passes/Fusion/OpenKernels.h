//===- OpenKernels.h - numbers of a kernel become its arguments -*- C++ -*-===//
//
// What outlined kernels are written for, extents and constants, made arguments:
// kernels that differ in nothing else become equal text (ShareKernels.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_OPENKERNELS_H
#define ORIEL_PASSES_FUSION_OPENKERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OwningOpRef.h"
#include "passes/Fusion/KernelRules.h"
#include "llvm/ADT/BitVector.h"

namespace oriel {

/// A constant that is now an input of its kernel, the last of them.
struct OpenedConstant {
  mlir::ElementsAttr value;
  unsigned ordinal; // of its node in the kernel
};

/// The class of an outlined kernel.
KernelClass getClass(mlir::func::FuncOp kernel);

/// A copy, of no module yet, that can be opened: constants are scalars, where
/// folding had made tensors of one value of them.
mlir::OwningOpRef<mlir::func::FuncOp> copyToOpen(mlir::func::FuncOp kernel);

/// Extents that are known, and are an input's, become unknown ones: those of
/// products, of elementwise kernels and of reductions over columns, whose code
/// hardly uses them. False, and nothing changed, when there is nothing to open
/// or an op stands in the way.
bool openExtents(mlir::func::FuncOp kernel);

/// Scalar constants that only elementwise arithmetic reads become inputs, after
/// the tensors and before the index arguments, whose names move on. Those that
/// code or folding makes something of (0, 1, 2, ...) stay, and the k-th of the
/// others where `kept` says so (empty: none). False when nothing changed.
bool openConstants(mlir::func::FuncOp kernel, const llvm::BitVector &kept,
                   llvm::SmallVectorImpl<OpenedConstant> &constants);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_OPENKERNELS_H
