//===- Options.h - what a pipeline can be told ------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_PIPELINES_OPTIONS_H
#define ORIEL_PASSES_PIPELINES_OPTIONS_H

#include "passes/Pipelines/Phase.h"

#include <cstdint>
#include <string>

namespace oriel {

struct PipelineOptions {
  bool fusion = true;       // false: one op a kernel, the same bits
  std::string cpu;          // "": this machine's
  std::string features;     // "": the cpu's (or this machine's)
  int64_t vectorBits = 0;   // 0: what the features have
  bool verifyNodes = true;  // after each phase of the graph
  /// Testing: leave this phase out.
  std::optional<Phase> skip;
};

} // namespace oriel

#endif // ORIEL_PASSES_PIPELINES_OPTIONS_H
