// Compiled functions as Python objects.
#ifndef ORIEL_PYTHON_FUNCTION_H_
#define ORIEL_PYTHON_FUNCTION_H_

#include <nanobind/nanobind.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "oriel/function.h"
#include "oriel/input_cast.h"
#include "oriel/substitute.h"
#include "variable.h"

namespace oriel::python {

// What Python's In() states about an input.
struct InputSpec {
  nb::object variable;
  nb::object value;  // None: no default
  std::string name;  // "": the variable's
};

// {a: b}, [(a, b), ...] or None. `what` is the argument, for errors.
std::vector<std::pair<nb::object, nb::object>> Pairs(nb::handle given, const char* what);
// The same of what a graph replaces by what.
std::vector<Given> ToGivens(nb::handle given, const char* what, const Location& at);

struct PythonFunction {
  // One input, as calls need it.
  struct Argument {
    std::string name;
    DType dtype = DType::f32;
  };
  enum class Result { kNone, kOne, kList, kDict };

  Function function;
  std::vector<Argument> arguments;
  CastRule rule = CastRule::kSafe;
  Result result = Result::kList;
  nb::list keys;  // of kDict

  nb::object Call(nb::handle args, nb::handle kwargs) const;
};

// A Python object that holds a PythonFunction, as signatures show it.
using FunctionObject = nb::typed<nb::object, PythonFunction>;

// function(...), see its docstring.
FunctionObject MakePythonFunction(nb::handle inputs, nb::handle outputs, nb::handle updates, nb::handle givens,
                              nb::handle name, const std::string& on_unused_input, nb::handle profile,
                              nb::handle mode, nb::handle allow_input_downcast);

// Function.load(...), see its docstring.
FunctionObject LoadPythonFunction(const std::filesystem::path& path, nb::handle defaults, nb::handle profile,
                              nb::handle allow_input_downcast);

void BindFunction(nb::module_& m, VariableClass& variable);
void BindShared(nb::module_& m);
void BindConfig(nb::module_& m);
void BindReports(nb::module_& m);
void BindGradients(nb::module_& core);
void BindControl(nb::module_& m);
void BindRandom(nb::module_& m);
void BindPrinting(nb::module_& core);
void BindTaps(nb::class_<PythonFunction>& c);

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_FUNCTION_H_
