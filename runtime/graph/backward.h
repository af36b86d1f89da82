// File: backward.h
//
// Backward: the walk of reverse-mode differentiation over an expression graph.
// Internal; grad.h is what users call.
#ifndef ORIEL_GRAPH_BACKWARD_H_
#define ORIEL_GRAPH_BACKWARD_H_

#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/builder.h"

namespace oriel::graph {

struct BackwardSpec {
  // Where gradients start: a value and its gradient, of its type.
  std::vector<std::pair<Value, Value>> seeds;
  // What gradients are wanted of. All reads of a state are one variable.
  std::vector<Value> wrt;
  // As wrt, or nothing: what the gradient of each is added to; empty: zero.
  std::vector<Value> sums = {};
  // Gradients flow to these and not through them.
  std::vector<Value> constants;
  // The gradients of these are known: nothing is added to them.
  std::vector<std::pair<Value, Value>> known;
  // Are zeros of the seeds' gradients structural? (Pullback::masked)
  bool masked = false;
};

// The gradient of each of spec.wrt, in the body that is open now, plus its sum;
// empty: none came (zero, or disconnected). Linear in the graph; recursion is as deep as
// bodies nest.
std::vector<Value> Backward(const BackwardSpec& spec);

// Why no gradient comes from the seeds to `wrt`: "" when some path is
// differentiable (the gradient is then zero), else what cuts the paths, such as
// "'argmax#7' (net.cpp:5) passes no gradient on: its result is an index".
std::string WhyDisconnected(const BackwardSpec& spec, const Value& wrt);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_BACKWARD_H_
