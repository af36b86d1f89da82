//===- TargetFeatures.h - what the machine has ------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_TARGETFEATURES_H
#define ORIEL_PASSES_CODEGEN_CPU_TARGETFEATURES_H

namespace mlir {
class Operation;
} // namespace mlir

namespace oriel {

/// Has the machine of the nearest oriel.target an instruction that multiplies and
/// adds with one rounding? Told by the features listed and by those its cpu's name
/// stands for ("x86-64-v2" has none, "x86-64-v3" has). Without a target: yes.
bool hasFusedMultiplyAdd(mlir::Operation *op);

/// Has it instructions that add four products of bytes to each of sixteen sums
/// (AVX-512 VNNI)? Without a target: no.
bool hasByteDotProducts(mlir::Operation *op);

/// Has it instructions that convert f16 (F16C)? As above.
bool hasHalfConversions(mlir::Operation *op);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_TARGETFEATURES_H
