//===- ExpandMath.h - Mathematical functions as arithmetic ------*- C++ -*-===//
//
// Rewrites math functions (and arith.remf) on f32 and f64 scalars and vectors
// into arith, vector and math.fma operations: no call remains. Every lane goes
// through the same operations whatever the vector's length, so a scalar, a
// short and a long vector give the same bits. Accuracy, special values and
// methods: docs/math.md.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_EXPANDMATH_H
#define ORIEL_PASSES_CODEGEN_CPU_EXPANDMATH_H

#include <memory>

#include "mlir/Pass/Pass.h"

namespace mlir {
class Operation;
class RewritePatternSet;
} // namespace mlir

namespace oriel {

/// exp, expm1, log, log1p, tanh, erf, sin, cos, powf, arith.remf, and the
/// sigmoid, which has no operation: (x < 0 ? e : 1) / (e + 1) with
/// e = exp(-|x|), as oriel-lower-to-linalg writes it, becomes one function. The
/// new operations take the location of the one they replace. The dialects
/// arith, math, scf and vector must be loaded.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);

/// arith.divsi and arith.divui of integer vectors as exact divisions of floats.
void populateExpandDivisionPatterns(mlir::RewritePatternSet &patterns);

/// arith.maximumf and arith.minimumf of f32 and f64 vectors without compares that
/// wait for each other. The payload of a NaN is open.
void populateExpandExtremesPatterns(mlir::RewritePatternSet &patterns);

/// Each math.fma of f32 and f64 within `root` as products and sums with the same
/// result, for machines without the instruction. Slow: some 15 operations each.
void expandFusedMultiplyAdds(mlir::Operation *root);

/// Each conversion between f16 and f32 (or wider) within `root` as integer
/// operations, for machines without F16C.
void expandHalfConversions(mlir::Operation *root);

/// oriel-expand-math: all of these as a pass on any operation.
std::unique_ptr<mlir::Pass> createExpandMathPass();
void registerExpandMathPass();

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_EXPANDMATH_H
