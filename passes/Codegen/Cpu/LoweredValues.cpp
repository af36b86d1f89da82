//===- LoweredValues.cpp - tensors of a lowered kernel --------------------===//

#include "passes/Codegen/Cpu/LoweredValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace oriel {

const KernelArg *rootOf(const KernelSignature &signature, Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op))
      return nullptr;
    value = op->getOperand(0);
  }
  return signature.lookup(value);
}

FailureOr<Dims> shapeOf(const KernelSignature &signature, Value value) {
  if (const KernelArg *arg = signature.lookup(value))
    return arg->shape;
  Operation *op = value.getDefiningOp();
  if (!op)
    return failure();
  auto fromSizes = [&](ArrayRef<OpFoldResult> sizes) -> FailureOr<Dims> {
    Dims shape;
    for (OpFoldResult size : sizes) {
      FailureOr<Dim> dim = signature.dimOf(size);
      if (failed(dim))
        return failure();
      shape.push_back(*dim);
    }
    return shape;
  };
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return fromSizes(expand.getMixedOutputShape());
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return fromSizes(empty.getMixedSizes());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    FailureOr<Dims> source = shapeOf(signature, collapse.getSrc());
    if (failed(source))
      return failure();
    Dims shape;
    for (const auto &group : collapse.getReassociationIndices()) {
      Dim size = 1;
      for (int64_t axis : group)
        size = size * (*source)[axis];
      shape.push_back(size);
    }
    return shape;
  }
  if (isa<tensor::CastOp>(op))
    return shapeOf(signature, op->getOperand(0));
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return shapeOf(signature,
                   linalgOp.getDpsInits()[cast<OpResult>(value).getResultNumber()]);
  return failure();
}

FailureOr<Operation *> soleOperation(const KernelSignature &signature) {
  func::FuncOp function = signature.getFunction();
  Operation *sole = nullptr;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (isa<arith::ArithDialect>(op.getDialect()) ||
        isa<tensor::DimOp, tensor::EmptyOp, tensor::ExpandShapeOp,
            tensor::CollapseShapeOp, tensor::CastOp, linalg::FillOp>(op))
      continue;
    if (sole)
      return op.emitError("expected one operation in this kernel, but it also "
                          "holds '")
             << sole->getName() << "'";
    sole = &op;
  }
  if (!sole)
    return function.emitError("expected an operation in this kernel");
  return sole;
}

Dim productOf(const Dims &shape, size_t from, size_t to) {
  Dim size = 1;
  for (size_t n = from; n < to; ++n)
    size = size * shape[n];
  return size;
}

namespace {
/// Runs at least this long are worth a start at a line of the target.
constexpr int64_t kLongRun = 512;

/// body(n, lanes, mask) over [first, count) in vectors, then the tail.
void vectorLoop(Code &code, Type element, Value first, Value count, unsigned bits,
                llvm::function_ref<void(Value, unsigned, Value)> body) {
  unsigned lanes = bits / element.getIntOrFloatBitWidth();
  Value rest = code.sub(count, first), whole = code.add(first, code.roundDown(rest, lanes));
  code.loop(first, whole, code.i64(lanes), [&](Value n) { body(n, lanes, nullptr); });
  code.tail(whole, code.sub(count, whole), lanes, code.hasFastMasks(), body);
}
} // namespace

void emitCopy(Code &code, Type element, Value to, Value from, Value count,
              unsigned bits, Value streams) {
  auto move = [&](Value n, unsigned lanes, Value mask) {
    Type type = code.vectorOf(element, lanes);
    Value source = code.gep(element, from, n), target = code.gep(element, to, n);
    if (mask)
      code.maskedStore(code.maskedLoad(type, source, mask), target, mask);
    else
      code.store(code.load(type, source), target);
  };
  Value first = code.i64(0);
  if (streams) {
    int64_t bytes = getStorageBytes(element), width = kLineBytes / bytes;
    Value isLong = code.less(code.i64(kLongRun / bytes), count);
    streams = arith::AndIOp::create(code, code.loc, streams, isLong);
    first = code.ifElse(
        streams, TypeRange{code.getI64Type()},
        [&]() -> SmallVector<Value> {
          // Up to a line of the target, then whole lines.
          Value address = LLVM::PtrToIntOp::create(code, code.loc, code.getI64Type(), to);
          Value ahead = arith::AndIOp::create(code, code.loc, code.sub(first, address),
                                              code.i64(kLineBytes - 1));
          Value head = code.divUnsigned(ahead, code.i64(bytes));
          vectorLoop(code, element, first, head, bits, move);
          Value end = code.add(head, code.roundDown(code.sub(count, head), width));
          unsigned lanes = bits / 8 / bytes;
          Type type = code.vectorOf(element, lanes);
          code.loop(head, end, code.i64(width), [&](Value n) {
            for (int64_t at = 0; at < width; at += lanes) {
              Value k = code.add(n, code.i64(at));
              code.storePastCache(code.load(type, code.gep(element, from, k)),
                                  code.gep(element, to, k));
            }
          });
          return {end};
        },
        [&]() -> SmallVector<Value> { return {first}; })[0];
  }
  vectorLoop(code, element, first, count, bits, move);
}

void emitFill(Code &code, Value to, Value scalar, Value count, unsigned bits) {
  Type element = scalar.getType();
  vectorLoop(code, element, code.i64(0), count, bits, [&](Value n, unsigned lanes, Value mask) {
    Value value = code.splat(scalar, lanes), target = code.gep(element, to, n);
    if (mask)
      code.maskedStore(value, target, mask);
    else
      code.store(value, target);
  });
}

} // namespace oriel
