//===- DimAnalysis.h - the shape of every value -----------------*- C++ -*-===//
//
// The shape of every value of a function as dim expressions over the symbols
// its arguments bind, and what must hold between dims at run time. Loops,
// branches and kernels are followed; a loop's carried values keep their shapes.
//
//   FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
//   dims->getDims(value)          // (batch, 64)
//   dims->getConstraints()        // batch == n, needed by node 7
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_DIMANALYSIS_H
#define ORIEL_PASSES_FUSION_DIMANALYSIS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <map>
#include <string>
#include <vector>

#include "oriel/dim.h"
#include "runtime/engine/program.h"

namespace oriel {

/// Attribute of dispatches: the shapes of the results over the program's symbols
/// (an array of #oriel.dims). The kernel they call may be machine code already.
inline constexpr llvm::StringLiteral kResultDimsAttr = "oriel.result_dims";
/// On a dispatch: the node whose value each result is.
inline constexpr llvm::StringLiteral kResultNodesAttr = "oriel.result_nodes";
/// On a dispatch of a shared kernel: the types of the kernel's tensors, inputs
/// and results, of which some have unknown extents where the operands' are known.
inline constexpr llvm::StringLiteral kKernelTypesAttr = "oriel.kernel_types";
/// The op of a dispatch whose results are compared (runtime/ops/op_call.h).
inline constexpr llvm::StringLiteral kReferenceAttr = "oriel.reference";
/// Function attribute: [dims<left, right>, what, node] per constraint.
inline constexpr llvm::StringLiteral kRequiresAttr = "oriel.requires";

/// Adds the dim symbols in the attributes of `op` and of what it holds.
void collectSymbols(mlir::Operation *op, std::vector<std::string> &symbols);

class DimAnalysis {
public:
  /// Analyses a function of graph ops. Arguments without `oriel.dims` get a
  /// symbol for each `?` (`arg0_1`). Errors name the op and what is wrong with
  /// its operands.
  static mlir::FailureOr<DimAnalysis> get(mlir::func::FuncOp function);

  /// The shape of a tensor value of the function.
  const Dims &getDims(mlir::Value value) const;

  /// What a run must check before it starts, in program order, each once.
  const std::vector<DimConstraint> &getConstraints() const {
    return constraints;
  }

  /// Writes the constraints to the function as `oriel.requires`, where get()
  /// finds them when the ops that need them have moved into kernels.
  void recordConstraints(mlir::func::FuncOp function) const;

  /// One name for dims that the constraints make equal, integers first.
  Dim canonical(const Dim &dim) const;
  Dims canonical(const Dims &dims) const;
  /// Equal whenever the constraints hold?
  bool areEqual(const Dim &a, const Dim &b) const;
  bool areEqual(const Dims &a, const Dims &b) const;

  /// The dims of a new value, for code that creates ops as it goes. By value:
  /// what getDims() refers to moves when the table grows.
  void setDims(mlir::Value value, Dims dims) { shapes[value] = std::move(dims); }

private:
  mlir::LogicalResult visitBlock(mlir::Block &block);
  mlir::LogicalResult visitOp(mlir::Operation *op);
  mlir::LogicalResult visitGraphOp(mlir::Operation *op);
  void require(const Dim &left, const Dim &right, mlir::Operation *op,
               std::string what);
  void require(const Dim &left, const Dim &right, NodeId node,
               std::string what);

  llvm::DenseMap<mlir::Value, Dims> shapes;
  std::vector<DimConstraint> constraints;
  std::map<std::string, Dim> names; // symbol -> what stands for it
  /// Symbols that oriel.rows binds, numbered in program order from 1.
  std::map<std::string, unsigned> late;
};

/// The extents of a type, `?` number k as the symbol `<prefix>_<k>`.
Dims getTypeDims(mlir::RankedTensorType type, llvm::StringRef prefix);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_DIMANALYSIS_H
