// TensorVariable: attributes, operators and methods. Methods are the functions
// of the module `tensor` with the variable as first argument.
#include "variable.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "oriel/compose.h"
#include "oriel/errors.h"
#include "oriel/input_cast.h"
#include "status.h"

namespace oriel::python {
namespace {

using BinaryFn = Value (*)(const Operand&, const Operand&);
using UnaryFn = Value (*)(const Operand&);

// What an operator cannot take is left to the other operand's class.
bool CanBeOperand(nb::handle object) {
  return AsVariable(object) != nullptr || PyNumber_Check(object.ptr()) || PySequence_Check(object.ptr()) ||
         nb::hasattr(object, "__array__");
}

template <BinaryFn kFn>
nb::typed<nb::object, Variable> Apply(nb::handle a, nb::handle b) {
  if (!CanBeOperand(b) || !CanBeOperand(a) || PyUnicode_Check(b.ptr())) return nb::borrow(Py_NotImplemented);
  const Location at = Caller();
  return Wrap(kFn(ToOperand(a, at), ToOperand(b, at)));
}

template <BinaryFn kFn>
void Operator(nb::class_<Variable>& c, const char* forward, const char* backward, const char* doc) {
  c.def(forward, [](nb::handle self, nb::handle other) { return Apply<kFn>(self, other); }, nb::is_operator(),
        nb::arg("other").none(), doc);
  if (backward != nullptr) {
    c.def(backward, [](nb::handle self, nb::handle other) { return Apply<kFn>(other, self); }, nb::is_operator(),
          nb::arg("other").none(), doc);
  }
}

template <UnaryFn kFn>
void Prefix(nb::class_<Variable>& c, const char* name, const char* doc) {
  c.def(name, [](nb::handle self) { return Wrap(kFn(ToOperand(self, Caller()))); }, doc);
}

Value PositiveOf(const Operand& x) { return x.value; }

// Python's & | ^ ~ of tensors: logical, of bools (integers have no bitwise ops).
void RequireBool(const Operand& x) {
  const bool is_bool = x.weak ? *x.weak == WeakKind::kBool : IsBool(x.value.dtype());
  if (is_bool) return;
  Check(absl::UnimplementedError("& | ^ ~ of integers (bitwise) are not supported, got " +
                                 std::string(x.weak ? "a number" : NumpyName(x.value.dtype())) +
                                 "; of bools they are logical"));
}
template <BinaryFn kFn>
Value OfBools(const Operand& a, const Operand& b) {
  RequireBool(a);
  RequireBool(b);
  return kFn(a, b);
}
Value NotOfBool(const Operand& x) {
  RequireBool(x);
  return logical_not(x);
}

Value TypeOf(const Variable& v) {
  Check(v.value.status());
  return v.value;
}

DType DTypeOf(nb::handle self) {
  return nb::isinstance<SharedVariable>(self) ? nb::inst_ptr<SharedVariable>(self)->state.dtype()
                                              : TypeOf(*nb::inst_ptr<Variable>(self)).dtype();
}
Dims ShapeOf(nb::handle self) {
  if (nb::isinstance<SharedVariable>(self)) {
    const Extents shape = nb::inst_ptr<SharedVariable>(self)->state.shape();
    return Dims(shape.begin(), shape.end());
  }
  return TypeOf(*nb::inst_ptr<Variable>(self)).shape();
}

nb::object NameOf(nb::handle self) {
  const Variable& v = *nb::inst_ptr<Variable>(self);
  const std::string& name = nb::isinstance<SharedVariable>(self)
                                ? static_cast<const SharedVariable&>(v).state.name() : v.value.name();
  if (name.empty() || v.unnamed_input) return nb::none();
  return nb::cast(name);
}

// ---- x.tag ----

nb::object GetTag(const Tag& tag, const std::string& key) {
  const Variable& v = *nb::inst_ptr<Variable>(tag.variable);
  if (key == "test_value") {
    const bool shared = nb::isinstance<SharedVariable>(tag.variable);
    absl::StatusOr<Tensor> value =
        shared ? absl::StatusOr<Tensor>(static_cast<const SharedVariable&>(v).state.value()) : v.value.test_value();
    if (value.ok()) return ToNumpy(*value);
    if (value.status().code() == absl::StatusCode::kNotFound) {
      throw nb::attribute_error(std::string(value.status().message()).c_str());
    }
    Check(value.status());
  }
  if (!v.tags.contains(key.c_str())) throw nb::attribute_error(("tag has no attribute '" + key + "'").c_str());
  return v.tags[key.c_str()];
}

void SetTag(const Tag& tag, const std::string& key, nb::object value) {
  Variable& v = *nb::inst_ptr<Variable>(tag.variable);
  if (key != "test_value") {
    v.tags[key.c_str()] = value;
    return;
  }
  if (nb::isinstance<SharedVariable>(tag.variable)) {
    throw nb::type_error("a shared variable is its own test value: set_value changes it");
  }
  std::optional<Tensor> scalar = ScalarToTensor(value, v.value.dtype());
  const Tensor tensor = scalar && v.value.rank() == 0
                            ? *scalar : Check(CastInput(ToTensor(value), v.value.dtype(), CastRule::kSafe, v.value.name()));
  Check(v.value.set_test_value(tensor));
}

void SetName(nb::handle self, nb::object name) {
  Variable& v = *nb::inst_ptr<Variable>(self);
  const std::string text = TextOf(name, "name");
  if (nb::isinstance<SharedVariable>(self)) {
    Check(static_cast<SharedVariable&>(v).state.set_name(text));
    return;
  }
  Check(v.value.status());
  // Calls need a name for each input: without one of its own it has ours.
  const bool input = v.value.is_input();
  v.unnamed_input = input && text.empty();
  Check(v.value.set_name(v.unnamed_input ? "input." + std::to_string(v.value.id()) : text));
}

std::string Repr(nb::handle self) {
  const Variable& v = *nb::inst_ptr<Variable>(self);
  if (!v.part && !nb::isinstance<SharedVariable>(self) && !v.value.ok()) {
    return "<invalid: " + std::string(v.value.status().message()) + ">";
  }
  const nb::object name = NameOf(self);
  if (!name.is_none()) return nb::cast<std::string>(name);
  const bool known = nb::isinstance<SharedVariable>(self) || v.value.ok();
  if (!known) return "<part of " + ToString(v.part->base().shape()) + ">";
  return "<" + std::string(NumpyName(DTypeOf(self))) + " " + ToString(ShapeOf(self)) + ">";
}

}  // namespace

VariableClass BindVariable(nb::module_& m) {
  nb::class_<Tag>(m, "Tag", "Attributes of a variable: test_value, and any that the program sets.")
      .def("__getattr__", &GetTag, nb::arg("key"))
      .def("__setattr__", &SetTag, nb::arg("key"), nb::arg("value").none());

  nb::class_<Variable> c(m, "TensorVariable", nb::dynamic_attr(), nb::is_weak_referenceable(),
                         "A symbolic tensor: an input, or what was computed from others.\n\n"
                         "Operators and methods are NumPy's. A wrong shape or dtype raises at the line that adds the op.");
  c.def_prop_ro("dtype", [](nb::handle self) { return std::string(NumpyName(DTypeOf(self))); },
                "The element type under NumPy's name.")
      .def_prop_ro("ndim", [](nb::handle self) { return ShapeOf(self).size(); }, "The number of axes.")
      .def_prop_ro("shape",
                   [](nb::handle self) { return Wrap(shape_of(ToOperand(self, Caller()))); },
                   "The shape as an int64 vector; x.shape[0] is a scalar that can size other tensors.")
      .def_prop_ro("dims",
                   [](nb::handle self) {
                     nb::list dims;
                     for (const Dim& dim : ShapeOf(self)) {
                       if (dim.is_static()) dims.append(dim.value());
                       else dims.append(dim.ToString());
                     }
                     return nb::tuple(dims);
                   },
                   "The extents as far as they are known: integers, or expressions of symbols as text.")
      .def_prop_ro("broadcastable",
                   [](nb::handle self) {
                     nb::list ones;
                     for (const Dim& dim : ShapeOf(self)) ones.append(dim == Dim(1));
                     return nb::tuple(ones);
                   },
                   "Per axis, whether its extent is known to be 1.")
      .def_prop_ro("size",
                   [](nb::handle self) { return Wrap(dim_value(NumElements(ShapeOf(self)), Caller())); },
                   "The number of elements, a scalar.")
      .def_prop_ro("T", [](nb::handle self) { return Wrap(transpose(ToOperand(self, Caller()))); },
                   "The axes in reverse order.")
      .def_prop_rw("name", &NameOf, &SetName, nb::for_getter("The name that reports show, or None. It may be given at any time: what is printed\n"
                                  "or compiled from then on shows it."),
                   nb::for_setter(nb::arg("name").none()))
      .def_prop_ro("tag", [](nb::handle self) { return Tag{nb::borrow(self)}; },
                   "tag.test_value is the data that shows values while the graph is built; see config.compute_test_value.")
      .def_prop_ro("id", [](nb::handle self) { return nb::inst_ptr<Variable>(self)->value.id(); },
                   "The node's number, unique in the process.")
      .def("__repr__", &Repr)
      .def("__str__", &Repr)
      .def("__len__",
           [](nb::handle self) -> int64_t {
             const Dims dims = ShapeOf(self);
             if (dims.empty()) throw nb::type_error("len() of a scalar");
             if (!dims[0].is_static()) {
               throw nb::type_error("len() of a tensor whose first extent is known only when it runs: use x.shape[0]");
             }
             return dims[0].value();
           })
      .def("__iter__",
           [](nb::handle self) {
             const Dims dims = ShapeOf(self);
             if (dims.empty() || !dims[0].is_static()) {
               throw nb::type_error("only a tensor whose first extent is known can be iterated over");
             }
             nb::list items;
             const Location at = Caller();
             for (int64_t i = 0; i < dims[0].value(); ++i) items.append(GetItem(self, nb::int_(i), at));
             return nb::iter(items);
           })
      .def("__bool__",
           [](nb::handle self) -> bool {
             throw nb::type_error("a symbolic tensor has no truth value: use where, switch or ifelse");
           })
      .def("__getitem__",
           [](nb::handle self, nb::handle index) {
             // The index of a symbolic part of a mask must not fail before it is used.
             return GetItem(self, index, Caller());
           },
           nb::arg("index").none(), "NumPy's indexing: integers, slices, None, ..., integer arrays, masks.");
  // x == y is identity, so that variables are keys of dicts; tensor.eq compares.
  Operator<&oriel::add>(c, "__add__", "__radd__", "numpy.add");
  Operator<&oriel::sub>(c, "__sub__", "__rsub__", "numpy.subtract");
  Operator<&oriel::mul>(c, "__mul__", "__rmul__", "numpy.multiply");
  Operator<&oriel::div>(c, "__truediv__", "__rtruediv__", "numpy.true_divide");
  Operator<&oriel::floor_div>(c, "__floordiv__", "__rfloordiv__", "numpy.floor_divide");
  Operator<&oriel::mod>(c, "__mod__", "__rmod__", "numpy.remainder");
  Operator<&oriel::pow>(c, "__pow__", "__rpow__", "numpy.power");
  Operator<&oriel::matmul>(c, "__matmul__", "__rmatmul__", "numpy.matmul");
  Operator<&oriel::less>(c, "__lt__", nullptr, "numpy.less");
  Operator<&oriel::less_equal>(c, "__le__", nullptr, "numpy.less_equal");
  Operator<&oriel::greater>(c, "__gt__", nullptr, "numpy.greater");
  Operator<&oriel::greater_equal>(c, "__ge__", nullptr, "numpy.greater_equal");
  Operator<&OfBools<&oriel::logical_and>>(c, "__and__", "__rand__", "numpy.logical_and, of bools");
  Operator<&OfBools<&oriel::logical_or>>(c, "__or__", "__ror__", "numpy.logical_or, of bools");
  Operator<&OfBools<&oriel::logical_xor>>(c, "__xor__", "__rxor__", "numpy.logical_xor, of bools");
  Prefix<&oriel::neg>(c, "__neg__", "numpy.negative");
  Prefix<&PositiveOf>(c, "__pos__", "Itself.");
  Prefix<&oriel::abs>(c, "__abs__", "numpy.abs");
  Prefix<&NotOfBool>(c, "__invert__", "numpy.logical_not, of bools");
  c.attr("__array_priority__") = 1000;
  // NumPy's operators give way to ours: array + variable is a variable.
  c.attr("__array_ufunc__") = nb::none();
  return c;
}

}  // namespace oriel::python
