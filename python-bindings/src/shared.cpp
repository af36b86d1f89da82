// Shared variables and settings.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "function.h"
#include "oriel/config.h"
#include "oriel/input_cast.h"
#include "status.h"

namespace oriel::python {
namespace {

struct Settings {};

// A setting as Python shows it.
nb::object ToPython(const std::string& text) {
  if (text == "true" || text == "false") return nb::bool_(text == "true");
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    return nb::steal(PyLong_FromString(text.c_str(), nullptr, 10));
  }
  return nb::cast(text);
}

}  // namespace

void BindShared(nb::module_& m) {
  nb::class_<SharedVariable, Variable>(m, "SharedVariable",
                                       "A tensor that outlives calls and that functions update: weights, counters.")
      .def(
          "get_value",
          [](const SharedVariable& v, bool borrow) {
            Tensor value;
            {
              nb::gil_scoped_release unlocked;  // a running call may hold the lock
              value = v.state.value();
            }
            return ToNumpy(value);
          },
          nb::arg("borrow") = false, nb::sig("def get_value(self, borrow: bool = False) -> numpy.ndarray"),
          "The value now, as a new array. (borrow=True permits sharing memory, which is not done: a running call may\n"
          "write it.)")
      .def(
          "set_value",
          [](const SharedVariable& v, nb::handle value, bool borrow) {
            Tensor tensor;
            if (std::optional<Tensor> scalar = ScalarToTensor(value, v.state.dtype())) {
              tensor = *std::move(scalar);
            } else {
              const CastRule rule = Config::Get().cast_inputs ? CastRule::kSafe : CastRule::kNone;
              tensor = Check(CastInput(ToTensor(value), v.state.dtype(), rule, v.state.name()));
            }
            absl::Status status;
            {
              nb::gil_scoped_release unlocked;
              State state = v.state;
              status = state.set_value(tensor);
            }
            Check(status);
          },
          nb::arg("new_value"), nb::arg("borrow") = false,
          "Replaces the value by one of the same shape; cast as a function's arguments are. The array is copied.");
  m.def(
      "shared",
      [](nb::handle value, nb::handle name, bool borrow, nb::handle target) {
        const Location at = Caller();
        if (!target.is_none() && nb::cast<std::string>(target) != "cpu") {
          Check(absl::UnimplementedError("shared: target '" + nb::cast<std::string>(target) +
                                         "', only 'cpu' exists so far"));
        }
        SharedVariable made;
        made.state = state(TextOf(name, "shared: name"), ToTensor(value), at);
        return made;
      },
      nb::arg("value"), nb::arg("name") = nb::none(), nb::arg("borrow") = false, nb::arg("target") = nb::none(),
      "A shared variable with this value, dtype and shape. Name it: reports show the name. target: the device, only\n"
      "'cpu' so far. (borrow=True permits sharing memory, which is not done.)");
}

void BindConfig(nb::module_& m) {
  nb::class_<Settings>(m, "Config",
                       "The process's settings as attributes; they start from the environment's "
                       "ORIEL_FLAGS=\"key=value,...\".")
      .def("__getattr__",
           [](const Settings&, const std::string& key) {
             absl::StatusOr<std::string> text = Config::Text(key);
             if (!text.ok()) throw nb::attribute_error(std::string(text.status().message()).c_str());
             return ToPython(*text);
           })
      .def("__setattr__",
           [](const Settings&, const std::string& key, nb::handle value) {
             if (!Config::Text(key).ok()) {
               throw nb::attribute_error(std::string(Config::Text(key).status().message()).c_str());
             }
             const std::string text = PyBool_Check(value.ptr()) ? (value.ptr() == Py_True ? "true" : "false")
                                                                : nb::cast<std::string>(nb::str(value));
             Check(Config::Set(key, text));
           },
           nb::arg("key"), nb::arg("value"))
      .def("__dir__", [](const Settings&) { return Config::Keys(); })
      .def("__repr__", [](const Settings&) {
        std::string text;
        for (const std::string& key : Config::Keys()) {
          text += (text.empty() ? "" : ",") + key + "=" + Config::Text(key).value_or("");
        }
        return "<oriel.config " + text + ">";
      });
  m.attr("config") = nb::cast(Settings());
  m.def(
      "_check_flags", [] { Check(Config::flags_status()); }, "Raises what is wrong with ORIEL_FLAGS.");
}

}  // namespace oriel::python
