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

// Registers `name`/<contender> for each of `contenders`; all do the same work on
// the same arrays. `setup` runs once, on first use of any, and returns their
// bodies in that order; it checks answers before it returns.
void RegisterCase(const std::string& name, const std::vector<std::string>& contenders,
                  std::function<std::vector<std::function<void()>>()> setup);

// A case of two: `name`/oriel and `name`/<peer>.
struct Pair {
  std::function<void()> oriel, peer;
};
void RegisterPair(const std::string& name, const std::string& peer,
                  std::function<Pair()> setup);

// A limit of the machine, alone: `name` with the bytes or operations of a run
// as its counter "amount".
void RegisterLimit(const std::string& name, double amount,
                   std::function<std::function<void()>()> setup);

}  // namespace oriel::bench

#endif  // ORIEL_BENCHMARKS_COMMON_H_
