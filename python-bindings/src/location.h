// The source line of the Python program.
#ifndef ORIEL_PYTHON_LOCATION_H_
#define ORIEL_PYTHON_LOCATION_H_

#include <nanobind/nanobind.h>

#include "oriel/location.h"

namespace oriel::python {

// The line of the innermost frame outside the package. Needs the GIL. The
// file's name lives as long as the process.
Location Caller();

// _package_folder(path): frames of files under it are the package's own.
void BindLocation(nanobind::module_& m);

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_LOCATION_H_
