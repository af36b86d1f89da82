// File: compare.h
//
// What a graph gave, and where two runs of it differ.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_COMPARE_H_
#define ORIEL_TEST_FUZZ_GRAPHS_COMPARE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oriel/tensor.h"

namespace oriel::fuzz {

// A run: for each call its outputs, then the states after it; or the call's
// error, and nothing after it.
struct Run {
  std::vector<std::vector<Tensor>> calls;
  size_t outputs = 0;  // of a call, before the states
  absl::Status status;
};

// "" when equal to the bit, else call, output or state, element and both values.
// Any NaN equals any NaN: IEEE 754 leaves sign and payload of a computed NaN
// open. Errors are equal when their codes are.
std::string DifferenceInBits(const Run& actual, const Run& expected);

// The first element where two tensors differ in bits; "" when none does.
std::string DifferenceInBits(const Tensor& actual, const Tensor& expected);

// "output 3", "state 0 after it": what is at a position of a call's results.
std::string PlaceName(const Run& run, size_t call, size_t result);

// "(2, 0)" of the element at a position in C order.
std::string ElementName(const Extents& shape, int64_t position);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_COMPARE_H_
