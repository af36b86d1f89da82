//===- Options.h - what a pipeline can be told ------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_PIPELINES_OPTIONS_H
#define ORIEL_PASSES_PIPELINES_OPTIONS_H

#include "passes/Pipelines/Phase.h"

#include <cstdint>
#include <string>
#include <vector>

namespace oriel {

struct PipelineOptions {
  bool fusion = true;       // false: one op a kernel, the same bits
  bool explainFusion = false; // a remark: each decision of fusion
  std::string cpu;          // "": this machine's
  std::string features;     // "": the cpu's (or this machine's)
  int64_t vectorBits = 0;   // 0: what the features have
  bool verifyNodes = true;  // after each phase of the graph
  /// Taps stay, beside the program; else they are stripped.
  bool observe = false;
  /// With `observe`: ids of nodes to watch too.
  std::vector<int64_t> observeNodes;
  /// Every value is looked at as it is made: no step writes over an operand, and
  /// states are written by the commit alone.
  bool check = false;
  /// Testing: leave this phase out.
  std::optional<Phase> skip;
};

} // namespace oriel

#endif // ORIEL_PASSES_PIPELINES_OPTIONS_H
