// Python objects as operands, dims and axes.
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "oriel/compose.h"
#include "oriel/errors.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

Operand WeakInteger(nb::handle object, const Location& at) {
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow == 0) return Operand(value, at);
  // As NumPy: uint64 when it fits, else no integer type holds it.
  return Operand(ToTensor(object), at);
}

bool IsInteger(nb::handle object) {
  return PyLong_Check(object.ptr()) || (PyIndex_Check(object.ptr()) && AsVariable(object) == nullptr);
}

int64_t ToInt64(nb::handle object) {
  const nb::object integer = nb::steal(PyNumber_Index(object.ptr()));
  if (!integer.is_valid()) throw nb::python_error();
  const int64_t value = PyLong_AsLongLong(integer.ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  return value;
}

}  // namespace

Variable* AsVariable(nb::handle object) {
  return nb::isinstance<Variable>(object) ? nb::inst_ptr<Variable>(object) : nullptr;
}

bool HoldsVariable(nb::handle object) {
  if (AsVariable(object) != nullptr) return true;
  if (!PyList_Check(object.ptr()) && !PyTuple_Check(object.ptr())) return false;
  for (nb::handle item : object) {
    if (HoldsVariable(item)) return true;
  }
  return false;
}

Operand ToOperand(nb::handle object, const Location& at) {
  if (Variable* variable = AsVariable(object)) {
    if (nb::isinstance<SharedVariable>(object)) return Operand(static_cast<SharedVariable*>(variable)->state, at);
    Check(variable->value.status());
    return Operand(variable->value, at);
  }
  PyObject* o = object.ptr();
  if (PyBool_Check(o)) return Operand(o == Py_True, at);
  if (PyLong_CheckExact(o)) return WeakInteger(object, at);
  if (PyFloat_CheckExact(o)) return Operand(PyFloat_AS_DOUBLE(o), at);
  if (HoldsVariable(object)) {
    std::vector<Value> parts;
    for (nb::handle item : object) parts.push_back(ToValue(item, at));
    // One dtype, as NumPy makes of a list.
    const Value stacked = stack(parts, 0, at);
    Check(stacked.status());
    return Operand(stacked, at);
  }
  return Operand(ToTensor(object), at);
}

Value ToValue(nb::handle object, const Location& at) {
  const Operand operand = ToOperand(object, at);
  if (!operand.weak) return operand.value;
  const DType dtype = *operand.weak == WeakKind::kBool  ? DType::boolean
                      : *operand.weak == WeakKind::kInt ? DType::i64
                                                        : DType::f64;
  return dtype == DType::i64 ? constant(Tensor::Scalar<int64_t>(operand.integer), at)
                             : scalar(operand.scalar, dtype, at);
}

VariableObject WrapUnchecked(const Value& value) {
  return nb::borrow<VariableObject>(nb::cast(Variable{value, nullptr, nullptr, false, {}, {}}));
}

VariableObject Wrap(const Value& value) {
  // A warning on the way that a filter made an exception of.
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  Check(value.status());
  return WrapUnchecked(value);
}

nb::list WrapAll(const std::vector<Value>& values) {
  nb::list list;
  for (const Value& value : values) list.append(Wrap(value));
  return list;
}

Dim ToDim(nb::handle object, const Location& at) {
  if (IsInteger(object)) return Dim(ToInt64(object));
  if (PyUnicode_Check(object.ptr())) {
    const std::string text = nb::cast<std::string>(object);
    return Check(Dim::Parse(text));
  }
  const Value value = ToValue(object, at);
  if (value.rank() != 0) {
    Check(absl::InvalidArgumentError("a size must be an integer scalar, got shape " + ToString(value.shape())));
  }
  if (!oriel::IsInteger(value.dtype())) {
    Check(DTypeError("a size must be an integer, got " + std::string(NumpyName(value.dtype()))));
  }
  std::optional<Dim> dim = AsDim(value);
  if (!dim) {
    Check(absl::UnimplementedError("a size that is known only when it runs is not supported yet: use sizes made of "
                                   "integers and of other variables' shapes"));
  }
  return *dim;
}

Dims ToDims(nb::handle object, const Location& at) {
  if (IsInteger(object) || PyUnicode_Check(object.ptr())) return {ToDim(object, at)};
  if (AsVariable(object) != nullptr) {
    const Value value = ToValue(object, at);
    if (value.rank() == 0) return {ToDim(object, at)};
    std::optional<Dims> dims = AsDims(value);
    if (!dims) {
      Check(absl::UnimplementedError("a shape that is known only when it runs is not supported yet: use integers "
                                     "and other variables' shapes"));
    }
    return *dims;
  }
  Dims dims;
  for (nb::handle item : nb::iter(object)) dims.push_back(ToDim(item, at));
  return dims;
}

std::vector<int> ToInts(nb::handle object) {
  if (IsInteger(object)) return {static_cast<int>(ToInt64(object))};
  std::vector<int> ints;
  for (nb::handle item : nb::iter(object)) ints.push_back(static_cast<int>(ToInt64(item)));
  return ints;
}

Axes ToAxes(nb::handle axis, int rank) {
  if (axis.is_none()) return {};
  Axes axes = ToInts(axis);
  if (axes.empty() && rank > 0) {
    Check(absl::UnimplementedError("axis=() (a reduction over no axes) is not supported: leave the call out"));
  }
  return axes;
}

std::optional<int> ToAxis(nb::handle axis) {
  if (axis.is_none()) return std::nullopt;
  return static_cast<int>(ToInt64(axis));
}

}  // namespace oriel::python
