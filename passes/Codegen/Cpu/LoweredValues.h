//===- LoweredValues.h - tensors of a lowered kernel ------------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_LOWEREDVALUES_H
#define ORIEL_PASSES_CODEGEN_CPU_LOWEREDVALUES_H

#include "passes/Codegen/Cpu/KernelBuilder.h"

namespace oriel {

/// The argument that holds `value`'s elements: itself, or what it reshapes
/// (reshapes are contiguous and so only rename); null when there is none.
const KernelArg *rootOf(const KernelSignature &signature, mlir::Value value);

/// The shape of an argument, a reshape of one, or an intermediate.
mlir::FailureOr<Dims> shapeOf(const KernelSignature &signature, mlir::Value value);

/// The only operation of a kernel that computes: the one that is not a constant,
/// a dim, a fill or a reshape. An error when there is not exactly one.
mlir::FailureOr<mlir::Operation *> soleOperation(const KernelSignature &signature);

/// The product of dims [from, to) of a shape.
Dim productOf(const Dims &shape, size_t from, size_t to);

/// for (n in [0, count)) to[n] = from[n]; vectors of `bits`, then one by one.
/// `streams` (i1, may be null): long runs are written past the caches.
void emitCopy(Code &code, mlir::Type element, mlir::Value to, mlir::Value from,
              mlir::Value count, unsigned bits, mlir::Value streams = nullptr);
/// for (n in [0, count)) to[n] = scalar.
void emitFill(Code &code, mlir::Value to, mlir::Value scalar, mlir::Value count,
              unsigned bits);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_LOWEREDVALUES_H
