// function(), In and calls.
#include "function.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>

#include "arrays.h"
#include "callbacks.h"
#include "oriel/compose.h"
#include "oriel/config.h"
#include "oriel/errors.h"
#include "status.h"

namespace oriel::python {
namespace {

// Numbers of a Python list have no dtype of their own: where a cast of the same
// kind keeps each of them, they are of the dtype wanted. Else nullopt.
std::optional<Tensor> KeptByCast(const Tensor& given, DType wanted) {
  const DType dtype = given.dtype();
  if (given.size() == 0 || !CanCastInput(dtype, wanted, CastRule::kDowncast)) return std::nullopt;
  if (dtype == DType::i64 && IsUnsigned(wanted)) {
    const int64_t* values = given.data<int64_t>();
    if (*std::min_element(values, values + given.size()) < 0) return std::nullopt;
  }
  Tensor cast = Check(given.Cast(wanted));
  const Tensor back = Check(cast.Cast(dtype));
  if (std::memcmp(back.raw(), given.raw(), static_cast<size_t>(given.size()) * SizeOf(dtype)) != 0) return std::nullopt;
  return cast;
}

// An argument as its input wants it.
Tensor Convert(nb::handle object, const PythonFunction::Argument& argument, CastRule rule) {
  if (rule != CastRule::kNone) {
    if (std::optional<Tensor> scalar = ScalarToTensor(object, argument.dtype)) return *std::move(scalar);
  }
  const Tensor given = ToTensor(object);
  // An empty list says nothing of a dtype.
  const bool untyped = rule != CastRule::kNone && (PyList_Check(object.ptr()) || PyTuple_Check(object.ptr()));
  if (untyped && given.size() == 0) return Check(given.Cast(argument.dtype));
  if (untyped && !CanCastInput(given.dtype(), argument.dtype, rule)) {
    if (std::optional<Tensor> kept = KeptByCast(given, argument.dtype)) return *std::move(kept);
  }
  return Check(CastInput(given, argument.dtype, rule, argument.name));
}

std::vector<Update> ToUpdates(nb::handle updates, const Location& at) {
  std::vector<Update> result;
  for (const auto& [variable, value] : Pairs(updates, "updates")) {
    if (!nb::isinstance<SharedVariable>(variable)) {
      throw nb::type_error("updates: only shared variables can be updated");
    }
    const State& state = nb::inst_ptr<SharedVariable>(variable)->state;
    const Operand operand = ToOperand(value, at);
    // A plain number becomes one of the state's dtype.
    result.emplace_back(state, operand.weak ? full({}, operand, state.dtype()) : operand.value);
  }
  return result;
}

nb::list WrapStates(const std::vector<State>& states) {
  nb::list list;
  for (const State& state : states) {
    SharedVariable shared;
    shared.state = state;
    list.append(nb::cast(std::move(shared)));
  }
  return list;
}

bool Flag(nb::handle object, bool otherwise) { return object.is_none() ? otherwise : nb::cast<bool>(object); }

CastRule RuleOf(nb::handle allow_input_downcast) {
  if (Flag(allow_input_downcast, false)) return CastRule::kDowncast;
  return Config::Get().cast_inputs ? CastRule::kSafe : CastRule::kNone;
}

}  // namespace

std::vector<std::pair<nb::object, nb::object>> Pairs(nb::handle given, const char* what) {
  std::vector<std::pair<nb::object, nb::object>> pairs;
  if (given.is_none()) return pairs;
  const nb::object items = nb::hasattr(given, "items") ? given.attr("items")() : nb::borrow(given);
  for (nb::handle item : nb::iter(items)) {
    if (!nb::isinstance<nb::sequence>(item) || nb::len(item) != 2) {
      throw nb::type_error((std::string(what) + " is a dict or a list of pairs").c_str());
    }
    pairs.emplace_back(item[0], item[1]);
  }
  return pairs;
}

std::vector<Given> ToGivens(nb::handle given, const char* what, const Location& at) {
  std::vector<Given> givens;
  for (const auto& [from, to] : Pairs(given, what)) {
    const Variable* variable = AsVariable(from);
    if (variable == nullptr) throw nb::type_error((std::string(what) + ": only variables can be replaced").c_str());
    if (nb::isinstance<SharedVariable>(from)) {
      givens.emplace_back(static_cast<const SharedVariable*>(variable)->state, ToOperand(to, at), at);
    } else {
      givens.emplace_back(variable->value, ToOperand(to, at), at);
    }
  }
  return givens;
}

nb::object PythonFunction::Call(nb::handle args, nb::handle kwargs) const {
  const size_t given = static_cast<size_t>(PyTuple_GET_SIZE(args.ptr()));
  if (given > arguments.size()) {
    throw nb::type_error(("'" + function.name() + "' takes " + std::to_string(arguments.size()) + " inputs, got " +
                          std::to_string(given))
                             .c_str());
  }
  std::vector<Tensor> tensors;
  tensors.reserve(arguments.size());
  for (size_t i = 0; i < given; ++i) {
    tensors.push_back(
        Convert(nb::handle(PyTuple_GET_ITEM(args.ptr(), static_cast<Py_ssize_t>(i))), arguments[i], rule));
  }
  std::vector<std::optional<Tensor>> named;  // those that are given by name
  size_t count = given;
  if (kwargs.is_valid() && PyDict_GET_SIZE(kwargs.ptr()) > 0) {
    named.resize(arguments.size());
    for (auto [key, value] : nb::borrow<nb::dict>(kwargs)) {
      const char* name = PyUnicode_AsUTF8(key.ptr());
      if (name == nullptr) throw nb::python_error();
      const auto at = std::find_if(arguments.begin(), arguments.end(), [&](const Argument& a) { return a.name == name; });
      if (at == arguments.end()) {
        Check(absl::NotFoundError("'" + function.name() + "' has no input '" + std::string(name) + "'"));
      }
      const size_t i = static_cast<size_t>(at - arguments.begin());
      if (i < given || named[i]) throw nb::type_error(("input '" + at->name + "' is given twice").c_str());
      named[i] = Convert(value, *at, rule);
      ++count;
    }
  }
  ForgetKept();
  absl::StatusOr<std::vector<Tensor>> outputs = std::vector<Tensor>();
  if (count == arguments.size()) {
    for (size_t i = given; i < count; ++i) tensors.push_back(*std::move(named[i]));
    nb::gil_scoped_release unlocked;
    outputs = function(absl::Span<const Tensor>(tensors));
  } else {
    // The function knows defaults, and what is missing.
    std::map<std::string, Tensor> by_name;
    for (size_t i = 0; i < given; ++i) by_name.emplace(arguments[i].name, std::move(tensors[i]));
    for (size_t i = 0; i < named.size(); ++i) {
      if (named[i]) by_name.emplace(arguments[i].name, *std::move(named[i]));
    }
    nb::gil_scoped_release unlocked;
    outputs = function.Call(by_name);
  }
  if (!outputs.ok()) RaiseKept();
  Check(outputs.status());
  switch (result) {
    case Result::kNone:
      return nb::none();
    case Result::kOne:
      return OutputToNumpy((*outputs)[0]);
    case Result::kDict: {
      nb::dict dict;
      for (size_t i = 0; i < outputs->size(); ++i) dict[keys[i]] = OutputToNumpy((*outputs)[i]);
      return dict;
    }
    case Result::kList:
      break;
  }
  nb::list list;
  for (const Tensor& output : *outputs) list.append(OutputToNumpy(output));
  return list;
}

FunctionObject MakePythonFunction(nb::handle inputs, nb::handle outputs, nb::handle updates, nb::handle givens,
                              nb::handle name, const std::string& on_unused_input, nb::handle profile,
                              nb::handle mode, nb::handle allow_input_downcast) {
  const Location at = Caller();
  PythonFunction made;
  std::vector<Value> input_values;
  CompileOptions options;
  for (nb::handle item : nb::iter(inputs)) {
    PythonFunction::Argument argument;
    nb::object variable = nb::borrow(item), value = nb::none();
    if (nb::isinstance<InputSpec>(item)) {
      const InputSpec& in = *nb::inst_ptr<InputSpec>(item);
      variable = in.variable;
      value = in.value;
      argument.name = in.name;
    }
    if (AsVariable(variable) == nullptr || nb::isinstance<SharedVariable>(variable)) {
      throw nb::type_error("inputs are variables made by tensor.matrix and its like, or In(variable)");
    }
    const Variable& v = *AsVariable(variable);
    Check(v.value.status());
    const std::string stated = argument.name;
    if (argument.name.empty()) argument.name = v.value.name();
    argument.dtype = v.value.dtype();
    if (nb::isinstance<SharedVariable>(value)) {
      options.inputs.push_back(oriel::In(v.value, nb::inst_ptr<SharedVariable>(value)->state, stated));
    } else if (!value.is_none()) {
      options.inputs.push_back(oriel::In(v.value, Convert(value, argument, CastRule::kSafe).Clone(), stated));
    } else if (!stated.empty()) {
      options.inputs.push_back(oriel::In(v.value, stated));
    }
    input_values.push_back(v.value);
    made.arguments.push_back(std::move(argument));
  }

  std::vector<Value> output_values;
  if (outputs.is_none()) {
    made.result = PythonFunction::Result::kNone;
  } else if (PyDict_Check(outputs.ptr())) {
    made.result = PythonFunction::Result::kDict;
    for (auto [key, value] : nb::borrow<nb::dict>(outputs)) {
      made.keys.append(key);
      output_values.push_back(ToValue(value, at));
    }
  } else if (PyList_Check(outputs.ptr()) || PyTuple_Check(outputs.ptr())) {
    for (nb::handle item : outputs) output_values.push_back(ToValue(item, at));
  } else {
    made.result = PythonFunction::Result::kOne;
    output_values.push_back(ToValue(outputs, at));
  }
  std::vector<Update> update_values = ToUpdates(updates, at);

  options.givens = ToGivens(givens, "givens", at);

  if (on_unused_input != "ignore") {
    if (on_unused_input != "raise" && on_unused_input != "warn") {
      throw nb::value_error("function: on_unused_input is 'raise', 'warn' or 'ignore'");
    }
    std::vector<Value> roots = output_values;
    for (const Update& update : update_values) roots.push_back(update.second);
    if (!options.givens.empty()) roots = Substitute(roots, options.givens);
    const std::vector<size_t> unused = UnusedInputs(input_values, roots);
    if (!unused.empty()) {
      const std::string message = "function: no output or update needs the input '" +
                                  made.arguments[unused[0]].name + "'";
      if (on_unused_input == "raise") {
        Check(absl::InvalidArgumentError(message + " (on_unused_input='warn' or 'ignore' permits it)"));
      }
      if (PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1) != 0) throw nb::python_error();
    }
  }

  if (!name.is_none()) options.name = TextOf(name, "function: name");
  options.profile = Flag(profile, true);
  if (!mode.is_none()) {
    const std::string text = TextOf(mode, "function: mode");
    if (text == "FAST_COMPILE") {
      options.fusion = false;
    } else if (text == "NanGuardMode") {
      options.check = CheckMode::kInf;
    } else if (text == "DebugMode") {
      options.check = CheckMode::kReference;
    } else if (text != "FAST_RUN") {
      throw nb::value_error("function: mode is None, 'FAST_RUN', 'FAST_COMPILE', 'NanGuardMode' or 'DebugMode'");
    }
  }
  made.rule = RuleOf(allow_input_downcast);
  absl::StatusOr<Function> function = Function();
  {
    nb::gil_scoped_release unlocked;
    function = compile(std::move(input_values), std::move(output_values), std::move(update_values), options);
  }
  made.function = Check(std::move(function));
  return FunctionObject(nb::cast(std::move(made)));
}

FunctionObject LoadPythonFunction(const std::filesystem::path& path, nb::handle defaults, nb::handle profile,
                              nb::handle allow_input_downcast) {
  CompileOptions options;
  options.profile = Flag(profile, true);
  const auto load = [&] {
    nb::gil_scoped_release unlocked;
    return Function::Load(path.string(), options);
  };
  PythonFunction made;
  made.function = Check(load());
  made.rule = RuleOf(allow_input_downcast);
  const std::vector<std::string> names = made.function.input_names();
  const std::vector<DType> dtypes = made.function.input_dtypes();
  for (size_t i = 0; i < names.size(); ++i) made.arguments.push_back({names[i], dtypes[i]});
  // Only now is known what the inputs are that have defaults.
  for (const auto& [key, value] : Pairs(defaults, "defaults")) {
    const std::string name = nb::cast<std::string>(key);
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      Check(absl::NotFoundError("'" + made.function.name() + "' has no input '" + name + "' to give a default"));
    }
    if (nb::isinstance<SharedVariable>(value)) {
      options.inputs.push_back(oriel::In(Value(), nb::inst_ptr<SharedVariable>(value)->state, name));
    } else {
      const PythonFunction::Argument& argument = made.arguments[static_cast<size_t>(at - names.begin())];
      options.inputs.push_back(oriel::In(Value(), Convert(value, argument, CastRule::kSafe).Clone(), name));
    }
  }
  if (!options.inputs.empty()) made.function = Check(load());
  const size_t outputs = made.function.output_names().size();
  made.result = outputs == 0   ? PythonFunction::Result::kNone
                : outputs == 1 ? PythonFunction::Result::kOne
                               : PythonFunction::Result::kList;
  return FunctionObject(nb::cast(std::move(made)));
}

namespace {

ternaryfunc slow_call = nullptr;  // through __call__, whose arguments are looked at once more

// f(...) without the general way from an object to a C++ function.
PyObject* CallSlot(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!nb::inst_ready(self)) return slow_call(self, args, kwargs);  // of Function.__new__ alone: says so
  try {
    return nb::inst_ptr<PythonFunction>(self)->Call(args, kwargs).release().ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const StatusError& error) {
    SetPythonError(error.status());
  } catch (const nb::builtin_exception& error) {
    PyErr_SetString(error.type() == nb::exception_type::type_error    ? PyExc_TypeError
                    : error.type() == nb::exception_type::value_error ? PyExc_ValueError
                                                                      : PyExc_RuntimeError,
                    error.what());
  } catch (const std::bad_cast&) {
    PyErr_SetString(PyExc_TypeError, "an argument, or an element of one, has the wrong type");
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

}  // namespace

void BindFunction(nb::module_& m, VariableClass& variable) {
  nb::class_<InputSpec>(m, "In", "An input of a function with a default value, or a name of its own.")
      .def(
          "__init__",
          [](InputSpec* self, nb::object variable, nb::object value, nb::object name) {
            new (self) InputSpec{variable, value, TextOf(name, "In: name")};
          },
          nb::arg("variable"), nb::arg("value") = nb::none(), nb::arg("name") = nb::none(),
          "value: used when a call leaves the input out. name: of the input, for calls by keyword.")
      .def_prop_ro("variable", [](const InputSpec& in) { return in.variable; }, "The variable.")
      .def_prop_ro("value", [](const InputSpec& in) { return in.value; }, "The default, or None.")
      .def_prop_ro("name", [](const InputSpec& in) { return in.name; }, "The name, '' for the variable's.");

  nb::class_<PythonFunction> c(
      m, "Function", nb::dynamic_attr(), nb::is_weak_referenceable(),
      "A compiled function. Call it with arrays, by position or by name; outputs are new NumPy arrays.\n\n"
      "Several threads may call one function at once. A failed call changes no shared variable.");
  c.def(
          "__call__", [](const PythonFunction& f, nb::args args, nb::kwargs kwargs) { return f.Call(args, kwargs); },
          nb::arg("args"), nb::arg("kwargs"), nb::sig("def __call__(self, *args, **kwargs) -> typing.Any"),
          "Arrays of the inputs' dtypes are used without a copy. Others are cast when nothing is lost, or from\n"
          "integers to floats; else TypeError. The GIL is free while the function runs.")
      .def_prop_ro("name", [](const PythonFunction& f) { return f.function.name(); }, "As reports show it.")
      .def_prop_ro(
          "input_names", [](const PythonFunction& f) { return f.function.input_names(); }, "In the order of calls.")
      .def_prop_ro("profile", [](const PythonFunction& f) { return f.function.profile(); },
                   "What its calls cost since the last reset: a snapshot.")
      .def("reset_profile", [](const PythonFunction& f) { f.function.reset_profile(); }, "Counts from zero again.")
      .def_prop_ro("memory", [](const PythonFunction& f) { return f.function.memory(); },
                   "The memory of the last call.")
      .def(
          "largest_that_fits",
          [](const PythonFunction& f, const std::string& dim, const std::map<std::string, int64_t>& others,
             uint64_t limit) { return Check(f.function.LargestThatFits(dim, others, limit)); },
          nb::arg("dim"), nb::arg("others") = std::map<std::string, int64_t>(), nb::arg("limit") = 0,
          "The largest value of a dim symbol with which a call stays within `limit` bytes (0: the limit of now).")
      .def(
          "plan_memory",
          [](const PythonFunction& f, const std::map<std::string, int64_t>& dims) {
            return Check(f.function.PlanMemory(dims));
          },
          nb::arg("dims") = std::map<std::string, int64_t>(),
          "The memory a call would need for the given extents of dim symbols, without running.")
      .def("trim", [](const PythonFunction& f) { return f.function.Trim(); }, nb::call_guard<nb::gil_scoped_release>(),
           "Gives the memory that is kept for calls to come back to the system; the bytes.")
      .def_prop_ro("compile_info", [](const PythonFunction& f) { return f.function.compile_info(); },
                   "How the function came to be.")
      .def_prop_ro("compile_report", [](const PythonFunction& f) { return f.function.compile_report(); },
                   "What compiling it cost, by phase, pass, kernel and node.")
      .def("plan_text", [](const PythonFunction& f) { return f.function.plan_text(); },
           "Its steps, kernels and nodes with their lines.")
      .def("explain_fusion",
           [](const PythonFunction& f) {
             absl::StatusOr<std::string> text;
             {
               nb::gil_scoped_release unlocked;  // it runs the compiler
               text = f.function.ExplainFusion();
             }
             return Check(std::move(text));
           },
           "What fusion decided for each pair of neighbours, and why, with the cost model's figures.\n\n"
           "Compiles the graph again as far as that; a function loaded from a file cannot.")
      .def(
          "export",
          [](const PythonFunction& f, const std::filesystem::path& path) { Check(f.function.Export(path.string())); },
          nb::arg("path"),
          "Writes the compiled program, with the values of its shared variables, to a file that Function.load (and\n"
          "Function::Load in C++) runs without the compiler.")
      .def_static("load", &LoadPythonFunction, nb::arg("path"), nb::arg("defaults") = nb::none(),
                  nb::arg("profile") = nb::none(), nb::arg("allow_input_downcast") = nb::none(),
                  "The function that export() wrote: code, so load only what you trust as you would a library.\n\n"
                  "It has shared variables of its own, see get_shared(). One output is an array, several are a list.\n"
                  "defaults: a dict (or pairs) of an input's name and its value when a call leaves it out; they are not\n"
                  "part of the file. The other arguments are those of function().")
      .def("get_shared", [](const PythonFunction& f) { return WrapStates(f.function.states()); },
           "The shared variables it reads or updates, each once.")
      .def("__repr__", [](const PythonFunction& f) { return "<oriel.Function '" + f.function.name() + "'>"; });
  BindTaps(c);
  // After __call__ is there, which stays for whoever looks at it or overrides it.
  auto* type = reinterpret_cast<PyTypeObject*>(c.ptr());
  slow_call = type->tp_call;
  type->tp_call = CallSlot;
  PyType_Modified(type);

  m.def("trim_memory", &TrimMemory, nb::call_guard<nb::gil_scoped_release>(), "trim() of every function of the process.");
  m.def("function", &MakePythonFunction, nb::arg("inputs"), nb::arg("outputs") = nb::none(),
        nb::arg("updates") = nb::none(), nb::arg("givens") = nb::none(), nb::arg("name") = nb::none(),
        nb::arg("on_unused_input") = "raise", nb::arg("profile") = nb::none(), nb::arg("mode") = nb::none(),
        nb::arg("allow_input_downcast") = nb::none(),
        "Compiles outputs, and updates of shared variables, as a function of inputs.\n\n"
        "inputs: variables or In(...). outputs: a variable, a list, a dict or None; calls return the same form.\n"
        "updates: pairs (or a dict) of a shared variable and its new value; all see the values from before the call.\n"
        "givens: pairs (or a dict) of a variable and what takes its place.\n"
        "name: for reports. on_unused_input: 'raise', 'warn' or 'ignore'. profile: False turns timing off.\n"
        "mode: None, 'FAST_RUN', 'FAST_COMPILE' (one kernel a node), 'NanGuardMode' (fails at the first NaN or infinity)\n"
        "or 'DebugMode' (compares every node with the reference).\n"
        "allow_input_downcast: True casts arguments to narrower types too.");

  variable.def(
      "eval",
      [](nb::handle self, nb::dict inputs) {
        nb::list variables, ids, values;
        for (auto [key, value] : inputs) {
          if (AsVariable(key) == nullptr) throw nb::type_error("eval: takes a dict from variables to arrays");
          variables.append(key);
          ids.append(AsVariable(key)->value.id());
          values.append(value);
        }
        nb::dict& known = AsVariable(self)->evaluated;
        const nb::tuple key(ids);
        if (!known.contains(key)) {
          known[key] = MakePythonFunction(variables, self, nb::none(), nb::none(), nb::cast("eval"), "raise", nb::none(),
                                          nb::none(), nb::none());
        }
        return nb::inst_ptr<PythonFunction>(nb::object(known[key]))->Call(nb::tuple(values), nb::handle());
      },
      nb::arg("inputs") = nb::dict(),
      "The value for given inputs: a dict from variables to arrays. Compiled once for a set of inputs.");
}

}  // namespace oriel::python
