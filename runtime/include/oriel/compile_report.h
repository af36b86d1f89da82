// File: compile_report.h
//
// What compiling a function cost: by phase, pass, kernel and user node. Snapshots:
// plain data, safe to keep and to copy.
//
//   std::cout << f.compile_report().text();
#ifndef ORIEL_COMPILE_REPORT_H_
#define ORIEL_COMPILE_REPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "oriel/node_table.h"

namespace oriel {

// Measured by the compiler, and part of the program, so that a cache does not
// hide it. Times in nanoseconds.
struct CompileCosts {
  // Passes of one phase add up to it, in order; "rest" is what lies between them.
  struct Pass {
    std::string phase, name;
    int64_t ns = 0;
  };
  // One piece of machine code. Equal kernels of a program are compiled once.
  struct Kernel {
    std::string name;        // the first kernel that is this code
    int32_t uses = 1;        // kernels that are
    bool from_cache = false;
    int64_t code_bytes = 0;  // 0: the engine has this kernel itself
    // Time of the thread that compiled it: looking in the cache and storing there;
    // vector code; lowering to LLVM; LLVM. The last three are those of when it was
    // compiled, also where it came from the cache this time.
    int64_t cache_ns = 0, codegen_ns = 0, lowering_ns = 0, llvm_ns = 0;
    // Nodes the code is for, each once, and the bytes of code each has by the line
    // table (what belongs to several nodes is split evenly).
    std::vector<NodeId> nodes;
    std::vector<int64_t> node_bytes;  // as nodes

    // Of the thread, this time.
    int64_t thread_ns() const { return cache_ns + (from_cache ? 0 : codegen_ns + lowering_ns + llvm_ns); }
  };
  std::vector<std::pair<std::string, int64_t>> phases;  // of the compiler, in order, wall time
  std::vector<Pass> passes;
  std::vector<Kernel> kernels;  // as they are in the program
  int64_t kernels_ns = 0;       // wall time in which the kernels were compiled, part of the phase "codegen"
  int32_t threads = 1;          // that compiled them
};

struct CompileReport {
  // A node's share of the time of the compilation that made the program. Wall time
  // in which kernels were compiled is dealt out by the kernels' thread time, a
  // kernel's share to its nodes by their bytes of code; all other time is dealt
  // out evenly over the nodes of the graph, since no phase says whom it worked for.
  struct NodeRow {
    NodeInfo node;
    int64_t ns = 0;         // kernel_ns and the even share of the rest
    int64_t kernel_ns = 0;
    int64_t code_bytes = 0;
  };

  std::string function;
  std::string source;    // "compiled", "program cache" or "file"
  int64_t total_ns = 0;  // this time, from compile() (Load, CompileText) to ready
  std::vector<std::pair<std::string, int64_t>> phases;  // this time; they add up to total_ns
  // What the program cost when it was compiled: total_ns, or, where it was found
  // compiled, the sum of made.phases. The rows of `nodes` add up to it.
  int64_t made_ns = 0;
  CompileCosts made;
  std::vector<NodeRow> nodes;  // the costliest first

  // Tables by phase, pass, kernel and node (docs/profile.md).
  std::string text(int max_rows = 20) const;
  std::string json() const;
};

}  // namespace oriel

#endif  // ORIEL_COMPILE_REPORT_H_
