// File: grad.h
//
// Gradients, graph to graph: what grad() returns are expressions like any
// other, and have gradients themselves.
//
//   Value cost = mean(pow(dot(x, w) + b - t, 2));
//   std::vector<Value> g = grad(cost, {w, b});        // w, b: States or Values
//   auto f = compile({x, t}, {cost}, {{w, w - 0.1 * g[0]}, {b, b - 0.1 *
//   g[1]}});
//
// Nodes of a gradient are derived: reports show them as "grad of n17 'h' at
// net.cpp:42", at the line of what they are the gradient of. docs/gradients.md
// has the conventions (ties, slopes at kinks, products beside zeros).
//
// Errors are poisoned Values, as everywhere: see value.h. Thread-safety: pure
// functions of immutable Values.
#ifndef ORIEL_GRAD_H_
#define ORIEL_GRAD_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "oriel/value.h"

namespace oriel {

// What to do about a `wrt` that no differentiable path leads to.
enum class Disconnected {
  kRaise,  // its gradient is poisoned: InvalidArgument with what cuts the path
  kWarn,   // a line is appended to GradOptions::warnings
  kIgnore,
};
// What its gradient is, unless it is an error.
enum class ReturnDisconnected {
  kZero,          // zeros of its type
  kNone,          // an empty Value (node() is null)
  kDisconnected,  // a poisoned Value: using it says why it is disconnected
};

struct GradOptions {
  // No gradient flows through these: they are taken as constants.
  std::vector<Value> consider_constant = {};
  // Values with their gradients, of equal shape. They are where gradients start
  // besides the cost; what the graph would add to them is not looked at.
  std::vector<std::pair<Value, Value>> known_grads = {};
  Disconnected disconnected_inputs = Disconnected::kRaise;
  ReturnDisconnected return_disconnected = ReturnDisconnected::kZero;
  // Where kWarn goes; must not be null with it. Not kept.
  std::vector<std::string>* warnings = nullptr;
};

// The gradient of `cost` with respect to each of `wrt`, of its dtype and shape.
// `cost` is a float scalar; an empty Value when options.known_grads say where
// to start. `wrt` are float Values (inputs or any other) or States: of a State
// the gradients of all its reads are summed. Integers and bools carry no
// gradient. InvalidArgument for another cost or wrt and for known_grads of
// another shape. Gradients are named "(dcost/dW)" when both have names.
std::vector<Value> grad(const Operand& cost, const std::vector<Operand>& wrt,
                        const GradOptions& options = {}, Location at = Location::current());

// Vector-Jacobian products (reverse mode, Theano's Lop): for each of `wrt` the
// sum over outputs of cotangent * d(output)/d(wrt). `cotangents` have the
// outputs' shapes.
std::vector<Value> vjp(const std::vector<Value>& outputs, const std::vector<Operand>& wrt,
                       const std::vector<Value>& cotangents, const GradOptions& options = {},
                       Location at = Location::current());

// Jacobian-vector products (forward mode, Theano's Rop): for each of `outputs`
// the sum over wrt of d(output)/d(wrt) * tangent. `tangents` have the shapes of
// `wrt`. Outputs that depend on none of them are zeros.
//
//   // Hessian times v, without the Hessian:
//   Value hv = jvp(grad(cost, {w}), {w}, {v})[0];
std::vector<Value> jvp(const std::vector<Value>& outputs, const std::vector<Operand>& wrt,
                       const std::vector<Value>& tangents, Location at = Location::current());

// d(expression[i])/d(wrt): [n, wrt's shape...] for an expression of shape (n,),
// wrt's shape for a scalar. One row an iteration of a loop.
Value jacobian(const Operand& expression, const Operand& wrt, const GradOptions& options = {},
               Location at = Location::current());
// The second derivatives of a scalar by a vector: [n, n].
Value hessian(const Operand& cost, const Operand& wrt, const GradOptions& options = {},
              Location at = Location::current());

// ---- gradients as the program states them: identities on the way forward ----

// No gradient flows: what only it leads to is disconnected (Theano's
// disconnected_grad), or has a gradient of zeros (zero_grad).
Value stop_gradient(const Operand& x);
Value zero_grad(const Operand& x);
// The gradient that comes, clipped to [low, high], or times a factor.
Value grad_clip(const Operand& x, double low, double high);
Value grad_scale(const Operand& x, double factor);

// `value` whose gradient is stated: it goes to `inputs` as `pull` says, and not
// through `value`. `pull` gets the inputs and the gradient of `value`, runs
// whenever a gradient is taken, and returns one Value an input, of its dtype
// and shape (empty: none). Inputs are values that `value` is computed from.
//
//   // log(1 + e**x) that does not overflow on the way back:
//   GradientFn back = [](const std::vector<Value>& in, const Value& g) {
//     return std::vector<Value>{g * sigmoid(in[0])};
//   };
//   Value y = with_gradient(log(1.0 + exp(x)), {x}, back);
using GradientFn =
    std::function<std::vector<Value>(const std::vector<Value>& inputs, const Value& gradient)>;
Value with_gradient(const Operand& value, std::vector<Value> inputs, GradientFn pull);

}  // namespace oriel

#endif  // ORIEL_GRAD_H_
