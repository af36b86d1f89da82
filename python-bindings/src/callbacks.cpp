#include "callbacks.h"

namespace oriel::python {
namespace {

std::optional<nb::python_error>& Kept() {
  thread_local std::optional<nb::python_error> kept;
  return kept;
}

}  // namespace

std::shared_ptr<nb::object> Keep(nb::object object) {
  return std::shared_ptr<nb::object>(new nb::object(std::move(object)), [](nb::object* kept) {
    if (!Py_IsInitialized()) {
      (void)kept->release();
      delete kept;
      return;
    }
    nb::gil_scoped_acquire locked;
    delete kept;
  });
}

void KeepException(nb::python_error error) { Kept().emplace(std::move(error)); }

void RaiseKept() {
  if (!Kept()) return;
  nb::python_error error = *std::move(Kept());
  Kept().reset();
  throw error;
}

void ForgetKept() { Kept().reset(); }

}  // namespace oriel::python
