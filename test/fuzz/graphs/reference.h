// File: reference.h
//
// A compiled graph against the reference evaluator, within a tolerance that the
// graph itself gives.
//
// Elementwise arithmetic, views, choices and integers are equal to the bit. An
// op whose result is rounded in another way may be off as far as check=reference
// lets it: functions such as exp by kRoundings units in the last place, float
// sums and products of many terms by kSumRoundings of the sum of magnitudes.
// A table plus a scatter is made row by row: half a unit for each row.
// What that does to an output is measured, not guessed (Monte Carlo arithmetic):
// the evaluator runs again with each such result off by random amounts of that
// size. An output may be as far from the plain evaluation as kFactor times the
// farthest of those runs, plus kRoundings units in its own last place; an integer
// or a bool must be equal unless those runs change it. An element that they make
// NaN, or infinite, at times tells nothing.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_REFERENCE_H_
#define ORIEL_TEST_FUZZ_GRAPHS_REFERENCE_H_

#include <cstdint>
#include <string>

#include "test/fuzz/graphs/compare.h"
#include "test/fuzz/graphs/graph.h"

namespace oriel::fuzz {

inline constexpr double kRoundings = 8, kSumRoundings = 64, kFactor = 2;

struct ReferenceResult {
  std::string difference;  // "": within tolerance
  int64_t elements = 0;    // compared
  int64_t loose = 0;       // of them with a tolerance above a thousandth of the value
};

// Evaluates the graph's calls in order, states carried on; noise 0: plainly.
Run Evaluate(const Graph& graph, uint64_t noise);

// Compares a run with the evaluator.
ReferenceResult CompareWithReference(const Graph& graph, const Run& actual);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_REFERENCE_H_
