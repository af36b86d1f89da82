// Variables: Values and States as Python objects.
#ifndef ORIEL_PYTHON_VARIABLE_H_
#define ORIEL_PYTHON_VARIABLE_H_

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "location.h"
#include "oriel/dim.h"
#include "oriel/subtensor.h"
#include "oriel/value.h"

namespace oriel::python {

namespace nb = nanobind;

// Of one of mask.nonzero(): the positions along `axis` of what is true.
struct NonzeroOf {
  Value mask;
  int axis = 0;
};

// A symbolic tensor. Values never change; a Variable may take another name.
struct Variable {
  Value value;
  // What x[index] was made of, for set_subtensor and inc_subtensor.
  std::shared_ptr<const Subtensor> part;
  std::shared_ptr<const NonzeroOf> nonzero;  // null: not of a nonzero()
  bool unnamed_input = false;  // has a name of our making
  nb::dict tags;       // attributes of x.tag
  nb::dict evaluated;  // functions of eval(), by the inputs' ids
};

struct SharedVariable : Variable {
  State state;
};

// x.tag: attributes of the program's own, and the test value.
struct Tag {
  nb::object variable;
};

// The object as an operand: a Variable, a Python scalar (weak), or anything
// NumPy makes an array of (a constant). A list with Variables in it is stacked.
Operand ToOperand(nb::handle object, const Location& at);
Value ToValue(nb::handle object, const Location& at);
// The Variable behind the object, nullptr when it is none.
Variable* AsVariable(nb::handle object);
// Is it a variable, or a list or tuple with one in it?
bool HoldsVariable(nb::handle object);

// A Python object that holds a Variable, under the name that signatures show.
class VariableObject : public nb::object {
  NB_OBJECT(VariableObject, nb::object, "oriel._core.TensorVariable", IsVariable)
 private:
  static bool IsVariable(PyObject* object) { return nb::isinstance<Variable>(nb::handle(object)); }
};

// A new Variable; the Value's error as an exception.
VariableObject Wrap(const Value& value);
// x.nonzero(): a tuple of position vectors, one an axis, that know their mask.
nb::tuple PositionsOf(Value x, const Location& at);
VariableObject WrapUnchecked(const Value& value);
nb::list WrapAll(const std::vector<Value>& values);

// Arguments as NumPy's functions take them.
Dim ToDim(nb::handle object, const Location& at);    // an int, a symbol's name or a scalar Variable
Dims ToDims(nb::handle object, const Location& at);  // one of them, a sequence, or a vector Variable
std::vector<int> ToInts(nb::handle object);          // an int or a sequence
Axes ToAxes(nb::handle axis, int rank);              // None: all; an empty tuple is refused
std::optional<int> ToAxis(nb::handle axis);

// x[index], with what it was made of.
VariableObject GetItem(nb::handle self, nb::handle index, const Location& at);

using VariableClass = nb::class_<Variable>;

// A function of the module and a method of variables, whose self is the first
// argument.
template <typename F, typename... Extra>
void DefBoth(nb::module_& m, VariableClass& c, const char* name, F f, nb::arg first, const Extra&... extra) {
  m.def(name, f, first, extra...);
  c.def(name, f, extra...);
}

VariableClass BindVariable(nb::module_& m);
void BindIndexing(nb::module_& m);
void BindElementwise(nb::module_& tensor, VariableClass& c);
void BindShapes(nb::module_& tensor, VariableClass& c);
void BindReductions(nb::module_& tensor, VariableClass& c);
void BindNnet(nb::module_& nnet);

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_VARIABLE_H_
