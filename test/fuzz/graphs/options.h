// File: options.h
//
// The command line of fuzz_graphs.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_OPTIONS_H_
#define ORIEL_TEST_FUZZ_GRAPHS_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "test/fuzz/graphs/graph.h"

namespace oriel::fuzz {

struct Options {
  bool help = false;
  std::optional<uint64_t> seed;  // none: from the clock, printed
  int64_t count = 0;             // 0: until the seconds are over
  double seconds = 0;            // 0: until the count is reached
  OpRange ops;
  bool keep_going = false;
  bool all_ops = false;
  bool write = false;
  std::string out = ".";         // where findings go
  std::string export_to;
  // One graph from files.
  std::string graph, known, data;
  std::string only, expect;
  // Testing the fuzzer.
  std::string leave_out_phase;
  std::pair<std::string, std::string> planted;
  double planted_error = 0;
};

extern const char kHelp[];

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& words);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_OPTIONS_H_
