//===- MatMulStore.cpp - epilogues of matmul tiles ------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {

Value matmulOffset(EntryBuilder &entry, const MatMulAccess &access,
                   ArrayRef<Value> batch, Value i, Value j, Value k) {
  Code &code = entry.code;
  Value offset = code.i64(0);
  auto addTerm = [&](const Dim &stride, Value index) {
    if (stride != Dim(0) && index)
      offset = code.add(offset, code.mul(index, entry.dim(stride)));
  };
  for (auto [stride, index] : llvm::zip(access.batch, batch))
    addTerm(stride, index);
  addTerm(access.i, i);
  addTerm(access.j, j);
  addTerm(access.k, k);
  return offset;
}

namespace {

/// `lanes` elements of an epilogue operand from column j on.
Value loadOperand(EntryBuilder &entry, const MatMulAccess &access,
                  ArrayRef<Value> batch, Value i, Value j, Value mask,
                  unsigned lanes) {
  Code &code = entry.code;
  Type element = access.arg->elementType;
  Value pointer = code.gep(element, entry.pointer(*access.arg),
                           matmulOffset(entry, access, batch, i, j, nullptr));
  if (access.j == Dim(0))
    return code.splat(code.load(element, pointer), lanes);
  Type vector = code.vectorOf(element, lanes);
  if (access.j == Dim(1))
    return mask ? code.maskedLoad(vector, pointer, mask) : code.load(vector, pointer);
  return code.loadStrided(vector, pointer, entry.dim(access.j), mask);
}

} // namespace

LogicalResult emitMatMulStore(EntryBuilder &entry,
                              const KernelSignature &signature,
                              const MatMulSpec &spec, Value sum,
                              ArrayRef<Value> batch, Value i, Value j,
                              Value mask, unsigned lanes) {
  Code &code = entry.code;
  auto lined = [&](Operation *op, LineRole role) {
    return getLineLoc(code.getContext(), getOrdinal(op->getLoc()), role);
  };
  auto write = [&](const MatMulAccess &output, Value value, Location loc) {
    if (!output.arg)
      return;
    Code::LocScope scope(code, loc);
    Value pointer =
        code.gep(output.arg->elementType, entry.pointer(*output.arg),
                 matmulOffset(entry, output, batch, i, j, nullptr));
    if (mask)
      code.maskedStore(value, pointer, mask);
    else
      code.store(value, pointer);
  };
  Value result = sum;
  if (spec.result != spec.accumulator) {
    Type narrow = code.vectorOf(spec.result, lanes);
    if (isa<FloatType>(spec.result))
      result = arith::TruncFOp::create(code, code.loc, narrow, sum);
    else
      result = arith::TruncIOp::create(code, code.loc, narrow, sum);
  }
  if (!spec.epilogue) {
    write(spec.outputs[0], result, lined(spec.contraction, LineRole::kStore));
    return success();
  }

  linalg::GenericOp epilogue = spec.epilogue;
  Block &body = *epilogue.getBody();
  IRMapping mapping;
  for (OpOperand *input : epilogue.getDpsInputOperands()) {
    unsigned n = input->getOperandNumber();
    BlockArgument argument = body.getArgument(n);
    if (argument.use_empty())
      continue;
    if (n == spec.epilogueResult) {
      mapping.map(argument, result);
      continue;
    }
    Code::LocScope scope(code, lined(epilogue, LineRole::kLoad));
    mapping.map(argument, loadOperand(entry, spec.inputs[n], batch, i, j, mask, lanes));
  }
  for (unsigned n = epilogue.getNumDpsInputs(); n < body.getNumArguments(); ++n)
    if (!body.getArgument(n).use_empty())
      return epilogue.emitError("expected a matmul's epilogue not to read its "
                                "destination");

  auto operand = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    // From outside the body: a constant, or a size of this kernel.
    Attribute constant;
    Value scalar;
    if (matchPattern(value, m_Constant(&constant))) {
      scalar = arith::ConstantOp::create(code, code.loc, cast<TypedAttr>(constant));
    } else if (FailureOr<Dim> dim = signature.dimOf(value); succeeded(dim)) {
      scalar = entry.dim(*dim);
      if (value.getType().isIndex())
        scalar = arith::IndexCastOp::create(code, code.loc, code.getIndexType(), scalar);
    }
    return scalar ? code.splat(scalar, lanes) : Value();
  };
  for (Operation &op : body.without_terminator()) {
    Code::LocScope scope(code, lined(&op, LineRole::kCompute));
    Attribute constant;
    if (matchPattern(&op, m_Constant(&constant))) {
      mapping.map(op.getResult(0),
                  code.splat(arith::ConstantOp::create(code, code.loc,
                                                       cast<TypedAttr>(constant)),
                             lanes));
      continue;
    }
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      unsigned dim = spec.epilogueDims[index.getDim()];
      Value at = dim < batch.size() ? batch[dim] : dim == batch.size() ? i : j;
      Value ids = code.splat(at, lanes);
      if (dim == batch.size() + 1)
        ids = arith::AddIOp::create(code, code.loc, ids,
                                    code.laneIds(code.getI64Type(), lanes));
      mapping.map(index.getResult(),
                  arith::IndexCastOp::create(
                      code, code.loc, code.vectorOf(code.getIndexType(), lanes), ids));
      continue;
    }
    if (op.getNumRegions() || !isa<arith::ArithDialect, math::MathDialect>(op.getDialect()))
      return op.emitError("no code for '")
             << op.getName() << "' in a matmul's epilogue on this device";
    for (Value value : op.getOperands()) {
      Value mapped = operand(value);
      if (!mapped)
        return op.emitError("expected constants and sizes from outside a "
                            "matmul's epilogue, not ")
               << value;
      mapping.map(value, mapped);
    }
    Operation *clone = code.clone(op, mapping);
    clone->setLoc(code.loc);
    for (OpResult r : clone->getResults())
      r.setType(code.vectorOf(r.getType(), lanes));
  }
  for (auto [n, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Value stored = operand(value);
    if (!stored)
      return epilogue.emitError("a matmul's epilogue yields a value from outside");
    write(spec.outputs[n], stored, lined(epilogue, LineRole::kStore));
  }
  return success();
}

} // namespace oriel
