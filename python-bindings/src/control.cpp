// scan and its kin, ifelse; save and load of states.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "callbacks.h"
#include "function.h"
#include "oriel/compose.h"
#include "oriel/scan.h"
#include "oriel/states_io.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

bool IsSequence(nb::handle object) { return PyList_Check(object.ptr()) || PyTuple_Check(object.ptr()); }

// None, one or several, as a list.
std::vector<nb::object> Listed(nb::handle given) {
  std::vector<nb::object> items;
  if (given.is_none()) return items;
  if (!IsSequence(given)) return {nb::borrow(given)};
  for (nb::handle item : given) items.push_back(nb::borrow(item));
  return items;
}

std::vector<int64_t> ToTaps(nb::handle taps) {
  std::vector<int64_t> result;
  for (int tap : ToInts(taps)) result.push_back(tap);
  return result;
}

// What `key` of a dict like {"initial": x, "taps": [-1]} may be.
nb::object Entry(nb::handle dict, const char* key, std::initializer_list<const char*> known) {
  for (auto [name, value] : nb::borrow<nb::dict>(dict)) {
    const std::string text = nb::cast<std::string>(name);
    bool found = false;
    for (const char* one : known) found = found || text == one;
    if (!found) throw nb::value_error(("scan: unknown key '" + text + "'").c_str());
  }
  const nb::dict d = nb::borrow<nb::dict>(dict);
  return d.contains(key) ? nb::object(d[key]) : nb::none();
}

ScanSequence ToSequence(nb::handle given, const Location& at) {
  if (!PyDict_Check(given.ptr())) return ScanSequence(Operand(ToValue(given, at), at));
  const nb::object array = Entry(given, "input", {"input", "taps"}), taps = Entry(given, "taps", {"input", "taps"});
  return ScanSequence(Operand(ToValue(array, at), at), taps.is_none() ? std::vector<int64_t>{0} : ToTaps(taps));
}

ScanOutput ToOutput(nb::handle given, const Location& at) {
  if (given.is_none()) return ScanOutput();
  if (!PyDict_Check(given.ptr())) return ScanOutput(Operand(ToValue(given, at), at));
  const auto known = {"initial", "taps"};
  const nb::object initial = Entry(given, "initial", known), taps = Entry(given, "taps", known);
  if (initial.is_none()) return ScanOutput();
  return ScanOutput(Operand(ToValue(initial, at), at), taps.is_none() ? std::vector<int64_t>{-1} : ToTaps(taps));
}

// until(condition): the last step is the one where it holds.
struct Until {
  nb::object condition;
};

bool IsUpdates(nb::handle object) {
  if (PyDict_Check(object.ptr())) return true;
  if (!IsSequence(object) || nb::len(object) == 0) return false;
  for (nb::handle item : object) {
    if (!PyTuple_Check(item.ptr()) || nb::len(item) != 2 || !nb::isinstance<SharedVariable>(nb::object(item[0]))) {
      return false;
    }
  }
  return true;
}

// What a Python body returns, in any of Theano's forms: outputs, updates, until
// alone or together.
using SharedById = std::vector<std::pair<uint64_t, nb::object>>;
void AppendReturned(nb::handle returned, const Location& at, bool alone, ScanBody* body, SharedById* shared) {
  if (returned.is_none()) return;
  if (nb::isinstance<Until>(returned)) {
    body->until = ToValue(nb::inst_ptr<Until>(returned)->condition, at);
  } else if (IsUpdates(returned)) {
    for (const auto& [variable, value] : Pairs(returned, "updates")) {
      if (!nb::isinstance<SharedVariable>(variable)) throw nb::type_error("scan: only shared variables can be updated");
      const State& state = nb::inst_ptr<SharedVariable>(variable)->state;
      body->updates.emplace_back(state, ToValue(value, at));
      shared->emplace_back(state.id(), variable);
    }
  } else if (alone && PyTuple_Check(returned.ptr())) {
    // (outputs, updates, until), or outputs.
    for (nb::handle item : returned) AppendReturned(item, at, false, body, shared);
  } else if (IsSequence(returned)) {
    for (nb::handle item : returned) body->outputs.push_back(ToValue(item, at));
  } else {
    body->outputs.push_back(ToValue(returned, at));
  }
}

// 'sqrt', or a number of steps.
int64_t ToCheckpoint(nb::handle given) {
  if (PyUnicode_Check(given.ptr())) {
    const std::string text = nb::cast<std::string>(given);
    if (text == "sqrt") return ScanOptions::kSqrt;
    throw nb::value_error(("scan: checkpoint is '" + text + "', required 'sqrt' or a number of steps").c_str());
  }
  if (!PyLong_Check(given.ptr())) throw nb::type_error("scan: checkpoint must be 'sqrt' or an integer");
  const int64_t every = nb::cast<int64_t>(given);
  if (every < 0) {
    throw nb::value_error(("scan: checkpoint is " + std::to_string(every) + ", required 'sqrt' or at least 0").c_str());
  }
  return every;
}

nb::typed<nb::tuple, nb::any, nb::any> Scan(nb::object fn, nb::handle sequences, nb::handle outputs_info, nb::handle non_sequences,
                nb::handle n_steps, int64_t truncate_gradient, bool go_backwards, nb::handle name, bool strict,
                nb::handle max_steps, nb::handle checkpoint, bool return_list) {
  const Location at = Caller();
  ScanOptions options;
  for (const nb::object& item : Listed(sequences)) options.sequences.push_back(ToSequence(item, at));
  for (const nb::object& item : Listed(outputs_info)) options.outputs_info.push_back(ToOutput(item, at));
  const std::vector<nb::object> fixed = Listed(non_sequences);
  for (const nb::object& item : fixed) options.non_sequences.push_back(ToOperand(item, at));
  if (!n_steps.is_none()) {
    if (PyLong_Check(n_steps.ptr())) {
      options.n_steps = nb::cast<int64_t>(n_steps);
    } else {
      const Value steps = ToValue(n_steps, at);
      const std::optional<Dim> dim = AsDim(steps);
      if (dim) options.n_steps = *dim;
      else options.n_steps = steps;
    }
  }
  if (!max_steps.is_none()) options.max_steps = ToDim(max_steps, at);
  options.truncate_gradient = truncate_gradient;
  options.go_backwards = go_backwards;
  options.strict = strict;
  options.checkpoint = ToCheckpoint(checkpoint);
  if (!name.is_none()) options.name = nb::cast<std::string>(name);

  // An exception in the body passes through the library as a poisoned value.
  std::optional<nb::python_error> raised;
  std::optional<StatusError> refused;
  SharedById shared;
  const ScanResult result = scan(
      [&](const ScanStep& step) {
        ScanBody body;
        try {
          nb::list arguments;
          for (const Value& value : step.sequences) arguments.append(WrapUnchecked(value));
          for (const Value& value : step.outputs) arguments.append(WrapUnchecked(value));
          for (size_t i = 0; i < step.non_sequences.size(); ++i) {
            // A shared variable is passed as itself, so that the body can update it.
            if (nb::isinstance<SharedVariable>(fixed[i])) arguments.append(fixed[i]);
            else arguments.append(WrapUnchecked(step.non_sequences[i]));
          }
          const nb::object returned = fn(*nb::tuple(arguments));
          AppendReturned(returned, at, true, &body, &shared);
        } catch (nb::python_error& error) {
          raised.emplace(std::move(error));
        } catch (const StatusError& error) {
          refused.emplace(error);
        } catch (const std::exception& error) {
          refused.emplace(absl::InvalidArgumentError(error.what()));
        }
        return body;
      },
      options, at);
  if (raised) throw nb::python_error(std::move(*raised));
  if (refused) throw StatusError(*refused);
  for (const Value& output : result.outputs) Check(output.status());
  const nb::list outputs = WrapAll(result.outputs);
  nb::object shown = outputs;
  if (!return_list && outputs.size() == 1) shown = outputs[0];
  if (!return_list && outputs.size() == 0) shown = nb::none();
  // Under the very objects that the body updated, which are keys.
  nb::list pairs;
  for (const auto& [state, value] : result.updates) {
    for (const auto& [id, variable] : shared) {
      if (id == state.id()) pairs.append(nb::make_tuple(variable, Wrap(value)));
    }
  }
  const nb::object updates = nb::module_::import_("oriel.updates").attr("OrderedUpdates")(pairs);
  return nb::make_tuple(shown, updates);
}

std::vector<State> ToStates(nb::handle variables) {
  std::vector<State> states;
  for (nb::handle item : nb::iter(variables)) {
    if (nb::isinstance<SharedVariable>(item)) {
      states.push_back(nb::inst_ptr<SharedVariable>(item)->state);
    } else if (nb::isinstance<PythonFunction>(item)) {
      for (const State& state : StatesOf({nb::inst_ptr<PythonFunction>(item)->function})) {
        bool known = false;
        for (const State& other : states) known = known || other.id() == state.id();
        if (!known) states.push_back(state);
      }
    } else {
      throw nb::type_error("states are given as shared variables, or as functions that use them");
    }
  }
  return states;
}

}  // namespace

void BindControl(nb::module_& m) {
  nb::class_<Until>(m, "until", "until(condition): a scan's last step is the first where the condition holds.")
      .def(
          "__init__", [](Until* self, nb::object condition) { new (self) Until{condition}; }, nb::arg("condition"),
          "A boolean scalar of the step.")
      .def_prop_ro("condition", [](const Until& u) { return u.condition; }, "As given.");
  m.def("scan", &Scan, nb::arg("fn"), nb::arg("sequences") = nb::none(), nb::arg("outputs_info") = nb::none(),
        nb::arg("non_sequences") = nb::none(), nb::arg("n_steps") = nb::none(), nb::arg("truncate_gradient") = -1,
        nb::arg("go_backwards") = false, nb::arg("name") = nb::none(), nb::arg("strict") = false,
        nb::arg("max_steps") = nb::none(), nb::arg("checkpoint") = 0, nb::arg("return_list") = false,
        "A loop over the rows of sequences that carries values along and collects what `fn` returns.\n\n"
        "fn(rows..., previous outputs..., non_sequences...) is called once and returns the step's outputs, and perhaps\n"
        "updates of shared variables and until(condition).\n"
        "sequences: arrays, or {'input': array, 'taps': [-1, 0]}. outputs_info: per output its initial value, None (not\n"
        "carried), or {'initial': rows, 'taps': [-2, -1]}. n_steps: an integer or a scalar; else the rows of the\n"
        "shortest sequence; max_steps bounds one that is known only when it runs. go_backwards: sequences from their\n"
        "last row. truncate_gradient: gradients through the last so many steps. checkpoint: keep every so many carried\n"
        "values for gradients and compute the others again; 'sqrt': every sqrt(n) of n steps, which needs the least memory.\n"
        "strict: all that fn uses must be listed.\n"
        "Outputs of a scan that ends early have as many rows as steps were made, and can be used like any other.\n"
        "Returns (outputs, updates): outputs are stacks [steps, ...], one alone when there is one and not return_list.");
  m.def(
      "ifelse",
      [](nb::handle condition, nb::handle then_branch, nb::handle else_branch, nb::handle name) -> nb::object {
        const Location at = Caller();
        const Operand chosen = ToOperand(condition, at);
        const auto named = [&](const Value& value) {
          return name.is_none() ? value : value.named(nb::cast<std::string>(name));
        };
        if (!IsSequence(then_branch)) {
          return Wrap(named(ifelse(chosen, ToOperand(then_branch, at), ToOperand(else_branch, at))));
        }
        std::vector<Value> on_true, on_false;
        for (nb::handle item : then_branch) on_true.push_back(ToValue(item, at));
        for (nb::handle item : nb::iter(else_branch)) on_false.push_back(ToValue(item, at));
        return WrapAll(ifelse(chosen, on_true, on_false, at));
      },
      nb::arg("condition"), nb::arg("then_branch"), nb::arg("else_branch"), nb::arg("name") = nb::none(),
      "then_branch where the scalar condition holds, else else_branch (variables or lists of equal types). Only what\n"
      "the chosen one alone needs is computed.");
  m.def(
      "save_states",
      [](const std::filesystem::path& path, nb::handle variables) {
        const std::vector<State> states = ToStates(variables);
        absl::Status status;
        {
          nb::gil_scoped_release unlocked;
          status = SaveStates(path.string(), states);
        }
        Check(status);
      },
      nb::arg("path"), nb::arg("variables"),
      "Writes shared variables (or those of functions) by name to .npz or .safetensors. The file is replaced as a whole.");
  m.def(
      "load_states",
      [](const std::filesystem::path& path, nb::handle variables, bool allow_extra, bool allow_missing) {
        const std::vector<State> states = ToStates(variables);
        absl::Status status;
        {
          nb::gil_scoped_release unlocked;
          status = LoadStates(path.string(), states, {.allow_extra = allow_extra, .allow_missing = allow_missing});
        }
        Check(status);
      },
      nb::arg("path"), nb::arg("variables"), nb::arg("allow_extra") = false, nb::arg("allow_missing") = false,
      "Gives shared variables (or those of functions) their values from a file of save_states: all or none.");
}

}  // namespace oriel::python
