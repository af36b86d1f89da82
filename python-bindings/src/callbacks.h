// Python callables that C++ keeps and calls without the GIL held.
#ifndef ORIEL_PYTHON_CALLBACKS_H_
#define ORIEL_PYTHON_CALLBACKS_H_

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>

namespace oriel::python {

namespace nb = nanobind;

// Shared ownership of a Python object, dropped under the GIL from any thread.
std::shared_ptr<nb::object> Keep(nb::object object);

// An exception raised in a callback ends the call it was made from; there it is
// raised again. Both run on the thread of the call.
void KeepException(nb::python_error error);
// Raises what the last callbacks of this thread left, if anything.
void RaiseKept();
void ForgetKept();

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_CALLBACKS_H_
