// Profiles, memory reports and compile information.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "function.h"
#include "oriel/profile.h"

namespace oriel::python {
namespace {

// Writes to a stream, sys.stderr when None.
void Print(const std::string& text, nb::handle file) {
  const nb::object stream = file.is_none() ? nb::module_::import_("sys").attr("stderr") : nb::borrow(file);
  stream.attr("write")(text);
}

}  // namespace

void BindReports(nb::module_& m) {
  nb::class_<NodeInfo>(m, "NodeInfo", "A node of the program a user wrote, and what became of it.")
      .def_ro("id", &NodeInfo::id, "Its number, as in reports.")
      .def_ro("op", &NodeInfo::op, "\"add\", \"reduce\".")
      .def_ro("name", &NodeInfo::name, "The user's name, '' when unnamed.")
      .def_ro("file", &NodeInfo::file, "Where it was stated.")
      .def_ro("line", &NodeInfo::line, "0: unknown.")
      .def("where", &NodeInfo::Where, "\"file.py:42\".");
  nb::class_<ScatterUse>(m, "ScatterUse", "How a scatter shared its work, why, and what its indices were like; counts are over all calls.")
      .def_ro("strategy", &ScatterUse::strategy, "\"serial\", \"by destination range\", \"by column\" or \"private copies\".")
      .def_ro("reason", &ScatterUse::reason, "Why.")
      .def_ro("updates", &ScatterUse::updates, "Slices written.")
      .def_ro("combined", &ScatterUse::combined, "Of them: added in a register, since indices repeat.")
      .def_ro("longest_run", &ScatterUse::longest_run, "The most updates in a row that were.")
      .def_ro("sampled", &ScatterUse::sampled, "Updates compared with those around them.")
      .def_ro("repeated", &ScatterUse::repeated, "Of them: with an index that comes again close by.")
      .def_prop_ro("contention", &ScatterUse::contention, "repeated / sampled.");
  nb::class_<ApplyRow>(m, "ApplyRow", "The cost of one step of a program, or of the runtime itself (id -1).")
      .def_ro("id", &ApplyRow::id, "The step's number in the order of execution.")
      .def_ro("name", &ApplyRow::name, "What it computes.")
      .def_ro("op", &ApplyRow::op, "Its root op.")
      .def_ro("op_class", &ApplyRow::op_class, "\"Elementwise\", \"MatMul\", \"Runtime\"...")
      .def_ro("seconds", &ApplyRow::seconds, "Over all calls.")
      .def_ro("calls", &ApplyRow::calls, "How often it ran.")
      .def_ro("thread_seconds", &ApplyRow::thread_seconds, "What threads spent in it beside other steps.")
      .def_ro("nodes", &ApplyRow::nodes, "The nodes in it.")
      .def_ro("scatter", &ApplyRow::scatter, "Of a scatter that ran: its strategy and its indices; else None.");
  nb::class_<Profile>(m, "Profile", "What a function's calls cost: time per step, class, op and node.")
      .def_ro("function", &Profile::function, "The function's name.")
      .def_ro("calls", &Profile::calls, "How often it was called.")
      .def_ro("wall_seconds", &Profile::wall_seconds, "Measured around each call.")
      .def_ro("kernel_seconds", &Profile::kernel_seconds, "In kernels.")
      .def_ro("compile_seconds", &Profile::compile_seconds, "Spent compiling.")
      .def_ro("compile_phases", &Profile::compile_phases, "Pairs of phase and seconds.")
      .def_ro("rows", &Profile::rows, "One a step.")
      .def(
          "text", [](const Profile& p, int max_rows) { return p.text(max_rows); }, nb::arg("max_rows") = 20,
          "Function, Class, Ops and Apply tables.")
      .def("json", &Profile::json, "All of it as JSON.")
      .def(
          "summary", [](const Profile& p, nb::handle file, int n) { Print(p.text(n), file); },
          nb::arg("file") = nb::none(), nb::arg("n_apply") = 20, "Writes text() to a stream, by default to stderr.");
  nb::class_<BufferRow>(m, "BufferRow", "One buffer of a call.")
      .def_ro("name", &BufferRow::name, "Of its variable.")
      .def_ro("kind", &BufferRow::kind, "\"input\", \"state\", \"output\", \"temporary\", ...")
      .def_prop_ro("shape", [](const BufferRow& b) { return nb::tuple(nb::cast(b.shape)); }, "Its extents.")
      .def_prop_ro("dtype", [](const BufferRow& b) { return std::string(NumpyName(b.dtype)); }, "NumPy's name.")
      .def_ro("bytes", &BufferRow::bytes, "Its size.")
      .def_ro("where", &BufferRow::where, "\"file.py:42\".")
      .def_ro("live_at_peak", &BufferRow::live_at_peak, "Part of the peak?");
  nb::class_<FoundSize>(m, "FoundSize", "A size that a run finds: of a scan that ends early, of a mask.")
      .def_ro("dim", &FoundSize::dim, "The dim's name.")
      .def_ro("value", &FoundSize::value, "Of the last call; of a plan the most.")
      .def_ro("most", &FoundSize::most, "What it can be at most.")
      .def_ro("is_bound", &FoundSize::is_bound, "Of a plan: the planned peak is a bound.");
  nb::class_<MemoryReport>(m, "MemoryReport", "What a call holds in memory.")
      .def_ro("planned_peak", &MemoryReport::planned_peak, "Bytes: the largest sum of live buffers.")
      .def_ro("arena_bytes", &MemoryReport::arena_bytes, "Allocated for temporaries.")
      .def_ro("arena_live", &MemoryReport::arena_live, "The largest sum of these live at once: no arena is smaller.")
      .def_ro("side_by_side_bytes", &MemoryReport::side_by_side_bytes,
              "Of the arena: what it holds more because steps run side by side.")
      .def_ro("kept_bytes", &MemoryReport::kept_bytes, "What the function holds now for calls to come.")
      .def_ro("limit", &MemoryReport::limit, "Bytes a call may hold.")
      .def_ro("peak_formula", &MemoryReport::peak_formula, "The peak over the dim symbols.")
      .def_ro("found", &MemoryReport::found, "Sizes that the run found.")
      .def_ro("buffers", &MemoryReport::buffers, "Largest first.")
      .def(
          "text", [](const MemoryReport& r, int max_rows) { return r.text(max_rows); }, nb::arg("max_rows") = 20,
          "As a table.")
      .def("json", &MemoryReport::json, "All of it as JSON.")
      .def(
          "summary", [](const MemoryReport& r, nb::handle file) { Print(r.text(), file); },
          nb::arg("file") = nb::none(), "Writes text() to a stream, by default to stderr.");
  nb::class_<CompileInfo>(m, "CompileInfo", "How a function came to be.")
      .def_ro("source", &CompileInfo::source, "\"compiled\", \"program cache\" or \"file\".")
      .def_ro("total_ns", &CompileInfo::total_ns, "Nanoseconds in all.")
      .def_ro("kernels", &CompileInfo::kernels, "How many.")
      .def_ro("kernels_from_cache", &CompileInfo::kernels_from_cache, "Of these, found in the cache.")
      .def_ro("phases", &CompileInfo::phases, "Pairs of phase and nanoseconds; they add up to total_ns.")
      .def_ro("remarks", &CompileInfo::remarks, "What was refused, and why.");
  nb::class_<CompileReport>(m, "CompileReport", "What compiling a function cost (docs/profile.md); json() has all of it.")
      .def_ro("function", &CompileReport::function, "The function's name.")
      .def_ro("source", &CompileReport::source, "\"compiled\", \"program cache\" or \"file\".")
      .def_ro("total_ns", &CompileReport::total_ns, "Nanoseconds until the function was ready, this time.")
      .def_ro("phases", &CompileReport::phases, "Pairs of phase and nanoseconds, this time; they add up to total_ns.")
      .def_ro("made_ns", &CompileReport::made_ns, "What it cost when it was compiled; total_ns when that was this time.")
      .def_prop_ro("made_phases", [](const CompileReport& r) { return r.made.phases; }, "Of the compiler, when it was compiled.")
      .def(
          "text", [](const CompileReport& r, int max_rows) { return r.text(max_rows); }, nb::arg("max_rows") = 20,
          "Tables by phase, pass, kernel and node.")
      .def("json", &CompileReport::json, "All of it as JSON.")
      .def(
          "summary", [](const CompileReport& r, nb::handle file) { Print(r.text(), file); },
          nb::arg("file") = nb::none(), "Writes text() to a stream, by default to stderr.");
}

}  // namespace oriel::python
