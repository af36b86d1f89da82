// grad() and its like: what they accept, and what they say about the rest.
#include "oriel/grad.h"

#include "runtime/core/status.h"
#include "runtime/graph/backward.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/pullback.h"

namespace oriel {
namespace {

using graph::BackwardSpec;
using graph::IsGiven;
using graph::OriginScope;
using graph::Poison;
using graph::PoisonInvalid;

std::string TypeOf(const Value& value) { return std::string(NumpyName(value.dtype())) + " " + ToString(value.shape()); }

// "'h' (net.cpp:42)".
std::string Called(const Value& value) {
  const graph::Node& node = *value.node();
  const std::string where = node.Where();
  return "'" + node.Label() + "'" + (where.empty() ? "" : " (" + where + ")");
}

// The first thing that is wrong with the values to differentiate by.
std::optional<Value> CheckWrt(std::string_view name, const std::vector<Operand>& wrt, const Location& at) {
  for (size_t i = 0; i < wrt.size(); ++i) {
    const std::string which = std::string(name) + ": wrt[" + std::to_string(i) + "] ";
    if (wrt[i].weak) return PoisonInvalid(which + "is a number, required a Value or a State", at);
    const Value& value = wrt[i].value;
    if (value.node() == nullptr) return PoisonInvalid(which + "is an empty Value", at);
    if (!value.ok()) return value;
    if (!IsFloat(value.dtype())) {
      return PoisonInvalid(
          which + Called(value) + " is " + TypeOf(value) + ", required floats: integers and bools carry no gradient",
          at);
    }
  }
  return std::nullopt;
}

// A value with the gradient that is given for it, which must be of its shape.
absl::Status AddPair(std::string_view what, const Value& value, const Value& gradient, const Location& at,
                     std::vector<std::pair<Value, Value>>* pairs) {
  ORIEL_RETURN_IF_ERROR(value.status());
  ORIEL_RETURN_IF_ERROR(gradient.status());
  const auto refuse = [&](const std::string& required) {
    return absl::InvalidArgumentError(std::string(what) + " of " + Called(value) + " is " + TypeOf(gradient) +
                                      ", required " + required);
  };
  if (!IsFloat(value.dtype())) {
    return absl::InvalidArgumentError(std::string(what) + ": " + Called(value) + " is " + TypeOf(value) +
                                      ", required floats");
  }
  bool fits = IsFloat(gradient.dtype()) && value.rank() == gradient.rank();
  for (int axis = 0; fits && axis < value.rank(); ++axis) {
    const DimOrder order = CompareDims(value.dim(axis), gradient.dim(axis));
    fits = order == DimOrder::kEqual || order == DimOrder::kUnknown;
  }
  if (!fits) return refuse(TypeOf(value));
  std::vector<Value> fitted = {graph::CastTo(gradient, value.dtype(), at)};
  graph::FitShapes({{value.dtype(), value.shape()}}, &fitted, at);
  pairs->emplace_back(value, fitted[0]);
  return absl::OkStatus();
}

std::vector<Value> Repeated(const Value& value, size_t count) { return std::vector<Value>(count, value); }

// What the gradient of a value is when none came to it.
Value Missing(const BackwardSpec& spec, const Value& value, size_t index, std::string_view name,
              const GradOptions& options, const Location& at) {
  const std::string why = graph::WhyDisconnected(spec, value);
  const auto zeros = [&] {
    OriginScope origin({value}, "grad");
    return graph::ZerosLike(value);
  };
  if (why.empty()) return zeros();
  std::string from = "what is differentiated";
  if (spec.seeds.size() == 1) from = Called(spec.seeds[0].first);
  const std::string text = std::string(name) + ": wrt[" + std::to_string(index) + "] " + Called(value) +
                           " is disconnected from " + from + ": " + why;
  if (options.disconnected_inputs == Disconnected::kRaise) return PoisonInvalid(text, at);
  if (options.disconnected_inputs == Disconnected::kWarn) options.warnings->push_back(text);
  switch (options.return_disconnected) {
    case ReturnDisconnected::kZero:
      return zeros();
    case ReturnDisconnected::kNone:
      return Value();
    case ReturnDisconnected::kDisconnected:
      break;
  }
  return PoisonInvalid(text, at);
}

std::vector<Value> Run(std::string_view name, BackwardSpec spec, const std::vector<Operand>& wrt,
                       const GradOptions& options, const Location& at) {
  const size_t count = wrt.size();
  if (options.disconnected_inputs == Disconnected::kWarn && options.warnings == nullptr) {
    return Repeated(PoisonInvalid(std::string(name) + ": disconnected_inputs is kWarn, and GradOptions::warnings "
                                                      "is null: there is nowhere to warn",
                                  at),
                    count);
  }
  if (auto wrong = CheckWrt(name, wrt, at)) return Repeated(*wrong, count);
  for (const Value& value : options.consider_constant) {
    if (!value.ok()) return Repeated(value, count);
  }
  for (const Operand& value : wrt) spec.wrt.push_back(value.value);
  spec.constants = options.consider_constant;
  for (const auto& [value, gradient] : options.known_grads) {
    absl::Status status = AddPair(std::string(name) + ": the known gradient", value, gradient, at, &spec.known);
    if (!status.ok()) return Repeated(Poison(status, at), count);
  }
  std::vector<Value> gradients = graph::Backward(spec);
  for (size_t i = 0; i < count; ++i) {
    if (!IsGiven(gradients[i])) gradients[i] = Missing(spec, spec.wrt[i], i, name, options, at);
  }
  return gradients;
}

}  // namespace

std::vector<Value> grad(const Operand& cost, const std::vector<Operand>& wrt, const GradOptions& options, Location at) {
  BackwardSpec spec;
  const bool is_empty = !cost.weak && cost.value.node() == nullptr;
  Value start;
  if (is_empty && options.known_grads.empty()) {
    return Repeated(PoisonInvalid("grad: the cost is an empty Value and there "
                                  "are no known_grads to start from",
                                  at),
                    wrt.size());
  }
  if (!is_empty) {
    start = graph::Strong(cost);
    if (!start.ok()) return Repeated(start, wrt.size());
    if (!IsFloat(start.dtype()) || start.rank() != 0) {
      return Repeated(
          PoisonInvalid("grad: the cost " + Called(start) + " is " + TypeOf(start) + ", required a float scalar" +
                            (IsFloat(start.dtype()) ? " (take its sum or its mean, or use vjp)" : ""),
                        at),
          wrt.size());
    }
    OriginScope origin({start}, "grad");
    spec.seeds.emplace_back(start, graph::OnesLike(start));
  }
  std::vector<Value> gradients = Run("grad", std::move(spec), wrt, options, at);
  if (is_empty || start.name().empty()) return gradients;
  for (size_t i = 0; i < wrt.size(); ++i) {
    const std::string& by = wrt[i].value.name();
    Value& gradient = gradients[i];
    // A gradient may be a node of the program itself, which keeps its name.
    if (by.empty() || !gradient.ok() || gradient.node()->derivation == nullptr) continue;
    if (gradient.name().empty()) gradient = gradient.named("(d" + start.name() + "/d" + by + ")");
  }
  return gradients;
}

std::vector<Value> vjp(const std::vector<Value>& outputs, const std::vector<Operand>& wrt,
                       const std::vector<Value>& cotangents, const GradOptions& options, Location at) {
  if (outputs.size() != cotangents.size()) {
    return Repeated(PoisonInvalid("vjp: got " + std::to_string(cotangents.size()) + " cotangents, required " +
                                      std::to_string(outputs.size()) + ", one an output",
                                  at),
                    wrt.size());
  }
  BackwardSpec spec;
  spec.masked = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    absl::Status status = AddPair("vjp: the cotangent", outputs[i], cotangents[i], at, &spec.seeds);
    if (!status.ok()) return Repeated(Poison(status, at), wrt.size());
  }
  return Run("vjp", std::move(spec), wrt, options, at);
}

// Reverse mode twice: u -> vjp(u) is linear, and what it is transposed is jvp.
std::vector<Value> jvp(const std::vector<Value>& outputs, const std::vector<Operand>& wrt,
                       const std::vector<Value>& tangents, Location at) {
  const size_t count = outputs.size();
  if (wrt.size() != tangents.size()) {
    return Repeated(PoisonInvalid("jvp: got " + std::to_string(tangents.size()) + " tangents, required " +
                                      std::to_string(wrt.size()) + ", one a wrt",
                                  at),
                    count);
  }
  if (auto wrong = CheckWrt("jvp", wrt, at)) return Repeated(*wrong, count);
  BackwardSpec back{.seeds = {}, .wrt = {}, .constants = {}, .known = {}, .masked = false};
  std::vector<std::pair<Value, Value>> directions;
  for (size_t i = 0; i < wrt.size(); ++i) {
    absl::Status status = AddPair("jvp: the tangent", wrt[i].value, tangents[i], at, &directions);
    if (!status.ok()) return Repeated(Poison(status, at), count);
    back.wrt.push_back(wrt[i].value);
  }
  BackwardSpec forward;
  for (const Value& output : outputs) {
    if (!output.ok()) return Repeated(output, count);
    if (!IsFloat(output.dtype())) {
      return Repeated(
          PoisonInvalid("jvp: output " + Called(output) + " is " + TypeOf(output) + ", required floats", at), count);
    }
    OriginScope origin({output}, "jvp");
    // Any value would do; it is no constant to the rules that fold ones.
    const Value u = grad_scale(graph::OnesLike(output), 1.0);
    back.seeds.emplace_back(output, u);
    forward.wrt.push_back(u);
  }
  const std::vector<Value> products = graph::Backward(back);
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (IsGiven(products[i])) forward.seeds.emplace_back(products[i], directions[i].second);
    if (!products[i].ok() && IsGiven(products[i])) return Repeated(products[i], count);
  }
  forward.constants = forward.wrt;
  std::vector<Value> results = graph::Backward(forward);
  for (size_t i = 0; i < count; ++i) {
    if (IsGiven(results[i])) continue;
    OriginScope origin({outputs[i]}, "jvp");
    results[i] = graph::ZerosLike(outputs[i]);
  }
  return results;
}

Value jacobian(const Operand& expression, const Operand& wrt, const GradOptions& options, Location at) {
  const Value value = graph::Strong(expression);
  if (!value.ok()) return value;
  if (!IsFloat(value.dtype()) || value.rank() > 1) {
    return PoisonInvalid(
        "jacobian: the expression " + Called(value) + " is " + TypeOf(value) + ", required a float vector or scalar",
        at);
  }
  if (value.rank() == 0) return grad(Operand(value, at), {wrt}, options, at)[0];
  // Wrong arguments are told outside of the loop, once.
  if (auto wrong = CheckWrt("jacobian", {wrt}, at)) return *wrong;
  OriginScope origin({value}, "jacobian");
  graph::LoopSpec spec;
  spec.extent = value.dim(0);
  const graph::LoopResults rows = graph::MakeLoop(
      spec,
      [&](const Value& i, const std::vector<Value>&, const std::vector<Value>&) {
        BackwardSpec one;
        one.masked = true;
        one.seeds.emplace_back(
            value, scatter_set(graph::ZerosLike(value), {reshape(i, {1})}, graph::Filled(1, value.dtype(), {1})));
        return graph::LoopYield{
            .carried = {}, .collected = Run("jacobian", std::move(one), {wrt}, options, at), .stop = {}};
      },
      at);
  return rows.failed ? rows.error : rows.stacks[0];
}

Value hessian(const Operand& cost, const Operand& wrt, const GradOptions& options, Location at) {
  const Value gradient = grad(cost, {wrt}, options, at)[0];
  if (!gradient.ok()) return gradient;
  if (gradient.rank() != 1) {
    return PoisonInvalid("hessian: wrt " + Called(wrt.value) + " is " + TypeOf(wrt.value) + ", required a vector", at);
  }
  GradOptions second = options;
  second.known_grads.clear();
  // A gradient that does not depend on wrt has a derivative of zero.
  second.disconnected_inputs = Disconnected::kIgnore;
  second.return_disconnected = ReturnDisconnected::kZero;
  return jacobian(Operand(gradient, at), wrt, second, at);
}

}  // namespace oriel
