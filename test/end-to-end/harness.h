// Compiles a graph in the mode under test and compares it with the reference
// evaluator and, to the bit, with the default mode.
#ifndef ORIEL_TEST_END_TO_END_HARNESS_H_
#define ORIEL_TEST_END_TO_END_HARNESS_H_

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "oriel/oriel.h"

namespace oriel::e2e {

struct Mode {
  std::string name = "default";
  bool static_dims = false;
  bool cached = false;
  CompileOptions options;  // as compile() gets them
};

// The mode of this process (ORIEL_TEST_MODE).
const Mode& CurrentMode();

// Makes outputs from inputs; called once per compilation, so that each gets a
// graph of its own.
using Build = std::function<std::vector<Value>(const std::vector<Value>&)>;

struct Tolerance {
  double ulps = 4;      // of the output's dtype, around the expected value
  double absolute = 0;  // added to the above
};

// Input values for `arguments`: symbolic dims "d<i>_<k>" for every extent, or
// equal symbols where `shared` says so ("batch" for argument 0's axis 0, ...);
// static extents in the static mode.
std::vector<Value> InputsFor(const std::vector<Tensor>& arguments, bool static_dims,
                             const std::vector<std::vector<std::string>>& symbols = {});

// Runs `build` over `arguments` in the current mode and checks shapes, dtypes
// and values against the reference, and bits against the default mode.
// `symbols[i][k]` names the dim of argument i, axis k ("" or a missing entry: a
// static extent). Without symbols every dim is static.
void ExpectMatches(const Build& build, const std::vector<Tensor>& arguments,
                   const std::vector<std::vector<std::string>>& symbols = {},
                   Tolerance tolerance = {});

// How many kernels `build` is, fused, for unknown extents; -1, and a failure,
// where it does not compile. The same in every mode.
int Kernels(const Build& build, const std::vector<Tensor>& arguments,
            const std::vector<std::vector<std::string>>& symbols);

// Compiles in the current mode (twice through the cache in mode `cached`).
absl::StatusOr<Function> CompileInMode(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                       const std::vector<Update>& updates = {}, CompileOptions options = {});

// The result of one call of a function of `value` alone, compiled in the current
// mode; a failure of the test and an empty tensor where there is none.
Tensor ResultOf(const Value& value);

// Deterministic data: normal values for floats with special values mixed in
// when asked, small integers around zero for integers, coin flips for bool.
Tensor Data(Extents shape, DType dtype, uint64_t seed, bool special = false);

// Equal within tolerance; NaN equals NaN, infinities and signs of infinities
// must agree.
testing::AssertionResult Close(const Tensor& actual, const Tensor& expected, Tolerance tolerance);

// Equal to the bit, saying where and how the first difference is. Any NaN equals
// any NaN: IEEE 754 leaves sign and payload of a computed NaN open, and a
// division folded at compile time has another sign than the machine's.
testing::AssertionResult SameBits(const Tensor& actual, const Tensor& expected);

std::vector<DType> AllDTypes();
std::vector<DType> FloatDTypes();

}  // namespace oriel::e2e

#endif  // ORIEL_TEST_END_TO_END_HARNESS_H_
