// File: scan.h
//
// scan: a loop over the rows of sequences that carries values along and collects
// what its body returns. Semantics are Theano's; docs/loops.md states them.
//
//   // h[t] = tanh(x[t] W + h[t-1] U), for every row of x: [time, batch, n]
//   ScanResult r = scan(
//       [&](const ScanStep& s) {
//         return ScanBody{{tanh(dot(s.sequences[0], W) + dot(s.outputs[0], U))}};
//       },
//       {.sequences = {x}, .outputs_info = {h0}, .name = "rnn"});
//   Value all = r.outputs[0], last = r.outputs[0][-1];
//
// The body is called once, while scan() runs, with values that stand for those
// of any step. It may use values from outside; scans nest. A mistake gives
// poisoned outputs whose status says what is wrong at the caller's line.
#ifndef ORIEL_SCAN_H_
#define ORIEL_SCAN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "oriel/value.h"

namespace oriel {

// An array whose rows (first axis) the steps get. taps {0} gives step t row t;
// several taps give as many values, in their order: {-1, 0} rows t-1 and t, with
// t counted from the first step for which every row is there.
struct ScanSequence {
  ScanSequence(const Operand& array, std::vector<int64_t> taps = {0}) : array(array), taps(std::move(taps)) {}  // NOLINT
  ScanSequence(const Value& array) : ScanSequence(Operand(array)) {}                                           // NOLINT
  Operand array;
  std::vector<int64_t> taps;
};

// Where an output starts. Default: it is not carried, the body only returns it.
// With taps {-1}: `initial` is its value before the first step. With others
// ({-2, -1}): rows of `initial` are the values before the first step, in order
// of time, -min(taps) of them.
struct ScanOutput {
  ScanOutput() = default;
  ScanOutput(const Operand& initial, std::vector<int64_t> taps = {-1}) : initial(initial), taps(std::move(taps)) {}  // NOLINT
  ScanOutput(const Value& initial) : ScanOutput(Operand(initial)) {}                                                // NOLINT
  std::optional<Operand> initial;
  std::vector<int64_t> taps;
};

// What the body is given, named after what it comes from ("x[t-1]").
struct ScanStep {
  Value i;                             // the step's number, int64 ()
  std::vector<Value> sequences;        // each tap of the first, of the second, ...
  std::vector<Value> outputs;          // previous values: each tap of each carried output
  std::vector<Value> non_sequences;    // as given
};

// What it returns: the outputs of the step; new values of states, which the next
// step reads; whether this step is the last (bool (); empty: never).
struct ScanBody {
  std::vector<Value> outputs;
  std::vector<std::pair<State, Value>> updates = {};
  Value until = {};
};

struct ScanOptions {
  std::vector<ScanSequence> sequences = {};
  // One for each output, or none at all when no output is carried.
  std::vector<ScanOutput> outputs_info = {};
  std::vector<Operand> non_sequences = {};
  // Steps: an integer, a dim, or an integer scalar found at run time. None: as
  // many as the shortest sequence has rows. Negative counts as zero.
  using Steps = std::variant<std::monostate, int, int64_t, Dim, Value>;
  Steps n_steps = {};
  // For steps found at run time: at most so many (a run that needs more is an
  // InvalidArgument error). None: the rows of the shortest sequence.
  std::optional<Dim> max_steps = {};
  bool go_backwards = false;           // sequences from their last row to their first
  int64_t truncate_gradient = -1;      // gradients through the last so many steps; -1: all
  // Gradients keep the carried values of every so many steps and compute the
  // others again (0: keep all). kSqrt: every ceil(sqrt(n)) of n steps, which
  // needs the least memory, about 2 sqrt(n) rows, whatever n is.
  static constexpr int64_t kSqrt = -1;
  int64_t checkpoint = 0;
  bool strict = false;                 // a value from outside that is not listed is an error
  std::string name = {};
};

struct ScanResult {
  // Each [steps, ...]. Where the number of steps is found at run time (until, or
  // n_steps as a Value) the first extent is a dim that the run binds, one for all
  // outputs. They can be used like any other value; in the body of a loop or
  // branch they can be read at one row alone ([i], [-1]; Unimplemented otherwise).
  std::vector<Value> outputs;
  // The last value of each carried output, its initial one where no step was
  // made; empty for an output that is not carried. outputs[k] need not be used.
  std::vector<Value> finals;
  std::vector<std::pair<State, Value>> updates;  // for compile()
  Value steps;                                   // how many were made, int64 ()
};

ScanResult scan(const std::function<ScanBody(const ScanStep&)>& body, const ScanOptions& options,
                Location at = Location::current());

// body(elements, non_sequences) over the rows of sequences.
using ScanMapFn = std::function<std::vector<Value>(const std::vector<Value>& elements)>;
ScanResult scan_map(const ScanMapFn& body, std::vector<ScanSequence> sequences, Location at = Location::current());
// The last values of body(elements, accumulators) alone, from the first row to
// the last or (foldr, reduce with go_backwards) from the last to the first.
using ScanFoldFn =
    std::function<std::vector<Value>(const std::vector<Value>& elements, const std::vector<Value>& accumulators)>;
std::vector<Value> scan_reduce(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                               bool go_backwards = false, Location at = Location::current());
std::vector<Value> scan_foldl(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                              Location at = Location::current());
std::vector<Value> scan_foldr(const ScanFoldFn& body, std::vector<ScanSequence> sequences, std::vector<Operand> initial,
                              Location at = Location::current());

// `on_true` where `condition` (bool ()) holds, else `on_false`, which have equal
// dtypes and shapes. Only what the chosen one alone needs is computed.
Value ifelse(const Operand& condition, const Operand& on_true, const Operand& on_false);
std::vector<Value> ifelse(const Operand& condition, const std::vector<Value>& on_true,
                          const std::vector<Value>& on_false, Location at = Location::current());

}  // namespace oriel

#endif  // ORIEL_SCAN_H_
