//===- ScatterCopies.cpp - integers: copies of a small destination --------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

using namespace mlir;

namespace oriel {

/// Task t has the t-th part of the updates.
void UpdateSweep::toCopies() {
  start();
  Value total = entry.dim(kernel.count), copies = entry.dim(kernel.copies), slices = entry.dim(kernel.slices);
  before = code.i64(0);
  if (!pieces.makesUpdates())
    source = code.gep(element, entry.pointer(*kernel.updates), code.i64(0));
  Value all = code.equal(code.sub(entry.end, entry.begin), copies);
  Value areCopied = code.select(all, code.i64(0), code.i64(1));
  code.store(areCopied, entry.shared(), 8);
  auto sweep = [&](Value to, Value first, Value last) {
    base = to;
    auto part = [&](Value task) { return code.divUnsigned(code.mul(total, task), copies); };
    singles(part(first), part(last), nullptr);
  };
  Value tasks = code.select(all, code.i64(1), code.sub(entry.end, entry.begin));
  countSweep(code.select(all, code.i64(static_cast<int64_t>(ScatterSweep::kSerial)),
                         code.i64(static_cast<int64_t>(ScatterSweep::kCopy))));
  code.loop(code.i64(0), tasks, code.i64(1), [&](Value k) {
    Value task = code.add(entry.begin, k);
    Value copy = code.gep(element, code.gep(code.getI8Type(), entry.shared(), code.i64(kScatterCopiesAt)),
                          code.mul(task, slices));
    Value many = code.select(all, code.i64(0), slices);
    emitFill(code, copy, code.zero(element), many, kernel.vectorBits);
    sweep(code.select(all, entry.pointer(*kernel.out), copy), task,
          code.select(all, entry.end, code.add(task, code.i64(1))));
  });
}

void UpdateSweep::ofCopies() {
  code.loc = kernel.line(LineRole::kCompute);
  Value copies = entry.dim(kernel.copies), slices = entry.dim(kernel.slices);
  unsigned lanes = kernel.vectorBits / element.getIntOrFloatBitWidth();
  Value areCopied = code.equal(code.load(i64, entry.shared(), 8), code.i64(1));
  code.ifThen(areCopied, [&] {
    code.loop(entry.begin, entry.end, code.i64(1), [&](Value task) {
      Value lo = code.mul(task, code.i64(kScatterCopyTask));
      Value many = code.minimum(code.i64(kScatterCopyTask), code.sub(slices, lo));
      Value to = code.gep(element, entry.pointer(*kernel.out), lo);
      Value whole = code.roundDown(many, lanes);
      code.loop(code.i64(0), copies, code.i64(1), [&](Value k) {
        Value copy = code.gep(element, code.gep(code.getI8Type(), entry.shared(), code.i64(kScatterCopiesAt)),
                              code.add(code.mul(k, slices), lo));
        code.loop(code.i64(0), whole, code.i64(lanes), [&](Value c) { apply(to, copy, c, lanes, nullptr); });
        code.tail(whole, code.sub(many, whole), lanes, code.hasFastMasks(),
                  [&](Value c, unsigned lanes, Value mask) { apply(to, copy, c, lanes, mask); });
      });
    });
  });
}

void emitScatterToCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).toCopies();
}

void emitScatterOfCopies(EntryBuilder &entry, const KernelSignature &signature,
                         const ScatterKernel &kernel) {
  UpdateSweep(entry, signature, kernel).ofCopies();
}

} // namespace oriel
