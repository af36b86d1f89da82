// File: compile_program.h
//
// MLIR text to a program image.
#ifndef ORIEL_JIT_COMPILER_COMPILE_PROGRAM_H_
#define ORIEL_JIT_COMPILER_COMPILE_PROGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace oriel::jit {

struct ProgramRequest {
  std::string_view text;
  std::string_view name;       // the program's; empty: the function's
  std::string_view source;     // what diagnostics and reports call the text
  std::string_view build_id;   // part of every kernel key
  std::string_view cache_dir;  // empty: no kernel cache
  bool fusion = true;
  bool observe = false;  // taps stay
  std::string_view observe_nodes;  // ids of nodes to watch, "3,17"
  bool check = false;    // every value is looked at as it is made
  // Testing: a phase whose passes do not run; errors say so.
  std::string_view leave_out_phase;
  unsigned num_threads = 0;
  // Stops after fusion; the image is the lines that explain it.
  bool explain_fusion = false;
};

struct ProgramImage {
  std::string image;
  int kernels = 0;
  int kernels_from_cache = 0;
};

// InvalidArgument: the text does not parse or verify; Unimplemented: no
// lowering for an op or type; both name the user's node and line. Each call
// makes and destroys an MLIR context of its own, so calls may run at once.
absl::StatusOr<ProgramImage> CompileProgram(const ProgramRequest& request);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_COMPILE_PROGRAM_H_
