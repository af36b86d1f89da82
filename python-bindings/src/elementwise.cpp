// Elementwise functions of oriel.tensor.
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "oriel/compose.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

using UnaryFn = Value (*)(const Operand&);
using BinaryFn = Value (*)(const Operand&, const Operand&);

void Unary(nb::module_& m, const char* name, UnaryFn fn, const char* doc) {
  m.def(
      name, [fn](nb::handle x) { return Wrap(fn(ToOperand(x, Caller()))); }, nb::arg("x"), doc);
}

void Binary(nb::module_& m, const char* name, BinaryFn fn, const char* doc) {
  m.def(
      name,
      [fn](nb::handle a, nb::handle b) {
        const Location at = Caller();
        return Wrap(fn(ToOperand(a, at), ToOperand(b, at)));
      },
      nb::arg("a"), nb::arg("b"), doc);
}

// A function of two or more operands, from the left.
void Variadic(nb::module_& m, const char* name, BinaryFn fn, const char* doc) {
  m.def(
      name,
      [fn, name](nb::args operands) {
        if (operands.size() < 2) throw nb::type_error((std::string(name) + "() takes at least 2 operands").c_str());
        const Location at = Caller();
        Value value = fn(ToOperand(operands[0], at), ToOperand(operands[1], at));
        for (size_t i = 2; i < operands.size(); ++i) value = fn(Operand(value, at), ToOperand(operands[i], at));
        return Wrap(value);
      },
      nb::arg("operands"), doc);
}

Value Invert(const Operand& x) { return logical_not(x); }

}  // namespace

void BindElementwise(nb::module_& m, VariableClass& c) {
  Unary(m, "neg", &neg, "numpy.negative.");
  Unary(m, "abs", &abs, "numpy.abs.");
  Unary(m, "abs_", &abs, "numpy.abs, under Theano's name.");
  Unary(m, "sgn", &sign, "numpy.sign, under Theano's name.");
  Unary(m, "sign", &sign, "numpy.sign.");
  Unary(m, "exp", &exp, "numpy.exp.");
  Unary(m, "expm1", &expm1, "numpy.expm1.");
  Unary(m, "exp2", &exp2, "numpy.exp2.");
  Unary(m, "log", &log, "numpy.log.");
  Unary(m, "log1p", &log1p, "numpy.log1p.");
  Unary(m, "log2", &log2, "numpy.log2.");
  Unary(m, "log10", &log10, "numpy.log10.");
  Unary(m, "sqrt", &sqrt, "numpy.sqrt.");
  Unary(m, "rsqrt", &rsqrt, "1 / sqrt(x).");
  Unary(m, "sqr", &square, "numpy.square, under Theano's name.");
  Unary(m, "square", &square, "numpy.square.");
  Unary(m, "inv", &reciprocal, "numpy.reciprocal, under Theano's name.");
  Unary(m, "reciprocal", &reciprocal, "numpy.reciprocal.");
  Unary(m, "sin", &sin, "numpy.sin.");
  Unary(m, "cos", &cos, "numpy.cos.");
  Unary(m, "tan", &tan, "numpy.tan.");
  Unary(m, "sinh", &sinh, "numpy.sinh.");
  Unary(m, "cosh", &cosh, "numpy.cosh.");
  Unary(m, "tanh", &tanh, "numpy.tanh.");
  Unary(m, "erf", &erf, "scipy.special.erf.");
  Unary(m, "floor", &floor, "numpy.floor.");
  Unary(m, "ceil", &ceil, "numpy.ceil.");
  Unary(m, "round", &round, "numpy.round: half to even.");
  c.def(
      "round", [](nb::handle x) { return Wrap(round(ToOperand(x, Caller()))); }, "numpy.round: half to even.");
  Unary(m, "isnan", &isnan, "numpy.isnan.");
  Unary(m, "isinf", &isinf, "numpy.isinf.");
  Unary(m, "logical_not", &logical_not, "numpy.logical_not.");
  Unary(m, "invert", &Invert, "numpy.logical_not, of bools.");
  Unary(m, "sigmoid", &sigmoid, "1 / (1 + exp(-x)).");

  Variadic(m, "add", &add, "numpy.add of two or more operands.");
  Variadic(m, "mul", &mul, "numpy.multiply of two or more operands.");
  Variadic(m, "maximum", &maximum, "numpy.maximum of two or more operands.");
  Variadic(m, "minimum", &minimum, "numpy.minimum of two or more operands.");
  Variadic(m, "and_", &logical_and, "numpy.logical_and, under Theano's name.");
  Variadic(m, "or_", &logical_or, "numpy.logical_or, under Theano's name.");
  Binary(m, "sub", &sub, "numpy.subtract.");
  Binary(m, "subtract", &sub, "numpy.subtract.");
  Binary(m, "multiply", &mul, "numpy.multiply.");
  Binary(m, "true_div", &div, "numpy.true_divide.");
  Binary(m, "true_divide", &div, "numpy.true_divide.");
  Binary(m, "divide", &div, "numpy.divide.");
  Binary(m, "int_div", &floor_div, "numpy.floor_divide, under Theano's name.");
  Binary(m, "floor_div", &floor_div, "numpy.floor_divide.");
  Binary(m, "floor_divide", &floor_div, "numpy.floor_divide.");
  Binary(m, "mod", &mod, "numpy.mod.");
  Binary(m, "remainder", &mod, "numpy.remainder.");
  Binary(m, "pow", &pow, "numpy.power.");
  Binary(m, "power", &pow, "numpy.power.");
  Binary(m, "logaddexp", &logaddexp, "numpy.logaddexp.");
  Binary(m, "eq", &equal, "numpy.equal. (x == y tells whether they are one variable.)");
  Binary(m, "equal", &equal, "numpy.equal.");
  Binary(m, "neq", &not_equal, "numpy.not_equal.");
  Binary(m, "not_equal", &not_equal, "numpy.not_equal.");
  Binary(m, "lt", &less, "numpy.less.");
  Binary(m, "less", &less, "numpy.less.");
  Binary(m, "le", &less_equal, "numpy.less_equal.");
  Binary(m, "less_equal", &less_equal, "numpy.less_equal.");
  Binary(m, "gt", &greater, "numpy.greater.");
  Binary(m, "greater", &greater, "numpy.greater.");
  Binary(m, "ge", &greater_equal, "numpy.greater_equal.");
  Binary(m, "greater_equal", &greater_equal, "numpy.greater_equal.");
  Binary(m, "logical_and", &logical_and, "numpy.logical_and.");
  Binary(m, "logical_or", &logical_or, "numpy.logical_or.");
  Binary(m, "logical_xor", &logical_xor, "numpy.logical_xor.");
  Binary(m, "xor", &logical_xor, "numpy.logical_xor, under Theano's name.");

  const auto choose = [](nb::handle condition, nb::handle on_true, nb::handle on_false) {
    const Location at = Caller();
    return Wrap(select(ToOperand(condition, at), ToOperand(on_true, at), ToOperand(on_false, at)));
  };
  m.def("switch", choose, nb::arg("cond"), nb::arg("ift"), nb::arg("iff"), "numpy.where, under Theano's name.");
  m.def(
      "where",
      [choose](nb::handle condition, nb::handle on_true, nb::handle on_false) -> nb::object {
        if (on_true.is_none() != on_false.is_none()) throw nb::value_error("where: either both or neither of ift and iff should be given");
        if (!on_true.is_none()) return choose(condition, on_true, on_false);
        const Location at = Caller();
        return PositionsOf(ToValue(condition, at), at);
      },
      nb::arg("cond"), nb::arg("ift") = nb::none(), nb::arg("iff") = nb::none(),
      "numpy.where; of one argument nonzero().");
  DefBoth(
      m, c, "clip",
      [](nb::handle x, nb::handle low, nb::handle high) {
        const Location at = Caller();
        const Operand operand = ToOperand(x, at);
        if (low.is_none() && high.is_none()) return Wrap(ToValue(x, at));
        if (low.is_none()) return Wrap(minimum(operand, ToOperand(high, at)));
        if (high.is_none()) return Wrap(maximum(operand, ToOperand(low, at)));
        return Wrap(clip(operand, ToOperand(low, at), ToOperand(high, at)));
      },
      nb::arg("x"), nb::arg("min").none(), nb::arg("max").none(), "numpy.clip.");
  m.def(
      "cast",
      [](nb::handle x, nb::handle dtype) { return Wrap(cast(ToOperand(x, Caller()), ToDType(dtype))); },
      nb::arg("x"), nb::arg("dtype"), "x with another element type, as ndarray.astype.");
  c.def(
      "astype", [](nb::handle x, nb::handle dtype) { return Wrap(cast(ToOperand(x, Caller()), ToDType(dtype))); },
      nb::arg("dtype"), "The same elements with another type.");
}

}  // namespace oriel::python
