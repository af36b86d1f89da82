//===- Concatenate.cpp - the concatenate emitter --------------------------===//
//
// The result is rows of one segment per part (rows run over the axes before the
// concatenated one); a task copies a range of the result's elements.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"

using namespace mlir;

namespace oriel {

constexpr int64_t kElementsPerTask = 16384;

LogicalResult emitConcatenateKernel(ModuleOp module, KernelSignature &signature,
                                    const CpuEmitOptions &options,
                                    KernelInfo &info) {
  FailureOr<Operation *> sole = soleOperation(signature);
  if (failed(sole))
    return failure();
  auto op = dyn_cast<ir::ConcatenateOp>(*sole);
  if (!op)
    return (*sole)->emitError("expected oriel.concatenate in a concatenate kernel");
  const KernelArg *out = nullptr;
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput)
      out = &arg;
  size_t axis = op.getAxis();
  struct Part {
    const KernelArg *arg;
    Dim length; // elements a row
  };
  SmallVector<Part> parts;
  Dim rowLength = 0, rows = 1;
  for (Value value : op->getOperands()) {
    const KernelArg *arg = rootOf(signature, value);
    FailureOr<Dims> shape = shapeOf(signature, value);
    if (!out || !arg || failed(shape))
      return op.emitError("expected a concatenate kernel to read its arguments only");
    Dim length = signature.canonical(productOf(*shape, axis, shape->size()));
    if (parts.empty())
      rows = signature.canonical(productOf(*shape, 0, axis));
    parts.push_back({arg, length});
    rowLength = rowLength + length;
  }
  rowLength = signature.canonical(rowLength);
  Dim total = rows * rowLength;

  std::string symbol = (signature.getFunction().getSymName() + "_0").str();
  EntryBuilder entry(module, signature, symbol);
  Code &code = entry.code;
  code.loc = getLineLoc(module.getContext(), getOrdinal(op.getLoc()), LineRole::kStore);
  Type element = out->elementType;
  Value width = entry.dim(rowLength), all = entry.dim(total);
  Value streams = entry.isLarge(*out, kStreamedBytes);
  Value zero = code.i64(0), one = code.i64(1), chunk = code.i64(kElementsPerTask);
  code.loop(entry.begin, entry.end, one, [&](Value task) {
    Value first = code.mul(task, chunk);
    Value last = code.minimum(all, code.add(first, chunk));
    Value row0 = code.divUnsigned(first, width);
    Value row1 = code.add(code.divUnsigned(code.sub(last, one), width), one);
    code.loop(row0, row1, one, [&](Value row) {
      Value start = code.mul(row, width);
      Value low = code.sub(code.maximum(first, start), start);
      Value high = code.sub(code.minimum(last, code.add(start, width)), start);
      Value to = code.gep(element, entry.pointer(*out), start);
      Value segment = zero;
      for (const Part &part : parts) {
        Value length = entry.dim(part.length);
        Value end = code.add(segment, length);
        Value from = code.maximum(low, segment);
        // Negative when the task's range misses the segment.
        Value count = code.maximum(code.sub(code.minimum(high, end), from), zero);
        Value source = code.gep(
            element, entry.pointer(*part.arg),
            code.add(code.mul(row, length), code.sub(from, segment)));
        emitCopy(code, element, code.gep(element, to, from), source, count,
                 options.vectorBits, streams);
        segment = end;
      }
    });
  });
  entry.finish();
  info.entries = {symbol};
  info.tasks = {Dim::CeilDiv(total, kElementsPerTask)};
  info.scratch = 0;
  info.shared = 0;
  info.cost = Dim::FloorDiv(total, 6) + rows * static_cast<int64_t>(parts.size()) + 50;
  return success();
}

} // namespace oriel
