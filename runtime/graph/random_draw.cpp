// The bits of a draw, and the distributions that others are made of.
#include <cmath>
#include <limits>

#include "oriel/taps.h"
#include "runtime/core/status.h"
#include "runtime/graph/random_internal.h"
#include "runtime/ops/random_bits.h"

namespace oriel::graph {
namespace {

Value U64(uint64_t value, const Location& at) { return constant(Tensor::Scalar<uint64_t>(value), at); }

// The position of each element in C order, as uint64.
Value LinearIndex(const Dims& shape, const Location& at) {
  Value index = U64(0, at);
  Dim stride = 1;
  for (int axis = static_cast<int>(shape.size()) - 1; axis >= 0; --axis) {
    Value along = iota(shape, axis, DType::u64, at);
    if (stride != Dim(1)) along = mul(Operand(along, at), Operand(cast(Operand(dim_value(stride, at), at), DType::u64), at));
    index = axis + 1 == static_cast<int>(shape.size()) ? along : add(Operand(index, at), Operand(along, at));
    stride = stride * shape[axis];
  }
  return index;
}

}  // namespace

// Keys of draws and of splits (random.cpp) come from two counters that never
// meet.
Tensor DrawState(uint64_t key, uint64_t index) { return *Tensor::From<uint64_t>({RandomBits(key, index), 0}, {2}); }

Value MakeBits(Value key, Value counter, std::vector<ImpliedUpdate> implied, const Location& at) {
  std::vector<Value> operands = {std::move(key), std::move(counter)};
  if (auto poisoned = FirstPoisoned(operands)) return *poisoned;
  if (absl::Status status = BroadcastTogether(&operands, at); !status.ok()) {
    return Poison(Prefixed(status, "random_bits"), at);
  }
  return MakeOp({.op = OpKind::kRandomBits, .operands = std::move(operands), .implied = std::move(implied)}, at);
}

Draw::Draw(RandomStreams::Impl* stream, Location at) : at_(at) {
  const size_t index = stream->states.size();
  State cell = state(stream->name + "_" + std::to_string(index), DrawState(stream->key, index), at);
  stream->states.push_back(cell);
  {
    // The update belongs to the call, whatever body the draw is made in.
    RegionScope outside(0);
    const Value read = Operand(cell, at).value;
    update_ = {cell, add(Operand(read, at), Operand(iota({2}, 0, DType::u64, at), at))};
    key_ = random_bits(Operand(Item(read, 0), at), Operand(Item(read, 1), at));
  }
  for (const Value& i : OpenInductions()) {
    key_ = random_bits(Operand(key_, at), Operand(cast(Operand(i, at), DType::u64), at));
  }
}

Value Draw::Bits(const Dims& shape) {
  const Value key = random_bits(Operand(key_, at_), Operand(U64(~uint64_t{0} - used_++, at_), at_));
  return MakeBits(key, LinearIndex(shape, at_), {{update_.first.cell(), update_.second}}, at_);
}

Value Draw::Top(const Value& value, int bits) const {
  return floor_div(Operand(value, at_), Operand(U64(uint64_t{1} << (64 - bits), at_), at_));
}

Value Draw::Unit(const Dims& shape, DType dtype) {
  const int bits = dtype == DType::f64 ? 53 : 24;
  return mul(Operand(cast(Operand(Top(Bits(shape), bits), at_), dtype), at_), Operand(std::ldexp(1.0, -bits), at_));
}

Value Draw::OpenUnit(const Dims& shape, DType dtype) {
  const int bits = dtype == DType::f64 ? 52 : 23;
  const Value whole = cast(Operand(Top(Bits(shape), bits), at_), dtype);
  return mul(Operand(add(Operand(whole, at_), Operand(0.5, at_)), at_), Operand(std::ldexp(1.0, -bits), at_));
}

Value Draw::Exponential(const Dims& shape, DType dtype) {
  // In (0, 1]: 63 bits rounded to the dtype, which keeps those of small ones.
  const Value whole = cast(Operand(Top(Bits(shape), 63), at_), dtype);
  const Value unit = mul(Operand(add(Operand(whole, at_), Operand(0.5, at_)), at_), Operand(0x1p-63, at_));
  const double below_one = dtype == DType::f64 ? 1 - 0x1p-53 : 1 - 0x1p-24;
  const Value open = minimum(Operand(unit, at_), Operand(below_one, at_));
  return neg(Operand(log1p(Operand(neg(Operand(open, at_)), at_)), at_));
}

Value Draw::Item(const Value& pair, int64_t i) const {
  return reshape(Operand(slice(Operand(pair, at_), {Dim(i)}, {Dim(i + 1)}), at_), {});
}

Value CheckedWeights(const Value& weights, const Dim& positive, const Location& at) {
  if (!weights.ok()) return weights;
  const Value is_positive = greater(Operand(weights, at), Operand(0, at));
  Value enough;
  std::string message = "a row of weights must have a positive entry";
  if (positive == Dim(1)) {
    enough = any(Operand(is_positive, at), {-1});
  } else {
    message = "a row of weights must have as many positive entries as are drawn without replacement";
    const Value count = sum(Operand(cast(Operand(is_positive, at), DType::i64), at), {-1});
    enough = greater_equal(Operand(count, at), Operand(dim_value(positive, at), at));
  }
  const Value none_negative = all_of(Operand(greater_equal(Operand(weights, at), Operand(0, at)), at));
  const Value finite = all_of(Operand(less(Operand(weights, at), Operand(std::numeric_limits<double>::infinity(), at)), at));
  return assert_that(Operand(weights, at), message + ", and no negative, infinite or NaN one",
                     {none_negative, finite, all_of(Operand(enough, at))});
}

}  // namespace oriel::graph
