//===- Library.cpp - kernels that the engine has itself -------------------===//
//
// Nothing is generated: the kernel's module says which entries of the engine's
// library (runtime/engine/library) run, with what parameters.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace oriel {
namespace {

/// The library's name of an element type: "f32", "u8".
std::string typeName(Type element, bool isUnsigned) {
  if (isa<BFloat16Type>(element))
    return "bf16";
  StringRef kind = isa<FloatType>(element) ? "f" : isUnsigned ? "u" : "i";
  return (kind + Twine(element.getIntOrFloatBitWidth())).str();
}

/// runtime/engine/library/sort.cpp says what the words are.
LogicalResult describeSort(Operation *op, uint64_t axis, StringRef name,
                           KernelSignature &signature, KernelInfo &info) {
  const KernelArg *x = rootOf(signature, op->getOperand(0));
  FailureOr<Dims> shape = shapeOf(signature, op->getOperand(0));
  if (!x || failed(shape))
    return op->emitError("expected this kernel to read its arguments only");
  Dim n = signature.canonical((*shape)[axis]);
  Dim stride = signature.canonical(productOf(*shape, axis + 1, shape->size()));
  Dim rows = signature.canonical(productOf(*shape, 0, axis)) * stride;
  bool isWide = x->elementType.getIntOrFloatBitWidth() == 64;
  // Two arrays of items, which double where an index does not fit 32 bits.
  Dim bytes = isWide ? n * 32
                     : n * 16 * (Dim::Min(Dim::FloorDiv(n, int64_t{1} << 32), 1) + 1);
  // Several rows run at once, each worker with items of its own; one row has
  // the shared workspace.
  Dim several = Dim::Min(Dim::FloorDiv(rows, 2), 1);
  Dim one = Dim::Min(rows, 1) - several;
  info.entries = {
      (name + "_" + typeName(x->elementType, op->hasAttr("oriel.unsigned"))).str()};
  // Nothing runs for rows without elements.
  info.tasks = {rows * Dim::Min(n, 1)};
  info.parameters = {n, stride, one};
  info.scratch = bytes * several;
  info.shared = bytes * one;
  info.cost = rows * n * (isWide ? 30 : 10) + 50;
  return success();
}

} // namespace

LogicalResult emitLibraryKernel(ModuleOp module, KernelSignature &signature,
                                const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<Operation *> sole = soleOperation(signature);
  if (failed(sole))
    return failure();
  info.library = true;
  return llvm::TypeSwitch<Operation *, LogicalResult>(*sole)
      .Case([&](ir::SortOp op) {
        return describeSort(op, op.getAxis(), "sort", signature, info);
      })
      .Case([&](ir::ArgSortOp op) {
        return describeSort(op, op.getAxis(), "argsort", signature, info);
      })
      .Default([](Operation *op) {
        return op->emitError("the engine's library has no kernel for this op");
      });
}

} // namespace oriel
