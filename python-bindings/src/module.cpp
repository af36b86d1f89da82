// The extension module oriel._core.
#include <nanobind/nanobind.h>

#include "arrays.h"
#include "function.h"
#include "location.h"
#include "status.h"
#include "variable.h"

NB_MODULE(_core, m) {
  using namespace oriel::python;
  m.doc() = "Oriel's C++ library in Python. Use the package `oriel`, which names things as Theano does.";
  // What a program still holds when it ends (a callback of a function that its
  // globals hold) is its own affair, and no message on stderr.
  nanobind::set_leak_warnings(false);
  BindStatus(m);
  BindLocation(m);
  BindArrays(m);
  BindConfig(m);
  VariableClass variable = BindVariable(m);
  nanobind::module_ tensor = m.def_submodule("tensor", "Functions of oriel.tensor.");
  BindElementwise(tensor, variable);
  BindShapes(tensor, variable);
  BindReductions(tensor, variable);
  BindIndexing(tensor);
  nanobind::module_ nnet = m.def_submodule("nnet", "Functions of oriel.tensor.nnet.");
  BindNnet(nnet);
  BindReports(m);
  BindShared(m);
  BindFunction(m, variable);
  BindGradients(m);
  BindControl(m);
  BindRandom(m);
  BindPrinting(m);
}
