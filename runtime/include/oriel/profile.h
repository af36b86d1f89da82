// File: profile.h
//
// What a Function's calls cost: time per step, class, op and user node, and
// memory per buffer. Snapshots: plain data, safe to keep and to copy.
#ifndef ORIEL_PROFILE_H_
#define ORIEL_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/node_table.h"

namespace oriel {

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

// One plan step (or the runtime itself: id -1).
struct ApplyRow {
  int64_t id = -1;            // toposort index: the step's number in plan order
  std::string name;           // "softmax_3: max, sub, exp, sum, div"
  std::string op;             // the root op
  std::string op_class;       // "Elementwise", "MatMul", "Runtime"...
  double seconds = 0;         // total over all calls
  int64_t calls = 0;          // times the step ran
  bool sampled = false;       // shared out as samples show (short calls, short loop bodies)
  NodeId node = kNoNode;
  std::vector<NodeInfo> nodes;        // the user nodes in it, with lines
  std::vector<TensorInfo> inputs, outputs;  // of the last call
};

struct Profile {
  std::string function;
  int64_t calls = 0;
  double wall_seconds = 0;    // measured around each call
  double kernel_seconds = 0;  // rows other than the runtime's
  double compile_seconds = 0;
  std::vector<std::pair<std::string, double>> compile_phases;
  std::vector<ApplyRow> rows; // one of them the runtime's own, measured
  bool enabled = true;

  // Function, Class, Ops and Apply tables (the format of docs/profile.md).
  std::string text(int max_rows = 20) const;
  std::string json() const;
};

struct BufferRow {
  std::string name;
  std::string kind;           // "input", "state", "output", "temporary", ...
  std::vector<int64_t> shape;
  DType dtype = DType::f32;
  int64_t bytes = 0;
  NodeId node = kNoNode;
  std::string where;          // file:line
  bool live_at_peak = false;
};

// What one plan step writes.
struct MemoryApplyRow {
  int64_t id = -1;    // toposort index
  std::string name;
  std::string where;  // file:line
  struct Output {
    std::string name;
    std::vector<int64_t> shape;
    DType dtype = DType::f32;
    int64_t bytes = 0;
    char how = 'c';   // c created, i in place (of an operand), v a view
  };
  std::vector<Output> outputs;
  int64_t bytes = 0;  // of all outputs, also of those that take no new memory
};

// A size that a run finds (oriel/scan.h: until, n_steps found at run time).
struct FoundSize {
  std::string dim;
  int64_t value = 0;     // of the last call; of a plan: taken to be the most
  int64_t most = 0;
  bool is_bound = false; // of a plan
};

struct MemoryReport {
  std::string function;
  int64_t planned_peak = 0;   // bytes: largest sum of live buffers
  int64_t measured_peak = -1; // by the independent counter (guard mode), else -1
  int64_t arena_bytes = 0;    // allocated for temporaries, fragmentation included
  int64_t limit = 0;
  std::string peak_formula;   // over the dim symbols
  std::vector<FoundSize> found;  // where one is_bound, the planned peak is a bound
  std::vector<BufferRow> buffers;  // by size, largest first
  std::vector<MemoryApplyRow> applies;  // by bytes, largest first

  // Peak, formula and buffers.
  std::string text(int max_rows = 20) const;
  // The table of steps: <Sum apply outputs (bytes)> <Apply outputs shape>
  // <created/inplace/view> <Apply node>; printed with the flag profile_memory.
  std::string apply_text(int max_rows = 20) const;
  std::string json() const;
};

}  // namespace oriel

#endif  // ORIEL_PROFILE_H_
