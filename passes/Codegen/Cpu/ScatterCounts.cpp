//===- ScatterCounts.cpp - what a scatter met, for the profile ------------===//

#include "passes/Codegen/Cpu/ScatterUpdates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

Value UpdateSweep::counter(size_t offset) {
  if (!counts)
    counts = entry.prologue([&]() -> Value {
      Value records = LLVM::IntToPtrOp::create(code, code.loc,
                                               LLVM::LLVMPointerType::get(code.getContext()),
                                               entry.word(kArgCounts));
      return code.gep(code.getI8Type(), records,
                      code.mul(entry.worker, code.i64(sizeof(ScatterCounts))));
    });
  return code.gep(code.getI8Type(), counts, code.i64(offset));
}

void UpdateSweep::count(size_t offset, Value by) {
  Value word = counter(offset);
  code.store(code.add(code.load(i64, word, 8), by), word, 8);
}

constexpr int64_t kSampleEvery = 2048; // updates for each kScatterRun that are compared

/// Of kScatterRun updates in kSampleEvery, those whose index another of them has.
void UpdateSweep::sample(Value lo, Value hi) {
  Value due = code.equal(arith::AndIOp::create(code, code.loc, lo, code.i64(kSampleEvery - 1)), code.i64(0));
  Value enough = code.less(code.add(lo, code.i64(kScatterRun - 1)), hi);
  code.ifThen(arith::AndIOp::create(code, code.loc, due, enough), [&] {
    Type bits = code.getIntegerType(kScatterRun);
    SmallVector<Value> around;
    for (unsigned o = 0; o < operands; ++o)
      around.push_back(pieces.loadIndex(o, lo, kScatterRun));
    Value end = code.add(lo, code.i64(kScatterRun));
    Value repeated = code.loop(lo, end, code.i64(1), {code.i64(0)}, [&](Value n, ValueRange sum) {
      Value equal;
      for (unsigned o = 0; o < operands; ++o) {
        Value here = code.equal(around[o], code.splat(rawIndex(o, n), kScatterRun));
        equal = equal ? Value(arith::AndIOp::create(code, code.loc, equal, here)) : here;
      }
      Value packed = code.lane(vector::BitCastOp::create(code, code.loc, VectorType::get({1}, bits), equal), 0);
      // More than its own bit.
      Value one = arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bits, 1));
      Value rest = arith::AndIOp::create(code, code.loc, packed, arith::SubIOp::create(code, code.loc, packed, one));
      Value more = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::ne, rest,
                                         arith::ConstantOp::create(code, code.loc, code.getIntegerAttr(bits, 0)));
      return SmallVector<Value>{code.add(sum[0], arith::ExtUIOp::create(code, code.loc, i64, more))};
    })[0];
    count(offsetof(ScatterCounts, sampled), code.i64(kScatterRun));
    count(offsetof(ScatterCounts, repeated), repeated);
  });
}

} // namespace oriel
