#include "status.h"

#include <nanobind/stl/string.h>

#include <typeinfo>

#include "oriel/errors.h"

namespace oriel::python {
namespace {

PyObject* out_of_memory = nullptr;

PyObject* ExceptionOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return IsDTypeError(status) ? PyExc_TypeError : PyExc_ValueError;
    case absl::StatusCode::kOutOfRange:
      return PyExc_IndexError;
    case absl::StatusCode::kResourceExhausted:
      return out_of_memory;
    case absl::StatusCode::kFailedPrecondition:
      return PyExc_AssertionError;
    case absl::StatusCode::kNotFound:
      return PyExc_KeyError;
    case absl::StatusCode::kAlreadyExists:
      return PyExc_ValueError;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnavailable:  // what the system refused: a full disk, a missing folder
    case absl::StatusCode::kUnknown:
      return PyExc_OSError;
    case absl::StatusCode::kPermissionDenied:
      return PyExc_PermissionError;
    case absl::StatusCode::kUnimplemented:
      return PyExc_NotImplementedError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void SetPythonError(const absl::Status& status) {
  const std::string message(status.message());
  PyObject* text = PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace");
  if (text == nullptr) return;
  PyErr_SetObject(ExceptionOf(status), text);
  Py_DECREF(text);
}

std::string TextOf(nb::handle object, const char* what) {
  if (object.is_none()) return "";
  if (!PyUnicode_Check(object.ptr())) {
    const nb::object type = nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()))).attr("__name__");
    throw nb::type_error((std::string(what) + " is a str, got " + nb::cast<std::string>(type)).c_str());
  }
  return nb::cast<std::string>(object);
}

void BindStatus(nb::module_& m) {
  nb::object type = nb::steal(PyErr_NewExceptionWithDoc(
      "oriel.OutOfMemory",
      "A call does not fit into the memory limit or the device. Its message is the whole report: what was "
      "requested, what is live, and what would fit. States are as they were before the call.",
      PyExc_MemoryError, nullptr));
  out_of_memory = type.ptr();
  m.attr("OutOfMemory") = type;
  nb::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (const StatusError& e) {
      SetPythonError(e.status());
    } catch (const std::bad_cast&) {
      PyErr_SetString(PyExc_TypeError, "an argument, or an element of one, has the wrong type");
    }
  });
}

}  // namespace oriel::python
