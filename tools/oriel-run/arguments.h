// File: arguments.h
//
// The command line of oriel-run.
#ifndef ORIEL_TOOLS_ORIEL_RUN_ARGUMENTS_H_
#define ORIEL_TOOLS_ORIEL_RUN_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "oriel/function.h"
#include "oriel/tensor.h"

namespace oriel::run {

using NamedText = std::pair<std::string, std::string>;

struct Arguments {
  std::string program;             // .mlir text or a program file; "-": stdin
  std::vector<NamedText> inputs;   // name, file or random:...
  std::vector<NamedText> states;   // name, file
  std::vector<NamedText> outputs;  // output or state, file
  bool help = false;
  bool print = false;
  bool memory = false;
  bool plan = false;
  bool compile_only = false;
  bool profile = false;
  std::string profile_json;  // "": as text to stdout
  bool compile_report = false;
  std::string compile_report_json;  // "": as text to stdout
  std::string export_to;
  std::vector<std::string> watch;  // names of nodes
  int repeat = 1;
  CompileOptions options;
};

// InvalidArgument says which word is wrong and what is expected.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words);

// "random:f32:128x64:seed=7": normal numbers for floats, integers from
// [0, below), below being 100 unless given as ":below=N"; "random:f32:scalar".
absl::StatusOr<Tensor> RandomTensor(std::string_view spec);

extern const char kHelp[];

}  // namespace oriel::run

#endif  // ORIEL_TOOLS_ORIEL_RUN_ARGUMENTS_H_
