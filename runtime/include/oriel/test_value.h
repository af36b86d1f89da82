// File: test_value.h
//
// Test values: data attached to inputs, so that an expression shows its value,
// shape and dtype while it is built, and a wrong one fails at the line that
// states it, although its dims are unknown.
//
//   Config::Set("compute_test_value", "raise");
//   Value x = input("x", DType::f32, {dyn("n"), 3});
//   x.set_test_value(Tensor::Ones({4, 3}));
//   Value y = input("y", DType::f32, {dyn("m"), 3});
//   y.set_test_value(Tensor::Ones({5, 3}));
//   std::cout << reduce_max(x).test_value()->ToString();   // 1.0
//   (x + y).status();   // net.cpp:7: add: with test values: ... n = 4 must equal m = 5
//
// With a mode on, the value of each new node is computed at once by the
// reference kernels and lives as long as the node. Constants and states are
// their own test values (a state's is the one it has then). In the body of a
// loop or scan, arguments have the values of the first iteration; both bodies
// of a branch are computed. Symbolic dims get their extents from the test
// values: two inputs that share a symbol must agree on it. A node made only of
// dims (arange(x.dim(0))) is computed when something gives them extents.
//
//   mode    an input without a test value       an error in computing a node
//   off     nothing is computed
//   ignore  nothing is computed from it         the node is poisoned with it
//   warn    a warning                           the node is poisoned with it
//   raise   the node is poisoned                the node is poisoned with it
//
// As in Theano, the mode says what a missing test value means; an operation that
// the data shows to be wrong (a shape, an index outside its axis) is an error at
// its line in each mode but off.
//
// Results of compiled functions never depend on any of this.
#ifndef ORIEL_TEST_VALUE_H_
#define ORIEL_TEST_VALUE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "oriel/config.h"
#include "oriel/node_table.h"
#include "oriel/value.h"

namespace oriel {

// A warning of mode `warn`, at the line that states the node.
struct TestValueWarning {
  std::string message;  // starts with "file.cpp:42: "
  std::string file;
  int32_t line = 0;
};

// Called for every warning, in the thread that builds the node; it may build
// nodes itself. One for the process; an empty function takes it off again (the
// runtime itself prints nothing). May be called from any thread.
using TestValueWarningHandler = std::function<void(const TestValueWarning&)>;
void SetTestValueWarningHandler(TestValueWarningHandler handler);

}  // namespace oriel

#endif  // ORIEL_TEST_VALUE_H_
