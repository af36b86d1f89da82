// File: compiler_abi.h
//
// The only door of liboriel_compiler.so: bytes in, bytes out. Plain C layout,
// so that no C++ object, allocator or exception crosses, whatever either side
// was built with. A change raises kCompilerAbi.
#ifndef ORIEL_JIT_COMPILER_ABI_H_
#define ORIEL_JIT_COMPILER_ABI_H_

#include <cstdint>

#include "runtime/engine/kernel_abi.h"
#include "runtime/engine/program.h"

namespace oriel {

// The layout below, the program format and the kernel ABI in one number: a
// library that differs in any of them is refused before it is handed a byte.
inline constexpr uint32_t kCompilerAbi =
    5 * 1000000 + kProgramVersion * 1000 + kKernelAbiVersion;

inline constexpr char kCompilerEntryName[] = "oriel_compiler_entry";
inline constexpr char kCompilerFileName[] = "liboriel_compiler.so";

// Not terminated by a zero; data may be null when size is 0.
struct OrielBytes {
  const uint8_t* data;
  uint64_t size;
};

struct OrielCompilerRequest {
  OrielBytes text;      // the graph as MLIR text
  OrielBytes name;      // the program's name
  OrielBytes source;  // the file name of lines the text gives no location
  OrielBytes build_id;  // of the library file the caller found: must be ours
  // The folder for kernel objects, already checked by the caller (owner, mode);
  // empty: no cache on disk.
  OrielBytes cache_dir;
  // Ids of nodes to watch, "3,17"; only with `observe`.
  OrielBytes observe_nodes;
  OrielBytes leave_out_phase;  // testing: this phase's passes do not run
  uint32_t fusion;       // 0: one kernel per node
  uint32_t observe;      // 0: taps are stripped
  uint32_t check;        // 1: every value is looked at as it is made
  uint32_t num_threads;  // for compiling kernels; 0: the machine's cores
  // 1: compiles up to `fused` and explains that; the image is lines of text.
  uint32_t explain_fusion;
  uint32_t reserved;
};

struct OrielCompilerResult {
  int32_t status;  // absl::StatusCode, 0 when done
  uint32_t kernels;
  uint32_t kernels_from_cache;
  uint32_t reserved;
  OrielBytes message;  // of the error
  OrielBytes image;    // what engine/image.h loads
  void* owner;         // what `free` frees: all the bytes above
  void (*free)(OrielCompilerResult*);
};

// Returns 0 when `result` was filled (with success or an error), and the
// library's own ABI number when `abi` is another.
using OrielCompilerEntry = uint32_t (*)(uint32_t abi,
                                        const OrielCompilerRequest*,
                                        OrielCompilerResult*);

}  // namespace oriel

#endif  // ORIEL_JIT_COMPILER_ABI_H_
