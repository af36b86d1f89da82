// Orders and choices: permutations, draws by weight with and without
// replacement.
#include <limits>
#include <string>

#include "oriel/taps.h"
#include "runtime/core/status.h"
#include "runtime/graph/random_internal.h"
#include "runtime/ops/infer.h"

namespace oriel {
namespace {

using graph::Draw;
using graph::Poison;
using graph::PoisonInvalid;

// ---- arguments ----

// Can `dtype` hold the positions below n?
absl::Status CheckPositions(const char* what, const Dim& n, DType dtype) {
  const std::string name(NumpyName(dtype));
  if (!IsInteger(dtype)) return absl::InvalidArgumentError(std::string(what) + ": an integer dtype is required, got " + name);
  if (!n.is_static()) {
    if (SizeOf(dtype) >= 4) return absl::OkStatus();
    return absl::InvalidArgumentError(std::string(what) + ": " + name + " may not hold the positions below " + n.ToString() +
                                      ", which is known to a call only: use 32 bits or more");
  }
  if (n.value() < 0) return absl::InvalidArgumentError(std::string(what) + ": " + n.ToString() + " elements");
  const int bits = static_cast<int>(8 * SizeOf(dtype)) - (IsSigned(dtype) ? 1 : 0);
  if (bits >= 63 || n.value() <= int64_t{1} << bits) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(what) + ": " + name + " cannot hold the positions below " + n.ToString());
}

Dims Joined(Dims rows, const Dims& size) {
  rows.insert(rows.end(), size.begin(), size.end());
  return rows;
}

Dims RowsOf(const Value& x) { return Dims(x.shape().begin(), x.shape().end() - 1); }

// ---- orders ----

// Rows [..., n] of random order: 64 random bits an element sorted; the chance
// that two of n are equal (and in the order of their positions) is n^2 / 2^65.
Value Order(Draw* draw, const Dims& shape, const Location& at) { return argsort(Operand(draw->Bits(shape), at), -1); }

// The first k of each row of an order.
Value First(const Value& order, const Dim& k, const Location& at) {
  if (!order.ok() || order.shape().back() == k) return order;
  std::vector<Dim> starts(order.shape().size(), Dim(0)), limits(order.shape().begin(), order.shape().end());
  limits.back() = k;
  return slice(Operand(order, at), starts, limits);
}

// ---- draws by weight, with replacement ----

// How many weights are summed at a time.
constexpr int64_t kBlock = 64;

// Sums along the last axis: of the elements before each, with it or without.
// Each is the reduction of a whole row, zeros where it does not reach, so that it
// is monotone: reductions are one tree of additions, and each is monotone.
Value SumsUpTo(const Value& x, bool with_itself, const Location& at) {
  const int rank = x.rank();
  Dims square = x.shape();
  square.push_back(square.back());
  const Value to = iota(square, rank - 1, DType::i64, at), from = iota(square, rank, DType::i64, at);
  const Value reached = with_itself ? less_equal(Operand(from, at), Operand(to, at)) : less(Operand(from, at), Operand(to, at));
  const Value each = broadcast_to(Operand(expand_dims(Operand(x, at), -2), at), square);
  return sum(Operand(select(Operand(reached, at), Operand(each, at), Operand(0, at)), at), {-1});
}

// Sums of the weights up to each position, of f64 rows that were looked at: rows
// are scaled to a largest weight of 1, and made longer with zeros to N. They never
// fall, and stay the same exactly where the weight is zero, so that a zero is
// never drawn; the last is the total.
Value Cumulated(const Value& weights, const Location& at) {
  const Dims rows = RowsOf(weights);
  const Dim& n = weights.shape().back();
  const Value scaled = div(Operand(weights, at), Operand(reduce_max(Operand(weights, at), {-1}, true), at));
  if (n.is_static() && n.value() <= kBlock) return SumsUpTo(scaled, true, at);
  const Dim blocks = Dim::CeilDiv(n, kBlock), whole = blocks * kBlock;
  Value padded = scaled;
  if (whole != n) {
    const Value zeros = broadcast_to(Operand(scalar(0, DType::f64, at), at), Joined(rows, {whole - n}));
    padded = concatenate({scaled, zeros}, -1, at);
  }
  const Value blocked = reshape(Operand(padded, at), Joined(rows, {blocks, kBlock}));
  const Value inner = SumsUpTo(blocked, true, at);
  std::vector<Dim> starts(inner.shape().size(), Dim(0)), limits(inner.shape().begin(), inner.shape().end());
  starts.back() = kBlock - 1;
  const Value totals = slice(Operand(inner, at), starts, limits);  // [..., blocks, 1]
  const Value of_block = squeeze(Operand(totals, at), -1);
  const auto wide = [&](const Value& per_block) {
    return broadcast_to(Operand(expand_dims(Operand(per_block, at), -1), at), inner.shape());
  };
  // What is before a block and what is with it are the same sums, one block on.
  // Within it nothing goes beyond what is with it, and what has all of the block
  // is exactly that: rounding differs between the two.
  const Value with = wide(SumsUpTo(of_block, true, at)), before = wide(SumsUpTo(of_block, false, at));
  const Value partial = minimum(Operand(add(Operand(before, at), Operand(inner, at)), at), Operand(with, at));
  const Value all_of_it = equal(Operand(inner, at), Operand(broadcast_to(Operand(totals, at), inner.shape()), at));
  return reshape(Operand(select(Operand(all_of_it, at), Operand(with, at), Operand(partial, at)), at), Joined(rows, {whole}));
}

// Positions [rows..., k] by weight: how many sums a uniform draw has reached.
// The largest draw times the total (at least 1) rounds below the total.
Value Selected(Draw* draw, const Value& weights, const Dim& k, const Location& at) {
  const Dims rows = RowsOf(weights);
  const Value sums = Cumulated(weights, at);
  if (!sums.ok()) return sums;
  const Dim& whole = sums.shape().back();
  const Value total = reduce_max(Operand(sums, at), {-1}, true);  // the last, [rows..., 1]
  const Dims drawn = Joined(rows, {k});
  const Value goal = mul(Operand(draw->Unit(drawn, DType::f64), at), Operand(broadcast_to(Operand(total, at), drawn), at));
  const Dims pairs = Joined(drawn, {whole});
  const Value reached = less_equal(Operand(broadcast_to(Operand(expand_dims(Operand(sums, at), -2), at), pairs), at),
                                   Operand(broadcast_to(Operand(expand_dims(Operand(goal, at), -1), at), pairs), at));
  return sum(Operand(cast(Operand(reached, at), DType::i64), at), {-1});
}

// ---- draws by weight, without replacement ----

// The k first of exponential clocks whose rates are the weights (Efraimidis and
// Spirakis), by the logarithm of their times: finite for every positive weight,
// so that zeros come after all others.
Value WithoutReplacement(Draw* draw, const Value& weights, const Dim& k, const Location& at) {
  const Value time = log(Operand(draw->Exponential(weights.shape(), DType::f64), at));
  const Value key = sub(Operand(time, at), Operand(log(Operand(weights, at)), at));
  return First(argsort(Operand(key, at), -1), k, at);
}

}  // namespace

Value RandomStreams::permutation(const Dim& n, Dims size, DType dtype, Location at) {
  if (absl::Status status = CheckPositions("permutation", n, dtype); !status.ok()) return Poison(status, at);
  graph::OriginScope origin(absl::Span<const Value>(), "permutation", at);
  Draw draw(impl_.get(), at);
  return cast(Operand(Order(&draw, Joined(std::move(size), {n}), at), at), dtype);
}

Value RandomStreams::permutation(const Value& x, Location at) {
  if (!x.ok()) return x;
  if (x.rank() == 0) return PoisonInvalid("permutation: an array with rows is required, got a scalar", at);
  graph::OriginScope origin({x}, "permutation", at);
  Draw draw(impl_.get(), at);
  return gather(Operand(x, at), {Order(&draw, {x.dim(0)}, at)}, 0, at);
}

Value RandomStreams::shuffle_row_elements(const Value& x, Location at) {
  if (!x.ok()) return x;
  if (x.rank() == 0) return PoisonInvalid("shuffle_row_elements: an array with rows is required, got a scalar", at);
  graph::OriginScope origin({x}, "shuffle_row_elements", at);
  Draw draw(impl_.get(), at);
  return take_along_axis(Operand(x, at), Operand(Order(&draw, x.shape(), at), at), -1);
}

Value RandomStreams::choice(Dims size, const Dim& n, const ChoiceOptions& options, Location at) {
  if (absl::Status status = CheckPositions("choice", n, options.dtype); !status.ok()) return Poison(status, at);
  const Dim k = NumElements(size);
  const std::string asked = "choice: " + k.ToString() + " of " + n.ToString() + " elements";
  if (!options.replace && CompareDims(k, n) == DimOrder::kGreater) {
    return PoisonInvalid(asked + " cannot be had without replacement", at);
  }
  if (n == Dim(0) && k != Dim(0)) return PoisonInvalid(asked + ": there are none to choose from", at);
  if (!options.weights) {
    graph::OriginScope origin(absl::Span<const Value>(), "choice", at);
    if (options.replace) {
      const Value drawn = below(size, n, options.dtype, at);
      if (n.is_static()) return drawn;
      const Value some = greater(Operand(dim_value(n, at), at), Operand(0, at));
      const Value none = equal(Operand(dim_value(k, at), at), Operand(0, at));
      return assert_that(Operand(drawn, at), "choice: there are no elements to choose from",
                         {logical_or(Operand(some, at), Operand(none, at))});
    }
    Draw draw(impl_.get(), at);
    const Value first = First(Order(&draw, {n}, at), k, at);
    return cast(Operand(reshape(Operand(first, at), size), at), options.dtype);
  }
  Value weights = *options.weights;
  if (!weights.ok()) return weights;
  if (weights.rank() == 0) return PoisonInvalid("choice: a row of weights is required, got a scalar", at);
  if (!IsFloat(weights.dtype()) && !IsInteger(weights.dtype())) {
    return PoisonInvalid("choice: weights are floats or integers, got " + std::string(NumpyName(weights.dtype())), at);
  }
  const Dim& have = weights.shape().back();
  const DimOrder order = CompareDims(have, n);
  if (order == DimOrder::kLess || order == DimOrder::kGreater) {
    return PoisonInvalid("choice: " + have.ToString() + " weights for " + n.ToString() + " elements", at);
  }
  graph::OriginScope origin({weights}, "choice", at);
  weights = cast(Operand(weights, at), DType::f64);
  // Dims that are only found equal by a call are required to be by a broadcast.
  if (order == DimOrder::kUnknown) weights = broadcast_to(Operand(weights, at), Joined(RowsOf(weights), {n}));
  weights = graph::CheckedWeights(weights, options.replace ? Dim(1) : k, at);
  if (!weights.ok()) return weights;
  Draw draw(impl_.get(), at);
  const Value drawn = options.replace ? Selected(&draw, weights, k, at) : WithoutReplacement(&draw, weights, k, at);
  return cast(Operand(reshape(Operand(drawn, at), Joined(RowsOf(weights), size)), at), options.dtype);
}

Value RandomStreams::choice(Dims size, const Value& x, const ChoiceOptions& options, Location at) {
  if (!x.ok()) return x;
  if (x.rank() == 0) return PoisonInvalid("choice: an array with rows is required, got a scalar", at);
  const Value positions = choice(std::move(size), x.dim(0), options, at);
  return positions.ok() ? gather(Operand(x, at), {positions}, 0, at) : positions;
}

Value RandomStreams::multinomial_wo_replacement(const Operand& weights, const Dim& n, DType dtype, Location at) {
  const Value rows = graph::Strong(weights);
  if (!rows.ok()) return rows;
  if (rows.rank() == 0) return PoisonInvalid("multinomial_wo_replacement: rows of weights are required, got a scalar", at);
  return choice({n}, rows.shape().back(), {.replace = false, .weights = rows, .dtype = dtype}, at);
}

Value RandomStreams::multinomial(const Operand& probabilities, int64_t n, DType dtype, Location at) {
  if (n < 0) return PoisonInvalid("multinomial: the number of draws is " + std::to_string(n) + ", 0 or more required", at);
  const Value p = graph::Strong(probabilities);
  if (!p.ok()) return p;
  Value drawn;
  if (n == 1) {
    drawn = categorical(Operand(p, at), DType::i64, at);
    if (drawn.ok()) drawn = expand_dims(Operand(drawn, at), -1);
  } else {
    // Its errors, without a draw of its own.
    absl::Status status;
    if (!IsFloat(p.dtype())) status = absl::InvalidArgumentError("multinomial: float probabilities are required, got " + std::string(NumpyName(p.dtype())));
    if (p.rank() == 0) status = absl::InvalidArgumentError("multinomial: rows of probabilities are required, got a scalar");
    if (!status.ok()) return Poison(status, at);
    drawn = choice({Dim(n)}, p.shape().back(), {.weights = p}, at);
  }
  if (!drawn.ok()) return drawn;
  // [rows..., draws, positions]: one where a draw is the position.
  const Dims pairs = Joined(drawn.shape(), {p.shape().back()});
  const Value position = iota(pairs, static_cast<int>(pairs.size()) - 1, DType::i64, at);
  const Value each = broadcast_to(Operand(expand_dims(Operand(drawn, at), -1), at), pairs);
  const Value hit = cast(Operand(equal(Operand(position, at), Operand(each, at)), at), DType::i64);
  return cast(Operand(sum(Operand(hit, at), {-2}), at), dtype);
}

}  // namespace oriel
