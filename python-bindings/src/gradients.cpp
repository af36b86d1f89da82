// grad and the module oriel.gradient; clone.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "function.h"
#include "oriel/grad.h"
#include "oriel/substitute.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

bool IsSequence(nb::handle object) { return PyList_Check(object.ptr()) || PyTuple_Check(object.ptr()); }

std::vector<Operand> ToOperands(nb::handle one_or_more, const Location& at) {
  std::vector<Operand> operands;
  if (!IsSequence(one_or_more)) return {ToOperand(one_or_more, at)};
  for (nb::handle item : one_or_more) operands.push_back(ToOperand(item, at));
  return operands;
}

std::vector<Value> ToValues(nb::handle one_or_more, const Location& at) {
  std::vector<Value> values;
  for (const Operand& operand : ToOperands(one_or_more, at)) values.push_back(operand.value);
  return values;
}

// A variable is returned as one, a list as a list. An empty Value is None.
nb::any LikeGiven(const std::vector<Value>& values, nb::handle given, bool unchecked = false) {
  const auto wrap = [&](const Value& value) -> nb::object {
    if (value.node() == nullptr) return nb::none();
    return unchecked ? WrapUnchecked(value) : Wrap(value);
  };
  nb::any result;
  if (IsSequence(given)) {
    nb::list list;
    for (const Value& value : values) list.append(wrap(value));
    result = list;
  } else {
    result = wrap(values.at(0));
  }
  return result;
}

Disconnected ToDisconnected(const std::string& text) {
  if (text == "raise") return Disconnected::kRaise;
  if (text == "warn") return Disconnected::kWarn;
  if (text == "ignore") return Disconnected::kIgnore;
  throw nb::value_error("disconnected_inputs is 'raise', 'warn' or 'ignore'");
}

ReturnDisconnected ToReturnDisconnected(nb::handle given) {
  const std::string text = nb::cast<std::string>(nb::str(given));
  if (text == "zero") return ReturnDisconnected::kZero;
  if (text == "none" || text == "None") return ReturnDisconnected::kNone;
  if (text == "disconnected" || text == "Disconnected") return ReturnDisconnected::kDisconnected;
  throw nb::value_error("return_disconnected is 'zero', 'None' or 'Disconnected'");
}

nb::any Grad(nb::handle cost, nb::handle wrt, nb::handle consider_constant, const std::string& disconnected_inputs,
                nb::handle known_grads, nb::handle return_disconnected) {
  const Location at = Caller();
  std::vector<std::string> warnings;
  GradOptions options;
  options.warnings = &warnings;
  options.disconnected_inputs = ToDisconnected(disconnected_inputs);
  options.return_disconnected = ToReturnDisconnected(return_disconnected);
  if (!consider_constant.is_none()) options.consider_constant = ToValues(consider_constant, at);
  for (const auto& [value, gradient] : Pairs(known_grads, "known_grads")) {
    options.known_grads.emplace_back(ToValue(value, at), ToValue(gradient, at));
  }
  const Operand of = cost.is_none() ? Operand(Value(), at) : ToOperand(cost, at);
  const std::vector<Value> gradients = grad(of, ToOperands(wrt, at), options, at);
  for (const std::string& warning : warnings) {
    if (PyErr_WarnEx(PyExc_UserWarning, warning.c_str(), 1) != 0) throw nb::python_error();
  }
  return LikeGiven(gradients, wrt, options.return_disconnected == ReturnDisconnected::kDisconnected);
}

}  // namespace

void BindGradients(nb::module_& core) {
  nb::module_ m = core.def_submodule("gradient", "Functions of oriel.gradient.");
  m.def("grad", &Grad, nb::arg("cost").none(), nb::arg("wrt"), nb::arg("consider_constant") = nb::none(),
        nb::arg("disconnected_inputs") = "raise", nb::arg("known_grads") = nb::none(),
        nb::arg("return_disconnected") = "zero",
        "The gradient of a scalar cost with respect to a variable or each of a list, as expressions.\n\n"
        "consider_constant: no gradient flows through these. known_grads: variables with their gradients, to start\n"
        "from (cost may be None then). disconnected_inputs: 'raise', 'warn' or 'ignore' where no differentiable path\n"
        "leads to a `wrt`; return_disconnected: its gradient then, 'zero', 'None' or 'Disconnected'.");
  m.def(
      "Lop",
      [](nb::handle f, nb::handle wrt, nb::handle eval_points) {
        const Location at = Caller();
        return LikeGiven(vjp(ToValues(f, at), ToOperands(wrt, at), ToValues(eval_points, at), {}, at), wrt);
      },
      nb::arg("f"), nb::arg("wrt"), nb::arg("eval_points"),
      "Vector-Jacobian products: for each of `wrt` the sum over f of eval_point * df/dwrt.");
  m.def(
      "Rop",
      [](nb::handle f, nb::handle wrt, nb::handle eval_points) {
        const Location at = Caller();
        return LikeGiven(jvp(ToValues(f, at), ToOperands(wrt, at), ToValues(eval_points, at), at), f);
      },
      nb::arg("f"), nb::arg("wrt"), nb::arg("eval_points"),
      "Jacobian-vector products: for each of `f` the sum over wrt of df/dwrt * eval_point.");
  const auto each = [](Value (*fn)(const Operand&, const Operand&, const GradOptions&, Location)) {
    return [fn](nb::handle of, nb::handle wrt) {
      const Location at = Caller();
      std::vector<Value> values;
      for (const Operand& operand : ToOperands(wrt, at)) values.push_back(fn(ToOperand(of, at), operand, {}, at));
      return LikeGiven(values, wrt);
    };
  };
  m.def("jacobian", each(&jacobian), nb::arg("expression"), nb::arg("wrt"),
        "The derivatives of each element of a vector: [n, the shape of wrt].");
  m.def("hessian", each(&hessian), nb::arg("cost"), nb::arg("wrt"),
        "The second derivatives of a scalar by a vector: [n, n].");
  const auto unary = [&m](const char* name, Value (*fn)(const Operand&), const char* doc) {
    m.def(
        name, [fn](nb::handle x) { return Wrap(fn(ToOperand(x, Caller()))); }, nb::arg("x"), doc);
  };
  unary("disconnected_grad", &stop_gradient, "x, through which no gradient flows: what only it leads to is disconnected.");
  unary("zero_grad", &zero_grad, "x, whose gradient is zeros.");
  unary("consider_constant", &zero_grad, "x, whose gradient is zeros.");
  m.def(
      "grad_clip",
      [](nb::handle x, double low, double high) { return Wrap(grad_clip(ToOperand(x, Caller()), low, high)); },
      nb::arg("x"), nb::arg("lower_bound"), nb::arg("upper_bound"), "x, whose gradient is clipped.");
  m.def(
      "grad_scale",
      [](nb::handle x, double multiplier) { return Wrap(grad_scale(ToOperand(x, Caller()), multiplier)); },
      nb::arg("x"), nb::arg("multiplier"), "x, whose gradient is multiplied by a number.");

  core.def(
      "clone",
      [](nb::handle output, nb::handle replace, bool share_inputs) {
        const Location at = Caller();
        return LikeGiven(Clone(ToValues(output, at), ToGivens(replace, "replace", at), share_inputs), output);
      },
      nb::arg("output"), nb::arg("replace") = nb::none(), nb::arg("share_inputs") = true,
      "A variable, or a list, made again with replacements: pairs (or a dict) of variable and replacement.");
}

}  // namespace oriel::python
