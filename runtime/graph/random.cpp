// Random draws: compositions over the op random_bits.
#include "oriel/random.h"

#include <cmath>
#include <numbers>

#include "oriel/taps.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/ops/random_bits.h"

namespace oriel {

using graph::Poison;
using graph::PoisonInvalid;

struct RandomStreams::Impl {
  std::string name;
  uint64_t key = 0;
  uint64_t splits = 0;
  std::vector<State> states;
};

namespace {

constexpr int64_t kMaxTrials = int64_t{1} << 20;

// Keys of draws and of splits come from two counters that never meet.
uint64_t DrawKey(uint64_t key, uint64_t index) { return RandomBits(key, index); }
uint64_t SplitKey(uint64_t key, uint64_t index) { return RandomBits(key, ~index); }

Tensor StateValue(uint64_t key) { return *Tensor::From<uint64_t>({key, 0}, {2}); }

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

Value MakeBits(Value key, Value counter, std::vector<graph::ImpliedUpdate> implied, const Location& at) {
  std::vector<Value> operands = {std::move(key), std::move(counter)};
  if (auto poisoned = graph::FirstPoisoned(operands)) return *poisoned;
  if (absl::Status status = graph::BroadcastTogether(&operands, at); !status.ok()) {
    return Poison(Prefixed(status, "random_bits"), at);
  }
  return graph::MakeOp({.op = OpKind::kRandomBits, .operands = std::move(operands), .implied = std::move(implied)}, at);
}

// One draw: a state of its own, and the key of this call and iteration.
class Draw {
 public:
  Draw(RandomStreams::Impl* stream, Location at) : at_(at) {
    const size_t index = stream->states.size();
    State cell = state(stream->name + "_" + std::to_string(index), StateValue(DrawKey(stream->key, index)), at);
    stream->states.push_back(cell);
    {
      // The update belongs to the call, whatever body the draw is made in.
      graph::RegionScope outside(0);
      const Value read = Operand(cell, at).value;
      update_ = {cell, add(Operand(read, at), Operand(iota({2}, 0, DType::u64, at), at))};
      key_ = random_bits(Operand(Item(read, 0), at), Operand(Item(read, 1), at));
    }
    for (const Value& i : graph::OpenInductions()) {
      key_ = random_bits(Operand(key_, at), Operand(cast(Operand(i, at), DType::u64), at));
    }
  }

  // Fresh bits of that shape; each call of Bits gives others.
  Value Bits(const Dims& shape) {
    const Value key = random_bits(Operand(key_, at_), Operand(U64(~uint64_t{0} - used_++, at_), at_));
    return MakeBits(key, LinearIndex(shape, at_), {{update_.first.cell(), update_.second}}, at_);
  }

  // The top `bits` bits of each element, as uint64.
  Value Top(const Value& value, int bits) {
    return floor_div(Operand(value, at_), Operand(U64(uint64_t{1} << (64 - bits), at_), at_));
  }

  // In [0, 1), a multiple of 2^-24 or 2^-53.
  Value Unit(const Dims& shape, DType dtype) {
    const int bits = dtype == DType::f64 ? 53 : 24;
    return mul(Operand(cast(Operand(Top(Bits(shape), bits), at_), dtype), at_), Operand(std::ldexp(1.0, -bits), at_));
  }

  // In (0, 1), symmetric about a half: neither logarithm of it is infinite.
  Value OpenUnit(const Dims& shape, DType dtype) {
    const int bits = dtype == DType::f64 ? 52 : 23;
    const Value whole = cast(Operand(Top(Bits(shape), bits), at_), dtype);
    return mul(Operand(add(Operand(whole, at_), Operand(0.5, at_)), at_), Operand(std::ldexp(1.0, -bits), at_));
  }

 private:
  Value Item(const Value& pair, int64_t i) {
    return reshape(Operand(slice(Operand(pair, at_), {Dim(i)}, {Dim(i + 1)}), at_), {});
  }

  Location at_;
  std::pair<State, Value> update_;
  Value key_;
  uint64_t used_ = 0;
};

// What draws compute in: 16-bit floats are rounded at the end.
DType Wide(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

absl::Status CheckFloat(const char* what, DType dtype) {
  if (IsFloat(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(what) + ": a float dtype is required, got " +
                                    std::string(NumpyName(dtype)));
}

// The parameter as a tensor of `dtype` that broadcasts to `shape`.
Value Parameter(const Operand& operand, DType dtype, const Dims& shape, const Location& at) {
  Value value = operand.weak ? graph::Fit(operand, dtype, at) : graph::CastTo(operand.value, dtype, at);
  return value.ok() ? broadcast_to(Operand(value, at), shape) : value;
}

// The rows, checked at run time: without a positive entry, with a negative one
// or a NaN there is no distribution to draw from.
Value Probabilities(const Value& p, const Location& at) {
  const Value none_negative = all_of(Operand(greater_equal(Operand(p, at), Operand(0, at)), at));
  const Value some_positive = all_of(Operand(any(Operand(greater(Operand(p, at), Operand(0, at)), at), {-1}), at));
  return assert_that(Operand(p, at), "a row of probabilities must have a positive entry and no negative one or NaN",
                     {none_negative, some_positive});
}

}  // namespace

Value random_bits(const Operand& key, const Operand& counter) {
  for (const Operand* operand : {&key, &counter}) {
    if (operand->weak || !operand->value.ok() || operand->value.dtype() == DType::u64) continue;
    return PoisonInvalid("random_bits: keys and counters are uint64, got " +
                             std::string(NumpyName(operand->value.dtype())),
                         operand->location);
  }
  return MakeBits(graph::Fit(key, DType::u64, key.location), graph::Fit(counter, DType::u64, counter.location), {},
                  key.location);
}

RandomStreams::RandomStreams(uint64_t seed, std::string name) : impl_(std::make_shared<Impl>()) {
  impl_->name = std::move(name);
  impl_->key = seed;
}

RandomStreams RandomStreams::split() {
  auto impl = std::make_shared<Impl>();
  impl->name = impl_->name + "/" + std::to_string(impl_->splits);
  impl->key = SplitKey(impl_->key, impl_->splits++);
  return RandomStreams(std::move(impl));
}

std::vector<State> RandomStreams::states() const { return impl_->states; }

absl::Status RandomStreams::seed(uint64_t seed) {
  impl_->key = seed;
  for (size_t i = 0; i < impl_->states.size(); ++i) {
    ORIEL_RETURN_IF_ERROR(impl_->states[i].set_value(StateValue(DrawKey(seed, i))));
  }
  return absl::OkStatus();
}

Value RandomStreams::uniform(Dims shape, const Operand& low, const Operand& high, DType dtype, Location at) {
  if (absl::Status status = CheckFloat("uniform", dtype); !status.ok()) return Poison(status, at);
  graph::OriginScope origin(absl::Span<const Value>(), "uniform", at);
  const DType wide = Wide(dtype);
  const Value from = Parameter(low, wide, shape, at), to = Parameter(high, wide, shape, at);
  Draw draw(impl_.get(), at);
  const Value unit = draw.Unit(shape, wide);
  const Value spread = sub(Operand(to, at), Operand(from, at));
  const Value drawn = cast(Operand(add(Operand(from, at), Operand(mul(Operand(spread, at), Operand(unit, at)), at)), at), dtype);
  // Rounding may reach the open end: that draw is the closed end instead.
  const Value first = cast(Operand(from, at), dtype), end = cast(Operand(to, at), dtype);
  return select(Operand(equal(Operand(drawn, at), Operand(end, at)), at), Operand(first, at), Operand(drawn, at));
}

Value RandomStreams::normal(Dims shape, const Operand& mean, const Operand& deviation, DType dtype, Location at) {
  if (absl::Status status = CheckFloat("normal", dtype); !status.ok()) return Poison(status, at);
  graph::OriginScope origin(absl::Span<const Value>(), "normal", at);
  const DType wide = Wide(dtype);
  const Value center = Parameter(mean, wide, shape, at), scale = Parameter(deviation, wide, shape, at);
  Draw draw(impl_.get(), at);
  Value radius, angle;  // of a point whose squared length is exponential
  if (wide == DType::f64) {
    radius = draw.OpenUnit(shape, wide);
    angle = draw.Unit(shape, wide);
  } else {
    // 32 bits each; a radius below 2^-23 needs more bits than a unit has.
    const Value bits = draw.Bits(shape);
    const Value high = cast(Operand(draw.Top(bits, 32), at), wide);
    const Value low = cast(Operand(mod(Operand(bits, at), Operand(U64(uint64_t{1} << 32, at), at)), at), wide);
    radius = mul(Operand(add(Operand(high, at), Operand(0.5, at)), at), Operand(0x1p-32, at));
    angle = mul(Operand(low, at), Operand(0x1p-32, at));
  }
  const Value length = sqrt(Operand(mul(Operand(log(Operand(radius, at)), at), Operand(-2.0, at)), at));
  // Rounding takes a radius within 2^-25 of 1 to 1: its logarithm is 0, and so
  // is the length.
  const Value turn = cos(Operand(mul(Operand(angle, at), Operand(2 * std::numbers::pi, at)), at));
  const Value drawn = mul(Operand(length, at), Operand(turn, at));
  return cast(Operand(add(Operand(center, at), Operand(mul(Operand(scale, at), Operand(drawn, at)), at)), at), dtype);
}

Value RandomStreams::binomial(Dims shape, int64_t n, const Operand& p, DType dtype, Location at) {
  if (n < 0 || n > kMaxTrials) {
    return PoisonInvalid("binomial: from 0 to " + std::to_string(kMaxTrials) + " trials are possible, got " +
                             std::to_string(n), at);
  }
  graph::OriginScope origin(absl::Span<const Value>(), "binomial", at);
  const DType wide = p.weak ? DType::f64 : IsFloat(p.value.dtype()) ? Wide(p.value.dtype()) : DType::f64;
  Dims trials = shape;
  trials.push_back(n);
  const Value chance = Parameter(p, wide, shape, at);
  if (!chance.ok()) return chance;
  Draw draw(impl_.get(), at);
  const Value success = less(Operand(draw.Unit(trials, wide), at),
                             Operand(broadcast_to(Operand(expand_dims(Operand(chance, at), -1), at), trials), at));
  const Value count = sum(Operand(cast(Operand(success, at), DType::i64), at), {-1});
  return cast(Operand(count, at), dtype);
}

Value RandomStreams::below(Dims shape, const Dim& n, DType dtype, Location at) {
  if (!IsInteger(dtype)) {
    return PoisonInvalid("random integers: an integer dtype is required, got " + std::string(NumpyName(dtype)), at);
  }
  if (n.is_static() && n.value() < 0) {
    return PoisonInvalid("random integers below " + n.ToString() + ": there are none", at);
  }
  graph::OriginScope origin(absl::Span<const Value>(), "random integers", at);
  Draw draw(impl_.get(), at);
  // The upper word of a 32-bit fraction times n: in range for every n below
  // 2^32, with a bias below n / 2^32.
  const Value fraction = draw.Top(draw.Bits(shape), 32);
  const Value count = cast(Operand(dim_value(n, at), at), DType::u64);
  const Value drawn = draw.Top(mul(Operand(fraction, at), Operand(count, at)), 32);
  return cast(Operand(drawn, at), dtype);
}

Value RandomStreams::integers(Dims shape, int64_t low, int64_t high, DType dtype, Location at) {
  if (!IsInteger(dtype)) {
    return PoisonInvalid("random integers: an integer dtype is required, got " + std::string(NumpyName(dtype)), at);
  }
  if (high < low) {
    return PoisonInvalid("random integers from " + std::to_string(low) + " to " + std::to_string(high) +
                             ": there are none", at);
  }
  const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;  // 0: 2^64
  const int width = static_cast<int>(8 * SizeOf(dtype));
  const bool fits = IsSigned(dtype) ? low >= -(int64_t{1} << (width - 2)) * 2 && high <= ((int64_t{1} << (width - 2)) - 1) * 2 + 1
                                    : low >= 0 && (width == 64 || high < int64_t{1} << width);
  if (!fits) {
    return PoisonInvalid("random integers from " + std::to_string(low) + " to " + std::to_string(high) + " do not fit " +
                             std::string(NumpyName(dtype)), at);
  }
  graph::OriginScope origin(absl::Span<const Value>(), "random integers", at);
  Draw draw(impl_.get(), at);
  const Value bits = draw.Bits(shape);
  Value offset = bits;  // of a range of 2^64
  if (count != 0 && count <= uint64_t{1} << 32) {
    offset = draw.Top(mul(Operand(draw.Top(bits, 32), at), Operand(U64(count, at), at)), 32);
  } else if (count != 0) {
    // A remainder of 64 bits: the bias is below count / 2^64.
    offset = mod(Operand(bits, at), Operand(U64(count, at), at));
  }
  return cast(Operand(add(Operand(offset, at), Operand(U64(static_cast<uint64_t>(low), at), at)), at), dtype);
}

Value RandomStreams::categorical(const Operand& probabilities, DType dtype, Location at) {
  const Value p = graph::Strong(probabilities);
  if (!p.ok()) return p;
  absl::Status status = CheckFloat("categorical: probabilities", p.dtype());
  if (status.ok() && p.rank() == 0) status = absl::InvalidArgumentError("categorical: rows of probabilities are required, got a scalar");
  if (status.ok() && !IsInteger(dtype)) {
    status = absl::InvalidArgumentError("categorical: an integer dtype is required, got " + std::string(NumpyName(dtype)));
  }
  if (!status.ok()) return Poison(status, at);
  graph::OriginScope origin({p}, "categorical", at);
  const DType wide = Wide(p.dtype());
  const Value weights = Probabilities(cast(Operand(p, at), wide), at);
  Draw draw(impl_.get(), at);
  // The first of exponential clocks of rates p rings: a clock of rate 0 never
  // does (log of an open unit is below 0, so its time is +infinity).
  const Value time = div(Operand(neg(Operand(log(Operand(draw.OpenUnit(p.shape(), wide), at)), at)), at), Operand(weights, at));
  return cast(Operand(argmin(Operand(time, at), -1), at), dtype);
}

Value RandomStreams::multinomial(const Operand& probabilities, int64_t n, DType dtype, Location at) {
  if (n < 0) return PoisonInvalid("multinomial: the number of draws is " + std::to_string(n) + ", 0 or more required", at);
  const Value p = graph::Strong(probabilities);
  if (!p.ok()) return p;
  auto one_hot = [&] {
    const Value drawn = categorical(Operand(p, at), DType::i64, at);
    if (!drawn.ok()) return drawn;
    const Value position = iota(p.shape(), p.rank() - 1, DType::i64, at);
    const Value wide = broadcast_to(Operand(expand_dims(Operand(drawn, at), -1), at), p.shape());
    return cast(Operand(equal(Operand(position, at), Operand(wide, at)), at), dtype);
  };
  if (n == 1) return one_hot();
  const Value none = broadcast_to(Operand(cast(Operand(0, at), dtype), at), p.shape());
  return loop(Operand(n, at), {none},
              [&](Value, std::vector<Value> counts) {
                return std::vector<Value>{add(Operand(counts[0], at), Operand(one_hot(), at))};
              },
              at)[0];
}

}  // namespace oriel
