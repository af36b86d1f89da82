//===- PassBody.h - the body of one pass -----------------------*- C++ -*-===//
//
// Collects the operands of a linalg.generic while its body is written: asking
// for a value's element adds the load (an operand with its map, a strided
// slice, an element access) or the ops that make it.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_LOWERING_PASSBODY_H
#define ORIEL_PASSES_LOWERING_PASSBODY_H

#include "passes/Lowering/KernelLowering.h"

namespace oriel {

class PassBody {
public:
  /// A body over all of the iteration space, or over the rows of it.
  PassBody(KernelLowering &kernel, bool isRow);
  ~PassBody() { delete block; }

  /// Emits `op`'s element. Its operands are asked for first.
  mlir::LogicalResult emit(mlir::Operation *op);
  /// The element of `value` (of the graph's body type) at this point. Axis k of
  /// `value` runs with dim `axes[k]` of the iteration space (all of them in
  /// order when empty); null with an error given.
  mlir::Value get(mlir::Value value, mlir::Operation *user,
                  llvm::ArrayRef<int> axes = {});

  /// Adds a result: the element `scalar` of memory type goes to `init` by `map`.
  void addResult(mlir::Value init, mlir::AffineMap map, mlir::Value scalar);
  /// Adds a reduced result: `scalar` is combined into `init`.
  void addReduction(mlir::Value init, mlir::AffineMap map, mlir::Value scalar,
                    ir::ReduceOp op);
  bool hasResults() const { return !inits.empty(); }
  /// Creates the generic.
  mlir::linalg::GenericOp finish();

  /// The map of a row tensor in this body.
  mlir::AffineMap rowMap(int unitAxis) const;
  mlir::AffineMap identityMap() const;

  mlir::OpBuilder body;

private:
  struct Reduction {
    unsigned result;
    mlir::Value scalar;
    ir::ReduceOp op;
  };

  unsigned loops() const;
  mlir::Operation *lastUserOrReduction() const;
  /// The loop of a dim of the iteration space, -1 when this body has none.
  int loopOf(int dim) const;
  mlir::Location loadLoc(mlir::Operation *user) const;
  mlir::Value addInput(mlir::Value tensor, mlir::AffineMap map,
                       mlir::Operation *user);
  mlir::Value load(mlir::Value tensor, const Access &access, mlir::Type element,
                   mlir::Operation *user);
  mlir::Value loadStored(mlir::Value value, mlir::Operation *user);
  mlir::Value coordinate(const AxisAccess &axis, mlir::Location loc);
  mlir::Value loopIndex(int dim, mlir::Location loc);
  mlir::Value emitGather(ir::GatherOp op);
  mlir::Value emitDynamicSlice(ir::DynamicSliceOp op);

  KernelLowering &kernel;
  bool isRow;
  mlir::Block *block;
  mlir::Operation *lastUser = nullptr;
  llvm::SmallVector<mlir::Value> inputs, inits;
  llvm::SmallVector<mlir::AffineMap> inputMaps, initMaps;
  llvm::SmallVector<mlir::Value> yields; // null where reduced
  llvm::SmallVector<Reduction> reductions;
  llvm::DenseMap<mlir::Value, mlir::Value> scalars; // old value -> element
  llvm::DenseMap<std::pair<mlir::Value, mlir::AffineMap>, mlir::Value> loads;
  llvm::DenseMap<int, mlir::Value> loopIndices;
};

} // namespace oriel

#endif // ORIEL_PASSES_LOWERING_PASSBODY_H
