// File: variants.h
//
// One graph compiled in all ways that must give the same bits.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_VARIANTS_H_
#define ORIEL_TEST_FUZZ_GRAPHS_VARIANTS_H_

#include <functional>
#include <string>
#include <vector>

#include "oriel/oriel.h"
#include "test/fuzz/graphs/compare.h"
#include "test/fuzz/graphs/graph.h"

namespace oriel::fuzz {

// What is compiled: a graph, or its text.
struct Subject {
  std::function<absl::StatusOr<Function>(const CompileOptions&)> compile;
  // With extents known; empty: there is none.
  std::function<absl::StatusOr<Function>(const CompileOptions&)> compile_known;
  // Of the function's states in its order and by name: what they hold first.
  std::function<std::vector<Tensor>(const std::vector<State>&)> initial;
  // For a function: the arguments of each call.
  std::function<std::vector<std::vector<Tensor>>(const Function&)> calls;
};

struct VariantOptions {
  std::string cache_dir;        // of this graph alone
  std::string leave_out_phase;  // testing the fuzzer
  std::string only;             // run this variant beside the first; "": all
};

struct Finding {
  std::string variant;  // "no fusion", ...; "": nothing was found
  std::string what;
};

// The names of all variants, the one that the others are compared with first.
const std::vector<std::string>& VariantNames();

// Runs a function's calls; the states start anew.
Run RunCalls(const Subject& subject, const Function& function);

// Compiles and runs all variants. `base` gets the run of the first.
Finding CompareVariants(const Subject& subject, const VariantOptions& options, Run* base);

// With values looked at as the graph states (print, watch, assert) and by node
// id: the same bits, each value delivered in order with the bits it has as an
// output, and the same again when the taps are off.
Finding CompareLookedAt(uint64_t seed, OpRange ops, const Subject& subject, const VariantOptions& options, const Run& base);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_VARIANTS_H_
