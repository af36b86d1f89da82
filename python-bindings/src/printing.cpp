// Trees, pictures and dtype reports: the module oriel.printing. Taps: prints,
// asserts and watches.
#include "oriel/printing.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "callbacks.h"
#include "function.h"
#include "oriel/taps.h"
#include "oriel/test_value.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

const Function* AsFunction(nb::handle object) {
  return nb::isinstance<PythonFunction>(object) ? &nb::inst_ptr<PythonFunction>(object)->function : nullptr;
}

std::vector<Value> ToValues(nb::handle object) {
  const Location at = Caller();
  if (!PyList_Check(object.ptr()) && !PyTuple_Check(object.ptr())) return {ToValue(object, at)};
  std::vector<Value> values;
  for (nb::handle item : object) values.push_back(ToValue(item, at));
  return values;
}

// A record as Python sees it: its own copies, free to keep.
nb::object ToRecord(const TapRecord& record) {
  static nb::object& type = *new nb::object(nb::module_::import_("types").attr("SimpleNamespace"));
  return type(nb::arg("function") = std::string(record.function), nb::arg("node") = record.node,
              nb::arg("name") = std::string(record.name), nb::arg("file") = std::string(record.file),
              nb::arg("line") = record.line, nb::arg("dtype") = std::string(NumpyName(record.dtype)),
              nb::arg("shape") = nb::tuple(nb::cast(record.shape)),
              nb::arg("value") = ToNumpy(record.value.Clone()),
              nb::arg("iterations") = nb::tuple(nb::cast(record.iterations)), nb::arg("call") = record.call);
}

WatchCallback ToCallback(nb::object callable) {
  if (PyCallable_Check(callable.ptr()) == 0) throw nb::type_error("watch: the callback must be callable");
  return [kept = Keep(std::move(callable))](const TapRecord& record) -> absl::Status {
    nb::gil_scoped_acquire locked;
    try {
      (*kept)(ToRecord(record));
    } catch (nb::python_error& error) {
      KeepException(std::move(error));
      return absl::AbortedError("a watch raised an exception");
    }
    return absl::OkStatus();
  };
}

std::vector<std::string> ToAttrs(nb::handle attrs) {
  if (PyUnicode_Check(attrs.ptr())) throw nb::type_error("attrs is a list of names, as ['shape']");
  std::vector<std::string> names;
  for (nb::handle attr : nb::iter(attrs)) names.push_back(nb::cast<std::string>(attr));
  return names;
}

// print() is the only thing here that writes on its own: to sys.stdout.
void WriteLine(std::string_view line) {
  if (!Py_IsInitialized()) return;
  nb::gil_scoped_acquire locked;
  PyObject* out = PySys_GetObject("stdout");  // borrowed
  if (out == nullptr || out == Py_None) return;
  const std::string text = std::string(line) + "\n";
  if (PyFile_WriteString(text.c_str(), out) != 0) PyErr_WriteUnraisable(out);
}

void Warn(const TestValueWarning& warning) {
  if (!Py_IsInitialized()) return;
  nb::gil_scoped_acquire locked;
  if (PyErr_Occurred() != nullptr) return;
  // Under a filter that raises, Wrap() raises it.
  // Told once a line, as warnings.warn there would.
  static PyObject* registry = PyDict_New();
  (void)PyErr_WarnExplicit(PyExc_UserWarning, warning.message.c_str(), warning.file.c_str(), warning.line, nullptr,
                           registry);
}

// file: None is stdout, "str" returns the text, else a stream.
nb::object Deliver(const std::string& text, nb::handle file) {
  if (PyUnicode_Check(file.ptr())) {
    if (nb::cast<std::string>(file) == "str") return nb::cast(text);
    throw nb::value_error("file is a stream, 'str' or None");
  }
  const nb::object stream = file.is_none() ? nb::module_::import_("sys").attr("stdout") : nb::borrow(file);
  stream.attr("write")(text.empty() || text.back() != '\n' ? text + "\n" : text);
  return nb::none();
}

}  // namespace

void BindPrinting(nb::module_& core) {
  SetPrintSink(&WriteLine);
  SetTestValueWarningHandler(&Warn);
  nb::module_ m = core.def_submodule("printing", "Functions of oriel.printing.");
  m.def(
      "debugprint",
      [](nb::handle obj, int depth, bool print_type, bool lines, nb::handle file) {
        DebugPrintOptions options;
        options.depth = depth;
        options.types = print_type;
        options.lines = lines;
        const Function* function = AsFunction(obj);
        return Deliver(function != nullptr ? DebugPrint(*function, options) : DebugPrint(ToValues(obj), options), file);
      },
      nb::arg("obj"), nb::arg("depth") = -1, nb::arg("print_type") = false, nb::arg("lines") = true,
      nb::arg("file") = nb::none(),
      "Prints an expression, a list of them or a compiled function as a tree.\n\n"
      "depth: levels below the roots, -1 for all. file: a stream, None for stdout, 'str' to return the text.");
  m.def(
      "pydotprint",
      [](nb::handle fct, const std::string& outfile, int max_boxes) {
        DotOptions options;
        options.max_boxes = max_boxes;
        const Function* function = AsFunction(fct);
        const std::string dot = function != nullptr ? Dot(*function, options) : Dot(ToValues(fct), options);
        absl::Status status;
        {
          nb::gil_scoped_release unlocked;
          status = WritePicture(dot, outfile);
        }
        Check(status);
      },
      nb::arg("fct"), nb::arg("outfile") = "graph.png", nb::arg("max_boxes") = 150,
      "Draws an expression or a compiled function with Graphviz: .png, .svg, .pdf, or .dot for the text itself.");
  m.def(
      "dtype_report",
      [](nb::handle obj, nb::handle expected, nb::handle file) {
        const Function* function = AsFunction(obj);
        const DType dtype = ToDType(expected);
        return Deliver(function != nullptr ? DTypeReport(*function, dtype) : DTypeReport(ToValues(obj), dtype), file);
      },
      nb::arg("obj"), nb::arg("expected") = "float32", nb::arg("file") = nb::none(),
      "Prints where a wider float type than `expected` entered, with lines.");
  m.def(
      "tap_print",
      [](nb::handle x, const std::string& message, nb::handle attrs) {
        return Wrap(print(ToOperand(x, Caller()), {message, ToAttrs(attrs)}));
      },
      nb::arg("x"), nb::arg("message"), nb::arg("attrs"), "x, printed when it is computed.");
  m.def(
      "tap_assert",
      [](nb::handle x, const std::string& message, nb::args conditions) {
        const Location at = Caller();
        std::vector<Value> values;
        for (nb::handle condition : conditions) values.push_back(ToValue(condition, at));
        return Wrap(assert_that(ToOperand(x, at), message, std::move(values)));
      },
      nb::arg("x"), nb::arg("message"), nb::arg("conditions"), "x, if all conditions are true.");
  m.def(
      "watch",
      [](nb::handle x, nb::object callback, const std::string& name) {
        return Wrap(watch(ToOperand(x, Caller()), name, ToCallback(std::move(callback))));
      },
      nb::arg("x"), nb::arg("callback"), nb::arg("name") = "",
      "x; `callback` gets a record (function, node, name, file, line, dtype, shape, value, iterations, call) each time\n"
      "it is computed, in program order. An exception in it ends the call, and shared variables keep their values.");
}

void BindTaps(nb::class_<PythonFunction>& c) {
  c.def(
       "watch",
       [](const PythonFunction& f, nb::handle node, nb::object callback) {
         WatchCallback watch = ToCallback(std::move(callback));
         absl::StatusOr<TapHandle> handle = TapHandle(0);
         if (PyUnicode_Check(node.ptr())) {
           const std::string name = nb::cast<std::string>(node);
           nb::gil_scoped_release unlocked;
           handle = f.function.Watch(name, std::move(watch));
         } else {
           const NodeId id = nb::cast<NodeId>(node);
           nb::gil_scoped_release unlocked;
           handle = f.function.Watch(id, std::move(watch));
         }
         return Check(handle);
       },
       nb::arg("node"), nb::arg("callback"),
       "Calls back with a record (see printing.watch) each time the node, given by name or id, is computed. Returns a\n"
       "handle for remove_tap. The results of calls stay the same to the bit.")
      .def(
          "print",
          [](const PythonFunction& f, nb::handle node, nb::handle attrs, const std::string& message) {
            PrintOptions options{message, ToAttrs(attrs)};
            absl::StatusOr<TapHandle> handle = TapHandle(0);
            if (PyUnicode_Check(node.ptr())) {
              const std::string name = nb::cast<std::string>(node);
              nb::gil_scoped_release unlocked;
              handle = f.function.Print(name, std::move(options));
            } else {
              const NodeId id = nb::cast<NodeId>(node);
              nb::gil_scoped_release unlocked;
              handle = f.function.Print(id, std::move(options));
            }
            return Check(handle);
          },
          nb::arg("node"), nb::arg("attrs") = nb::make_tuple("__str__"), nb::arg("message") = "",
          "Prints attributes of the node, given by name or id, each time it is computed. Returns a handle.")
      .def(
          "remove_tap", [](const PythonFunction& f, TapHandle handle) { Check(f.function.Remove(handle)); },
          nb::arg("handle"), "Takes a watch or print off again, also one that came with the graph.")
      .def_prop_ro(
          "taps",
          [](const PythonFunction& f) {
            nb::list list;
            for (const TapInfo& tap : f.function.taps()) {
              const char* kind = tap.kind == TapKind::kPrint ? "print" : tap.kind == TapKind::kAssert ? "assert" : "watch";
              list.append(nb::make_tuple(tap.handle, kind, tap.node, tap.name));
            }
            return list;
          },
          "Those that are on: (handle, kind, node, name).");
}

}  // namespace oriel::python
