//===- KernelRules.h - which ops make one kernel ----------------*- C++ -*-===//
//
// The kinds of kernels, the role each graph op can play in them, and what may
// come together. The rules are those of docs/architecture.md; FuseKernels
// applies them, LowerToLinalg relies on them.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_KERNELRULES_H
#define ORIEL_PASSES_FUSION_KERNELRULES_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

#include <optional>
#include <string>

namespace oriel {

enum class KernelClass {
  Elementwise, RowReduce, ColumnReduce, MatMul, Gather, Scatter, Concatenate,
  ArgReduce, Copy, Library,
};
llvm::StringRef toString(KernelClass kernelClass);
std::optional<KernelClass> parseKernelClass(llvm::StringRef text);

/// What an op is to fusion.
enum class OpRole {
  Outside,      // never in a kernel: states, control flow, large constants
  Leaf,         // a value without inputs, cheap to make again in each kernel
  View,         // an index map on its operand
  Elementwise,
  RowReduce,    // over the last axis
  ColumnReduce, // over another axis
  MatMul,
  Gather,       // gather and dynamic_slice
  Scatter, Concatenate, ArgReduce,
  Library, // what the engine itself has a kernel for
  Operand, // of a matmul's kernel: makes an operand, as that is read
};
OpRole getRole(mlir::Operation *op);

/// An elementwise op of a cycle or two.
bool isCheap(mlir::Operation *op);

/// A constant with one value for all elements.
bool isSplatConstant(mlir::Operation *op);

/// The class of a kernel that holds an op of this role alone.
KernelClass getClassOf(OpRole role);

/// The class of a kernel made of two over the same iteration space; nullopt
/// when they cannot be one, with the reason.
std::optional<KernelClass> mergeClasses(KernelClass a, KernelClass b,
                                        std::string *reason);


/// May an operand of `op` be read through views of a kernel input?
bool absorbsViews(mlir::Operation *op, unsigned operand);
/// Only transposes (the operands of a matmul)?
bool absorbsTransposes(mlir::Operation *op, unsigned operand);

/// A kernel keeps at most this many computing ops and this many inputs: the
/// time to compile it and the registers it needs grow with them.
constexpr unsigned kMaxKernelOps = 192;
constexpr unsigned kMaxKernelInputs = 32;
/// And a reducing one takes at most this many sweeps over its rows. Each has code
/// of its own, many times an elementwise op's; of a longer chain of reductions a
/// kernel more moves little beside what these compute.
constexpr unsigned kMaxKernelSweeps = 8;

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_KERNELRULES_H
