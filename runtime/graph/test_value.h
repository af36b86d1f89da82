// File: test_value.h
//
// Test values of nodes: where they are kept and how a new node gets one.
// Internal; the public side is oriel/test_value.h.
#ifndef ORIEL_GRAPH_TEST_VALUE_H_
#define ORIEL_GRAPH_TEST_VALUE_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oriel/tensor.h"
#include "runtime/graph/loop.h"
#include "runtime/graph/node.h"

namespace oriel::graph {

// The extents that test values give to dim symbols, and who says so.
struct TestExtent {
  int64_t extent = 0;
  std::string by;  // "input 'x' (net.cpp:3)"
};
using TestExtents = std::map<std::string, TestExtent>;

// The test value of a node. Immutable.
struct TestValue {
  enum class State : uint8_t {
    kReady,
    kDeferred,  // it needs extents of dims that nothing gives yet
    kMissing,   // it needs an input without one; status says which
    kError,     // computing it failed; status says why
  };
  State state = State::kMissing;
  std::vector<Tensor> values;  // kReady: one a result
  std::shared_ptr<const TestExtents> extents;  // never null
  absl::Status status;
};

// Where a node keeps it; copies of a node under other names share it.
struct TestSlot {
  mutable std::mutex mutex;
  std::shared_ptr<const TestValue> value;  // null: none
};

// Gives a new op its test value as the mode says (nothing when off). An error is
// what the node is to be poisoned with (mode raise).
absl::Status GiveTestValue(Node* node);

// For the bodies of loops, right after the arguments (i, elements, carried) are
// made: their values in the first iteration. Nothing when the mode is off.
void SetLoopTests(const LoopSpec& spec, const Value& trips, const std::vector<Value>& arguments);
// An argument made again has what the original has.
void CopyArgumentTest(const Value& from, const Value& to);
// Whatever the mode: the copy of an input has the original's.
void CopyInputTest(const Node& from, const Value& to);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_TEST_VALUE_H_
