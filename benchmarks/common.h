// Shared by the benchmarks: arrays, answer checks, pairs.
#ifndef ORIEL_BENCHMARKS_COMMON_H_
#define ORIEL_BENCHMARKS_COMMON_H_

#include <functional>
#include <string>
#include <vector>

#include "oriel/oriel.h"

namespace oriel::bench {

// Compiles or ends the program with the status: a benchmark of nothing is
// worth nothing.
Function Compile(std::vector<Value> inputs, std::vector<Value> outputs,
                 std::vector<Update> updates, CompileOptions options);

// Calls `f`, ending the program on an error.
std::vector<Tensor> Call(const Function& f, const std::vector<Tensor>& inputs);

// Ends the program unless every element is within `tolerance` (relative to the
// larger magnitude, absolute below 1) of the expected double.
void Check(const std::string& what, const Tensor& actual,
           const std::function<double(int64_t)>& expected, double tolerance);

// Registers `name`/oriel and `name`/<peer>; both run the same number of bytes or
// operations. `setup` runs once, on first use of either, and returns the two
// bodies (ours, the peer's); it checks answers before it returns.
struct Pair {
  std::function<void()> oriel, peer;
};
void RegisterPair(const std::string& name, const std::string& peer,
                  std::function<Pair()> setup);

}  // namespace oriel::bench

#endif  // ORIEL_BENCHMARKS_COMMON_H_
