// File: main.cpp
//
// oriel-run: compiles a graph given as text and runs it on .npy files.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "oriel/oriel.h"
#include "tools/oriel-run/arguments.h"

namespace oriel::run {
namespace {

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  if (path == "-")
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file.bad())
    return absl::DataLossError(absl::StrCat(path, ": cannot be read"));
  return text;
}

absl::Status WriteAll(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file)
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": cannot be written"));
  return absl::OkStatus();
}

absl::StatusOr<Function> Make(const Arguments& arguments) {
  if (arguments.program != "-") {
    std::ifstream file(arguments.program, std::ios::binary);
    char magic[4] = {};
    if (file.read(magic, 4) && std::string_view(magic, 4) ==
                                   "\x7f"
                                   "ELF") {
      return Function::Load(arguments.program, arguments.options);
    }
  }
  absl::StatusOr<std::string> text = ReadAll(arguments.program);
  if (!text.ok()) return text.status();
  CompileOptions options = arguments.options;
  options.source = arguments.program;
  return CompileText(*text, options);
}

std::string Quoted(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  return absl::StrCat("'", absl::StrJoin(names, "', '"), "'");
}

// The names of all options are checked before anything runs.
absl::Status CheckNames(const Arguments& arguments, const Function& function) {
  std::vector<std::string> inputs = function.input_names(),
                           outputs = function.output_names(), states;
  for (const State& state : function.states()) states.push_back(state.name());
  auto check = [](const std::vector<NamedText>& given,
                  const std::set<std::string>& known, const char* what,
                  const std::string& list) {
    for (const auto& [name, value] : given) {
      if (known.count(name) == 0) {
        return absl::NotFoundError(absl::StrCat("unknown ", what, " '", name,
                                                "'; the program has ", list));
      }
    }
    return absl::OkStatus();
  };
  std::set<std::string> all(outputs.begin(), outputs.end());
  all.insert(states.begin(), states.end());
  absl::Status status = check(arguments.inputs, {inputs.begin(), inputs.end()},
                              "input", Quoted(inputs));
  if (status.ok()) {
    status = check(arguments.states, {states.begin(), states.end()}, "state",
                   Quoted(states));
  }
  if (status.ok()) {
    status = check(arguments.outputs, all, "output",
                   absl::StrCat("outputs ", Quoted(outputs), " and states ",
                                Quoted(states)));
  }
  if (!status.ok() || arguments.compile_only) return status;
  std::vector<std::string> missing;
  for (const std::string& name : inputs) {
    bool given = false;
    for (const auto& input : arguments.inputs) given |= input.first == name;
    if (!given) missing.push_back(name);
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      "no value for input ", Quoted(missing), ": give --input ", missing[0],
      "=FILE.npy or --input ", missing[0], "=random:DTYPE:SHAPE"));
}

absl::StatusOr<std::map<std::string, Tensor>> ReadInputs(
    const Arguments& arguments) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, source] : arguments.inputs) {
    absl::StatusOr<Tensor> tensor = source.rfind("random:", 0) == 0
                                        ? RandomTensor(source)
                                        : Tensor::Load(source);
    if (!tensor.ok()) {
      return absl::Status(
          tensor.status().code(),
          absl::StrCat("input '", name, "': ", tensor.status().message()));
    }
    tensors[name] = *std::move(tensor);
  }
  return tensors;
}

absl::Status SetStates(const Arguments& arguments, const Function& function) {
  for (const auto& [name, path] : arguments.states) {
    absl::StatusOr<Tensor> tensor = Tensor::Load(path);
    if (!tensor.ok()) {
      return absl::Status(
          tensor.status().code(),
          absl::StrCat("state '", name, "': ", tensor.status().message()));
    }
    for (State state : function.states()) {
      if (state.name() != name) continue;
      if (absl::Status status = state.set_value(*tensor); !status.ok())
        return status;
    }
  }
  return absl::OkStatus();
}

absl::Status WriteOutputs(const Arguments& arguments, const Function& function,
                          const std::vector<Tensor>& results) {
  std::vector<std::string> names = function.output_names();
  for (const auto& [name, path] : arguments.outputs) {
    bool done = false;
    for (size_t i = 0; i < names.size() && !done; ++i) {
      if (names[i] != name) continue;
      if (absl::Status status = results[i].Save(path); !status.ok())
        return status;
      done = true;
    }
    for (const State& state : function.states()) {
      if (done || state.name() != name) continue;
      if (absl::Status status = state.value().Save(path); !status.ok())
        return status;
      done = true;
    }
  }
  return absl::OkStatus();
}

// "h (net.mlir:4), iteration (3,): float32 (2,)", then the value.
absl::Status WriteRecord(const TapRecord& record) {
  std::cout << record.name;
  if (record.line > 0) {
    const std::string_view file = record.file.substr(record.file.rfind('/') + 1);
    std::cout << " (" << file << ":" << record.line << ")";
  }
  if (!record.iterations.empty())
    std::cout << ", iteration " << ToString(record.iterations);
  std::cout << ": " << NumpyName(record.dtype) << " " << ToString(record.shape)
            << "\n"
            << record.value.ToString() << "\n";
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  SetPrintSink([](std::string_view line) { std::cout << line << "\n"; });
  absl::StatusOr<Function> function = Make(arguments);
  if (!function.ok()) return function.status();
  for (const std::string& name : arguments.watch) {
    if (absl::Status status = function->Watch(name, WriteRecord).status();
        !status.ok())
      return status;
  }
  if (absl::Status status = CheckNames(arguments, *function); !status.ok())
    return status;
  if (!arguments.export_to.empty()) {
    if (absl::Status status = function->Export(arguments.export_to);
        !status.ok())
      return status;
  }
  if (arguments.plan) std::cout << function->plan_text();
  if (!arguments.compile_report_json.empty()) {
    if (absl::Status status = WriteAll(arguments.compile_report_json,
                                       function->compile_report().json());
        !status.ok())
      return status;
  } else if (arguments.compile_report) {
    std::cout << function->compile_report().text();
  }
  if (arguments.compile_only) return absl::OkStatus();

  absl::StatusOr<std::map<std::string, Tensor>> inputs = ReadInputs(arguments);
  if (!inputs.ok()) return inputs.status();
  if (absl::Status status = SetStates(arguments, *function); !status.ok())
    return status;
  std::vector<Tensor> results;
  for (int i = 0; i < arguments.repeat; ++i) {
    absl::StatusOr<std::vector<Tensor>> out = function->Call(*inputs);
    if (!out.ok()) return out.status();
    results = *std::move(out);
  }
  if (absl::Status status = WriteOutputs(arguments, *function, results);
      !status.ok())
    return status;

  if (arguments.print) {
    std::vector<std::string> names = function->output_names();
    for (size_t i = 0; i < results.size(); ++i) {
      std::cout << names[i] << ": " << NumpyName(results[i].dtype()) << " "
                << ToString(results[i].shape()) << "\n"
                << results[i].ToString() << "\n";
    }
  }
  if (arguments.profile && arguments.profile_json.empty())
    std::cout << function->profile().text();
  if (!arguments.profile_json.empty()) {
    if (absl::Status status =
            WriteAll(arguments.profile_json, function->profile().json());
        !status.ok())
      return status;
  }
  if (arguments.memory) std::cout << function->memory().text();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  absl::StatusOr<Arguments> arguments = ParseArguments({argv + 1, argv + argc});
  if (!arguments.ok()) {
    std::cerr << "oriel-run: " << arguments.status().message() << "\n";
    return 2;
  }
  if (arguments->help) {
    std::cout << kHelp;
    return 0;
  }
  // Generated inputs are part of the command line: a bad one is bad usage.
  for (const auto& [name, source] : arguments->inputs) {
    if (source.rfind("random:", 0) != 0) continue;
    absl::Status status = RandomTensor(source).status();
    if (status.code() == absl::StatusCode::kInvalidArgument) {
      std::cerr << "oriel-run: --input " << name << "=" << status.message()
                << "\n";
      return 2;
    }
  }
  if (absl::Status status = Run(*arguments); !status.ok()) {
    std::cerr << "oriel-run: " << status.message() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace oriel::run

int main(int argc, char** argv) { return oriel::run::Main(argc, argv); }
