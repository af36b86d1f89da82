// File: taps.h
//
// Looking at values while a program runs: print, watch, assert.
//
//   Value h = print(exp(x), {"h", {"shape", "nan_count"}});   // h shape = (3, 4)
//   Value y = assert_that(h, "h is finite", {less(h, 1e30)});
//   Value z = watch(y, "y", [](const TapRecord& r) {
//     seen += r.value.ElementAsDouble({0}); return absl::OkStatus(); });
//   auto handle = function.Watch("hidden", callback);   // a compiled function
//   function.Remove(*handle);
//
// A tap is the identity and no part of the program: outputs and states are the
// same to the bit with and without it, whatever the compiler makes of the nodes
// around. What is delivered is the value the program holds for the node; a node
// that only existed inside a formula the compiler replaced is computed beside
// the program as it was written. An index out of range in such a node, or an
// extent it needs, fails the call as in any other.
//
// Values are delivered in program order, on the thread that calls the function,
// while the call runs; in loops once an iteration. All taps come before the
// first state is written: a tap that fails the call leaves all states as they
// were.
#ifndef ORIEL_TAPS_H_
#define ORIEL_TAPS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "oriel/dtype.h"
#include "oriel/node_table.h"
#include "oriel/tap_kind.h"
#include "oriel/tensor.h"
#include "oriel/value.h"

namespace oriel {

// One value at one moment. Everything in it ends with the callback; Clone the
// tensor to keep it.
struct TapRecord {
  std::string_view function;        // the function's name
  NodeId node = kNoNode;            // id in Function::nodes()
  int result = 0;                   // which result of a loop or branch
  std::string_view name;            // the watch's, else the node's, "" without
  std::string_view file;            // where the node was stated
  int32_t line = 0;                 // 0: unknown
  DType dtype = DType::f32;
  Extents shape;
  Tensor value;                     // read-only view, C order
  std::vector<int64_t> iterations;  // of the loops around, outermost first
  int64_t call = 0;                 // calls of the function before this one
};

// A status other than OK ends the call with it (states unchanged). May be called
// from several threads at once when the function is. May read the states of the
// call (their values of before it); setting one, or calling a function that would
// wait for one, is InvalidArgument: the call holds their locks.
using WatchCallback = std::function<absl::Status(const TapRecord& record)>;

// What a print writes: one line an attribute, "MESSAGE ATTRIBUTE = VALUE". Of
// shape, dtype, value, min, max, mean, nan_count, ndim, size; __str__ is the
// value too. min, max and mean of no elements print as none.
struct PrintOptions {
  std::string message;
  std::vector<std::string> attrs = {"__str__"};
};

// Lines of prints go here, one call a line, without a line break, from whichever
// thread runs the function (one line at a time). The library itself writes
// nowhere: without a sink the lines are dropped. Returns the one before, which a
// call under way may use once more. A sink must not print.
using PrintSink = std::function<void(std::string_view line)>;
PrintSink SetPrintSink(PrintSink sink);

// The lines that a print of `value` writes. InvalidArgument for an unknown
// attribute.
absl::StatusOr<std::vector<std::string>> PrintLines(const PrintOptions& options, const Tensor& value);

// ---- in expressions: the value that is returned is `x` ----

// Poisoned with InvalidArgument for an unknown attribute.
Value print(const Operand& x, PrintOptions options = {});

// Calls fail with FailedPrecondition unless every element of every condition
// (bool of any shape; of another dtype: not zero) is true. The error has the
// message, the line, the node, the first element that is false and what was
// compared there, also under all_of, logical_and, logical_or and logical_not.
Value assert_that(const Operand& x, std::string message, std::vector<Value> conditions);

// `name` is what records are called; "" is the node's name.
Value watch(const Operand& x, std::string name, WatchCallback callback);

// ---- on a compiled function: see Function::Watch ----

using TapHandle = int64_t;

// A tap of a function, also one that came with the graph.
struct TapInfo {
  TapHandle handle = 0;
  TapKind kind = TapKind::kWatch;
  NodeId node = kNoNode;
  std::string name;  // the message of a print or assert, the name of a watch
};

}  // namespace oriel

#endif  // ORIEL_TAPS_H_
