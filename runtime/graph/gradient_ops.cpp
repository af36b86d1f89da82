// Identities with stated gradients.
#include "oriel/grad.h"
#include "runtime/graph/pullback.h"

namespace oriel {
namespace {

// x itself under a gradient of its own. A reshape to the same shape is what the
// compiler drops first.
Value Identity(const Operand& operand, graph::PullbackOverride stated) {
  const Value x = graph::Strong(operand);
  if (!x.ok()) return x;
  return graph::MakeOp({.op = OpKind::kReshape,
                        .attrs = {{"shape", x.shape()}},
                        .operands = {x},
                        .pullback = std::make_shared<const graph::PullbackOverride>(std::move(stated))},
                       operand.location);
}

// The gradient of x from the gradient of the identity.
Value OnTheWayBack(const Operand& operand, std::string name, std::function<Value(const Value&)> change) {
  const Value x = graph::Strong(operand);
  return Identity(Operand(x, operand.location),
                  {.name = std::move(name),
                   .inputs = {x},
                   .pull = [change = std::move(change)](const std::vector<Value>&, const Value& gradient) {
                     return std::vector<Value>{change(gradient)};
                   }});
}

}  // namespace

Value stop_gradient(const Operand& x) { return Identity(x, {.name = "stop_gradient", .inputs = {}, .pull = nullptr}); }

Value zero_grad(const Operand& operand) {
  const Value x = graph::Strong(operand);
  return Identity(Operand(x, operand.location), {.name = "zero_grad", .inputs = {x}, .pull = nullptr, .is_zero = true});
}

Value grad_clip(const Operand& x, double low, double high) {
  if (!(low <= high)) {
    return graph::PoisonInvalid(
        "grad_clip: the lower bound " + std::to_string(low) + " is above the upper bound " + std::to_string(high),
        x.location);
  }
  return OnTheWayBack(x, "grad_clip", [low, high](const Value& g) { return minimum(maximum(g, low), high); });
}

Value grad_scale(const Operand& x, double factor) {
  return OnTheWayBack(x, "grad_scale", [factor](const Value& g) { return g * factor; });
}

Value with_gradient(const Operand& value, std::vector<Value> inputs, GradientFn pull) {
  if (auto poisoned = graph::FirstPoisoned(inputs)) return *poisoned;
  return Identity(value, {.name = "with_gradient", .inputs = std::move(inputs), .pull = std::move(pull)});
}

}  // namespace oriel
