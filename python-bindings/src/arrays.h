// Tensors and NumPy arrays, without copies.
#ifndef ORIEL_PYTHON_ARRAYS_H_
#define ORIEL_PYTHON_ARRAYS_H_

#include <nanobind/nanobind.h>

#include <optional>

#include "oriel/dtype.h"
#include "oriel/tensor.h"

namespace oriel::python {

// Any array-like as a Tensor: NumPy arrays and objects of the DLPack protocol
// share their memory, strides kept (the Tensor holds a reference); lists and
// scalars become new arrays. TypeError for element types Oriel lacks.
Tensor ToTensor(nanobind::handle object);

// A Python scalar (not NumPy's) as a tensor of this dtype when it holds the
// value; nullopt when `object` is none.
std::optional<Tensor> ScalarToTensor(nanobind::handle object, DType dtype);

// A NumPy array over the Tensor's memory, which it keeps alive.
nanobind::object ToNumpy(const Tensor& tensor);
// Of an output, which nobody else has: a small one is copied.
nanobind::object OutputToNumpy(const Tensor& tensor);

// "float32", numpy.float32, numpy.dtype(...), or "floatX" for the setting.
DType ToDType(nanobind::handle object);
nanobind::object NumpyDType(DType dtype);

// Tensor's class in Python (DLPack both ways) and the NumPy API; before others.
void BindArrays(nanobind::module_& m);

}  // namespace oriel::python

#endif  // ORIEL_PYTHON_ARRAYS_H_
