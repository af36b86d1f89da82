//===- KernelModel.h - what a generic kernel computes ----------*- C++ -*-===//
//
// The linalg.generics of a lowered kernel as passes over one iteration space,
// each tensor access as a linear function of the space's dims. Adjacent dims are
// collapsed where every access allows it, so that a contiguous elementwise
// kernel of any rank is one-dimensional.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_KERNELMODEL_H
#define ORIEL_PASSES_CODEGEN_CPU_KERNELMODEL_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <vector>

#include "passes/Codegen/Cpu/KernelBuilder.h"

namespace oriel {

/// offset + sum_d strides[d] * i_d + sum terms (value * coefficient), in
/// elements of an argument or of a result of an earlier pass.
struct LinearAccess {
  const KernelArg *arg = nullptr;
  int value = -1;      // arg is null: KernelModel::values index
  mlir::Type element;  // the tensor's element type
  Dims strides;        // one per dim of the space
  Dim offset = 0;
  llvm::SmallVector<std::pair<mlir::Value, Dim>> terms; // lowered scalars

  /// Along the last dim of the space.
  const Dim &innerStride() const { return strides.back(); }
};

/// A result of a pass.
struct ModelValue {
  mlir::Type element;
  bool hasInner = false;                  // varies along the last dim
  llvm::SmallVector<LinearAccess> stores; // where it is returned
  bool isRead = false;                    // by a later pass
  Dim scratchOffset = 0;                  // bytes; rows that are not returned
  int64_t scratchPitch = 0;               // elements a step of the reduced axis
  mlir::Value place;                      // elements (i64) into its scratch; null: 0
  bool isShared = false;                  // the offset is of the shared workspace, all rows
};

struct PassResult {
  unsigned value = 0;                    // KernelModel::values index
  bool isReduced = false;
  mlir::Operation *combiner = nullptr;   // acc' = combiner(acc, x)
  unsigned accOperand = 0;               // which operand of it is acc
  mlir::BlockArgument acc;
  mlir::Value neutral;                   // the fill's scalar
};

struct ModelPass {
  mlir::linalg::GenericOp op;
  bool isReduction = false;
  bool lacksReduced = false;             // runs without the reduced axis
  llvm::SmallVector<unsigned> dims;      // space dim of each loop
  llvm::SmallVector<LinearAccess> inputs;
  llvm::DenseMap<mlir::Operation *, LinearAccess> extracts;
  llvm::SmallVector<PassResult> results;
  llvm::DenseSet<mlir::Operation *> needed;  // body ops to emit
  llvm::DenseSet<mlir::Value> varying;       // along the last dim
  llvm::SmallVector<mlir::Operation *> checks;
};

struct KernelModel {
  static mlir::FailureOr<KernelModel> get(KernelSignature &signature);
  /// Of the generics that come after `made`, whose result is value 0: it lies
  /// where the emitter says (PassEmitter::overrideInput). No dims collapse.
  static mlir::FailureOr<KernelModel> getAfter(KernelSignature &signature,
                                               mlir::linalg::GenericOp made);
  /// Of one generic of several that have spaces of their own: what a concatenate
  /// or an argmax reads. Loop `kept` (-1: none) stays a dim of its own.
  static mlir::FailureOr<KernelModel> get(KernelSignature &signature,
                                          mlir::linalg::GenericOp only, int kept = -1);

  Dims sizes;                // of the space, at least one dim
  int reducedAxis = -1;      // space dim that reductions run over
  std::vector<ModelPass> passes;
  std::vector<ModelValue> values;

  unsigned rank() const { return sizes.size(); }
  bool reducesRows() const { return reducedAxis == static_cast<int>(rank()) - 1; }
  bool isFallible() const;
};

/// Fills in what of a pass changes along the model's last dim.
void findVarying(const KernelModel &model, ModelPass &pass);

/// Makes adjacent dims one wherever every access of the model allows it.
void collapseDims(KernelModel &model, const KernelSignature &signature);

/// oriel.check_index by its parts.
struct CheckIndexView {
  mlir::Value index, bound;
  int64_t axis = 0, operand = 0;
  bool wrap = false;
  llvm::SmallVector<int64_t> position; // iteration dims of the generic
};
bool isCheckIndex(mlir::Operation *op);
CheckIndexView getCheckIndex(mlir::Operation *op);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_KERNELMODEL_H
