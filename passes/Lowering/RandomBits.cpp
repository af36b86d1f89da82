//===- RandomBits.cpp - oriel.random_bits on one element ------------------===//
//
// Threefry-2x32 with 20 rounds (Salmon et al., SC 2011): only adds, rotations
// and exclusive ors of 32-bit words, so that it is vector code on any target.
//
//===----------------------------------------------------------------------===//

#include "passes/Lowering/ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

Value emitThreefry(OpBuilder &b, Location loc, Value key, Value counter) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto word = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(i32, static_cast<int32_t>(value)));
  };
  auto add = [&](Value x, Value y) -> Value {
    return arith::AddIOp::create(b, loc, x, y);
  };
  auto exclusiveOr = [&](Value x, Value y) -> Value {
    return arith::XOrIOp::create(b, loc, x, y);
  };
  auto rotate = [&](Value x, uint32_t by) -> Value {
    Value left = arith::ShLIOp::create(b, loc, x, word(by));
    Value right = arith::ShRUIOp::create(b, loc, x, word(32 - by));
    return arith::OrIOp::create(b, loc, left, right);
  };
  Value half = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
  auto low = [&](Value x) -> Value {
    return arith::TruncIOp::create(b, loc, i32, x);
  };
  auto high = [&](Value x) -> Value {
    return low(arith::ShRUIOp::create(b, loc, x, half));
  };

  constexpr uint32_t kRotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  Value schedule[3] = {low(key), high(key), Value()};
  schedule[2] =
      exclusiveOr(word(0x1BD11BDA), exclusiveOr(schedule[0], schedule[1]));
  Value x0 = add(low(counter), schedule[0]);
  Value x1 = add(high(counter), schedule[1]);
  for (uint32_t round = 0; round < 20; ++round) {
    x0 = add(x0, x1);
    x1 = exclusiveOr(rotate(x1, kRotations[round % 8]), x0);
    if (round % 4 != 3)
      continue;
    uint32_t step = round / 4 + 1;
    x0 = add(x0, schedule[step % 3]);
    x1 = add(x1, add(schedule[(step + 1) % 3], word(step)));
  }
  Value upper = arith::ShLIOp::create(
      b, loc, arith::ExtUIOp::create(b, loc, i64, x1), half);
  return arith::OrIOp::create(b, loc, upper,
                              arith::ExtUIOp::create(b, loc, i64, x0));
}

} // namespace oriel
