#include "location.h"

#include <nanobind/stl/string.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace oriel::python {
namespace {

namespace nb = nanobind;

// What is known of a file's name, found by the string object of its code: a
// program has few of them, but some (eval, notebooks) make new ones for ever.
struct File {
  bool ours = false;
  const char* name = "";
};
constexpr size_t kMaxFiles = 4096;

std::string& Package() {
  static std::string& package = *new std::string();
  return package;
}

const char* Intern(std::string_view name) {
  static auto& names = *new std::unordered_set<std::string>();
  return names.emplace(name).first->c_str();
}

const File& FileOf(PyObject* name) {
  static auto& files = *new std::unordered_map<PyObject*, File>();  // guarded by the GIL
  if (auto found = files.find(name); found != files.end()) return found->second;
  if (files.size() >= kMaxFiles) {
    for (auto& [kept, file] : files) Py_DECREF(kept);
    files.clear();
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(name, &size);
  if (text == nullptr) {
    PyErr_Clear();
    text = "?";
    size = 1;
  }
  const std::string_view view(text, static_cast<size_t>(size));
  File file;
  file.ours = !Package().empty() && view.substr(0, Package().size()) == Package();
  file.name = Intern(view);
  Py_INCREF(name);  // its address stays its own
  return files.emplace(name, file).first->second;
}

}  // namespace

Location Caller() {
  PyFrameObject* frame = PyEval_GetFrame();
  Py_XINCREF(reinterpret_cast<PyObject*>(frame));
  Location found("<python>", 0);
  while (frame != nullptr) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    const File& file = FileOf(code->co_filename);
    Py_DECREF(reinterpret_cast<PyObject*>(code));
    if (!file.ours) {
      const int line = PyFrame_GetLineNumber(frame);
      found = Location(file.name, line > 0 ? static_cast<uint32_t>(line) : 0);
      break;
    }
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(reinterpret_cast<PyObject*>(frame));
    frame = back;
  }
  Py_XDECREF(reinterpret_cast<PyObject*>(frame));
  return found;
}

void BindLocation(nb::module_& m) {
  m.def(
      "_package_folder", [](const std::string& folder) { Package() = folder; }, nb::arg("folder"),
      "Frames of files under this folder are never the caller's.");
}

}  // namespace oriel::python
