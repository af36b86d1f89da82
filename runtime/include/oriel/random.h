// File: random.h
//
// Random draws as expressions: counter-based, so that they are the same for any
// number of threads, fused or not, and part of no hidden global state.
//
//   RandomStreams random(/*seed=*/7);
//   Value noise = random.normal({dyn("batch"), 64}, 0.0, 1.0, DType::f32);
//   auto f = compile({x}, {x + noise});       // new numbers at every call
//
// Each draw has a State of its own, {key, counter} as two uint64: a function
// that uses the draw reads it, and the counter advances by one when the call
// succeeds, as if {state, state + (0, 1)} were among its updates (an update of
// that state given to compile() takes its place). So draws of functions that
// share a RandomStreams continue each other, a failed call takes no number, and
// saving the states saves the stream. A draw in the body of a loop gives new
// numbers in every iteration.
//
// The bits are Threefry-2x32-20 (Salmon et al., SC 2011) of the key and the
// element's position: bits = f(f(f(key, call), iteration...), element).
//
// Errors: a poisoned Value for a wrong dtype, shape or parameter known at
// build. Draws of float dtypes are f64 unless said otherwise.
#ifndef ORIEL_RANDOM_H_
#define ORIEL_RANDOM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oriel/value.h"

namespace oriel {

// 64 bits of a key and a counter, both uint64, broadcast together. Equal
// operands give equal bits everywhere.
Value random_bits(const Operand& key, const Operand& counter);

struct ChoiceOptions {
  bool replace = true;
  std::optional<Value> weights = std::nullopt;  // of floats or integers; none: all equal
  DType dtype = DType::i64;                     // of positions
};

// Not thread-safe: one thread adds draws at a time. Copies share the stream.
class RandomStreams {
 public:
  explicit RandomStreams(uint64_t seed = 0, std::string name = "random");

  // In [low, high), never high itself (for low > high in (high, low], as NumPy
  // has it); low and high broadcast to `shape`.
  Value uniform(Dims shape, const Operand& low = 0.0, const Operand& high = 1.0, DType dtype = DType::f64,
                Location at = Location::current());
  // Box-Muller over as many random bits as the dtype's mantissa needs.
  Value normal(Dims shape, const Operand& mean = 0.0, const Operand& deviation = 1.0, DType dtype = DType::f64,
               Location at = Location::current());
  // Successes in n trials of probability p each, n from 0 to 2^20 (the work is
  // n draws an element).
  Value binomial(Dims shape, int64_t n = 1, const Operand& p = 0.5, DType dtype = DType::i64,
                 Location at = Location::current());
  // Integers in [low, high], both included; high >= low.
  Value integers(Dims shape, int64_t low, int64_t high, DType dtype = DType::i64, Location at = Location::current());
  // Integers in [0, n), n a dim; for n = 0 the result must be empty.
  Value below(Dims shape, const Dim& n, DType dtype = DType::i64, Location at = Location::current());
  // One index of the last axis for each row of probabilities (float, any scale:
  // rows need not sum to one): shape[:-1]. Positions of probability 0 are never
  // drawn. A row without a positive entry, or with one that is negative, NaN or
  // infinite, fails the call with FailedPrecondition and takes no number.
  Value categorical(const Operand& probabilities, DType dtype = DType::i64, Location at = Location::current());
  // How often each position of a row came up in n draws; for n = 1 one-hot rows.
  Value multinomial(const Operand& probabilities, int64_t n = 1, DType dtype = DType::i64,
                    Location at = Location::current());

  // Permutations of 0 ... n-1, each equally likely: [size..., n].
  Value permutation(const Dim& n, Dims size = {}, DType dtype = DType::i64, Location at = Location::current());
  // x with its slices along the first axis in a random order.
  Value permutation(const Value& x, Location at = Location::current());
  // x with the elements of each row (the last axis) in a random order of its own.
  Value shuffle_row_elements(const Value& x, Location at = Location::current());

  // `size` positions below n, or slices of x along its first axis. Without
  // replacement no position comes twice: more than there are is InvalidArgument,
  // at build or at call. Without weights all are equally likely; with weights
  // [..., n] each row draws for itself, [..., size...]. Weights have any scale
  // and are looked at as categorical's; without replacement each draw is from
  // the weights that are left, and a row with fewer positive ones than asked is
  // FailedPrecondition. With replacement the work is that of n^2 / 4096 + 64 n
  // sums and one comparison for each draw and position, without it that of a sort of n.
  Value choice(Dims size, const Dim& n, const ChoiceOptions& options = {}, Location at = Location::current());
  Value choice(Dims size, const Value& x, const ChoiceOptions& options = {}, Location at = Location::current());
  // n different positions of each row, drawn by weight: shape[:-1] + (n,).
  Value multinomial_wo_replacement(const Operand& weights, const Dim& n = 1, DType dtype = DType::i64,
                                   Location at = Location::current());

  // The states of all draws so far, in order of making: to save and load.
  std::vector<State> states() const;
  // Starts all draws anew from a seed, as if made from it.
  absl::Status seed(uint64_t seed);
  // A stream that is independent of this one and of other splits of it.
  RandomStreams split();

  struct Impl;

 private:
  explicit RandomStreams(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace oriel

#endif  // ORIEL_RANDOM_H_
