// File: printing.h
//
// Expressions and compiled functions as trees of text and as pictures.
//
//   std::cout << DebugPrint({cost});
//     neg [id A] <float32 ()> 'cost'
//      |reduce{mean, axes=(0,)} [id B] <float32 ()>
//      | ...
//   std::cout << DebugPrint(function);
//   absl::Status s = WritePicture(Dot(function), "step.svg");
#ifndef ORIEL_PRINTING_H_
#define ORIEL_PRINTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oriel/function.h"
#include "oriel/value.h"

namespace oriel {

struct DebugPrintOptions {
  int depth = -1;     // levels below the roots; -1: all
  bool types = true;  // "<float32 (batch, 10)>"
  bool lines = true;  // "file.cpp:42"
};

// A line an operation: `op{attributes} [id A] <type> 'name'  file.cpp:42`, its
// operands indented under it with bars. What is used twice has one id and is
// printed once; later uses repeat its line without its subtree. Bodies of loops
// and branches follow under "Inner graphs:". Below 40 levels the depth is
// printed as a number. Ids count in the order of printing.
std::string DebugPrint(const std::vector<Value>& values, const DebugPrintOptions& options = {});

// The compiled program: a line a step, `class{kernel} [id A] <type> 'name'  7`
// with the Toposort index last, "in place of" what it overwrites, the user
// nodes that a fused kernel computes under it (`{ exp [id N] net.cpp:12`), then
// what it reads. Roots are outputs (-> name) and states' new values
// (-> state name). Ids are those of the function's node table, in the letters
// that profiles and errors use too. After calls, `time` per step when
// profiled.
std::string DebugPrint(const Function& function, const DebugPrintOptions& options = {});

struct DotOptions {
  // More boxes than this are folded: chains of operations into one box, then
  // neighbours in order of computation, with their number and their ops.
  int max_boxes = 150;
  bool types = true;
};

// A graph in Graphviz's language, top down from inputs to outputs. Of a
// function: a box a kernel with the user nodes in it, coloured by its share of
// the time when it was profiled (white to red).
std::string Dot(const std::vector<Value>& values, const DotOptions& options = {});
std::string Dot(const Function& function, const DotOptions& options = {});

// Draws `dot` with Graphviz's program of that name into `path`, whose ending
// says what it becomes: .svg, .png, .pdf; .dot and .gv write the text itself.
// The file is replaced as a whole. NotFound, naming the package, when the
// program is not installed; InvalidArgument for another ending, or what the
// program says. Never runs a shell.
absl::Status WritePicture(const std::string& dot, const std::string& path);

// Where a wider float type entered a graph: a line for each node that is wider
// than `expected` though none of its operands are (a cast, an integer divided,
// an input, a constant or a state of that dtype), with its file:line and what
// it is made from. "no float type is wider than float32" when none is. Of a
// function: its inputs, states, constants and steps.
std::string DTypeReport(const std::vector<Value>& values, DType expected = DType::f32);
std::string DTypeReport(const Function& function, DType expected = DType::f32);

// A line of progress, to be written over the one before ("\r"):
//   " 320/1797 [=====>........................]  18%  1.2s, 5.5s left  cost 0.52"
// `done` of `total` things took `seconds`.
std::string ProgressText(int64_t done, int64_t total, double seconds, const std::string& message = "", int width = 30);

}  // namespace oriel

#endif  // ORIEL_PRINTING_H_
