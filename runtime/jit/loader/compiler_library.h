// File: compiler_library.h
//
// Finds liboriel_compiler.so and loads it at the first compilation.
#ifndef ORIEL_JIT_LOADER_COMPILER_LIBRARY_H_
#define ORIEL_JIT_LOADER_COMPILER_LIBRARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace oriel::jit {

// Where a compiler library is and which one it is.
struct CompilerFile {
  std::string path;
  std::string build_id;
};

// Looks at $ORIEL_COMPILER_LIBRARY (ignored when the process runs with raised
// privileges), beside the object that contains this code, in ../lib of it, and
// in the folder Oriel was installed to. NotFound lists the places. The answer
// is kept for the process; nothing is loaded.
absl::StatusOr<CompilerFile> FindCompiler();

struct CompileRequest {
  std::string text;
  std::string name;
  std::string source;  // the file name of lines without a location
  std::string cache_dir;  // "" for no kernel cache
  bool fusion = true;
  // Taps stay in the program, and these nodes are watched too: "3,17".
  bool observe = false;
  std::string observe_nodes;
  bool check = false;  // every value is looked at as it is made
  std::string leave_out_phase;  // testing; "": none
  uint32_t num_threads = 0;
  bool explain_fusion = false;  // the image is text: what fusion decided
};

struct CompileResult {
  std::vector<uint8_t> image;
  int kernels = 0;
  int kernels_from_cache = 0;
};

// Loads the library if it is not.
absl::Status LoadCompiler();

// Loads the library if it is not, and compiles. Safe from several threads at
// once. An error of the compiler comes back with its own status code.
absl::StatusOr<CompileResult> RunCompiler(const CompileRequest& request);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_LOADER_COMPILER_LIBRARY_H_
