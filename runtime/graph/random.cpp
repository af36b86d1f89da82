// Random draws: compositions over the op random_bits.
#include "oriel/random.h"

#include <cmath>
#include <numbers>
#include <optional>

#include "runtime/core/status.h"
#include "runtime/graph/pullback.h"
#include "runtime/graph/random_internal.h"
#include "runtime/ops/random_bits.h"

namespace oriel {

using graph::Draw;
using graph::Poison;
using graph::PoisonInvalid;
using graph::Wide;

namespace {

constexpr int64_t kMaxTrials = int64_t{1} << 20;

uint64_t SplitKey(uint64_t key, uint64_t index) { return RandomBits(key, ~index); }

Value U64(uint64_t value, const Location& at) { return constant(Tensor::Scalar<uint64_t>(value), at); }

absl::Status CheckFloat(const char* what, DType dtype) {
  if (IsFloat(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(what) + ": a float dtype is required, got " +
                                    std::string(NumpyName(dtype)));
}

// What a parameter is when all its elements are known to be one number.
std::optional<double> Number(const Operand& operand) {
  if (!operand.weak) return operand.value.ok() ? graph::UniformValue(operand.value) : std::nullopt;
  return *operand.weak == WeakKind::kFloat ? operand.scalar : static_cast<double>(operand.integer);
}

// A number as Python shows it.
std::string Text(double number) { return Tensor::Scalar(number).ToString(); }

// The parameter as a tensor of `dtype` that broadcasts to `shape`.
Value Parameter(const Operand& operand, DType dtype, const Dims& shape, const Location& at) {
  Value value = operand.weak ? graph::Fit(operand, dtype, at) : graph::CastTo(operand.value, dtype, at);
  return value.ok() ? broadcast_to(Operand(value, at), shape) : value;
}

}  // namespace

Value random_bits(const Operand& key, const Operand& counter) {
  for (const Operand* operand : {&key, &counter}) {
    if (operand->weak || !operand->value.ok() || operand->value.dtype() == DType::u64) continue;
    return PoisonInvalid("random_bits: keys and counters are uint64, got " +
                             std::string(NumpyName(operand->value.dtype())),
                         operand->location);
  }
  return graph::MakeBits(graph::Fit(key, DType::u64, key.location), graph::Fit(counter, DType::u64, counter.location), {},
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
    ORIEL_RETURN_IF_ERROR(impl_->states[i].set_value(graph::DrawState(seed, i)));
  }
  return absl::OkStatus();
}

Value RandomStreams::uniform(Dims shape, const Operand& low, const Operand& high, DType dtype, Location at) {
  if (absl::Status status = CheckFloat("uniform", dtype); !status.ok()) return Poison(status, at);
  for (const std::optional<double>& bound : {Number(low), Number(high)}) {
    if (bound && !std::isfinite(*bound)) return PoisonInvalid("uniform: a bound is " + Text(*bound) + ", required a finite number", at);
  }
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
  if (const std::optional<double> given = Number(deviation); given && !(*given >= 0)) {
    return PoisonInvalid("normal: the deviation is " + Text(*given) + ", required at least 0", at);
  }
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
  if (const std::optional<double> given = Number(p); given && !(*given >= 0 && *given <= 1)) {
    return PoisonInvalid("binomial: the probability is " + Text(*given) + ", required from 0 to 1", at);
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
  const Value weights = graph::CheckedWeights(cast(Operand(p, at), wide), 1, at);
  Draw draw(impl_.get(), at);
  // The first of exponential clocks of rates p rings: a clock of rate 0 never
  // does. Rates are those relative to the largest, whose clock always does.
  const Value rates = div(Operand(weights, at), Operand(reduce_max(Operand(weights, at), {-1}, true), at));
  const Value time = div(Operand(draw.Exponential(p.shape(), wide), at), Operand(rates, at));
  return cast(Operand(argmin(Operand(time, at), -1), at), dtype);
}

}  // namespace oriel
