// Statuses as Python exceptions (the table of docs/python.md).
#ifndef ORIEL_PYTHON_STATUS_H_
#define ORIEL_PYTHON_STATUS_H_

#include <nanobind/nanobind.h>

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oriel::python {

namespace nb = nanobind;

// Carries a status to the boundary with Python, where it becomes an exception.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status) : status_(std::move(status)), message_(status_.message()) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
  std::string message_;
};

inline void Check(const absl::Status& status) {
  if (!status.ok()) throw StatusError(status);
}

template <typename T>
T Check(absl::StatusOr<T> result) {
  if (!result.ok()) throw StatusError(result.status());
  return *std::move(result);
}

// Sets the Python error of a status that is not OK.
void SetPythonError(const absl::Status& status);

// A str, "" for None; another type is a TypeError: "<what> is a str, got int".
std::string TextOf(nb::handle object, const char* what);

// oriel.OutOfMemory and the translation of StatusError.
void BindStatus(nb::module_& m);

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_STATUS_H_
