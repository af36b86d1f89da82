#include "arrays.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <dlpack/dlpack.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <numpy/arrayobject.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "oriel/config.h"
#include "status.h"

namespace oriel::python {
namespace {

constexpr const char* kCapsule = "dltensor";
constexpr const char* kUsedCapsule = "used_dltensor";

[[noreturn]] void RaiseTypeError(const std::string& message) { throw nb::type_error(message.c_str()); }

// str(object).
std::string Text(nb::handle object) {
  const nb::object text = nb::steal(PyObject_Str(object.ptr()));
  if (!text.is_valid()) throw nb::python_error();
  return nb::cast<std::string>(text);
}

// The reference a Tensor holds on the array whose memory it shares; dropped from
// whatever thread the last sharer goes in.
std::function<void()> Holding(PyObject* object) {
  Py_INCREF(object);
  return [object] {
    if (!Py_IsInitialized()) return;
    const PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF(object);
    PyGILState_Release(state);
  };
}

std::optional<DType> DTypeOfDescr(PyArray_Descr* descr) {
  switch (descr->type_num) {
    case NPY_BOOL: return DType::boolean;
    case NPY_HALF: return DType::f16;
    case NPY_FLOAT: return DType::f32;
    case NPY_DOUBLE: return DType::f64;
    default: break;
  }
  const auto bytes = PyDataType_ELSIZE(descr);
  if (PyTypeNum_ISINTEGER(descr->type_num)) {
    const bool is_signed = PyTypeNum_ISSIGNED(descr->type_num);
    switch (bytes) {
      case 1: return is_signed ? DType::i8 : DType::u8;
      case 2: return is_signed ? DType::i16 : DType::u16;
      case 4: return is_signed ? DType::i32 : DType::u32;
      case 8: return is_signed ? DType::i64 : DType::u64;
      default: return std::nullopt;
    }
  }
  // NumPy has no bfloat16; the package ml_dtypes registers one.
  if (bytes == 2) {
    if (Text(reinterpret_cast<PyObject*>(descr)) == "bfloat16") return DType::bf16;
  }
  return std::nullopt;
}

Tensor Borrowed(PyArrayObject* array) {
  std::optional<DType> dtype = DTypeOfDescr(PyArray_DESCR(array));
  nb::object held = nb::borrow(reinterpret_cast<PyObject*>(array));
  if (!dtype) {
    RaiseTypeError("Oriel has no element type " + Text(nb::object(held.attr("dtype"))));
  }
  if (!PyArray_ISNOTSWAPPED(array) || !PyArray_ISALIGNED(array)) {
    PyArray_Descr* native = PyArray_DescrNewByteorder(PyArray_DESCR(array), NPY_NATIVE);
    PyObject* copy = PyArray_FromArray(array, native, NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED);
    if (copy == nullptr) throw nb::python_error();
    held = nb::steal(copy);
    array = reinterpret_cast<PyArrayObject*>(copy);
  }
  const int rank = PyArray_NDIM(array);
  Extents shape(PyArray_DIMS(array), PyArray_DIMS(array) + rank);
  std::vector<int64_t> strides(PyArray_STRIDES(array), PyArray_STRIDES(array) + rank);
  return Check(Tensor::Borrow(PyArray_DATA(array), std::move(shape), std::move(strides), *dtype, Holding(held.ptr()),
                              !PyArray_ISWRITEABLE(array)));
}

Tensor FromCapsule(nb::handle capsule) {
  void* managed = PyCapsule_GetPointer(capsule.ptr(), kCapsule);
  if (managed == nullptr) throw nb::python_error();
  if (PyCapsule_SetName(capsule.ptr(), kUsedCapsule) != 0) throw nb::python_error();
  return Check(Tensor::FromDLPack(static_cast<DLManagedTensor*>(managed)));
}

nb::object ToCapsule(const Tensor& tensor) {
  DLManagedTensor* managed = tensor.ToDLPack();
  PyObject* capsule = PyCapsule_New(managed, kCapsule, [](PyObject* self) {
    if (PyCapsule_IsValid(self, kCapsule) == 0) return;  // a consumer took it
    auto* kept = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(self, kCapsule));
    kept->deleter(kept);
  });
  if (capsule == nullptr) {
    managed->deleter(managed);
    throw nb::python_error();
  }
  return nb::steal(capsule);
}

int NumpyType(DType dtype) {
  switch (dtype) {
    case DType::f64: return NPY_FLOAT64;
    case DType::f32: return NPY_FLOAT32;
    case DType::f16: return NPY_FLOAT16;
    case DType::i8: return NPY_INT8;
    case DType::i16: return NPY_INT16;
    case DType::i32: return NPY_INT32;
    case DType::i64: return NPY_INT64;
    case DType::u8: return NPY_UINT8;
    case DType::u16: return NPY_UINT16;
    case DType::u32: return NPY_UINT32;
    case DType::u64: return NPY_UINT64;
    case DType::boolean: return NPY_BOOL;
    case DType::bf16: break;
  }
  return -1;
}

}  // namespace

Tensor ToTensor(nb::handle object) {
  if (PyArray_Check(object.ptr())) {
    // A mask has no place in a tensor, and must not be lost on the way.
    if (!PyArray_CheckExact(object.ptr()) && nb::hasattr(object, "_mask")) {
      Check(absl::UnimplementedError("masked arrays are not supported: use .filled(value) or .data"));
    }
    return Borrowed(reinterpret_cast<PyArrayObject*>(object.ptr()));
  }
  if (PyArray_IsScalar(object.ptr(), Generic)) {  // no need to ask for more
    PyArray_Descr* descr = PyArray_DescrFromScalar(object.ptr());
    const nb::object held_descr = nb::steal(reinterpret_cast<PyObject*>(descr));
    if (descr->type_num < NPY_OBJECT && !PyTypeNum_ISCOMPLEX(descr->type_num)) {
      if (const std::optional<DType> dtype = DTypeOfDescr(descr)) {
        Tensor value = Check(Tensor::Empty({}, *dtype));
        PyArray_ScalarAsCtype(object.ptr(), value.raw());
        return value;
      }
    }
    PyObject* array = PyArray_FromScalar(object.ptr(), nullptr);
    if (array == nullptr) throw nb::python_error();
    const nb::object held = nb::steal(array);
    return Borrowed(reinterpret_cast<PyArrayObject*>(array));
  }
  if (nb::isinstance<Tensor>(object)) return nb::cast<Tensor>(object);
  // torch, CuPy and others.
  if (nb::hasattr(object, "__dlpack__")) return FromCapsule(object.attr("__dlpack__")());
  PyObject* array = PyArray_FROM_O(object.ptr());
  if (array == nullptr) throw nb::python_error();
  const nb::object held = nb::steal(array);
  auto* made = reinterpret_cast<PyArrayObject*>(array);
  if (PyArray_DESCR(made)->type_num == NPY_OBJECT) {
    RaiseTypeError("cannot make a tensor of " + Text(nb::object(nb::handle(object.type()).attr("__name__"))));
  }
  return Borrowed(made);
}

std::optional<Tensor> ScalarToTensor(nb::handle object, DType dtype) {
  PyObject* o = object.ptr();
  if (PyFloat_CheckExact(o)) {
    const double value = PyFloat_AS_DOUBLE(o);
    if (dtype == DType::f64) return Tensor::Scalar<double>(value);
    if (dtype == DType::f32) return Tensor::Scalar<float>(static_cast<float>(value));
    if (!IsFloat(dtype)) return std::nullopt;
    return Check(Tensor::Scalar<double>(value).Cast(dtype));
  }
  if (PyBool_Check(o)) return Check(Tensor::Scalar<bool>(o == Py_True).Cast(dtype));
  if (!PyLong_CheckExact(o) || IsBool(dtype)) return std::nullopt;
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow != 0 || IsFloat(dtype)) {
    if (!IsFloat(dtype)) return std::nullopt;
    const double wide = PyLong_AsDouble(o);
    if (wide == -1.0 && PyErr_Occurred() != nullptr) throw nb::python_error();
    return Check(Tensor::Scalar<double>(wide).Cast(dtype));
  }
  if (dtype == DType::i64) return Tensor::Scalar<int64_t>(value);
  Tensor cast = Check(Tensor::Scalar<int64_t>(value).Cast(dtype));
  if (cast.ElementAsInt({}) != value || (value < 0 && IsUnsigned(dtype))) return std::nullopt;
  return cast;
}

namespace {

// A new reference.
PyArray_Descr* DescrOf(DType dtype) {
  if (dtype == DType::bf16) return reinterpret_cast<PyArray_Descr*>(NumpyDType(DType::bf16).release().ptr());
  return PyArray_DescrFromType(NumpyType(dtype));
}

}  // namespace

nb::object OutputToNumpy(const Tensor& tensor) {
  // NumPy has small arrays at hand: one of its own costs less than an owner does.
  constexpr size_t kCopied = 1024;
  if (tensor.bytes() > kCopied || !tensor.contiguous()) return ToNumpy(tensor);
  PyObject* array = PyArray_NewFromDescr(&PyArray_Type, DescrOf(tensor.dtype()), tensor.rank(), tensor.shape().data(), nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw nb::python_error();
  if (tensor.bytes() > 0) std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array)), tensor.raw(), tensor.bytes());
  return nb::steal(array);
}

nb::object ToNumpy(const Tensor& tensor) {
  PyArray_Descr* descr = DescrOf(tensor.dtype());
  auto kept = std::make_unique<Tensor>(tensor);
  const int flags = tensor.read_only() ? 0 : NPY_ARRAY_WRITEABLE;
  void* data = kept->raw();
  static char nothing[16];
  PyObject* array = PyArray_NewFromDescr(&PyArray_Type, descr, tensor.rank(), tensor.shape().data(),
                                         tensor.strides().data(), data == nullptr ? nothing : data, flags, nullptr);
  if (array == nullptr) throw nb::python_error();
  nb::object result = nb::steal(array);
  PyObject* owner = PyCapsule_New(kept.get(), "oriel.Tensor", [](PyObject* self) {
    delete static_cast<Tensor*>(PyCapsule_GetPointer(self, "oriel.Tensor"));
  });
  if (owner == nullptr) throw nb::python_error();
  (void)kept.release();
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner) != 0) throw nb::python_error();
  return result;
}

DType ToDType(nb::handle object) {
  if (PyUnicode_Check(object.ptr())) {
    const std::string name = nb::cast<std::string>(object);
    if (name == "floatX") return Config::Get().floatX;
    if (std::optional<DType> dtype = ParseDType(name)) return *dtype;
  }
  PyArray_Descr* descr = nullptr;
  if (PyArray_DescrConverter(object.ptr(), &descr) == NPY_FAIL) throw nb::python_error();
  const nb::object held = nb::steal(reinterpret_cast<PyObject*>(descr));
  std::optional<DType> dtype = DTypeOfDescr(descr);
  if (!dtype) RaiseTypeError("Oriel has no element type " + Text(held));
  return *dtype;
}

nb::object NumpyDType(DType dtype) {
  if (dtype != DType::bf16) {
    return nb::steal(reinterpret_cast<PyObject*>(PyArray_DescrFromType(NumpyType(dtype))));
  }
  PyObject* module = PyImport_ImportModule("ml_dtypes");
  if (module == nullptr) {
    PyErr_Clear();
    RaiseTypeError("NumPy has no bfloat16: install the package ml_dtypes, or cast the output to float32");
  }
  return nb::module_::import_("numpy").attr("dtype")(nb::steal(module).attr("bfloat16"));
}

void BindArrays(nb::module_& m) {
  if (PyArray_ImportNumPyAPI() < 0) throw nb::python_error();
  nb::class_<Tensor>(m, "Tensor",
                     "Numbers in host memory, shared without copies: numpy.asarray(t), torch.from_dlpack(t).")
      .def_prop_ro("shape", [](const Tensor& t) { return nb::tuple(nb::cast(t.shape())); }, "Extents, a tuple.")
      .def_prop_ro("dtype", [](const Tensor& t) { return std::string(NumpyName(t.dtype())); }, "NumPy's name.")
      .def_prop_ro("strides", [](const Tensor& t) { return nb::tuple(nb::cast(t.strides())); }, "In bytes.")
      .def_prop_ro("nbytes", [](const Tensor& t) { return t.bytes(); }, "Bytes of all elements.")
      .def(
          "numpy", [](const Tensor& t) { return ToNumpy(t); }, "A NumPy array of the same memory.")
      .def(
          "__array__",
          [](const Tensor& t, nb::object dtype, nb::object copy) {
            nb::object array = ToNumpy(t);
            if (!dtype.is_none()) {
              nb::object cast = array.attr("astype")(dtype, nb::arg("copy") = false);
              if (copy.ptr() == Py_False && !cast.is(array)) {
                throw nb::value_error("another dtype needs a copy, which copy=False forbids");
              }
              array = cast;
            }
            if (copy.ptr() == Py_True) array = array.attr("copy")();
            return array;
          },
          nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(), "For numpy.asarray.")
      .def(
          "__dlpack__",
          [](const Tensor& t, nb::kwargs options) {
            if (options.contains("copy") && nb::object(options["copy"]).ptr() == Py_True) return ToCapsule(t.Clone());
            return ToCapsule(t);
          },
          nb::arg("options"), "A DLPack capsule that shares the memory.")
      .def(
          "__dlpack_device__", [](const Tensor&) { return nb::make_tuple(static_cast<int>(kDLCPU), 0); },
          "Host memory: (1, 0).")
      .def("__repr__", [](const Tensor& t) { return "oriel.Tensor(" + t.ToString() + ")"; });
  m.def(
      "from_dlpack", [](nb::object x) {
        if (PyCapsule_CheckExact(x.ptr())) return FromCapsule(x);
        return FromCapsule(x.attr("__dlpack__")());
      },
      nb::arg("x"), "A Tensor that shares the memory of any object of the DLPack protocol (host memory).");
}

}  // namespace oriel::python
