// Making, shaping and moving elements: functions of oriel.tensor.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "arrays.h"
#include "oriel/compose.h"
#include "oriel/errors.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

Operand Of(nb::handle x) { return ToOperand(x, Caller()); }

std::optional<DType> OptionalDType(nb::handle dtype) {
  if (dtype.is_none()) return std::nullopt;
  return ToDType(dtype);
}

// "x" or -1 of dimshuffle, or an axis.
std::vector<int> ToOrder(nb::handle order) {
  std::vector<int> axes;
  for (nb::handle item : nb::iter(order)) {
    if (PyUnicode_Check(item.ptr())) {
      if (nb::cast<std::string>(item) != "x") throw nb::value_error("dimshuffle: takes axes and 'x'");
      axes.push_back(kNewAxis);
    } else {
      const int axis = ToInts(item)[0];
      if (axis < 0) throw nb::value_error("dimshuffle: an axis may not be negative; 'x' is a new one");
      axes.push_back(axis);
    }
  }
  return axes;
}

// f(a, b) as f((a, b)): the arguments themselves unless one is a sequence of
// them.
nb::object Several(const nb::args& arguments, bool text = false) {
  if (arguments.size() != 1) return arguments;
  const nb::handle only = arguments[0];
  const bool sequence = nb::isinstance<nb::sequence>(only) && !(text && PyUnicode_Check(only.ptr()));
  return sequence || AsVariable(only) != nullptr ? nb::borrow(only) : nb::object(arguments);
}

std::vector<Value> ToValues(nb::handle items, const Location& at) {
  std::vector<Value> values;
  for (nb::handle item : nb::iter(items)) values.push_back(ToValue(item, at));
  return values;
}

// arange(stop), arange(start, stop[, step]) of integers, sizes or floats.
Value Arange(nb::handle start, nb::handle stop, nb::handle step, nb::handle dtype) {
  const Location at = Caller();
  nb::object first = nb::borrow(start), last = nb::borrow(stop);
  if (stop.is_none()) {
    last = first;
    first = nb::int_(0);
  }
  const auto is_float = [](nb::handle x) { return PyFloat_Check(x.ptr()); };
  if (is_float(first) || is_float(last) || is_float(step)) {
    const auto number = [](nb::handle x) {
      if (AsVariable(x) != nullptr) throw nb::type_error("arange: floats do not mix with symbolic sizes");
      return nb::cast<double>(nb::float_(nb::borrow(x)));
    };
    return arange_floats(number(first), number(last), step.is_none() ? 1.0 : number(step),
                  OptionalDType(dtype).value_or(DType::f64), at);
  }
  const Dim by = step.is_none() ? Dim(1) : ToDim(step, at);
  if (!by.is_static()) Check(absl::UnimplementedError("arange: the step must be an integer, got " + by.ToString()));
  return arange(ToDim(first, at), ToDim(last, at), by.value(), OptionalDType(dtype).value_or(DType::i64), at);
}

}  // namespace

void BindShapes(nb::module_& m, VariableClass& c) {
  m.def(
      "_input",
      [](const std::string& name, nb::handle dtype, nb::handle shape) {
        const Location at = Caller();
        Dims dims;
        for (nb::handle item : nb::iter(shape)) dims.push_back(item.is_none() ? Dim(-1) : ToDim(item, at));
        VariableObject made = Wrap(fresh_input(name, ToDType(dtype), std::move(dims), at));
        nb::inst_ptr<Variable>(made)->unnamed_input = name.empty();
        return made;
      },
      nb::arg("name"), nb::arg("dtype"), nb::arg("shape"), "An input; None in `shape` is an extent of its own.");
  m.def(
      "constant",
      [](nb::handle x, nb::handle name, nb::handle dtype) {
        const Location at = Caller();
        Value value = ToValue(x, at);
        if (!dtype.is_none()) value = cast(Operand(value, at), ToDType(dtype));
        if (!name.is_none()) value = value.named(nb::cast<std::string>(name));
        return Wrap(value);
      },
      nb::arg("x"), nb::arg("name") = nb::none(), nb::arg("dtype") = nb::none(), "A constant tensor.");
  m.def(
      "as_tensor_variable",
      [](nb::object x, nb::handle name) {
        if (AsVariable(x) != nullptr && !nb::isinstance<SharedVariable>(x) && name.is_none()) {
          return nb::borrow<VariableObject>(x);
        }
        Value value = ToValue(x, Caller());
        if (!name.is_none()) value = value.named(nb::cast<std::string>(name));
        return Wrap(value);
      },
      nb::arg("x"), nb::arg("name") = nb::none(), "A variable itself, or a constant of numbers.");

  // ---- making ----
  m.def(
      "zeros",
      [](nb::handle shape, nb::handle dtype) {
        const Location at = Caller();
        return Wrap(zeros(ToDims(shape, at), ToDType(dtype), at));
      },
      nb::arg("shape"), nb::arg("dtype") = "floatX", "numpy.zeros; the dtype is config.floatX unless given.");
  m.def(
      "ones",
      [](nb::handle shape, nb::handle dtype) {
        const Location at = Caller();
        return Wrap(ones(ToDims(shape, at), ToDType(dtype), at));
      },
      nb::arg("shape"), nb::arg("dtype") = "floatX", "numpy.ones; the dtype is config.floatX unless given.");
  m.def(
      "full",
      [](nb::handle shape, nb::handle fill_value, nb::handle dtype) {
        const Location at = Caller();
        return Wrap(full(ToDims(shape, at), ToOperand(fill_value, at), OptionalDType(dtype)));
      },
      nb::arg("shape"), nb::arg("fill_value"), nb::arg("dtype") = nb::none(), "numpy.full.");
  m.def(
      "alloc",
      [](nb::handle value, nb::args shape) {
        const Location at = Caller();
        Dims dims;
        for (nb::handle item : shape) dims.push_back(ToDim(item, at));
        return Wrap(broadcast_to(ToOperand(value, at), dims));
      },
      nb::arg("value"), nb::arg("shape"), "`value` broadcast to a shape given as further arguments.");
  m.def(
      "zeros_like", [](nb::handle x, nb::handle dtype) { return Wrap(zeros_like(Of(x), OptionalDType(dtype))); },
      nb::arg("x"), nb::arg("dtype") = nb::none(), "numpy.zeros_like.");
  m.def(
      "ones_like", [](nb::handle x, nb::handle dtype) { return Wrap(ones_like(Of(x), OptionalDType(dtype))); },
      nb::arg("x"), nb::arg("dtype") = nb::none(), "numpy.ones_like.");
  m.def(
      "full_like",
      [](nb::handle x, nb::handle fill_value, nb::handle dtype) {
        const Location at = Caller();
        return Wrap(full_like(ToOperand(x, at), ToOperand(fill_value, at), OptionalDType(dtype)));
      },
      nb::arg("x"), nb::arg("fill_value"), nb::arg("dtype") = nb::none(), "numpy.full_like.");
  DefBoth(
      m, c, "fill",
      [](nb::handle x, nb::handle value) {
        const Location at = Caller();
        return Wrap(full_like(ToOperand(x, at), ToOperand(value, at)));
      },
      nb::arg("x"), nb::arg("value"), "numpy.full_like, under Theano's name.");
  m.def(
      "eye",
      [](nb::handle n, nb::handle columns, int64_t k, nb::handle dtype) {
        const Location at = Caller();
        const Dim rows = ToDim(n, at);
        return Wrap(eye(rows, columns.is_none() ? rows : ToDim(columns, at), k, ToDType(dtype), at));
      },
      nb::arg("n"), nb::arg("m") = nb::none(), nb::arg("k") = 0, nb::arg("dtype") = "floatX", "numpy.eye.");
  m.def(
      "identity_like", [](nb::handle x) { return Wrap(identity_like(Of(x))); }, nb::arg("x"),
      "A matrix of x's shape and dtype with ones on the diagonal.");
  m.def(
      "arange",
      [](nb::handle start, nb::handle stop, nb::handle step, nb::handle dtype) {
        return Wrap(Arange(start, stop, step, dtype));
      },
      nb::arg("start"), nb::arg("stop") = nb::none(), nb::arg("step") = nb::none(),
        nb::arg("dtype") = nb::none(), "numpy.arange of integers, sizes or floats; int64 or float64 unless given.");

  // ---- axes ----
  m.def(
      "shape", [](nb::handle x) { return Wrap(shape_of(Of(x))); }, nb::arg("x"), "The shape as an int64 vector.");
  m.def(
      "reshape",
      [](nb::handle x, nb::handle newshape) {
        const Location at = Caller();
        return Wrap(reshape(ToOperand(x, at), ToDims(newshape, at)));
      },
      nb::arg("x"), nb::arg("newshape"), "numpy.reshape; one extent may be -1.");
  DefBoth(
      m, c, "flatten", [](nb::handle x, int ndim) { return Wrap(flatten(Of(x), ndim)); }, nb::arg("x"), nb::arg("ndim") = 1,
      "To `ndim` axes: the last ones in one.");
  DefBoth(m, c, "ravel", [](nb::handle x) { return Wrap(flatten(Of(x), 1)); }, nb::arg("x"), "numpy.ravel.");
  c.def(
      "copy", [](nb::handle x) { return Wrap(Of(x).value); }, "The same value: tensors never change.");
  m.def(
      "dimshuffle", [](nb::handle x, nb::handle pattern) { return Wrap(dimshuffle(Of(x), ToOrder(pattern))); },
      nb::arg("x"), nb::arg("pattern"), "Axes in another order; 'x' is a new one of extent 1.");
  m.def(
      "transpose",
      [](nb::handle x, nb::handle axes) {
        return Wrap(transpose(Of(x), axes.is_none() ? std::vector<int>() : ToInts(axes)));
      },
      nb::arg("x"), nb::arg("axes") = nb::none(), "numpy.transpose.");
  DefBoth(
      m, c, "swapaxes", [](nb::handle x, int axis1, int axis2) { return Wrap(swapaxes(Of(x), axis1, axis2)); }, nb::arg("x"),
      nb::arg("axis1"), nb::arg("axis2"), "numpy.swapaxes.");
  m.def(
      "moveaxis", [](nb::handle x, int source, int destination) { return Wrap(moveaxis(Of(x), source, destination)); },
      nb::arg("x"), nb::arg("source"), nb::arg("destination"), "numpy.moveaxis of one axis.");
  m.def(
      "expand_dims", [](nb::handle x, int axis) { return Wrap(expand_dims(Of(x), axis)); }, nb::arg("x"),
      nb::arg("axis"), "numpy.expand_dims.");
  DefBoth(
      m, c, "squeeze",
      [](nb::handle x, nb::handle axis) {
        const Location at = Caller();
        Value value = ToValue(x, at);
        std::vector<int> axes;
        if (axis.is_none()) {
          for (int i = 0; i < value.rank(); ++i) {
            if (value.dim(i) == Dim(1)) axes.push_back(i);
          }
        } else {
          for (int a : ToInts(axis)) axes.push_back(a < 0 ? a + value.rank() : a);
        }
        std::sort(axes.rbegin(), axes.rend());
        for (int a : axes) value = squeeze(Operand(value, at), a);
        return Wrap(value);
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), "numpy.squeeze: without axis, of all extents known to be 1.");
  m.def(
      "broadcast_to",
      [](nb::handle x, nb::handle shape) {
        const Location at = Caller();
        return Wrap(broadcast_to(ToOperand(x, at), ToDims(shape, at)));
      },
      nb::arg("x"), nb::arg("shape"), "numpy.broadcast_to.");
  m.def(
      "concatenate",
      [](nb::handle tensors, int axis) {
        const Location at = Caller();
        return Wrap(concatenate(ToValues(tensors, at), axis, at));
      },
      nb::arg("tensors"), nb::arg("axis") = 0, "numpy.concatenate.");
  m.def(
      "join",
      [](int axis, nb::args tensors) {
        const Location at = Caller();
        return Wrap(concatenate(ToValues(tensors, at), axis, at));
      },
      nb::arg("axis"), nb::arg("tensors"), "numpy.concatenate, as Theano calls it: the axis first.");
  m.def(
      "stack",
      [](nb::handle tensors, int axis) {
        const Location at = Caller();
        return Wrap(stack(ToValues(tensors, at), axis, at));
      },
      nb::arg("tensors"), nb::arg("axis") = 0, "numpy.stack.");
  m.def(
      "split",
      [](nb::handle x, nb::handle splits_size, nb::handle n_splits, int axis) {
        const Location at = Caller();
        const Dims sizes = ToDims(splits_size, at);
        if (!n_splits.is_none() && ToInts(n_splits)[0] != static_cast<int>(sizes.size())) {
          throw nb::value_error("split: n_splits is not the number of sizes");
        }
        return WrapAll(split(ToOperand(x, at), sizes, axis));
      },
      nb::arg("x"), nb::arg("splits_size"), nb::arg("n_splits") = nb::none(), nb::arg("axis") = 0,
      "Parts of the given sizes along an axis.");
  m.def(
      "tile",
      [](nb::handle x, nb::handle reps) {
        const Location at = Caller();
        return Wrap(tile(ToOperand(x, at), ToDims(reps, at)));
      },
      nb::arg("x"), nb::arg("reps"), "numpy.tile.");
  DefBoth(
      m, c, "repeat",
      [](nb::handle x, nb::handle repeats, nb::handle axis) {
        const Location at = Caller();
        return Wrap(repeat(ToOperand(x, at), ToDim(repeats, at), ToAxis(axis)));
      },
      nb::arg("x"), nb::arg("repeats"), nb::arg("axis") = nb::none(), "numpy.repeat by one number.");
  m.def(
      "roll", [](nb::handle x, int64_t shift, nb::handle axis) { return Wrap(roll(Of(x), shift, ToAxis(axis))); },
      nb::arg("x"), nb::arg("shift"), nb::arg("axis") = nb::none(), "numpy.roll.");
  DefBoth(
      m, c, "take",
      [](nb::handle x, nb::handle indices, nb::handle axis) {
        const Location at = Caller();
        return Wrap(take(ToOperand(x, at), ToValue(indices, at), ToAxis(axis)));
      },
      nb::arg("x"), nb::arg("indices"), nb::arg("axis") = nb::none(), "numpy.take.");
  m.def(
      "take_along_axis",
      [](nb::handle x, nb::handle indices, int axis) {
        const Location at = Caller();
        return Wrap(take_along_axis(ToOperand(x, at), ToOperand(indices, at), axis));
      },
      nb::arg("x"), nb::arg("indices"), nb::arg("axis") = -1, "numpy.take_along_axis.");
  DefBoth(
      m, c, "diagonal", [](nb::handle x, int64_t offset) { return Wrap(diagonal(Of(x), offset)); }, nb::arg("x"),
      nb::arg("offset") = 0, "numpy.diagonal of a matrix.");
  m.def(
      "diag",
      [](nb::handle x, int64_t k) {
        const Operand operand = Of(x);
        const bool vector = !operand.weak && operand.value.rank() == 1;
        return Wrap(vector ? diag(operand, k) : diagonal(operand, k));
      },
      nb::arg("x"), nb::arg("k") = 0, "numpy.diag.");
  m.def(
      "tril", [](nb::handle x, int64_t k) { return Wrap(tril(Of(x), k)); }, nb::arg("x"), nb::arg("k") = 0,
      "numpy.tril.");
  m.def(
      "triu", [](nb::handle x, int64_t k) { return Wrap(triu(Of(x), k)); }, nb::arg("x"), nb::arg("k") = 0,
      "numpy.triu.");
  DefBoth(
      m, c, "nonzero",
      [](nb::handle x) {
        const Location at = Caller();
        Value mask = ToValue(x, at);
        Check(mask.status());
        if (mask.rank() == 0) throw nb::value_error("nonzero: takes at least 1 axis");
        return PositionsOf(mask, at);
      },
      nb::arg("x"), "numpy.nonzero: the positions of what is not 0, an int64 vector for each axis. How many there are "
                    "only a run knows.");
  DefBoth(
      m, c, "flatnonzero",
      [](nb::handle x) -> nb::object {
        const Location at = Caller();
        return PositionsOf(reshape(ToOperand(x, at), {Dim(-1)}), at)[0];
      },
      nb::arg("x"), "numpy.flatnonzero: the positions of what is not 0, of x taken as one vector.");
  m.def(
      "first_rows",
      [](nb::handle x, nb::handle count, const std::string& name) {
        const Location at = Caller();
        return Wrap(first_rows(ToOperand(x, at), ToOperand(count, at), name));
      },
      nb::arg("x"), nb::arg("count"), nb::arg("name") = "",
      "x[:count], where `count` is a scalar integer that only a run knows: an error of the call below 0 or above the "
      "rows of x. `name`: of the extent, in reports.");

  // ---- methods that take what the functions take in one argument as several ----
  c.def(
      "reshape",
      [](nb::handle x, nb::args shape) {
        const Location at = Caller();
        return Wrap(reshape(ToOperand(x, at), ToDims(Several(shape), at)));
      },
      nb::arg("shape"), "numpy.ndarray.reshape; an extent may be -1 or a scalar made of other shapes.");
  c.def(
      "dimshuffle",
      [](nb::handle x, nb::args pattern) { return Wrap(dimshuffle(Of(x), ToOrder(Several(pattern, /*text=*/true)))); },
      nb::arg("pattern"), "Axes in another order; 'x' is a new one of extent 1.");
  c.def(
      "transpose",
      [](nb::handle x, nb::args axes) {
        const bool reverse = axes.size() == 0 || axes[0].is_none();
        return Wrap(transpose(Of(x), reverse ? std::vector<int>() : ToInts(Several(axes))));
      },
      nb::arg("axes"), "numpy.ndarray.transpose.");
}

}  // namespace oriel::python
