#include "test/fuzz/graphs/text_subject.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "oriel/safetensors.h"
#include "runtime/core/status.h"
#include "runtime/engine/function_state.h"
#include "test/fuzz/graphs/data.h"

namespace oriel::fuzz {
namespace {

absl::Status Write(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return out ? absl::OkStatus() : absl::PermissionDeniedError(absl::StrCat(path, ": cannot be written"));
}

absl::StatusOr<std::string> Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::vector<Tensor>> Calls(const NamedData& data, const Function& function) {
  size_t calls = 1;
  DimBindings extents;
  const Program& program = function.impl()->program();
  for (const InputDecl& input : program.inputs) {
    while (data.count(absl::StrCat("input.", input.name, ".", calls)) > 0) ++calls;
    const auto given = data.find(absl::StrCat("input.", input.name, ".0"));
    if (given == data.end()) continue;
    const Dims& shape = program.buffers[static_cast<size_t>(input.buffer)].shape;
    for (size_t k = 0; k < shape.size() && k < given->second.shape().size(); ++k) {
      if (shape[k].is_symbol()) extents.emplace(shape[k].symbol(), given->second.shape()[k]);
    }
  }
  if (program.states.empty()) calls = 1;
  for (const std::string& symbol : program.symbols) extents.emplace(symbol, 3);
  std::vector<std::vector<Tensor>> all;
  for (size_t call = 0; call < calls; ++call) {
    std::vector<Tensor> arguments;
    for (const InputDecl& input : program.inputs) {
      const auto given = data.find(absl::StrCat("input.", input.name, ".", call));
      if (given != data.end()) {
        arguments.push_back(given->second);
        continue;
      }
      const Buffer& buffer = program.buffers[static_cast<size_t>(input.buffer)];
      Extents shape;
      for (const Dim& dim : buffer.shape) shape.push_back(std::max<int64_t>(dim.Evaluate(extents).value_or(3), 0));
      arguments.push_back(Data(shape, buffer.dtype, HashName(input.name) + call, false));
    }
    all.push_back(std::move(arguments));
  }
  return all;
}

}  // namespace

absl::StatusOr<TextGraph> ToText(const Graph& g) {
  TextGraph text;
  ORIEL_ASSIGN_OR_RETURN(text.text, ToMlirText(g.inputs, g.outputs, g.updates));
  const Graph known = WithKnownExtents(g);
  ORIEL_ASSIGN_OR_RETURN(text.known, ToMlirText(known.inputs, known.outputs, known.updates));
  for (size_t call = 0; call < g.calls.size(); ++call) {
    for (size_t k = 0; k < g.inputs.size(); ++k) {
      text.data[absl::StrCat("input.", g.inputs[k].name(), ".", call)] = g.calls[call][k].Contiguous();
    }
  }
  for (size_t k = 0; k < g.states.size(); ++k) text.data[absl::StrCat("state.", g.states[k].name())] = g.initial[k];
  return text;
}

absl::Status Save(const TextGraph& graph, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::PermissionDeniedError(absl::StrCat(folder, ": ", error.message()));
  ORIEL_RETURN_IF_ERROR(Write(folder + "/graph.mlir", graph.text));
  if (!graph.known.empty()) ORIEL_RETURN_IF_ERROR(Write(folder + "/known.mlir", graph.known));
  return SaveSafetensors(folder + "/data.safetensors", {graph.data.begin(), graph.data.end()});
}

absl::StatusOr<TextGraph> Load(const std::string& text, const std::string& known, const std::string& data) {
  TextGraph graph;
  ORIEL_ASSIGN_OR_RETURN(graph.text, Read(text));
  if (!known.empty()) {
    ORIEL_ASSIGN_OR_RETURN(graph.known, Read(known));
  }
  if (data.empty()) return graph;
  ORIEL_ASSIGN_OR_RETURN(const auto tensors, LoadSafetensors(data));
  graph.data = {tensors.begin(), tensors.end()};
  return graph;
}

Subject SubjectOf(const TextGraph& graph) {
  Subject s;
  const auto compile = [planted = graph.planted](const std::string& text, const CompileOptions& options) {
    const bool wrong = !options.fusion && !planted.first.empty();
    return CompileText(wrong ? absl::StrReplaceAll(text, {{planted.first, planted.second}}) : text, options);
  };
  s.compile = [compile, text = graph.text](const CompileOptions& o) { return compile(text, o); };
  if (!graph.known.empty()) s.compile_known = [compile, text = graph.known](const CompileOptions& o) { return compile(text, o); };
  s.initial = [data = graph.data](const std::vector<State>& states) {
    std::vector<Tensor> values;
    for (const State& state : states) {
      const auto given = data.find("state." + state.name());
      values.push_back(given != data.end() ? given->second : Data(state.shape(), state.dtype(), HashName(state.name()), false));
    }
    return values;
  };
  s.calls = [data = graph.data](const Function& f) { return Calls(data, f); };
  return s;
}

}  // namespace oriel::fuzz
